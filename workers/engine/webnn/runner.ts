import type { PhiConfig } from '../checkpoint/types.ts';
import { ropeTable, type RopeSet } from '../graph/rope.ts';
import { CEILING, summaryLayout } from './select-graph.ts';
import { cacheLayout, HIDDEN_SCORE } from './cache-layout.ts';
import type { WebnnShape } from './graph.ts';
import { mayChoose, type Choice } from '../decoder.ts';
import type { MLDataType, MLGraph, MLTensor } from './api.ts';
import type { WebnnCache } from './kv-cache.ts';
import type { WebnnDevice } from './device.ts';
import type { EmbeddingRows } from '../weights/embedding-rows.ts';

export interface HeadRequest {
  /** Row of the run whose logits are computed, and the token whose logit is asked. */
  row: number;
  target: number;
  choice: Choice | null;
  /** The run's tokens count as cached afterwards; false when the same run follows for another row. */
  keep: boolean;
}

const NOTHING_ASKED: HeadRequest = { row: 0, target: 0, choice: null, keep: true };

/** One graph of the network with the tensors that are its own. */
export class Runner {
  readonly width: number;
  readonly #device: WebnnDevice;
  readonly #config: PhiConfig;
  readonly #shape: WebnnShape;
  readonly #graph: MLGraph;
  readonly #embedding: EmbeddingRows;
  readonly #names: ReadonlySet<string>;
  /** Inputs that are written before a run. */
  readonly #own: Record<string, MLTensor>;
  readonly #weights: Record<string, MLTensor>;
  readonly #outputs: Record<string, MLTensor>;
  /** The mask that `ceiling` was written from last; undefined: it was never written. */
  #ceiling: Uint32Array | null | undefined = undefined;

  private constructor(
    device: WebnnDevice,
    config: PhiConfig,
    shape: WebnnShape,
    built: { graph: MLGraph; inputs: string[] },
    tensors: { own: Record<string, MLTensor>; weights: Record<string, MLTensor>; outputs: Record<string, MLTensor> },
    embedding: EmbeddingRows,
  ) {
    this.#device = device;
    this.#config = config;
    this.#shape = shape;
    this.width = shape.width;
    this.#graph = built.graph;
    this.#names = new Set(built.inputs);
    this.#own = tensors.own;
    this.#weights = tensors.weights;
    this.#outputs = tensors.outputs;
    this.#embedding = embedding;
  }

  static async create(
    device: WebnnDevice,
    config: PhiConfig,
    shape: WebnnShape,
    built: { graph: MLGraph; inputs: string[] },
    { embedding, weights }: { embedding: EmbeddingRows; weights: Record<string, MLTensor> },
  ): Promise<Runner> {
    const { width, slots, visible, recent, head } = shape;
    const { headDim, hidden, vocab } = config;
    const inputs: Record<string, [MLDataType, number[]]> = {
      x: ['float32', [width, hidden]],
      cos: ['float32', [width, 1, headDim]],
      sin: ['float32', [width, 1, headDim]],
      mask: ['float32', [width, visible + recent + width]],
      keep: ['float32', [recent, 1]],
      place: ['float32', [recent, width]],
      row: ['int32', [1]],
      target: ['int32', [1]],
      sampling: ['float32', [2]],
      seen: ['float32', [1, vocab]],
      ceiling: ['float32', [1, vocab]],
    };
    const own: Record<string, MLTensor> = {};
    for (const [name, [dtype, dims]] of Object.entries(inputs))
      if (built.inputs.includes(name)) own[name] = await device.tensor(dtype, dims);
    const outputs: Record<string, MLTensor> = {};
    if (head) {
      outputs['logits'] = await device.tensor('float32', [1, vocab], { readable: true });
      outputs['summary'] = await device.tensor('float32', [summaryLayout(vocab).length], { readable: true });
    }
    if (!recent) {
      const { dtype, recentKey, recentValue } = cacheLayout(config, slots, width, shape.dialect);
      outputs['new_key'] = await device.tensor(dtype, recentKey);
      outputs['new_value'] = await device.tensor(dtype, recentValue);
    }
    return new Runner(device, config, shape, built, { own, weights, outputs }, embedding);
  }

  get devices(): readonly string[] | undefined {
    return this.#graph.devices;
  }

