/**
 * Measures the inputs of a model's matrices while it reads a text: the products X'X of each matrix's inputs, which compensated rounding needs. The float network is
 * run layer by layer, so that one layer's weights are held at a time.
 */
import type { Checkpoint, Layer, Matrix, PhiConfig } from '../checkpoint/types.ts';
import { ropeTable } from '../graph/rope.ts';
import { joinVectors } from './matrix.ts';
import { transposed, type Products } from './products.ts';
import { dequantise } from './rows.ts';

export type LayerMatrix = 'qkv' | 'output' | 'gateUp' | 'down';

/** Rows of a matrix that are multiplied at a time. */
const ROWS = 4096;

export class Calibration {
  readonly #checkpoint: Checkpoint;
  readonly #texts: readonly (readonly number[])[];
  readonly #products: Products;
  /** Hidden states of each text `[tokens, hidden]` in front of the layer that comes next. */
  #hidden: Float32Array[] | null = null;
  #next = 0;
  #grams: { layer: number; of: Record<LayerMatrix, Float32Array> } | null = null;

  /** `texts`: in the model's tokens, each read from its beginning, within the short rope factors. */
  constructor(checkpoint: Checkpoint, texts: readonly (readonly number[])[], products: Products) {
    this.#checkpoint = checkpoint;
    const most = checkpoint.config.ropeScaling?.originalContext ?? checkpoint.config.context;
    this.#texts = texts.map((ids) => ids.slice(0, most)).filter((ids) => ids.length > 0);
    this.#products = products;
  }

  get products(): Products {
    return this.#products;
  }

  /**
   * X'X `[K, K]` of what goes into a matrix, over all tokens. For qkv and gateUp behind the norm without its weight. Layers must be asked in their order;
   * the matrices of one in any.
   */
  async gram(layer: number, matrix: LayerMatrix): Promise<Float32Array> {
    if (this.#grams && layer < this.#grams.layer)
      throw new RangeError(
        `Layer ${layer} was requested after layer ${this.#grams.layer}. Request layers in ascending order.`,
      );
    while (this.#grams?.layer !== layer) await this.#advance();
    return this.#grams.of[matrix];
  }

  async #advance(): Promise<void> {
    const { config, layers, embedding } = this.#checkpoint;
    this.#grams = null; // before the next ones are made
    this.#hidden ??= await Promise.all(this.#texts.map((ids) => embedded(embedding, ids)));
    const run = new LayerRun(config, layers[this.#next]!, this.#products);
    const { hidden, of } = await run.read(this.#hidden);
    this.#hidden = hidden;
    this.#grams = { layer: this.#next++, of };
  }
}

async function embedded(table: Matrix, ids: readonly number[]): Promise<Float32Array> {
  const out = new Float32Array(ids.length * table.cols);
  for (const [i, id] of ids.entries()) out.set(dequantise(await table.read(id, 1)), i * table.cols);
  return out;
}

/** One layer over all texts, side by side: every weight is read once. */
class LayerRun {
  readonly #config: PhiConfig;
  readonly #layer: Layer;
  readonly #products: Products;

  constructor(config: PhiConfig, layer: Layer, products: Products) {
    this.#config = config;
    this.#layer = layer;
    this.#products = products;
  }

  async read(
    texts: readonly Float32Array[],
  ): Promise<{ hidden: Float32Array[]; of: Record<LayerMatrix, Float32Array> }> {
    const { hidden: width, heads, headDim, intermediate, normEps } = this.#config;
    const { attentionNorm, mlpNorm, qkv, output, gateUp, down } = this.#layer;
    const lengths = texts.map((text) => text.length / width);
    const tokens = lengths.reduce((sum, length) => sum + length, 0);
    const x = joinVectors(texts);
    const intoQkv = normed(x, width, normEps);
    const projected = await this.#linear(scaled(intoQkv, attentionNorm), tokens, qkv);
    const rows = projected.length / tokens;
    const attended: Float32Array[] = [];
    for (let i = 0, at = 0; i < lengths.length; at += lengths[i]! * rows, i++)
      attended.push(attention(projected.subarray(at, at + lengths[i]! * rows), this.#config));
    const intoOutput = joinVectors(attended);
    add(x, await this.#linear(intoOutput, tokens, output));
    const intoGateUp = normed(x, width, normEps);
    const intoDown = gated(await this.#linear(scaled(intoGateUp, mlpNorm), tokens, gateUp), intermediate);
    add(x, await this.#linear(intoDown, tokens, down));
    const gram = (values: Float32Array, k: number) =>
      this.#products.times(transposed(values, tokens, k), values, k, tokens, k);
    const of = {
      qkv: await gram(intoQkv, width),
      output: await gram(intoOutput, heads * headDim),
      gateUp: await gram(intoGateUp, width),
      down: await gram(intoDown, intermediate),
    };
    let at = 0;
    return { hidden: lengths.map((length) => x.slice(at * width, (at += length) * width)), of };
  }

  /** `x [tokens, cols]` -> `[tokens, rows]` */
  async #linear(x: Float32Array, tokens: number, matrix: Matrix): Promise<Float32Array> {
    const { rows, cols } = matrix;
    const out = new Float32Array(tokens * rows);
    const columns = transposed(x, tokens, cols);
    for (let start = 0; start < rows; start += ROWS) {
      const count = Math.min(ROWS, rows - start);
      const weights = dequantise(await matrix.read(start, count));
      const part = await this.#products.times(weights, columns, count, cols, tokens); // [count, tokens]
      for (let r = 0; r < count; r++)
        for (let t = 0; t < tokens; t++) out[t * rows + start + r] = part[r * tokens + t]!;
    }
    return out;
  }
}

function add(x: Float32Array, y: Float32Array): void {
  for (let i = 0; i < x.length; i++) x[i] = x[i]! + y[i]!;
}

/** RMSNorm without weight of rows of `width`. */
function normed(x: Float32Array, width: number, epsilon: number): Float32Array {
  const out = new Float32Array(x.length);
  for (let at = 0; at < x.length; at += width) {
    let sum = 0;
    for (let i = at; i < at + width; i++) sum += x[i]! * x[i]!;
    const factor = 1 / Math.sqrt(sum / width + epsilon);
    for (let i = at; i < at + width; i++) out[i] = x[i]! * factor;
  }
  return out;
}

const scaled = (x: Float32Array, factors: Float32Array): Float32Array =>
  x.map((value, i) => value * factors[i % factors.length]!);

/** `[tokens, 2 * intermediate]` -> silu(gate) * up, `[tokens, intermediate]` */
function gated(gateUp: Float32Array, intermediate: number): Float32Array {
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
