/** Runs the WebNN graphs in Node, on ONNX Runtime's WASM provider: what they compute, not how fast. For tests. */
import * as ort from 'onnxruntime-web/wasm';
import type { Checkpoint } from '../../checkpoint/types.ts';
import { materialise } from '../../weights/plan.ts';
import { dequantise } from '../../weights/rows.ts';
import { cacheLayout, HIDDEN_SCORE } from '../cache-layout.ts';
import type { Dtype } from '../../weights/plan.ts';
import { webnnGraph, type WebnnShape } from '../graph.ts';
import { rotationTables } from '../runner.ts';
import { CEILING } from '../select-graph.ts';
import { fedTensors, graphGroups, type WebnnPlan } from '../weights.ts';

ort.env.wasm.numThreads = 1;

type Feeds = Record<string, ort.Tensor>;

/** Zeros of a type; float16 is held as bits. */
function zeros(dtype: 'float32' | 'float16', dims: readonly number[]): ort.Tensor {
  const length = dims.reduce((product, dim) => product * dim, 1);
  return new ort.Tensor(dtype, dtype === 'float32' ? new Float32Array(length) : new Uint16Array(length), dims);
}

function fedTensor(dtype: Dtype, bytes: Uint8Array<ArrayBuffer>, dims: readonly number[]): ort.Tensor {
  if (dtype === 'int8') return new ort.Tensor('int8', new Int8Array(bytes.buffer), dims);
  if (dtype === 'int4') return new ort.Tensor('int4', bytes, dims);
  return new ort.Tensor('float32', new Float32Array(bytes.buffer), dims);
}

/** One graph with its caches: token runs one after another, as webnn/runner.ts and webnn/kv-cache.ts do with MLTensors. */
export class GraphRun {
  readonly #session: ort.InferenceSession;
  readonly #checkpoint: Checkpoint;
  readonly #shape: WebnnShape;
  readonly #fed: Feeds;
  readonly #settled: Feeds = {};
  #recentKey: ort.Tensor;
  #recentValue: ort.Tensor;
  /** Positions that are settled, and those in the recent cache behind them. */
  #base = 0;
  #count = 0;

  private constructor(session: ort.InferenceSession, checkpoint: Checkpoint, shape: WebnnShape, fed: Feeds) {
    this.#session = session;
    this.#checkpoint = checkpoint;
    this.#shape = shape;
    this.#fed = fed;
    const layout = cacheLayout(checkpoint.config, shape.slots, shape.recent, shape.dialect);
    for (let l = 0; l < checkpoint.config.layers; l++) {
      this.#settled[`key.${l}`] = zeros(layout.dtype, layout.key);
      this.#settled[`value.${l}`] = zeros(layout.dtype, layout.value);
    }
    this.#recentKey = zeros(layout.dtype, layout.recentKey);
    this.#recentValue = zeros(layout.dtype, layout.recentValue);
  }

  static async create(checkpoint: Checkpoint, plan: WebnnPlan, shape: WebnnShape): Promise<GraphRun> {
    const { model } = webnnGraph(checkpoint.config, plan, shape);
    const groups = graphGroups(plan, shape);
    const files = new Map<string, Uint8Array<ArrayBuffer>>();
    for (const group of groups) files.set(group.location, await materialise(group));
    const session = await ort.InferenceSession.create(model, {
      executionProviders: ['wasm'],
      externalData: [...files].map(([path, data]) => ({ path, data })),
    });
    const fed: Feeds = {};
    for (const { group, tensor, start, end } of fedTensors(plan, shape)) {
      const bytes = files.get(group.location)!.slice(start, end);
      fed[tensor.name] = fedTensor(tensor.dtype, bytes, tensor.dims);
    }
    return new GraphRun(session, checkpoint, shape, fed);
  }

  /** Logits `[vocab]` behind the last of `ids`, at most `width` of them. */
  async run(ids: readonly number[]): Promise<Float32Array> {
    const { width, recent } = this.#shape;
    const { hidden, vocab } = this.#checkpoint.config;
    const x = new Float32Array(width * hidden);
    for (const [i, id] of ids.entries()) x.set(dequantise(await this.#checkpoint.embedding.read(id, 1)), i * hidden);
    const place = new Float32Array(recent * width);
    ids.forEach((_, i) => (place[(this.#count + i) * width + i] = 1));
    const keep = Float32Array.from({ length: recent }, (_, slot) => (slot < this.#count ? 1 : 0));
    const past = this.#base + this.#count;
    const feeds: Feeds = {
      ...this.#fed,
      ...this.#settled,
      ...this.#rope(past, ids.length),
      x: new ort.Tensor('float32', x, [width, hidden]),
      mask: this.#mask(ids.length),
      recent_key: this.#recentKey,
      recent_value: this.#recentValue,
      keep: new ort.Tensor('float32', keep, [recent, 1]),
      place: new ort.Tensor('float32', place, [recent, width]),
      row: new ort.Tensor('int32', Int32Array.of(ids.length - 1), [1]),
      target: new ort.Tensor('int32', Int32Array.of(0), [1]),
      sampling: new ort.Tensor('float32', Float32Array.of(1, 1), [2]),
      seen: new ort.Tensor('float32', new Float32Array(vocab), [1, vocab]),
      ceiling: new ort.Tensor('float32', new Float32Array(vocab).fill(CEILING), [1, vocab]),
    };
    const result = await this.#session.run(feeds);
    this.#recentKey = result['new_key']!;
    this.#recentValue = result['new_value']!;
    this.#count += ids.length;
    return result['logits']!.data as Float32Array;
  }

  #rope(past: number, tokens: number): Feeds {
    const { config } = this.#checkpoint;
    const { width } = this.#shape;
    const { cos, sin } = rotationTables(config, 'short', past, tokens, width);
    const dims = [width, 1, config.headDim];
    return { cos: new ort.Tensor('float32', cos, dims), sin: new ort.Tensor('float32', sin, dims) };
  }

  #mask(tokens: number): ort.Tensor {
    const { width, visible, recent, dialect } = this.#shape;
    const keys = visible + recent + width;
    const mask = new Float32Array(width * keys).fill(HIDDEN_SCORE[dialect]);
    for (let i = 0; i < tokens; i++) {
      mask.fill(0, i * keys, i * keys + this.#base);
      mask.fill(0, i * keys + visible, i * keys + visible + this.#count);
      mask.fill(0, i * keys + visible + recent, i * keys + visible + recent + i + 1);
    }
    return new ort.Tensor('float32', mask, [width, keys]);
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}
