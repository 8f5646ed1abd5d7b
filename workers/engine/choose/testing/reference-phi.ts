/**
 * A second Phi decoder, in plain loops and double precision, without graph, cache or weight formats. For tests, and to
 * choose seeds.
 */
import type { Checkpoint } from '../../checkpoint/types.ts';
import type { Matrix } from '../../weights/matrix.ts';
import { dequantise } from '../../weights/rows.ts';

type Vector = Float64Array;

async function load(matrix: Matrix): Promise<(x: Vector) => Vector> {
  const { rows, cols } = matrix;
  const weights = dequantise(await matrix.read(0, rows));
  return (x) =>
    Float64Array.from({ length: rows }, (_, row) => {
      let sum = 0;
      for (let col = 0; col < cols; col++) sum += weights[row * cols + col]! * x[col]!;
      return sum;
    });
}

const add = (a: Vector, b: Vector): Vector => a.map((value, i) => value + b[i]!);

/** Logits `[vocab]` after each of the tokens fed so far, one call a token. Only what the tiny Phi has: no window, one set of rope factors. */
export async function referencePhi(checkpoint: Checkpoint): Promise<() => (id: number) => Vector> {
  const { config, norm } = checkpoint;
  const { heads, kvHeads, headDim, rotaryDim, intermediate, hidden } = config;
  const rows = dequantise(await checkpoint.embedding.read(0, config.vocab));
  const head = await load(checkpoint.head);
  const layers = await Promise.all(
    checkpoint.layers.map(async (layer) => ({
      ...layer,
      qkv: await load(layer.qkv),
      output: await load(layer.output),
      gateUp: await load(layer.gateUp),
      down: await load(layer.down),
    })),
  );
  const rmsNorm = (x: Vector, weight: Float32Array): Vector => {
    const scale = 1 / Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / x.length + config.normEps);
    return x.map((value, i) => value * scale * weight[i]!);
  };
  const rotate = (x: Vector, position: number): Vector => {
    const out = x.slice();
    const half = rotaryDim / 2;
    for (let i = 0; i < half; i++) {
      const angle = position / config.ropeTheta ** (i / half);
      out[i] = x[i]! * Math.cos(angle) - x[i + half]! * Math.sin(angle);
      out[i + half] = x[i + half]! * Math.cos(angle) + x[i]! * Math.sin(angle);
    }
    return out;
  };
  return () => {
    const cache = layers.map(() => ({ keys: [] as Vector[][], values: [] as Vector[][] }));
    return (id) => {
      let x: Vector = Float64Array.from(rows.subarray(id * hidden, (id + 1) * hidden));
      layers.forEach((layer, l) => {
        const { keys, values } = cache[l]!;
        const position = keys.length;
        const qkv = layer.qkv(rmsNorm(x, layer.attentionNorm));
        const part = (index: number): Vector => qkv.slice(index * headDim, (index + 1) * headDim);
        keys.push(Array.from({ length: kvHeads }, (_, h) => rotate(part(heads + h), position)));
        values.push(Array.from({ length: kvHeads }, (_, h) => part(heads + kvHeads + h)));
        const attended = new Float64Array(heads * headDim);
        for (let h = 0; h < heads; h++) {
          const query = rotate(part(h), position);
          const group = Math.floor((h * kvHeads) / heads);
          const scores = keys.map(
            (key) => key[group]!.reduce((sum, value, i) => sum + value * query[i]!, 0) / Math.sqrt(headDim),
          );
          const best = Math.max(...scores);
          const weights = scores.map((score) => Math.exp(score - best));
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          values.forEach((value, j) => {
            for (let i = 0; i < headDim; i++) attended[h * headDim + i]! += (weights[j]! / total) * value[group]![i]!;
          });
        }
        x = add(x, layer.output(attended));
        const gateUp = layer.gateUp(rmsNorm(x, layer.mlpNorm));
        const inner = Float64Array.from(
          { length: intermediate },
          (_, i) => (gateUp[i]! / (1 + Math.exp(-gateUp[i]!))) * gateUp[intermediate + i]!,
        );
        x = add(x, layer.down(inner));
      });
      return head(rmsNorm(x, norm));
    };
  };
}

export interface ReferenceGreedy {
  tokens: number[];
  /** At each step, best logit minus second best, in standard deviations of the logits. */
  leads: number[];
}

/** Greedy continuation of `prompt`; stops early at a lead below `least`. */
export function referenceGreedy(
  start: () => (id: number) => Vector,
  prompt: readonly number[],
  count: number,
  least = 0,
): ReferenceGreedy {
  const feed = start();
  let logits: Vector = new Float64Array(0);
  for (const id of prompt) logits = feed(id);
  const tokens: number[] = [];
  const leads: number[] = [];
  while (tokens.length < count) {
    const order = Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]!);
    const mean = logits.reduce((sum, value) => sum + value, 0) / logits.length;
    const deviation = Math.sqrt(logits.reduce((sum, value) => sum + (value - mean) ** 2, 0) / logits.length);
    tokens.push(order[0]!);
    leads.push((logits[order[0]!]! - logits[order[1]!]!) / deviation);
    if (leads.at(-1)! < least) break;
    logits = feed(order[0]!);
  }
  return { tokens, leads };
}