  /** Computes `ids` at slots `past` and on, and adds them to the cache. Resolves when the run is queued. */
  async run(
    cache: WebnnCache,
    ids: readonly number[],
    past: number,
    rope: RopeSet,
    request: HeadRequest = NOTHING_ASKED,
  ): Promise<void> {
    const { row, target, choice, keep } = request;
    const { width, recent, head } = this.#shape;
    const tokens = ids.length;
    this.#write('x', await this.#embedding.read(ids, width));
    const { base, count } = cache.begin(past, tokens, recent > 0);
    this.#writeRope(rope, past, tokens);
    this.#write('mask', this.#mask(past, tokens, base, count));
    if (recent) {
      this.#write(
        'keep',
        Float32Array.from({ length: recent }, (_, j) => (j < count ? 1 : 0)),
      );
      const place = new Float32Array(recent * width);
      for (let i = 0; i < tokens; i++) place[(count + i) * width + i] = 1;
      this.#write('place', place);
    }
    if (head) this.#writeHead(row, target, choice);
    const available = { ...cache.settledInputs, ...cache.recentInputs, ...this.#weights, ...this.#own };
    const inputs = Object.fromEntries(Object.entries(available).filter(([name]) => this.#names.has(name)));
    this.#device.context.dispatch(
      this.#graph,
      inputs,
      recent ? { ...this.#outputs, ...cache.recentOutputs } : this.#outputs,
    );
    if (!recent) cache.settleRun({ key: this.#outputs['new_key']!, value: this.#outputs['new_value']! }, width, tokens);
    else if (keep) cache.advance(tokens);
  }

  /** Figures and candidates of the last run. */
  async summary(): Promise<Float32Array> {
    return new Float32Array(await this.#device.context.readTensor(this.#outputs['summary']!));
  }

  /** `[vocab]` */
  async logits(): Promise<Float32Array> {
    return new Float32Array(await this.#device.context.readTensor(this.#outputs['logits']!));
  }

  destroy(): void {
    this.#graph.destroy();
  }

  /** Nothing where the graph has no such input: one layer without a head gives keys and values, and looks at no mask. */
  #write(name: string, data: Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>): void {
    const tensor = this.#own[name];
    if (tensor) this.#device.context.writeTensor(tensor, data);
  }

  #writeRope(rope: RopeSet, past: number, tokens: number): void {
    const { cos, sin } = rotationTables(this.#config, rope, past, tokens, this.width);
    this.#write('cos', cos);
    this.#write('sin', sin);
  }

  /** `[width, visible + recent + width]`: 0 for a key that the query sees, HIDDEN_SCORE for others. */
  #mask(past: number, tokens: number, base: number, count: number): Float32Array<ArrayBuffer> {
    const { width, visible, recent, dialect } = this.#shape;
    const keys = visible + recent + width;
    const window = this.#config.slidingWindow ?? Infinity;
    const mask = new Float32Array(width * keys).fill(HIDDEN_SCORE[dialect]);
    for (let i = 0; i < tokens; i++) {
      const first = Math.max(0, past + i - window + 1); // position of the first key in sight
      const see = (offset: number, start: number, end: number) => {
        const from = Math.max(start, first);
        if (from < end) mask.fill(0, i * keys + offset + from - start, i * keys + offset + end - start);
      };
      see(0, 0, base);
      see(visible, base, base + count);
      see(visible + recent, past, past + i + 1);
    }
    return mask;
  }

  #writeHead(row: number, target: number, choice: Choice | null): void {
    const repetitionPenalty = choice?.sampling.repetitionPenalty ?? 1;
    this.#write('row', Int32Array.of(row));
    this.#write('target', Int32Array.of(target));
    this.#write('sampling', Float32Array.of(repetitionPenalty, 1 / repetitionPenalty));
    if (choice && repetitionPenalty !== 1) this.#write('seen', Float32Array.from(choice.seen));
    this.#writeCeiling(choice?.mask ?? null);
  }

  /** `mask`: of this run's row; null: every token may be chosen. Most runs have none, and write nothing. */
  #writeCeiling(mask: Uint32Array | null): void {
    if (mask === this.#ceiling) return;
    this.#ceiling = mask;
    const ceiling = new Float32Array(this.#config.vocab);
    if (mask)
      for (let id = 0; id < ceiling.length; id++) ceiling[id] = mayChoose(mask, ceiling.length, 0, id) ? CEILING : 0;
    else ceiling.fill(CEILING);
    this.#write('ceiling', ceiling);
  }
}

/** `cos` and `sin` `[width, 1, headDim]` of a run: the sign of the rotation is in sin; 1 and 0 where nothing is rotated. */
export function rotationTables(
  config: PhiConfig,
  rope: RopeSet,
  past: number,
  tokens: number,
  width: number,
): { cos: Float32Array<ArrayBuffer>; sin: Float32Array<ArrayBuffer> } {
  const { headDim, rotaryDim } = config;
  const half = rotaryDim / 2;
  const table = ropeTable(config, rope, past, tokens); // [tokens, half]
  const cos = new Float32Array(width * headDim).fill(1);
  const sin = new Float32Array(width * headDim);
  for (let i = 0; i < tokens; i++) {
    for (let j = 0; j < half; j++) {
      const at = i * headDim + j;
      cos[at] = cos[at + half] = table.cos[i * half + j]!;
      sin[at + half] = table.sin[i * half + j]!;
      sin[at] = -sin[at + half]!;
    }
  }
  return { cos, sin };
}
