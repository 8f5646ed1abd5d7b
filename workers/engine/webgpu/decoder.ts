/**
 * The WebGPU backend. Weights, KV cache, logits and the choice of tokens stay on the GPU. Only token ids come back to
 * this worker.
 */
import type { InferenceSession, Tensor } from 'onnxruntime-web';
import type { Checkpoint, PhiConfig } from '../checkpoint/types.ts';
import { PhiError } from '../../shared/errors.ts';
import { ropeTable, type RopeSet } from '../graph/rope.ts';
import { webgpuGraph } from './graph.ts';
import { WEBGPU_FORM_VERSION, webgpuPlan, type WebgpuForm, type WebgpuPlan } from './weights.ts';
import { weightError } from '../weights/error.ts';
import { floatWidth, toFloatType, type FloatType } from '../weights/half.ts';
import {
  externalData,
  loadOrt,
  makeSession,
  preferredBuild,
  weightFiles,
  type OpenWeightCache,
  type Ort,
  type PrepareProgress,
} from '../runtime/ort.ts';
import type { ChunkRequest, ChunkResult, Choice, Decoder, DecoderFacts, KvAccess } from '../decoder.ts';
import { cacheAccess } from './cache-access.ts';
import { createBuffer, openGpu, reasonOf, type Gpu } from './device.ts';
import { cacheBytes, KvCache } from './kv-cache.ts';
import { checkHeads, listenForErrors, sessionOptions, type DeviceErrors } from './session.ts';
import { NOT_FINITE, readBuffer, Selector } from './selection.ts';

/** Tokens in one prefill run. */
const CHUNK_TOKENS = 256;
/** Tokens chosen before the ids are read back: each read waits for the GPU to fall idle. */
const MAX_STEPS = 16;
/** Marks of runs for graph capture: the one that is captured and replayed, and those that are not. */
const CAPTURED = '1';
const NOT_CAPTURED = '-1';

export interface WebgpuOptions {
  form: WebgpuForm;
  /** KV slots: the longest sequence in tokens. */
  slots: number;
  threads: number;
  power?: GPUPowerPreference;
  /** Activations and cache in float32; absent: in float16 where the device has it. */
  activations?: 'float32';
  /** False: no graph capture, for tests. */
  capture?: boolean;
  weightCache?: OpenWeightCache;
  signal?: AbortSignal;
  /** For tests: fewer bytes than the device binds as one buffer. */
  bindingBytes?: number;
}

/** Loads the model on the GPU. */
export async function createWebgpuDecoder(
  checkpoint: Checkpoint,
  options: WebgpuOptions,
  onProgress?: PrepareProgress,
): Promise<Decoder> {
  if (preferredBuild() !== 'jspi')
    throw new PhiError(
      'backend',
      'WebGPU: ONNX Runtime needs WebAssembly.Suspending (JSPI), which this browser lacks.',
    );
  const ort = await loadOrt('jspi', options.threads);
  const gpu = await openGpu(options.power);
  try {
    return await onDevice(ort, gpu, checkpoint, options, onProgress);
  } catch (error) {
    const reason = await reasonOf(gpu, error);
    gpu.device.destroy();
    throw reason;
  }
}

