/**
 * A small, slow Phi decoder in plain loops, to check what a reader has read against reference logits without the graph engine.
 * Everything is float32 in memory, so it is for the tiny fixtures only.
 */
import { dequantise } from '../../weights/rows.ts';
import { attentionFactor } from '../../graph/rope.ts';
import { sparseMixer } from '../experts.ts';
import { mlpWidth } from '../family.ts';
import type { Checkpoint, LayerExperts, PhiConfig } from '../types.ts';
import type { Matrix } from '../../weights/matrix.ts';

interface DenseLayer {
  attentionNorm: Float32Array;
  qkv: Float32Array;
  output: Float32Array;
  mlpNorm: Float32Array;
  gateUp: Float32Array;
  down: Float32Array;
  experts?: LayerExperts;
}

export interface DenseModel {
  config: PhiConfig;
  /** `[vocab, hidden]` */
  embedding: Float32Array;
  layers: DenseLayer[];
  norm: Float32Array;
  /** `[vocab, hidden]` */
  head: Float32Array;
  bias?: Checkpoint['bias'];
}

/** All rows of a matrix in float32, read in two uneven pieces so that an offset that is wrong only for `start > 0` shows. */
export async function dense(matrix: Matrix): Promise<Float32Array> {
  const cut = Math.floor(matrix.rows / 3);
  const out = new Float32Array(matrix.rows * matrix.cols);
  if (cut) out.set(dequantise(await matrix.read(0, cut)));
  out.set(dequantise(await matrix.read(cut, matrix.rows - cut)), cut * matrix.cols);
  return out;
}

export async function loadDense(checkpoint: Checkpoint): Promise<DenseModel> {
  const layers: DenseLayer[] = [];
  for (const layer of checkpoint.layers) {
    layers.push({
      attentionNorm: layer.attentionNorm,
      qkv: await dense(layer.qkv),
      output: await dense(layer.output),
      mlpNorm: layer.mlpNorm,
      gateUp: await dense(layer.gateUp),
      down: await dense(layer.down),
      experts: layer.experts,
    });
  }
  const embedding = await dense(checkpoint.embedding);
  const head = checkpoint.head === checkpoint.embedding ? embedding : await dense(checkpoint.head);
  return { config: checkpoint.config, embedding, layers, norm: checkpoint.norm, head, bias: checkpoint.bias };
}

/** `x [T, K]` times `w [N, K]` transposed, `[T, N]`. */
function linear(x: Float32Array, w: Float32Array, k: number): Float32Array {
  const tokens = x.length / k;
  const n = w.length / k;
  const y = new Float32Array(tokens * n);
  for (let t = 0; t < tokens; t += 4) {
    const a = t * k;
    // The last group repeats its last token instead of having a loop of its own.
    const b = Math.min(t + 1, tokens - 1) * k;
    const c = Math.min(t + 2, tokens - 1) * k;
    const d = Math.min(t + 3, tokens - 1) * k;
    for (let row = 0; row < n; row++) {
      let [s0, s1, s2, s3] = [0, 0, 0, 0];
      for (let i = 0, at = row * k; i < k; i++, at++) {
        const weight = w[at]!;
        s0 += x[a + i]! * weight;
        s1 += x[b + i]! * weight;
        s2 += x[c + i]! * weight;
        s3 += x[d + i]! * weight;
      }
      y[(a / k) * n + row] = s0;
      y[(b / k) * n + row] = s1;
      y[(c / k) * n + row] = s2;
      y[(d / k) * n + row] = s3;
    }
  }
  return y;
}

/** RMSNorm; with a bias, LayerNorm. */
function norm(x: Float32Array, weight: Float32Array, eps: number, bias?: Float32Array): Float32Array {
  const k = weight.length;
  const y = new Float32Array(x.length);
  for (let at = 0; at < x.length; at += k) {
    const row = x.subarray(at, at + k);
    const mean = bias ? row.reduce((sum, value) => sum + value, 0) / k : 0;
    let sum = 0;
    for (let i = 0; i < k; i++) sum += (row[i]! - mean) ** 2;
    const scale = 1 / Math.sqrt(sum / k + eps);
    for (let i = 0; i < k; i++) y[at + i] = (row[i]! - mean) * scale * weight[i]! + (bias ? bias[i]! : 0);
  }
  return y;
}

/** cos and sin `[T, rotaryDim / 2]`; the factor set is chosen once, by the length of the whole sequence. */
function rotaryTables(config: PhiConfig, tokens: number): { cos: Float32Array; sin: Float32Array } {
  const half = config.rotaryDim / 2;
  const scaling = config.ropeScaling;
  const set = scaling && tokens > scaling.originalContext ? 'long' : 'short';
  const factors = scaling?.[set];
  const attention = attentionFactor(config, set);
  const cos = new Float32Array(tokens * half);
  const sin = new Float32Array(tokens * half);
  for (let t = 0; t < tokens; t++) {
    for (let i = 0; i < half; i++) {
      const angle = (t * config.ropeTheta ** ((-2 * i) / config.rotaryDim)) / (factors ? factors[i]! : 1);
      cos[t * half + i] = Math.cos(angle) * attention;
      sin[t * half + i] = Math.sin(angle) * attention;
    }
  }
  return { cos, sin };
}

