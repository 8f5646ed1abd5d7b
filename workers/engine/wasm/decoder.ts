/** The WASM backend: ONNX Runtime's CPU kernels, with threads where the page is isolated. */
import type { InferenceSession, Tensor } from 'onnxruntime-web';
import type { Checkpoint, PhiConfig } from '../checkpoint/types.ts';
import { span } from '../../shared/span.ts';
import { ropeTable, type RopeSet } from '../graph/rope.ts';
import { wasmGraph } from './graph.ts';
import { wasmWeights, type WasmForm } from './weights.ts';
import type { EarlyWeights } from './early-weights.ts';
import { KvCache } from './kv-cache.ts';
import {
  externalData,
  loadOrt,
  makeSession,
  preferredBuild,
  weightFiles,
  type WeightCache,
  type Ort,
  type PrepareProgress,
} from '../runtime/ort.ts';
import { headFetches, readChunk, selectionFeeds } from './selection.ts';
import type { ChunkRequest, ChunkResult, Choice, Decoder, DecoderFacts, KvAccess } from '../decoder.ts';

/** Tokens in one prefill run. Larger ones gain nothing: activations leave the cache, and Stop waits for the run. */
const CHUNK_TOKENS = 256;
/** Tokens that one decode run may choose; the caller asks for as many as fit its time slice. */
const MAX_STEPS = 16;

/** Loads the model on the CPU. `slots`: longest sequence in tokens. */
export async function createWasmDecoder(
  checkpoint: Checkpoint,
  {
    form,
    slots,
    threads,
    weightCache,
    early,
    signal,
  }: {
    form: WasmForm;
    slots: number;
    threads: number;
    weightCache?: WeightCache;
    early?: EarlyWeights;
    signal?: AbortSignal;
  },
  onProgress?: PrepareProgress,
): Promise<Decoder> {
  const build = preferredBuild();
  const ort = await span('ONNX Runtime', () => loadOrt(build, threads));
  const groups = wasmWeights(checkpoint, form);
  const model = wasmGraph(checkpoint.config, form, groups);
  const started = performance.now();
  const weights = await span('weights', () =>
    weightFiles({
      groups,
      weightCache,
      early: early && ((onEarly) => early.take(groups, onEarly)),
      onProgress,
      signal,
    }),
  );
  const prepared = performance.now();
  const data = await externalData(build, groups, weights.files);
  const session = await span('session', () =>
    makeSession(ort, model, {
      executionProviders: ['wasm'],
      graphOptimizationLevel: 'disabled', // the graph is fused by hand: ONNX Runtime's own passes found nothing and doubled the time to make a session
      logSeverityLevel: 3,
      externalData: data,
    }),
  );
  weights.keep();
  const facts: DecoderFacts = {
    backend: 'wasm',
    requestedDevice: null,
    device: `CPU, ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
    form,
    graphs: 1,
    nodesOnWasm: 0,
    threads,
    bytesHeld: weights.bytes,
    prepareMs: prepared - started,
    compileMs: performance.now() - prepared,
  };
  return new WasmDecoder(ort, session, checkpoint.config, slots, facts);
}

class WasmDecoder implements Decoder {
  readonly facts: DecoderFacts;
  readonly slots: number;
  readonly chunkTokens = CHUNK_TOKENS;
  readonly maxSteps = MAX_STEPS;
  readonly kv: KvAccess;
  readonly #ort: Ort;
  readonly #session: InferenceSession;
  readonly #config: PhiConfig;
  readonly #cache: KvCache;

  constructor(ort: Ort, session: InferenceSession, config: PhiConfig, slots: number, facts: DecoderFacts) {
    this.#ort = ort;
    this.#session = session;
    this.#config = config;
    this.slots = slots;
    this.facts = facts;
    this.#cache = new KvCache(config, slots);
    this.kv = {
      read: (layer, from, to) => Promise.resolve(this.#cache.rows(layer, from, to)),
      fill: async (count, rows) => {
        this.#cache.reserve(count);
        for (let layer = 0; layer < config.layers; layer++) this.#cache.fill(layer, count, await rows(layer));
      },
    };
  }

  async chunk({ ids, past, rope, choice, rows, targets, logits }: ChunkRequest): Promise<ChunkResult> {
    const headRows = rows === 'all' ? ids.map((_, i) => i) : [ids.length - 1];
    const asked = { choice, targets, logits };
    return readChunk(
      await this.#run(ids, past, rope, choice, {
        loop: false,
        headRows,
        targets: targets ?? headRows.map(() => 0),
        wanted: headFetches(asked),
      }),
      asked,
    );
  }

  async decode(id: number, past: number, rope: RopeSet, choice: Choice): Promise<number[]> {
    const result = await this.#run([id], past, rope, choice, {
      loop: true,
      headRows: [0],
      targets: [0],
      wanted: ['out_ids'],
    });
    return Array.from(result['out_ids']!.data as BigInt64Array, Number);
  }

  async dispose(): Promise<void> {
    await this.#session.release();
  }

  async #run(
    ids: readonly number[],
    past: number,
    rope: RopeSet,
    choice: Choice | null,
    {
      loop,
      headRows,
      targets,
      wanted,
    }: { loop: boolean; headRows: number[]; targets: readonly number[]; wanted: string[] },
  ): Promise<Record<string, Tensor>> {
    const { Tensor } = this.#ort;
    const { rotaryDim } = this.#config;
    const randoms = choice ? choice.randoms : new Float32Array(1);
    const positions = loop ? randoms.length : ids.length;
    this.#cache.reserve(past);
    const table = ropeTable(this.#config, rope, past, positions);
    const int64 = (values: readonly number[], dims = [values.length]) =>
      new Tensor('int64', BigInt64Array.from(values, BigInt), dims);
    const feeds: Record<string, Tensor> = {
      ids: int64(ids),
      past: int64([past], []),
      cos: new Tensor('float32', table.cos, [positions, rotaryDim / 2]),
      sin: new Tensor('float32', table.sin, [positions, rotaryDim / 2]),
      loop: new Tensor('bool', [loop], []),
      head_rows: int64(headRows),
      targets: int64(targets),
      randoms: new Tensor('float32', randoms, [randoms.length]),
      stop: int64(choice?.stop.length ? choice.stop : [-1]),
      ...selectionFeeds(Tensor, this.#config.vocab, choice),
      ...this.#cache.feeds(Tensor),
    };
    const result = (await this.#session.run(feeds, [...wanted, ...this.#cache.fetches])) as Record<string, Tensor>;
    this.#cache.keep(past, result);
    return result;
  }
}
