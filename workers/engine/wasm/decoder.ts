/** The WASM backend: ONNX Runtime's CPU kernels, with threads where the page is isolated. */
import type { InferenceSession, Tensor } from 'onnxruntime-web';
import type { Checkpoint, PhiConfig } from '../checkpoint/types.ts';
import { PhiError } from '../../shared/errors.ts';
import { processorName } from '../../shared/processor-name.ts';
import { span } from '../../shared/span.ts';
import type { WorkerThread } from '../../shared/worker-thread.ts';
import { ropeTable, type RopeSet } from '../graph/rope.ts';
import { wasmGraph } from './graph.ts';
import { wasmWeights, type WasmForm } from './weights.ts';
import type { EarlyWeights } from './early-weights.ts';
import { KvCache } from './kv-cache.ts';
import { OwnSteps } from './step/own-steps.ts';
import { MOST_TOKENS } from './step/plan.ts';
import { canStep, DISAGREED, makeStepper, startHelpers } from './step/stepper.ts';
import { withPlaces, type WeightPlaces } from '../runtime/weight-places.ts';
import {
  externalData,
  loadOrt,
  makeSession,
  preferredBuild,
  weightFiles,
  type WeightCache,
  type Ort,
  type OrtBuild,
  type PrepareProgress,
} from '../runtime/ort.ts';
import { headFetches, readChunk, selectionFeeds } from './selection.ts';
import type { ChunkRequest, ChunkResult, Choice, Decoder, DecoderFacts, KvAccess } from '../decoder.ts';

/** Tokens in one prefill run. Larger ones gain nothing: activations leave the cache, and Stop waits for the run. */
const CHUNK_TOKENS = 256;

export interface WasmOptions {
  form: WasmForm;
  /** The longest sequence in tokens. */
  slots: number;
  threads: number;
  weightCache?: WeightCache;
  early?: EarlyWeights;
  signal?: AbortSignal;
}

/** Loads the model on the CPU. */
export async function createWasmDecoder(
  checkpoint: Checkpoint,
  options: WasmOptions,
  onProgress?: PrepareProgress,
): Promise<Decoder> {
  const { form, threads } = options;
  const build = preferredBuild();
  const ort = await span('ONNX Runtime', () => loadOrt(build, threads));
  const helpers = form === 'int8' && canStep(checkpoint.config) ? startHelpers(threads) : null;
  try {
    return await load(build, ort, checkpoint, options, helpers, onProgress);
  } catch (error) {
    for (const helper of helpers ?? []) helper.terminate();
    throw error;
  }
}

/** `helpers` null: ONNX Runtime does single tokens too. */
async function load(
  build: OrtBuild,
  ort: Ort,
  checkpoint: Checkpoint,
  { form, slots, threads, weightCache, early, signal }: WasmOptions,
  helpers: WorkerThread[] | null,
  onProgress?: PrepareProgress,
): Promise<Decoder> {
  const { config } = checkpoint;
  const groups = wasmWeights(checkpoint, form);
  const model = wasmGraph(config, form, groups, helpers === null);
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
  const { made: session, weights: places } = await span('session', () =>
    withPlaces(groups, data, (externalData) =>
      makeSession(ort, model, {
        executionProviders: ['wasm'],
        graphOptimizationLevel: 'disabled', // the graph is fused by hand: ONNX Runtime's own passes found nothing and doubled the time to make a session
        logSeverityLevel: 3,
        externalData,
      }),
    ),
  );
  weights.keep();
  const steps = helpers && (await ownSteps(ort, config, places, helpers, slots));
  const facts: DecoderFacts = {
    backend: 'wasm',
    requestedDevice: null,
    device: processorName(threads, 1),
    form,
    graphs: 1,
    nodesOnWasm: 0,
    threads,
    ...(typeof steps === 'string' && { singleTokens: { slow: steps } }),
    bytesHeld: weights.bytes,
    prepareMs: prepared - started,
    compileMs: performance.now() - prepared,
  };
  const decoder = new WasmDecoder(
    ort,
    session,
    config,
    slots,
    facts,
    steps instanceof OwnSteps ? steps : helpers ? null : 'loop',
  );
  await span('steps compared', () => decoder.compareSteps());
  return decoder;
}

