/** Estimates of the NPU vendors' compilers for a model: a copy of bench/npu/table.json, small enough to ship. Estimates, never measurements. */
import type { ModelShape } from '../../workers/shared/advisor/weights.ts';
import type { WeightFormat } from '../../workers/shared/protocol.ts';
import shipped from './estimates.json';
import type { Generation } from './generations.ts';

/** The same in every language. */
export const GENERATION_NAMES: Readonly<Record<Generation, string>> = {
  'intel-3720': 'Intel Meteor Lake, Arrow Lake (NPU 3720)',
  'intel-4000': 'Intel Lunar Lake (NPU 4000)',
  'intel-5010': 'Intel Panther Lake (NPU 5010)',
  'hexagon-v73': 'Qualcomm Snapdragon X (Hexagon v73)',
};

export interface EstimateRow {
  form: WeightFormat;
  generation: Generation;
  /** The compiler takes every graph whole. */
  whole: boolean;
  /** Tokens a second; null where the compiler estimates none. */
  decode: number | null;
  /** Time to the first token behind a prompt of 512, in ms. */
  firstMs: number | null;
}

export type NpuShape = Pick<ModelShape, 'layers' | 'hidden' | 'heads' | 'kvHeads' | 'headDim' | 'intermediate'>;

export interface NpuEstimates {
  /** ISO 8601. */
  date: string;
  /** "openvino 2026.4.1" */
  intel: string;
  /** "onnxruntime-qnn 2.7.0" */
  qualcomm: string;
  /** KV slots that a run looks at. */
  slots: number;
  models: { shape: NpuShape; rows: EstimateRow[] }[];
}

export const ESTIMATES = shipped as NpuEstimates;

const PARTS = ['layers', 'hidden', 'heads', 'kvHeads', 'headDim', 'intermediate'] as const;

/** Rows for a model of this shape; none if it was never run through the compilers. */
export function estimatesFor(shape: NpuShape, { models }: NpuEstimates = ESTIMATES): readonly EstimateRow[] {
  return models.find((model) => PARTS.every((part) => model.shape[part] === shape[part]))?.rows ?? [];
}

/** The rows for one generation or for all, and for the forms that ran: for every form where none of those is in the table. */
export function chosenRows(
  rows: readonly EstimateRow[],
  generation: Generation | 'all',
  forms: readonly string[],
): EstimateRow[] {
  const known = rows.some(({ form }) => forms.includes(form));
  return rows.filter(
    (row) => (generation === 'all' || row.generation === generation) && (!known || forms.includes(row.form)),
  );
}
