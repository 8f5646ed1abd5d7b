/**
 * The WebNN backend: the network as one MLGraph, the cache in MLTensors, candidates chosen in the graph. On the CPU (LiteRT) further graphs
 * of the same network take wide chunks of a prompt; see webnn/plan.ts.
 */
import type { Checkpoint, PhiConfig } from '../checkpoint/types.ts';
import { PhiError } from '../../shared/errors.ts';
import type { RopeSet } from '../graph/rope.ts';
import { SUMMARY } from './select-graph.ts';
import { WEBNN_FORM_VERSION, webnnCacheName } from './cache-name.ts';
import { allGroups, webnnPlan, type WebnnPlan } from './weights.ts';
import type { DeviceType, WeightFormat } from '../../shared/protocol.ts';
import { weightError } from '../weights/error.ts';
import {
  loadOrt,
  preferredBuild,
  weightFiles,
  type OpenWeightCache,
  type Ort,
  type PrepareProgress,
  type WeightFiles,
} from '../runtime/ort.ts';
import type { DataFile } from '../runtime/data-file.ts';
import type { WeightGroup } from '../weights/plan.ts';
import type { ChunkRequest, ChunkResult, Choice, Decoder, DecoderFacts, KvAccess } from '../decoder.ts';
import { cacheAccess } from './cache-access.ts';
import { WebnnCache } from './kv-cache.ts';
import { allCandidates, allowedOf, choose, likeliestOf, readCandidates } from './selection.ts';
import { WebnnDevice } from './device.ts';
import type { Calibration } from './calibration.ts';
import { EmbeddingRows } from '../weights/embedding-rows.ts';
import type { MLTensor } from './api.ts';
import type { WebnnDialect } from './cache-layout.ts';
import type { WebnnShape } from './graph.ts';
import { buildRunner, buildSteps, PrefillGraphs, sharedWeights, type Network } from './network.ts';
import { cutIntoRuns, dialectFor, graphsFor, refuseFatalBuild, runCost } from './plan.ts';
import type { Runner } from './runner.ts';
import type { StepGraphs } from './step-graphs.ts';

export interface WebnnOptions {
  deviceType: DeviceType;
  form: WeightFormat;
  /** KV slots: the longest sequence in tokens. */
  slots: number;
  threads: number;
  /** For forms of 4 bits by column or group: rounding makes up for itself. */
  calibration?: Calibration;
  /** The cache for weights made for a dialect. */
  weightCache?: OpenWeightCache;
  signal?: AbortSignal;
  /** For tests: another dialect than the one that the device gets. */
  dialect?: WebnnDialect;
}

/** Tokens in one chunk: Stop acts between two. */
const CHUNK_TOKENS = 128;

/** Loads the model on the device that WebNN gives. */
export async function createWebnnDecoder(
  checkpoint: Checkpoint,
  options: WebnnOptions,
  onProgress?: PrepareProgress,
): Promise<Decoder> {
  if (preferredBuild() !== 'jspi')
    throw new PhiError('backend', 'WebNN: ONNX Runtime needs WebAssembly.Suspending (JSPI), which this browser lacks.');
  const ort = await loadOrt('jspi', options.threads);
  const device = await WebnnDevice.open(options.deviceType);
  try {
    return await device.watched(() => onDevice(ort, device, checkpoint, options, onProgress));
  } catch (error) {
    device.destroy();
    throw error;
  }
}

