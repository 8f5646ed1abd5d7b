/**
 * The weight formats for an NPU, and their order. WebNN reports neither vendor nor generation, so the order fits all NPUs that were examined; on the device
 * the forms are measured, and one that is clearly faster goes first.
 */
import type { Checkpoint } from '../checkpoint/types.ts';
import { webgpuForms } from '../webgpu/weights.ts';
import { losesAsInt4 } from '../webnn/int4-weights.ts';
import type { WeightFormat } from '../../shared/protocol.ts';
import { whyTooLarge } from './memory-fit.ts';

interface NpuRow {
  form: WeightFormat;
  /**
   * Microseconds of one token through a product of 3,072 x 8,192, as estimated by Intel's compiler (openvino 2026.4.1, 2026-11-30), by NPU generation.
   * null: that compiler refuses the format, or it was not tried.
   */
  microseconds: { 'intel-3720': number | null; 'intel-4000': number | null; 'intel-5010': number | null };
  /** Bytes of the compiled product, in MB. */
  megabytes: number;
  /** Qualcomm's compiler (onnxruntime-qnn 2.7.0) takes it whole. */
  hexagon: boolean;
  /** Cost of rounding the starter to this format: teacher-forced NLL above that of float32, in nats a token. */
  nats: number;
  /** The same where rounding makes up for itself, which takes minutes; absent: it does not apply, or costs as much. */
  compensated?: number;
}

/**
 * Best first: least time on most generations, and little loss of accuracy. Forms in blocks are expanded to float16
 * there.
 */
const TABLE: readonly NpuRow[] = [
  { ...row('int4-columns', [962, 784, 108], 12.8, false, 0.6), compensated: 0.08 },
  row('int8', [545, 446, 217], 25.4, true, 0.01),
  row('int4-groups', [3213, 961, 201], 13.4, false, 0.16),
  row('float16', [1055, 870, 406], 50.7, true, 0),
];

function row(
  form: WeightFormat,
  [old, middle, recent]: [number | null, number | null, number | null],
  megabytes: number,
  hexagon: boolean,
  nats: number,
): NpuRow {
  const microseconds = { 'intel-3720': old, 'intel-4000': middle, 'intel-5010': recent };
  return { form, microseconds, megabytes, hexagon, nats };
}

/** A form that costs more than this is offered only where int8 has no room. */
const MOST_NATS = 0.1;

/** The form whose weights are worth minutes of rounding. */
export const COMPENSATED_FORM = 'int4-columns';

export interface NpuForms {
  /** Best first. */
  forms: WeightFormat[];
  /** What is worth telling about them. */
  notes: { form: WeightFormat; why: string }[];
  /** Offered once their weights have been made: a load does not wait for that. */
  makable: WeightFormat[];
}

/**
 * Forms for an NPU. A form that the checkpoint has already costs nothing; one that it has to be rounded for is left out where it costs too much, unless
 * int8 does not fit. Compensated weights come behind int8: a device takes them where it measures that they are clearly faster.
 *
 * @param whyNoRoom why a form does not fit the device's memory; null: it fits, or nobody knows
 * @param isMade compensated weights of this checkpoint are kept
 */
export function npuForms(
  checkpoint: Checkpoint,
  isMade: boolean,
  whyNoRoom: (form: WeightFormat) => string | null = (form) =>
    whyTooLarge(checkpoint, { backend: 'webnn', device: 'npu', form }),
): NpuForms {
  const noInt8 = whyNoRoom('int8');
  const forms: WeightFormat[] = [];
  const made: WeightFormat[] = [];
  const makable: WeightFormat[] = [];
  const last: WeightFormat[] = [];
  const notes: NpuForms['notes'] = [];
  for (const { form, nats, compensated = nats } of TABLE) {
    if (!losesAsInt4(checkpoint, form) || nats <= MOST_NATS) forms.push(form);
    else if (noInt8 !== null) {
      last.push(form);
      notes.push({ form, why: `int8 ${noInt8} 4 bits cost this model about ${compensated} nats a token in accuracy.` });
    } else if (compensated <= MOST_NATS) (isMade ? made : makable).push(form);
  }
  forms.splice(forms.indexOf('int8') + 1, 0, ...made);
  const blocks: WeightFormat[] = webgpuForms(checkpoint)[0] === 'int4' ? ['int8-blocks', 'int4'] : ['int8-blocks'];
  return { forms: [...forms, ...last, 'float32', ...blocks], notes, makable };
}