/** Our own kernels; if they cannot run, the reason in words. Then the session decodes: slower, but no reason to fail. */
async function ownSteps(
  ort: Ort,
  config: PhiConfig,
  places: WeightPlaces | null,
  helpers: WorkerThread[],
  slots: number,
): Promise<OwnSteps | string> {
  try {
    return await span('steps', async () =>
      OwnSteps.create(ort, config.vocab, await makeStepper(config, places, helpers, { slots })),
    );
  } catch (error) {
    return PhiError.from(error).message;
  }
}

class WasmDecoder implements Decoder {
  readonly facts: DecoderFacts;
  readonly slots: number;
  readonly chunkTokens = CHUNK_TOKENS;
  readonly kv: KvAccess;
  readonly #ort: Ort;
  readonly #session: InferenceSession;
  readonly #config: PhiConfig;
  readonly #cache: KvCache;
  /** 'loop': the graph has a way of single tokens. null: neither that nor our own kernels, so a step is a chunk of one token. */
  #steps: OwnSteps | 'loop' | null;

  constructor(
    ort: Ort,
    session: InferenceSession,
    config: PhiConfig,
    slots: number,
    facts: DecoderFacts,
    steps: OwnSteps | 'loop' | null,
  ) {
    this.#ort = ort;
    this.#session = session;
    this.#config = config;
    this.slots = slots;
    this.facts = facts;
    this.#steps = steps;
    this.#cache = new KvCache(config, slots, steps === null || steps === 'loop' ? null : steps.arena);
    this.kv = {
      read: (layer, from, to) => Promise.resolve(this.#cache.rows(layer, from, to)),
      fill: async (count, rows) => {
        this.#cache.reserve(count);
        for (let layer = 0; layer < config.layers; layer++) this.#cache.fill(layer, count, await rows(layer));
      },
    };
  }

  async chunk(request: ChunkRequest): Promise<ChunkResult> {
    if (this.#steps instanceof OwnSteps) {
      const own = await this.#steps.chunk(request, this.#cache);
      if (own) return own;
    }
    const { ids, past, rope, choice, rows, targets, logits } = request;
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

  get maxSteps(): number {
    return this.#steps ? MOST_TOKENS : 1;
  }

  async decode(id: number, past: number, rope: RopeSet, choice: Choice): Promise<number[]> {
    if (this.#steps === null) return this.#chunkOfOne(id, past, rope, choice);
    if (this.#steps !== 'loop') return this.#steps.decode(id, past, rope, choice, this.#cache);
    const result = await this.#run([id], past, rope, choice, {
      loop: true,
      headRows: [0],
      targets: [0],
      wanted: ['out_ids'],
    });
    return Array.from(result['out_ids']!.data as BigInt64Array, Number);
  }

  async dispose(): Promise<void> {
    await this.#dropSteps();
    await this.#session.release();
  }

  async #chunkOfOne(id: number, past: number, rope: RopeSet, choice: Choice): Promise<number[]> {
    const one = { ...choice, randoms: choice.randoms.subarray(0, 1) };
    return (await this.chunk({ ids: [id], past, rope, choice: one, rows: 'last' })).chosen;
  }

  /** Feeds a token through the session and through our own kernels. Where they do not agree, the session decodes. Leaves the cache overwritten. */
  async compareSteps(): Promise<void> {
    if (!this.#steps || this.#steps === 'loop') return;
    const { logits } = await this.chunk({ ids: [0], past: 0, rope: 'short', choice: null, rows: 'last', logits: true });
    if (this.#steps.agrees(0, logits!, this.#cache)) this.facts.singleTokens = this.#steps.threads;
    else {
      await this.#dropSteps();
      this.facts.singleTokens = { slow: DISAGREED };
    }
  }

  async #dropSteps(): Promise<void> {
    const steps = this.#steps;
    if (!steps || steps === 'loop') return;
    this.#steps = null;
    await steps.dispose();
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
      ...(this.#steps === 'loop' && {
        loop: new Tensor('bool', [loop], []),
        stop: int64(choice?.stop.length ? choice.stop : [-1]),
      }),
      head_rows: int64(headRows),
      targets: int64(targets),
      randoms: new Tensor('float32', randoms, [randoms.length]),
      ...selectionFeeds(Tensor, this.#config.vocab, choice),
      ...this.#cache.feeds(Tensor),
    };
    const result = (await this.#session.run(feeds, [...wanted, ...this.#cache.fetches])) as Record<string, Tensor>;
    this.#cache.keep(past, result);
    return result;
  }
}