async function onDevice(
  ort: Ort,
  device: WebnnDevice,
  checkpoint: Checkpoint,
  options: WebnnOptions,
  onProgress?: PrepareProgress,
): Promise<Decoder> {
  const { config } = checkpoint;
  const { form, slots, signal } = options;
  const { devices, widthRatio } = device.probe;
  const dialect = options.dialect ?? dialectFor(devices, widthRatio, options.deviceType);
  const graphs = graphsFor(dialect, widthRatio, form, device.takes('int4'));
  const started = performance.now();
  const plan = webnnPlan(checkpoint, form, options.calibration ?? null, dialect);
  refuseFatalBuild(devices, plan);
  const { weights, files } = await makeWeights(plan, options, onProgress);
  const prepared = performance.now();
  const embedding = new EmbeddingRows(checkpoint.embedding, plan.residual);
  const network: Network = { ort, device, config, plan, slots, embedding, files, scales: 'before' };
  const shape: WebnnShape = {
    dialect,
    width: Math.min(graphs.main, slots),
    slots,
    visible: slots,
    recent: graphs.recent,
    head: true,
    weights: graphs.weights,
    scales: network.scales,
  };
  const shared = graphs.weights === 'inputs' ? await sharedWeights(network, true) : null;
  // The graph with constants is built before the tensors are made, because its build takes three times the weights for a moment.
  const main = await buildMain(network, shape, shared ?? {});
  const steps = graphs.step ? await buildSteps(network, { ...shape, scales: network.scales }, shared ?? {}) : null;
  signal?.throwIfAborted();
  const prefill = await PrefillGraphs.create(
    network,
    graphs.prefill,
    async () => shared ?? (await sharedWeights(network, false)),
  );
  const cache = await WebnnCache.create(device, config, slots, graphs.recent, prefill?.widths ?? [], dialect);
  await network.embedding.hold();
  weights.keep();
  const facts: DecoderFacts = {
    backend: 'webnn',
    requestedDevice: options.deviceType,
    device: device.describe(main.devices),
    form,
    graphs: 1,
    widths: [...(steps ? [1] : []), shape.width, ...(prefill?.widths ?? [])],
    nodesOnWasm: 0, // compile() rejects a network that is not whole
    threads: 1,
    weightError: await weightError(weights.files.at(-1)!),
    bytesHeld: weights.bytes + device.tensorBytes,
    prepareMs: prepared - started,
    compileMs: performance.now() - prepared,
  };
  return new WebnnDecoder(device, plan, config, cache, { main, steps, prefill }, facts);
}

/** The plan's weights, and the file of each group. */
async function makeWeights(
  plan: WebnnPlan,
  { weightCache, calibration, signal }: WebnnOptions,
  onProgress?: PrepareProgress,
): Promise<{ weights: WeightFiles; files: Map<WeightGroup, DataFile> }> {
  const groups = allGroups(plan);
  const name = webnnCacheName(plan.dialect, plan.form, calibration !== undefined);
  const weights = await weightFiles({
    groups,
    weightCache: weightCache?.(name, WEBNN_FORM_VERSION),
    onProgress,
    signal,
  });
  return { weights, files: new Map(groups.map((group, i) => [group, weights.files[i]!])) };
}

/**
 * The graph with the head. Where an NPU does not take codes with scales applied to them (Qualcomm's), the network goes on with scales behind the
 * products; what the device says of that is the error.
 */
async function buildMain(network: Network, shape: WebnnShape, weights: Record<string, MLTensor>): Promise<Runner> {
  try {
    return await buildRunner(network, shape, weights);
  } catch (error) {
    const { dialect, form } = network.plan;
    if (dialect !== 'npu' || form !== 'int8' || PhiError.from(error).code === 'device-lost') throw error;
    network.scales = 'after';
    return buildRunner(network, { ...shape, scales: 'after' }, weights);
  }
}

interface Runners {
  main: Runner;
  /** For single tokens; null: the main one. */
  steps: StepGraphs<Runner> | null;
  prefill: PrefillGraphs | null;
}

class WebnnDecoder implements Decoder {
  readonly facts: DecoderFacts;
  readonly slots: number;
  readonly chunkTokens: number;
  readonly maxSteps = 1; // every token is read back: its candidates are few
  readonly kv: KvAccess;
  readonly #device: WebnnDevice;
  readonly #plan: WebnnPlan;
  readonly #vocab: number;
  readonly #cache: WebnnCache;
  readonly #main: Runner;
  readonly #steps: StepGraphs<Runner> | null;
  readonly #prefill: PrefillGraphs | null;

  constructor(
    device: WebnnDevice,
    plan: WebnnPlan,
    config: PhiConfig,
    cache: WebnnCache,
    { main, steps, prefill }: Runners,
    facts: DecoderFacts,
  ) {
    this.#device = device;
    this.#plan = plan;
    this.#vocab = config.vocab;
    this.#cache = cache;
    this.#main = main;
    this.#steps = steps;
    this.#prefill = prefill;
    this.facts = facts;
    this.slots = cache.slots;
    this.chunkTokens = Math.min(CHUNK_TOKENS, cache.slots);
    const kv = cacheAccess(device, config, cache, plan.dialect);
    this.kv = {
      read: (layer, from, to) => device.watched(() => kv.read(layer, from, to)),
      fill: (count, rows) => device.watched(() => kv.fill(count, rows)),
    };
  }

