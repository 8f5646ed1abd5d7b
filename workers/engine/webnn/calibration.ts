/**
 * Measures the inputs of a model's matrices while it reads texts: the products X'X of each matrix's inputs, which compensated rounding needs.
 *
 * It runs the network whose rotations and norms are folded into the matrices, one matrix at a time, with the rounded weights that it is given back: so
 * a matrix is rounded for the inputs that it will really get, errors of the matrices before it included (on the starter, a fifth less loss than by the
 * inputs of the float network: docs/decisions/int4-by-column.md).
 */
import type { Checkpoint, PhiConfig } from '../checkpoint/types.ts';
import type { Matrix } from '../weights/matrix.ts';
import { ropeTable } from '../graph/rope.ts';
import { EmbeddingRows } from '../weights/embedding-rows.ts';
import { joinVectors } from '../weights/matrix.ts';
import { transposed, type Products } from '../weights/products.ts';
import type { Rotation } from '../weights/rotate.ts';

/** In the order in which a token goes through them. */
const PARTS = ['qkv', 'output', 'gateUp', 'down'] as const;
export type LayerMatrix = (typeof PARTS)[number];

/** Weights that are multiplied at a time: they are copied into WebAssembly's memory. */
const TILE = 2 ** 24;

export class Calibration {
  readonly products: Products;
  readonly #config: PhiConfig;
  readonly #embedding: Matrix;
  readonly #textIds: () => readonly (readonly number[])[];
  /** Tokens of the texts, from the first matrix on. */
  #texts: readonly (readonly number[])[] = [];
  #residual: Rotation | null = null;
  /** Residual stream `[tokens, hidden]` of all texts; null before the first matrix. */
  #stream: Float32Array | null = null;
  /** What goes into the next matrix, `[tokens, K]`. */
  #input = new Float32Array(0);
  /** Matrices that are done. */
  #done = 0;

  /** `texts`: in the model's tokens, each read from its beginning, within the short rope factors. Asked for at the first matrix: kept weights need none. */
  constructor({ config, embedding }: Checkpoint, texts: () => readonly (readonly number[])[], products: Products) {
    this.#config = config;
    this.#embedding = embedding;
    this.#textIds = texts;
    this.products = products;
  }

  /** From the first matrix on, with the residual stream rotated. */
  begin(residual: Rotation | null): void {
    this.#residual = residual;
    this.#stream = null;
    this.#done = 0;
  }