async function onDevice(
  ort: Ort,
  gpu: Gpu,
  checkpoint: Checkpoint,
  options: WebgpuOptions,
  onProgress?: PrepareProgress,
): Promise<Decoder> {
  const { config } = checkpoint;
  const { form, slots } = options;
  if (form === 'float16' && !gpu.float16)
    throw new PhiError('backend', `WebGPU: ${gpu.name} has no shader-f16. Use float32.`);
  checkHeads(config);
  const bindingBytes = options.bindingBytes ?? gpu.bindingBytes;
  const plan = webgpuPlan(checkpoint, {
    form,
    dtype: options.activations ?? (gpu.float16 ? 'float16' : 'float32'),
    bindingBytes,
  });
  const layerBytes = cacheBytes({ ...config, slots, dtype: plan.dtype });
  if (layerBytes > gpu.bindingBytes) {
    throw new PhiError(
      'out-of-memory',
      `WebGPU: a context of ${slots} tokens needs a buffer of ${layerBytes} bytes, but ${gpu.name} binds at most ${gpu.bindingBytes}. Choose a shorter context.`,
    );
  }
  // A captured graph does not apply the window.
  const capture = options.capture !== false && (config.slidingWindow === null || config.slidingWindow >= slots);
  const errors = listenForErrors(gpu.device);
  const selecting = Selector.create(gpu.device, config.vocab, MAX_STEPS); // compiled while the weights are made
  selecting.catch(() => undefined); // heard below
  const started = performance.now();
  const weightCache = options.weightCache?.(cacheName(plan, bindingBytes), WEBGPU_FORM_VERSION);
  const weights = await weightFiles({ groups: plan.groups, weightCache, onProgress, signal: options.signal });
  const prepared = performance.now();
  const data = await externalData('jspi', plan.groups, weights.files);
  const model = webgpuGraph(config, plan, slots);
  const session = await Promise.race([
    makeSession(ort, model, sessionOptions(gpu.device, config, capture, data)),
    gpu.lost,
  ]);
  const selector = await Promise.race([selecting, gpu.lost]);
  errors.check();
  weights.keep();
  const facts: DecoderFacts = {
    backend: 'webgpu',
    requestedDevice: null,
    device: `WebGPU on ${gpu.name}`,
    software: gpu.software,
    form,
    ...(options.activations && gpu.float16 && form !== 'float32' && { activations: options.activations }),
    graphs: 1,
    nodesOnWasm: 0, // disable_cpu_ep_fallback: otherwise the session is not made
    threads: 1,
    weightError: await weightError(weights.files.at(-1)!),
    bytesHeld: weights.bytes + 2 * config.layers * layerBytes + selector.bytes,
    prepareMs: prepared - started,
    compileMs: performance.now() - prepared,
  };
  return new WebgpuDecoder(ort, gpu, session, selector, config, { slots, dtype: plan.dtype, capture, facts, errors });
}

/** Name of the weight format in the weight cache. Formats that differ in their bytes have different names. */
function cacheName({ form, dtype, matrices }: WebgpuPlan, bindingBytes: number): string {
  const cut = [...matrices.values()].some(({ pieces }) => pieces.length > 1);
  return `webgpu-${form}-${dtype}${cut ? `-${bindingBytes}` : ''}`;
}

class WebgpuDecoder implements Decoder {
  readonly facts: DecoderFacts;
  readonly slots: number;
  readonly chunkTokens: number;
  readonly maxSteps = MAX_STEPS;
  readonly #ort: Ort;
  readonly #gpu: Gpu;
  readonly #session: InferenceSession;
  readonly #selector: Selector;
  readonly #config: PhiConfig;
  readonly #dtype: FloatType;
  readonly #capture: boolean;
  readonly #errors: DeviceErrors;
  readonly #buffers: GPUBuffer[] = [];
  readonly #ids: GPUBuffer; // int32 [chunkTokens]
  readonly #seqlens: GPUBuffer; // int32 [1]
  readonly #total: GPUBuffer; // int32 scalar
  readonly #rows: GPUBuffer; // int32 [chunkTokens]
  readonly #logits: GPUBuffer; // float32 [1, vocab]
  readonly #cos: GPUBuffer; // [slots, rotaryDim / 2]
  readonly #sin: GPUBuffer;
  readonly #cache: KvCache;
  /** Inputs and outputs that all runs share. */
  readonly #feeds: Record<string, Tensor>;
  readonly kv: KvAccess;
  #rope: RopeSet | null = null;

