/** The small copy of the table that the page ships: speeds of whole models, one row for each form and NPU. */
import type { EstimateRow, NpuEstimates } from '../../src/npu/estimates.ts';
import { GENERATIONS } from '../../src/npu/generations.ts';
import { ownWidths } from './judge.ts';
import { wholeShape } from './models.ts';
import type { NpuRow } from './rows.ts';
import { decodeRate, timeToFirst, type NpuTable } from './table.ts';

/** The place where the page reads it. */
export const SHIPPED = 'src/npu/estimates.json';
const SLOTS = 1024;
const PROMPT_TOKENS = 512;

/** Sums up `table` for models of full size; tiny ones are left out. */
export async function shippedEstimates({ date, versions, rows }: NpuTable): Promise<NpuEstimates> {
  const full = rows.filter(({ model, slots }) => slots === SLOTS && !model.startsWith('tiny-'));
  const names = [...new Set(full.map(({ model }) => model))];
  const models = await Promise.all(
    names.map(async (name) => {
      const { layers, hidden, heads, kvHeads, headDim, intermediate } = await wholeShape(name);
      const shape = { layers, hidden, heads, kvHeads, headDim, intermediate };
      return { shape, rows: summaries(full.filter(({ model }) => model === name)) };
    }),
  );
  return {
    date,
    intel: `openvino ${versions['openvino']}`,
    qualcomm: `onnxruntime-qnn ${versions['onnxruntime-qnn']}`,
    slots: SLOTS,
    models,
  };
}

function summaries(rows: readonly NpuRow[]): EstimateRow[] {
  const forms = [...new Set(rows.map(({ form }) => form))];
  return GENERATIONS.flatMap((generation) =>
    forms.flatMap((form) => {
      const own = rows
        .filter((row) => row.device === generation && row.form === form)
        .sort((a, b) => a.width - b.width);
      const [narrow] = own;
      if (!narrow) return [];
      const whole = own.every((row) => row.whole);
      // A speed is known if the graph that the engine uses for it is in the table: the narrowest decodes, the widest reads prompts.
      const has = (width: number) => whole && own.some((row) => row.width === width);
      const widths = ownWidths(form);
      return [
        {
          form,
          generation,
          whole,
          decode: has(Math.min(...widths)) ? rounded(decodeRate(narrow), 2) : null,
          firstMs: has(Math.max(...widths)) ? rounded(timeToFirst(own, PROMPT_TOKENS), 0) : null,
        },
      ];
    }),
  );
}

const rounded = (value: number | null, digits: number): number | null =>
  value === null ? null : Number(value.toFixed(digits));