  /** X'X `[K, K]` of what goes into a matrix, over all tokens. Matrices are asked in their order; each must be given back before the next. */
  async gram(layer: number, part: LayerMatrix): Promise<Float32Array> {
    this.#expect(layer, part);
    if (!this.#stream) await this.#readTexts();
    const tokens = this.#tokens;
    const k = this.#input.length / tokens;
    return this.products.times(transposed(this.#input, tokens, k), this.#input, k, tokens, k);
  }

  /** The matrix that was asked last, `[K, N]` with its folds, as it will compute. */
  async put(layer: number, part: LayerMatrix, weights: Float32Array): Promise<void> {
    this.#expect(layer, part);
    const output = await this.#times(weights);
    const { hidden, intermediate } = this.#config;
    if (part === 'qkv') this.#input = this.#attended(output);
    else if (part === 'gateUp') this.#input = gated(output, intermediate);
    else {
      if (output.length !== this.#tokens * hidden) throw new RangeError(`${part}: ${hidden} columns are needed.`);
      add(this.#stream!, output);
      this.#input = this.#normed();
    }
    this.#done++;
  }

  #expect(layer: number, part: LayerMatrix): void {
    if (layer * PARTS.length + PARTS.indexOf(part) === this.#done) return;
    const next = `layer ${Math.floor(this.#done / PARTS.length)}, ${PARTS[this.#done % PARTS.length]}`;
    throw new RangeError(`Calibration: layer ${layer}, ${part} was requested, but ${next} is next. Round in order.`);
  }

  get #tokens(): number {
    return this.#texts.reduce((sum, ids) => sum + ids.length, 0);
  }

  async #readTexts(): Promise<void> {
    const { ropeScaling, context } = this.#config;
    const most = ropeScaling?.originalContext ?? context;
    this.#texts = this.#textIds()
      .map((ids) => ids.slice(0, most))
      .filter((ids) => ids.length > 0);
    const rows = new EmbeddingRows(this.#embedding, this.#residual);
    this.#stream = joinVectors(await Promise.all(this.#texts.map((ids) => rows.read(ids, ids.length))));
    this.#input = this.#normed();
  }

  #normed(): Float32Array<ArrayBuffer> {
    return normed(this.#stream!, this.#config.hidden, this.#config.normEps);
  }

  /** Each text for itself. */
  #attended(qkv: Float32Array): Float32Array<ArrayBuffer> {
    const width = qkv.length / this.#tokens;
    let at = 0;
    return joinVectors(
      this.#texts.map(({ length }) => attention(qkv.subarray(at * width, (at += length) * width), this.#config)),
    );
  }

  /** The input times `weights [K, N]`. */
  async #times(weights: Float32Array): Promise<Float32Array> {
    const tokens = this.#tokens;
    const k = this.#input.length / tokens;
    const n = weights.length / k;
    const out = new Float32Array(tokens * n);
    const rows = Math.max(1, Math.floor(TILE / n));
    for (let from = 0; from < k; from += rows) {
      const to = Math.min(k, from + rows);
      const part = new Float32Array(tokens * (to - from));
      for (let t = 0; t < tokens; t++) part.set(this.#input.subarray(t * k + from, t * k + to), t * (to - from));
      const tile = weights.subarray(from * n, to * n);
      add(out, await this.products.times(part, tile, tokens, to - from, n));
    }
    return out;
  }
}

function add(x: Float32Array, y: Float32Array): void {
  for (let i = 0; i < x.length; i++) x[i] = x[i]! + y[i]!;
}

/** RMSNorm without weight of rows of `width`. */
function normed(x: Float32Array, width: number, epsilon: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(x.length);
  for (let at = 0; at < x.length; at += width) {
    let sum = 0;
    for (let i = at; i < at + width; i++) sum += x[i]! * x[i]!;
    const factor = 1 / Math.sqrt(sum / width + epsilon);
    for (let i = at; i < at + width; i++) out[i] = x[i]! * factor;
  }
  return out;
}

/** `[tokens, 2 * intermediate]` -> silu(gate) * up, `[tokens, intermediate]` */
function gated(gateUp: Float32Array, intermediate: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(gateUp.length / 2);
  for (let i = 0; i < out.length; i++) {
    const token = Math.floor(i / intermediate);
    const gate = gateUp[i + token * intermediate]!;
    out[i] = (gate / (1 + Math.exp(-gate))) * gateUp[i + (token + 1) * intermediate]!;
  }
  return out;
}

/** Causal grouped attention of one text, `qkv [tokens, (heads + 2 kvHeads) headDim]` -> `[tokens, heads headDim]`. Rotates q and k in place. */
function attention(qkv: Float32Array, config: PhiConfig): Float32Array {
  const { heads, kvHeads, headDim, slidingWindow } = config;
  const width = (heads + 2 * kvHeads) * headDim;
  const tokens = qkv.length / width;
  rotate(qkv, config, tokens, width);
  const out = new Float32Array(tokens * heads * headDim);
  const weights = new Float32Array(tokens);
  for (let t = 0; t < tokens; t++) {
    const from = slidingWindow === null ? 0 : Math.max(0, t - slidingWindow + 1);
    for (let h = 0; h < heads; h++) {
      const query = t * width + h * headDim;
      const key = (heads + Math.floor((h * kvHeads) / heads)) * headDim;
      let best = -Infinity;
      for (let j = from; j <= t; j++) {
        let dot = 0;
        for (let i = 0, k = j * width + key; i < headDim; i++) dot += qkv[query + i]! * qkv[k + i]!;
        weights[j] = dot / Math.sqrt(headDim);
        best = Math.max(best, weights[j]!);
      }
      let total = 0;
      for (let j = from; j <= t; j++) total += weights[j] = Math.exp(weights[j]! - best);
      const to = (t * heads + h) * headDim;
      for (let j = from; j <= t; j++) {
        const share = weights[j]! / total;
        const value = j * width + key + kvHeads * headDim;
        for (let i = 0; i < headDim; i++) out[to + i] = out[to + i]! + share * qkv[value + i]!;
      }
    }
  }
  return out;
}

/** Rotary embedding of the heads of q and k; a pair is (i, i + rotaryDim / 2). */
function rotate(qkv: Float32Array, config: PhiConfig, tokens: number, width: number): void {
  const half = config.rotaryDim / 2;
  const { cos, sin } = ropeTable(config, 'short', 0, tokens);
  for (let t = 0; t < tokens; t++) {
    for (let h = 0; h < config.heads + config.kvHeads; h++) {
      for (let i = 0, at = t * width + h * config.headDim; i < half; i++, at++) {
        const a = qkv[at]!;
        const b = qkv[at + half]!;
        qkv[at] = a * cos[t * half + i]! - b * sin[t * half + i]!;
        qkv[at + half] = b * cos[t * half + i]! + a * sin[t * half + i]!;
      }
    }
  }
}