  constructor(
    ort: Ort,
    gpu: Gpu,
    session: InferenceSession,
    selector: Selector,
    config: PhiConfig,
    {
      slots,
      dtype,
      capture,
      facts,
      errors,
    }: { slots: number; dtype: FloatType; capture: boolean; facts: DecoderFacts; errors: DeviceErrors },
  ) {
    this.#ort = ort;
    this.#gpu = gpu;
    this.#session = session;
    this.#selector = selector;
    this.#config = config;
    this.#dtype = dtype;
    this.#capture = capture;
    this.#errors = errors;
    this.slots = slots;
    this.chunkTokens = Math.min(CHUNK_TOKENS, slots);
    this.facts = facts;
    const { rotaryDim, vocab } = config;
    const width = floatWidth(dtype);
    this.#ids = this.#buffer(4 * this.chunkTokens);
    this.#seqlens = this.#buffer(4);
    this.#total = this.#buffer(4);
    this.#rows = this.#buffer(4 * this.chunkTokens);
    this.#logits = this.#buffer(4 * vocab);
    this.#cos = this.#buffer((width * slots * rotaryDim) / 2);
    this.#sin = this.#buffer((width * slots * rotaryDim) / 2);
    this.#cache = new KvCache(ort, gpu.device, { ...config, slots, dtype });
    this.#feeds = {
      seqlens_k: this.#tensor(this.#seqlens, 'int32', [1]),
      cos: this.#tensor(this.#cos, dtype, [slots, rotaryDim / 2]),
      sin: this.#tensor(this.#sin, dtype, [slots, rotaryDim / 2]),
      ...this.#cache.feeds,
    };
    const kv = cacheAccess(gpu.device, this.#cache);
    this.kv = {
      read: (layer, from, to) => this.#watched(() => kv.read(layer, from, to)),
      fill: (count, rows) => this.#watched(() => kv.fill(count, rows)),
    };
  }

  #buffer(size: number): GPUBuffer {
    const buffer = createBuffer(this.#gpu.device, size);
    this.#buffers.push(buffer);
    return buffer;
  }

