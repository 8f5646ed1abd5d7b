/**
 * The two forms that NPUs keep at 4 bits: a scale for each column (`int4-columns`), and for each group of inputs and column (`int4-groups`).
 *
 * 16 steps for a whole column are few, so a model that is not in this form already is prepared: the residual stream and the values of each head are rotated,
 * which the matrices around take in and the graph does not see; scales are searched; and where a calibration is given, rounding makes up for itself.
 * Measured on the starter (teacher-forced NLL above float32's): docs/decisions/int4-by-column.md.
 */
import type { Checkpoint } from '../checkpoint/types.ts';
import type { Matrix } from '../weights/matrix.ts';
import type { ErrorSum } from '../weights/blocks.ts';
import type { WeightFormat } from '../../shared/protocol.ts';
import type { Calibration, LayerMatrix } from './calibration.ts';
import { floatColumns, type Fold } from '../weights/columns.ts';
import { compensateInto, feedbackOf, type Feedback } from '../weights/compensate.ts';
import { int4Rows, int4Scales, int4Values, packRow, roundInto, type Int4Matrix } from '../weights/int4-columns.ts';
import { toForm } from '../weights/matrix.ts';
import type { WeightGroup, WeightTensor } from '../weights/plan.ts';
import { blockRotation, rotation, type Rotation } from '../weights/rotate.ts';
import type { BlockRows } from '../weights/rows.ts';

export type Int4Format = 'int4-columns' | 'int4-groups';

/** Inputs that share a scale in `int4-groups`. */
const GROUP = 128;
/** Rows of an exact source that are read at a time. */
const TILE = 64;

export interface Int4Layout {
  /** Rotation of the residual stream; null: the source is kept as it is. */
  residual: Rotation | null;
  /** Inputs that share a scale. */
  group(matrix: Matrix): number;
  /** The norms and rotations folded into a matrix. */
  fold(layer: number, part: LayerMatrix): Fold;
  /** The head's. */
  headFold: Fold;
}

/** How a checkpoint is laid out in a form: as it is where all of its layers are in this form already. */
export function int4Layout(checkpoint: Checkpoint, format: Int4Format): Int4Layout {
  const { config, layers, norm } = checkpoint;
  const exact = layers.every((layer) =>
    [layer.qkv, layer.output, layer.gateUp, layer.down].every((matrix) => holds(matrix, format)),
  );
  const group = (matrix: Matrix): number => {
    if (format === 'int4-columns') return matrix.cols;
    if (exact && matrix.form.kind === 'blocks') return matrix.form.block;
    return Math.min(GROUP, matrix.cols & -matrix.cols); // the largest power of two in it
  };
  if (exact) return { residual: null, group, fold: () => ({}), headFold: {} };
  const residual = rotation(config.hidden);
  const { heads, kvHeads, headDim } = config;
  const values = blockRotation(headDim, (heads + kvHeads) * headDim, (heads + 2 * kvHeads) * headDim);
  const attended = blockRotation(headDim, 0, heads * headDim);
  return {
    residual,
    group,
    fold(l, part) {
      const layer = layers[l]!;
      if (part === 'qkv') return { inputFactors: layer.attentionNorm, inputs: residual, outputs: values };
      if (part === 'output') return { inputs: attended, outputs: residual };
      return part === 'gateUp' ? { inputFactors: layer.mlpNorm, inputs: residual } : { outputs: residual };
    },
    headFold: { inputFactors: norm, inputs: residual },
  };
}

/** True if the format is one of these and the checkpoint must be rounded for it. */
export const losesAsInt4 = (checkpoint: Checkpoint, format: WeightFormat): boolean =>
  (format === 'int4-columns' || format === 'int4-groups') && int4Layout(checkpoint, format).residual !== null;

function holds({ form, cols }: Matrix, format: Int4Format): boolean {
  if (form.kind !== 'blocks' || form.bits !== 4 || !form.symmetric) return false;
  return format === 'int4-groups' || form.block === cols;
}

