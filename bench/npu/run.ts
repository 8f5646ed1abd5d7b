/**
 * `npm run npu`: the engine's own WebNN graphs through the vendors' NPU compilers. Prints a table and writes rows as JSON.
 * Latencies are estimated by Intel's compiler (its cost model), never measured: no NPU is needed.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import type { WeightFormat } from '../../workers/shared/protocol.ts';
import { graphsFor } from '../../workers/engine/webnn/plan.ts';
import { labWeights } from './graphs.ts';
import { openLabs, shapeOf, tryOn } from './judge.ts';
import { labModel, MODELS, PHI4_MINI_PIECE } from './models.ts';
import { VERSIONS } from './packages.ts';
import { DEVICES, type NpuRow } from './rows.ts';
import { printTable, type NpuTable } from './table.ts';

const USAGE = `npm run npu -- [options]
  --model NAME     ${MODELS.join(', ')}; several with commas (${PHI4_MINI_PIECE})
  --form FORM      float16, int8, int4, int8-blocks, float32; several with commas (int8)
  --width N        tokens a run; several with commas (what the engine uses on an NPU)
  --slots N        KV slots that a run looks at (1024)
  --device NAME    ${DEVICES.join(', ')}; several with commas (all)
  --seconds N      most for one compile (600)
  --json FILE      writes the rows and the versions of the compilers`;

const list = (text: string) => text.split(',').map((part) => part.trim());
const FORMS: readonly WeightFormat[] = ['float32', 'float16', 'int8', 'int4', 'int8-blocks'];

function oneOf<T extends string>(known: readonly T[], text: string, what: string): T {
  const found = known.find((name) => name === text);
  if (!found) throw new Error(`${what} "${text}": ${known.join(', ')} are known.`);
  return found;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      model: { type: 'string', default: PHI4_MINI_PIECE },
      form: { type: 'string', default: 'int8' },
      width: { type: 'string' },
      slots: { type: 'string', default: '1024' },
      device: { type: 'string', default: DEVICES.join() },
      seconds: { type: 'string', default: '600' },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const devices = list(values.device).map((name) => oneOf(DEVICES, name, 'Device'));
  const forms = list(values.form).map((name) => oneOf(FORMS, name, 'Form'));
  const slots = Number(values.slots);
  const labs = await openLabs(devices);
  const table: NpuTable = { date: new Date().toISOString().slice(0, 10), versions: VERSIONS, rows: [] };
  for (const name of list(values.model)) {
    const model = await labModel(name);
    for (const form of forms) {
      const graphs = graphsFor('npu', 1, form);
      const widths = values.width ? list(values.width).map(Number) : [graphs.main, ...graphs.prefill];
      const weights = await labWeights(model, form, 'npu');
      for (const width of widths) {
        const shape = shapeOf(width, slots, form, model.head);
        for (const device of devices) {
          const verdict = await tryOn(device, labs, weights, shape, Number(values.seconds));
          if (!verdict) continue;
          const row: NpuRow = { model: name, form, width, slots, device, pieces: model.pieces, ...verdict };
          table.rows.push(row);
          if (values.json) await writeFile(values.json, `${JSON.stringify(table, null, 1)}\n`); // a stopped run keeps its rows
          console.error(`${name} ${form} ${width} ${device}: ${row.whole ? 'whole' : row.refused[0]}`);
        }
      }
    }
  }
  printTable(table.rows);
}

await main();