  #tensor(buffer: GPUBuffer, dataType: FloatType | 'int32', dims: number[]): Tensor {
    return this.#ort.Tensor.fromGpuBuffer(buffer, { dataType, dims });
  }

  async chunk({ ids, past, rope, choice, rows, targets, logits }: ChunkRequest): Promise<ChunkResult> {
    return this.#watched(async () => {
      const { vocab } = this.#config;
      const headRows = rows === 'all' ? ids.map((_, i) => i) : [ids.length - 1];
      const { queue } = this.#gpu.device;
      queue.writeBuffer(this.#ids, 0, Int32Array.from(ids));
      queue.writeBuffer(this.#rows, 0, Int32Array.from(headRows));
      const own = headRows.length > 1 ? createBuffer(this.#gpu.device, 4 * headRows.length * vocab) : null;
      try {
        const out = own ?? this.#logits;
        await this.#run(ids.length, past, rope, headRows.length, out);
        if (choice) {
          this.#selector.begin(choice);
          const first = headRows.length - choice.randoms.length;
          choice.randoms.forEach((random, step) =>
            this.#selector.choose(
              { logits: out, next: this.#ids },
              (first + step) * vocab,
              step,
              choice.sampling,
              random,
            ),
          );
        }
        const scored =
          targets || (rows === 'all' && !choice)
            ? await this.#selector.score(out, targets ?? headRows.map(() => 0))
            : null;
        if (!scored && !choice) await queue.onSubmittedWorkDone(); // otherwise a long prompt would be queued as a whole before anybody could stop it
        return {
          chosen: choice ? await this.#chosen(choice) : [],
          argmax: scored?.argmax ?? new Int32Array(0),
          logprobs: targets ? scored!.logprobs : new Float32Array(0),
          logits: logits
            ? new Float32Array(await readBuffer(this.#gpu.device, out, 4 * headRows.length * vocab))
            : null,
        };
      } finally {
        own?.destroy();
      }
    });
  }

  async decode(id: number, past: number, rope: RopeSet, choice: Choice): Promise<number[]> {
    return this.#watched(async () => {
      const { queue } = this.#gpu.device;
      const steps = choice.randoms.length;
      queue.writeBuffer(this.#ids, 0, Int32Array.of(id));
      queue.writeBuffer(this.#rows, 0, Int32Array.of(0));
      this.#selector.begin(choice);
      for (let step = 0; step < steps; step++) {
        await this.#run(1, past + step, rope, 1, this.#logits);
        // The id goes straight into the next run's input; nobody waits for it.
        this.#selector.choose(
          { logits: this.#logits, next: this.#ids },
          0,
          step,
          choice.sampling,
          choice.randoms[step]!,
        );
      }
      const chosen = await this.#chosen(choice);
      const end = chosen.findIndex((token) => choice.stop.includes(token));
      return end < 0 ? chosen : chosen.slice(0, end + 1); // anything computed after it lies in slots that count as empty
    });
  }

  /** The tokens chosen since the last read. Throws `backend` where logits were NaN or infinite: a value exceeded float16. */
  async #chosen({ randoms }: Choice): Promise<number[]> {
    const chosen = [...(await this.#selector.read(randoms.length))];
    if (!chosen.includes(NOT_FINITE)) return chosen;
    const { device, form } = this.facts;
    throw new PhiError('backend', `${device} computed NaN or infinite logits with ${form} weights.`);
  }

  async dispose(): Promise<void> {
    try {
      await this.#session.release();
    } finally {
      this.#selector.destroy();
      for (const buffer of this.#buffers) buffer.destroy();
      this.#cache.destroy();
      this.#gpu.device.destroy();
    }
  }

  /** Runs `tokens` of `ids` at slot `past`; `logits [rows, vocab]` are written. Resolves when all is queued, not when it is done. */
  async #run(tokens: number, past: number, rope: RopeSet, rows: number, logits: GPUBuffer): Promise<void> {
    const total = past + tokens;
    const { queue } = this.#gpu.device;
    this.#useRope(rope);
    queue.writeBuffer(this.#seqlens, 0, Int32Array.of(total - 1));
    if (this.#capture) queue.writeBuffer(this.#total, 0, Int32Array.of(total));
    const feeds = {
      ...this.#feeds,
      ids: this.#tensor(this.#ids, 'int32', [tokens]),
      head_rows: this.#tensor(this.#rows, 'int32', [rows]),
      // With capture the kernel reads it on the GPU, without on the CPU.
      total: this.#capture
        ? this.#tensor(this.#total, 'int32', [])
        : new this.#ort.Tensor('int32', Int32Array.of(total), []),
    };
    const fetches = { ...this.#cache.fetches, logits: this.#tensor(logits, 'float32', [rows, this.#config.vocab]) };
    const single = tokens === 1 && logits === this.#logits;
    await this.#session.run(feeds, fetches, {
      extra: { gpu_graph_id: this.#capture && single ? CAPTURED : NOT_CAPTURED },
    });
  }

  /** Puts the cosines and sines of a set of factors where the graph reads them. */
  #useRope(set: RopeSet): void {
    if (set === this.#rope) return;
    const { cos, sin } = ropeTable(this.#config, set, 0, this.slots);
    const { queue } = this.#gpu.device;
    queue.writeBuffer(this.#cos, 0, toFloatType(cos, this.#dtype));
    queue.writeBuffer(this.#sin, 0, toFloatType(sin, this.#dtype));
    this.#rope = set;
  }

  /** Runs `work`. Rejects when the device is lost, and throws errors that the device reported outside of the call. */
  async #watched<T>(work: () => Promise<T>): Promise<T> {
    const lost = this.#gpu.lostError();
    if (lost) throw lost;
    try {
      const result = await Promise.race([work(), this.#gpu.lost]);
      this.#errors.check();
      return result;
    } catch (error) {
      throw await reasonOf(this.#gpu, error);
    }
  }
}