export interface Int4Request {
  layout: Int4Layout;
  /** null: rounded to the nearest step. */
  calibration: Calibration | null;
  error: ErrorSum;
  /** Parts of the columns for codes that lie as `[N, K]`; null: they lie as `[K, N]`. */
  columns: readonly number[] | null;
}

/** Codes `[K, N]`, `[N, part of K]` for each part, or `[groups, group, N]`; and scales `[N]`, or `[groups, 1, N]`. */
export function int4Group(
  name: string,
  matrix: Matrix,
  layer: number,
  part: LayerMatrix,
  { layout, calibration, error, columns }: Int4Request,
): WeightGroup {
  const { rows: n, cols: k } = matrix;
  const group = layout.group(matrix);
  const groups = k / group;
  const partName = (i: number) => (columns!.length > 1 ? `${name}.codes.${i}` : `${name}.codes`);
  const codes: WeightTensor[] = columns
    ? columns.map((width, i) => ({ name: partName(i), dtype: 'int4', dims: [n, width] }))
    : [{ name: `${name}.codes`, dtype: 'int4', dims: groups === 1 ? [k, n] : [groups, group, n] }];
  return {
    location: name,
    tensors: [...codes, { name: `${name}.scales`, dtype: 'float32', dims: groups === 1 ? [n] : [groups, 1, n] }],
    async make() {
      const out: Int4Matrix = { codes: new Uint8Array((k * n) / 2), scales: new Float32Array(groups * n) };
      if (layout.residual === null) await copyExactly(out, matrix, group);
      else await requantise(out, matrix, layout.fold(layer, part), { layer, part, group, calibration, error });
      return [...(columns ? int4Rows(out.codes, n, columns) : [out.codes]), out.scales];
    },
  };
}

interface Requantise {
  layer: number;
  part: LayerMatrix;
  group: number;
  calibration: Calibration | null;
  error: ErrorSum;
}

async function requantise(
  out: Int4Matrix,
  matrix: Matrix,
  fold: Fold,
  { layer, part, group, calibration, error }: Requantise,
): Promise<void> {
  const { rows: n, cols: k } = matrix;
  const values = await floatColumns(matrix, fold); // [K, N]
  if (calibration === null) {
    roundInto(out, n, 0, values, int4Scales(values, k, n, group), n, group);
  } else {
    const gram = await calibration.gram(layer, part);
    const importance = Float32Array.from({ length: k }, (_, i) => gram[i * k + i]!);
    const scales = int4Scales(values, k, n, group, { importance });
    const feedback: Feedback = await feedbackOf(gram, k, calibration.products);
    await compensateInto(out, values, scales, { k, n, group }, feedback, calibration.products);
  }
  const restored = int4Values(out, n, group);
  await calibration?.put(layer, part, restored);
  for (let i = 0; i < values.length; i++) {
    error.error += (values[i]! - restored[i]!) ** 2;
    error.weights += values[i]! ** 2;
  }
}

async function copyExactly(out: Int4Matrix, matrix: Matrix, group: number): Promise<void> {
  const { rows: n, cols: k } = matrix;
  const codes = new Int8Array(k * n); // [K, N]
  for (let start = 0; start < n; start += TILE) {
    const count = Math.min(TILE, n - start);
    const rows = toForm(await matrix.read(start, count), {
      kind: 'blocks',
      bits: 4,
      block: group,
      symmetric: true,
    }) as BlockRows;
    for (let r = 0; r < count; r++) {
      for (let i = 0; i < k; i++) codes[i * n + start + r] = rows.codes[r * k + i]! - 8;
      for (let g = 0; g < k / group; g++) out.scales[g * n + start + r] = rows.scales[r * (k / group) + g]!;
    }
  }
  for (let i = 0; i < k; i++) packRow(out.codes, i * n, codes.subarray(i * n, (i + 1) * n));
}