  async chunk({ ids, past, rope, choice, rows, targets, logits }: ChunkRequest): Promise<ChunkResult> {
    return this.#device.watched(async () => {
      const asked = choice !== null || targets !== undefined || logits === true || rows === 'all';
      // Tokens of the last run, the one with the head.
      const last = !asked ? 0 : rows === 'all' ? ids.length : ((ids.length - 1) % this.#main.width) + 1;
      const body = ids.length - last;
      await this.#fill(ids.slice(0, body), past, rope);
      const result: ChunkResult = {
        chosen: [],
        argmax: new Int32Array(0),
        logprobs: new Float32Array(0),
        logits: null,
      };
      if (!asked) return result;
      const found: { summary: Float32Array; logits: Float32Array | null }[] = [];
      for (let at = body; at < ids.length; at += this.#main.width) {
        const run = ids.slice(at, at + this.#main.width);
        const runner = this.#runnerFor(run.length, past + at);
        // The head is computed on one row of a run: for every row the same run once more.
        for (let row = rows === 'all' ? 0 : run.length - 1; row < run.length; row++) {
          const target = targets?.[rows === 'all' ? at + row : 0] ?? 0;
          const step = at + row - ids.length + (choice?.randoms.length ?? 0);
          const own = choice && step >= 0 ? choiceOf(choice, step) : null;
          await runner.run(this.#cache, run, past + at, rope, {
            row,
            target,
            choice: own,
            keep: row === run.length - 1,
          });
          const summary = await this.#summary(runner);
          found.push({ summary, logits: logits ? await runner.logits() : null });
          if (own) result.chosen.push(await this.#choose(runner, summary, own));
        }
      }
      result.argmax = Int32Array.from(found, ({ summary }) => likeliestOf(summary, this.#vocab));
      if (targets)
        result.logprobs = Float32Array.from(
          found,
          ({ summary }) => summary[SUMMARY.target]! - summary[SUMMARY.logSum]!,
        );
      if (logits) {
        result.logits = new Float32Array(found.length * this.#vocab);
        found.forEach((row, i) => result.logits!.set(row.logits!, i * this.#vocab));
      }
      return result;
    });
  }

  async decode(id: number, past: number, rope: RopeSet, choice: Choice): Promise<number[]> {
    return this.#device.watched(async () => {
      const runner = this.#runnerFor(1, past);
      await runner.run(this.#cache, [id], past, rope, { row: 0, target: 0, choice, keep: true });
      return [await this.#choose(runner, await this.#summary(runner), choice)];
    });
  }

  // oxlint-disable-next-line typescript/require-await -- the interface is asynchronous
  async dispose(): Promise<void> {
    this.#main.destroy();
    this.#steps?.destroy();
    this.#prefill?.destroy();
    this.#cache.destroy();
    this.#device.destroy();
  }

  /** Puts tokens into the cache, without choosing one. */
  async #fill(ids: readonly number[], past: number, rope: RopeSet): Promise<void> {
    const costs = this.#prefill?.costs(past) ?? new Map<number, number>();
    costs.set(this.#main.width, runCost(this.#main.width, false, this.slots, this.#plan.dialect));
    let at = 0;
    for (const width of cutIntoRuns(ids.length, costs)) {
      const run = ids.slice(at, at + width);
      const runner = width === this.#main.width ? this.#main : await this.#prefill!.runner(width, past + at);
      await runner.run(this.#cache, run, past + at, rope);
      at += run.length;
    }
  }

  /** The graph with the head that `tokens` behind `past` positions cost least in. */
  #runnerFor(tokens: number, past: number): Runner {
    return (tokens === 1 ? this.#steps?.at(past) : null) ?? this.#main;
  }

  /** The figures of a runner's last run. */
  async #summary(runner: Runner): Promise<Float32Array> {
    const summary = await runner.summary();
    if (!Number.isFinite(summary[SUMMARY.logSum])) {
      throw new PhiError(
        'backend',
        `WebNN: ${this.facts.device} computed NaN or infinite logits with ${this.#plan.form} weights.`,
      );
    }
    return summary;
  }

  async #choose(runner: Runner, summary: Float32Array, { sampling, randoms, seen, mask }: Choice): Promise<number> {
    const few = readCandidates(summary, this.#vocab);
    const left = few && mask ? allowedOf(few, mask, this.#vocab) : few;
    if (left && left.ids.length > 0) return choose(left, sampling, randoms[0]!);
    // Only if hundreds of logits are equal, all of them are read.
    const all = allCandidates(await runner.logits(), seen, sampling);
    return choose(mask ? allowedOf(all, mask, this.#vocab) : all, sampling, randoms[0]!);
  }
}

/** What belongs to the `step`-th of the tokens that are chosen, first in its arrays. */
function choiceOf(choice: Choice, step: number): Choice {
  const { randoms, mask } = choice;
  const words = mask ? mask.length / randoms.length : 0;
  return {
    ...choice,
    randoms: randoms.subarray(step),
    ...(mask && { mask: mask.subarray(step * words, (step + 1) * words) }),
  };
}