/** Rotates the first `rotaryDim` of each q and k head in `qkv [T, width]` in place; pairs are (i, i + rotaryDim / 2). */
function rotate(qkv: Float32Array, config: PhiConfig, cos: Float32Array, sin: Float32Array): void {
  const half = config.rotaryDim / 2;
  const width = (config.heads + 2 * config.kvHeads) * config.headDim;
  for (let t = 0; t < qkv.length / width; t++) {
    for (let h = 0; h < config.heads + config.kvHeads; h++) {
      for (let i = 0, at = t * width + h * config.headDim; i < half; i++, at++) {
        const [a, b] = [qkv[at]!, qkv[at + half]!];
        const [c, s] = [cos[t * half + i]!, sin[t * half + i]!];
        qkv[at] = a * c - b * s;
        qkv[at + half] = b * c + a * s;
      }
    }
  }
}

/** Causal grouped attention with a window, for the query positions from `first` on: `[T - first, heads * headDim]`. */
function attend(qkv: Float32Array, config: PhiConfig, first: number): Float32Array {
  const { heads, kvHeads, headDim, slidingWindow } = config;
  const width = (heads + 2 * kvHeads) * headDim;
  const tokens = qkv.length / width;
  const out = new Float32Array((tokens - first) * heads * headDim);
  const scores = new Float32Array(tokens);
  for (let t = first; t < tokens; t++) {
    const from = slidingWindow ? Math.max(0, t - slidingWindow + 1) : 0;
    for (let h = 0; h < heads; h++) {
      const key = (heads + Math.floor((h * kvHeads) / heads)) * headDim;
      const query = t * width + h * headDim;
      let max = -Infinity;
      for (let j = from; j <= t; j++) {
        let dot = 0;
        for (let i = 0; i < headDim; i++) dot += qkv[query + i]! * qkv[j * width + key + i]!;
        scores[j] = dot / Math.sqrt(headDim);
        max = Math.max(max, scores[j]!);
      }
      let sum = 0;
      for (let j = from; j <= t; j++) sum += scores[j] = Math.exp(scores[j]! - max);
      const to = ((t - first) * heads + h) * headDim;
      for (let j = from; j <= t; j++) {
        const p = scores[j]! / sum;
        const value = j * width + key + kvHeads * headDim;
        for (let i = 0; i < headDim; i++) out[to + i]! += p * qkv[value + i]!;
      }
    }
  }
  return out;
}

function addToRows(x: Float32Array, bias?: Float32Array): Float32Array {
  return bias ? x.map((value, i) => value + bias[i % bias.length]!) : x;
}

function add(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((value, i) => value + b[i]!);
}

/** `gateUp [T, 2 * intermediate]` to `silu(gate) * up`. */
function swiGlu(gateUp: Float32Array, intermediate: number): Float32Array {
  const out = new Float32Array(gateUp.length / 2);
  for (let t = 0; t < out.length / intermediate; t++) {
    for (let i = 0; i < intermediate; i++) {
      const gate = gateUp[2 * t * intermediate + i]!;
      out[t * intermediate + i] = (gate / (1 + Math.exp(-gate))) * gateUp[(2 * t + 1) * intermediate + i]!;
    }
  }
  return out;
}

/** Multiplies what each expert has made of a token `[T, experts * intermediate]` by its share; of most that is zero. */
function share(activated: Float32Array, normed: Float32Array, router: Float32Array, config: PhiConfig): Float32Array {
  const { hidden, intermediate } = config;
  const { count, jitter } = config.experts!;
  const scores = linear(normed, router, hidden);
  const out = new Float32Array(activated.length);
  for (let t = 0; t < scores.length / count; t++) {
    const { experts, shares } = sparseMixer(scores.subarray(t * count, (t + 1) * count), jitter);
    experts.forEach((expert, i) => {
      const at = (t * count + expert) * intermediate;
      for (let c = at; c < at + intermediate; c++) out[c] = activated[c]! * shares[i]!;
    });
  }
  return out;
}

/** Logits `[vocab]` of the last position. The last layer is computed for that position only. */
export function lastLogits(model: DenseModel, ids: readonly number[]): Float32Array {
  const { config } = model;
  const { hidden } = config;
  let x = new Float32Array(ids.length * hidden);
  ids.forEach((id, t) => x.set(model.embedding.subarray(id * hidden, (id + 1) * hidden), t * hidden));
  const { cos, sin } = rotaryTables(config, ids.length);
  const width = mlpWidth(config);
  const eps = config.normEps;
  model.layers.forEach((layer, l) => {
    const first = l === model.layers.length - 1 ? ids.length - 1 : 0;
    const bias = layer.experts?.bias;
    const qkv = addToRows(linear(norm(x, layer.attentionNorm, eps, bias?.attentionNorm), layer.qkv, hidden), bias?.qkv);
    rotate(qkv, config, cos, sin);
    const attention = linear(attend(qkv, config, first), layer.output, config.heads * config.headDim);
    x = add(x.subarray(first * hidden), addToRows(attention, bias?.output)) as Float32Array<ArrayBuffer>;
    const normed = norm(x, layer.mlpNorm, eps, bias?.mlpNorm);
    const activated = swiGlu(linear(normed, layer.gateUp, hidden), width);
    const mlp = layer.experts ? share(activated, normed, layer.experts.router, config) : activated;
    x = add(x, linear(mlp, layer.down, width)) as Float32Array<ArrayBuffer>;
  });
  return addToRows(linear(norm(x, model.norm, eps, model.bias?.norm), model.head, hidden), model.bias?.head);
}
