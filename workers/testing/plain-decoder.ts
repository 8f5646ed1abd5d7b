/**
 * The Phi decoder written out plainly in float64 sums over float32 weights, without a cache: slow, for tests only. It tells a reader of
 * checkpoints right from wrong without any graph or runtime.
 */
import type { Checkpoint, Layer, Matrix, PhiConfig } from '../checkpoint/types.ts';
import { dequantise } from '../weights/rows.ts';

/** Logits `[vocab]` of the last position. */
export async function plainLogits(checkpoint: Checkpoint, ids: number[]): Promise<Float32Array> {
  const { config } = checkpoint;
  const states: Float32Array[] = [];
  for (const id of ids) states.push(dequantise(await checkpoint.embedding.read(id, 1)).slice());
  const rotations = ropeTable(config, ids.length);
  for (const layer of checkpoint.layers) await runLayer(config, layer, states, rotations);
  const last = normalise(states.at(-1)!, checkpoint.norm, config.normEps);
  return (await multiply(checkpoint.head, [last]))[0]!;
}

async function runLayer(config: PhiConfig, layer: Layer, states: Float32Array[], rotations: Rotation[][]): Promise<void> {
  const { heads, kvHeads, headDim, intermediate, normEps } = config;
  const qkv = await multiply(
    layer.qkv,
    states.map((state) => normalise(state, layer.attentionNorm, normEps)),
  );
  qkv.forEach((row, position) => {
    for (let head = 0; head < heads + kvHeads; head++) rotate(row.subarray(head * headDim, (head + 1) * headDim), rotations[position]!);
  });
  add(states, await multiply(layer.output, attend(config, qkv)));
  const gateUp = await multiply(
    layer.gateUp,
    states.map((state) => normalise(state, layer.mlpNorm, normEps)),
  );
  const hidden = gateUp.map((row) => {
    const up = row.subarray(intermediate);
    return row.subarray(0, intermediate).map((gate, i) => (gate / (1 + Math.exp(-gate))) * up[i]!);
  });
  add(states, await multiply(layer.down, hidden));
}

/** Attention of every position over what it sees; `qkv` rows are rotated. */
function attend(config: PhiConfig, qkv: Float32Array[]): Float32Array[] {
  const { heads, kvHeads, headDim, slidingWindow } = config;
  return qkv.map((row, i) => {
    const out = new Float32Array(heads * headDim);
    const from = Math.max(0, slidingWindow === null ? 0 : i - slidingWindow + 1);
    for (let head = 0; head < heads; head++) {
      const keyAt = (heads + Math.floor((head * kvHeads) / heads)) * headDim;
      const valueAt = keyAt + kvHeads * headDim;
      const scores = qkv.slice(from, i + 1).map((other) => {
        let sum = 0;
        for (let d = 0; d < headDim; d++) sum += row[head * headDim + d]! * other[keyAt + d]!;
        return sum / Math.sqrt(headDim);
      });
      const largest = Math.max(...scores);
      const weights = scores.map((score) => Math.exp(score - largest));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      weights.forEach((weight, j) => {
        const other = qkv[from + j]!;
        for (let d = 0; d < headDim; d++) out[head * headDim + d]! += (weight / total) * other[valueAt + d]!;
      });
    }
    return out;
  });
}

interface Rotation {
  cos: number;
  sin: number;
}

/** `[position][pair]`; LongRoPE takes one set of factors for the whole sequence. */
function ropeTable(config: PhiConfig, length: number): Rotation[][] {
  const { rotaryDim, ropeTheta, ropeScaling } = config;
  const factors = ropeScaling && (length > ropeScaling.originalContext ? ropeScaling.long : ropeScaling.short);
  const scale = ropeScaling?.attentionFactor ?? 1;
  return Array.from({ length }, (_, position) =>
    Array.from({ length: rotaryDim / 2 }, (_, pair) => {
      const angle = position / ((factors?.[pair] ?? 1) * ropeTheta ** ((2 * pair) / rotaryDim));
      return { cos: Math.cos(angle) * scale, sin: Math.sin(angle) * scale };
    }),
  );
}

function rotate(head: Float32Array, rotations: Rotation[]): void {
  rotations.forEach(({ cos, sin }, i) => {
    const a = head[i]!;
    const b = head[i + rotations.length]!;
    head[i] = a * cos - b * sin;
    head[i + rotations.length] = b * cos + a * sin;
  });
}

function normalise(state: Float32Array, weight: Float32Array, eps: number): Float32Array {
  const squares = state.reduce((sum, value) => sum + value * value, 0);
  const scale = 1 / Math.sqrt(squares / state.length + eps);
  return state.map((value, i) => value * scale * weight[i]!);
}

function add(states: Float32Array[], more: Float32Array[]): void {
  states.forEach((state, i) => more[i]!.forEach((value, j) => (state[j]! += value)));
}

/** `inputs` `[n, cols]` times the matrix transposed: `[n, rows]`. */
async function multiply(matrix: Matrix, inputs: Float32Array[]): Promise<Float32Array[]> {
  const { rows, cols } = matrix;
  const weights = dequantise(await matrix.read(0, rows));
  return inputs.map((input) => {
    const out = new Float32Array(rows);
    for (let row = 0, at = 0; row < rows; row++) {
      let sum = 0;
      for (let col = 0; col < cols; col++) sum += weights[at++]! * input[col]!;
      out[row] = sum;
    }
    return out;
  });
}
