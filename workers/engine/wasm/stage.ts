/** Some layers of a model in a WASM memory of their own: what a stage worker does. */
import type { InferenceSession, Tensor } from 'onnxruntime-web';
import { openCheckpoint } from '../checkpoint/open.ts';
import type { Checkpoint, PhiConfig } from '../checkpoint/types.ts';
import { PhiError } from '../../shared/errors.ts';
import { span } from '../../shared/span.ts';
import { ropeTable } from '../graph/rope.ts';
import { stageWeights, wasmStageGraph } from './stage-graph.ts';
import { layout, materialise, type WeightGroup } from '../weights/plan.ts';
import { BlobFile, type DataFile } from '../runtime/data-file.ts';
import type { KvRows } from '../decoder.ts';
import { KvCache } from './kv-cache.ts';
import { GroupMaker, madeFile } from '../runtime/made-file.ts';
import { loadOrt, makeSession, preferredBuild, type ExternalData, type Ort } from '../runtime/ort.ts';
import { withPlaces } from '../runtime/weight-places.ts';
import type { StageFacts, StageHost, StageResult, StageSetup, StageStep } from './stage-protocol.ts';
import { stageSource } from './stage-source.ts';
import { Chooser } from './step/chooser.ts';
import { MOST_TOKENS } from './step/plan.ts';
import { canStep, DISAGREED, makeStepper, startHelpers, type Stepper } from './step/stepper.ts';
import { headFetches, readChunk, selectionFeeds } from './selection.ts';

export class Stage {
  readonly facts: StageFacts;
  readonly #ort: Ort;
  readonly #session: InferenceSession;
  /** Facts of a decoder with this stage's layers only. */
  readonly #config: PhiConfig;
  readonly #cache: KvCache;
  readonly #last: boolean;
  /** Our own kernels for single tokens; null: the session does them too. */
  #steps: Stepper | null;
  /** Of the last stage, with its steps. */
  #chooser: Chooser | null = null;

  private constructor(
    ort: Ort,
    session: InferenceSession,
    config: PhiConfig,
    { slots, last }: StageSetup,
    facts: StageFacts,
    steps: Stepper | null,
  ) {
    this.#ort = ort;
    this.#session = session;
    this.#config = config;
    this.#cache = new KvCache(config, slots, steps && steps.cache);
    this.#last = last;
    this.#steps = steps;
    this.facts = facts;
  }

  static async load(setup: StageSetup, host: StageHost): Promise<Stage> {
    const start = performance.now();
    const build = preferredBuild();
    const ort = await span('ONNX Runtime', () => loadOrt(build, setup.threads));
    const { config, groups } = await span('checkpoint', () => stagePlan(setup, host));
    const { form, last, slots } = setup;
    const helpers = form === 'int8' && canStep(config) ? startHelpers(setup.threads) : null;
    const makers: GroupMaker[] = [];
    const data: ExternalData[] = [];
    await span('weights', async () => {
      for (const group of groups)
        data.push({ path: group.location, data: await weightFile(group, setup, host, makers, build === 'jspi') });
    });
    const model = wasmStageGraph(config, form, groups, { last, fineHead: helpers !== null });
    const { made: session, weights } = await span('session', () =>
      withPlaces(groups, data, (externalData) =>
        makeSession(ort, model, {
          executionProviders: ['wasm'],
          graphOptimizationLevel: 'disabled',
          logSeverityLevel: 3,
          externalData,
          // The threads of the other stages want the cores between this stage's runs.
          extra: { session: { intra_op: { allow_spinning: '0' } } },
        }),
      ),
    );
    const prepareMs = makers.reduce((sum, { ms }) => sum + ms, 0);
    const facts: StageFacts = {
      weightBytes: groups.reduce((sum, group) => sum + layout(group).bytes, 0),
      prepareMs,
      compileMs: 0,
    };
    let steps: Stepper | null = null;
    try {
      const sizes = { slots, ends: { embedding: false, head: last } };
      steps = helpers && (await span('steps', () => makeStepper(config, weights, helpers, sizes)));
    } catch (error) {
      facts.singleTokens = { slow: PhiError.from(error).message };
    }
    const stage = new Stage(ort, session, config, setup, facts, steps);
    await span('steps compared', () => stage.#compareSteps());
    if (last && stage.#steps) stage.#chooser = await Chooser.create(ort, config.vocab);
    facts.compileMs = performance.now() - start - prepareMs;
    return stage;
  }

  /** A token through the session and through our own kernels: see WasmDecoder.compareSteps. */
  async #compareSteps(): Promise<void> {
    const steps = this.#steps;
    if (!steps) return;
    const hidden = Float32Array.from({ length: this.#config.hidden }, (_, i) => Math.sin(i));
    const nothing = { choice: null, headRows: [0], targets: null, logits: true };
    const result = await this.run({ hidden, tokens: 1, past: 0, rope: 'short', ...nothing });
    if (steps.agrees(hidden, result.hidden ?? result.chunk!.logits!, this.#cache.slots))
      this.facts.singleTokens = steps.threads;
    else {
      steps.dispose();
      this.#steps = null;
      this.facts.singleTokens = { slow: DISAGREED };
    }
  }

  /** A few tokens by our own kernels; null if they cannot give what is asked for. */
  async #step({ hidden, tokens, past, rope, choice, headRows, ...asked }: StageStep): Promise<StageResult | null> {
    const steps = this.#steps;
    if (!steps || tokens > MOST_TOKENS || (this.#last && !this.#chooser) || asked.targets || asked.logits) return null;
    this.#cache.reserve(past + tokens);
    steps.rotate(rope, past, tokens);
    const result = steps.step(hidden, { past, slots: this.#cache.slots, heads: headRows.length });
    if (!this.#last) return { hidden: result.slice(), chunk: null };
    return { hidden: null, chunk: await this.#chooser!.chunk(result, choice) };
  }

  /** Feeds `step.tokens` hidden states at slots `past` and on. */
  async run(step: StageStep): Promise<StageResult> {
    const stepped = await this.#step(step);
    if (stepped) return stepped;
    const result = await this.#runSession(step);
    this.#cache.keep(step.past, result);
    if (this.#last) return { hidden: null, chunk: readChunk(result, step) };
    return { hidden: result['hidden_out']!.data as Float32Array, chunk: null };
  }

  /** See KvAccess; `layer` counts within the stage. */
  readRows(layer: number, from: number, to: number): KvRows {
    return this.#cache.rows(layer, from, to);
  }

  fillRows(layer: number, count: number, rows: KvRows): void {
    this.#cache.reserve(count);
    this.#cache.fill(layer, count, rows);
  }

  async #runSession(step: StageStep): Promise<Record<string, Tensor>> {
    const { Tensor } = this.#ort;
    const { hidden, tokens, past, rope, choice, headRows, targets } = step;
    const { rotaryDim, vocab } = this.#config;
    const randoms = choice?.randoms ?? new Float32Array(1);
    this.#cache.reserve(past);
    const table = ropeTable(this.#config, rope, past, tokens);
    const int64 = (values: readonly number[], dims = [values.length]) =>
      new Tensor('int64', BigInt64Array.from(values, BigInt), dims);
    const feeds: Record<string, Tensor> = {
      hidden: new Tensor('float32', hidden, [tokens, 1, this.#config.hidden]),
      past: int64([past], []),
      cos: new Tensor('float32', table.cos, [tokens, rotaryDim / 2]),
      sin: new Tensor('float32', table.sin, [tokens, rotaryDim / 2]),
      ...this.#cache.feeds(Tensor),
    };
    if (this.#last) {
      Object.assign(feeds, selectionFeeds(Tensor, vocab, choice), {
        head_rows: int64(headRows),
        targets: int64(targets ?? headRows.map(() => 0)),
        randoms: new Tensor('float32', randoms, [randoms.length]),
      });
    }
    return await this.#session.run(feeds, [
      ...(this.#last ? headFetches(step) : ['hidden_out']),
      ...this.#cache.fetches,
    ]);
  }
}

/** The checkpoint cut to the stage's layers, and its weights. */
async function stagePlan(
  { files, form, layers: { from, to }, last }: StageSetup,
  host: StageHost,
): Promise<{ config: PhiConfig; groups: WeightGroup[] }> {
  const whole = await openCheckpoint(new Map(files.map((file) => [file.path, stageSource(file, host)])));
  if (to > whole.config.layers)
    throw new PhiError(
      'bad-request',
      `Layers ${from} to ${to} were requested, but the model has ${whole.config.layers}.`,
    );
  const config = { ...whole.config, layers: to - from };
  const checkpoint: Checkpoint = { ...whole, config, layers: whole.layers.slice(from, to) };
  return { config, groups: stageWeights(checkpoint, form, last) };
}

/** A group as ONNX Runtime takes it: from the weightCache, or made when it is read. */
async function weightFile(
  group: WeightGroup,
  { layers: { from }, keep }: StageSetup,
  host: StageHost,
  makers: GroupMaker[],
  streamed: boolean,
): Promise<DataFile | Uint8Array> {
  // Named by the model's own layers, so that another cut finds them too.
  const name = group.location.replace(/^layers\.(\d+)/, (_, layer) => `layers.${from + Number(layer)}`);
  const kept = await host.openForm(name);
  if (kept?.size === layout(group).bytes) {
    host.onGroup();
    return streamed ? new BlobFile(kept) : new Uint8Array(await kept.arrayBuffer());
  }
  const maker = new GroupMaker(group, async (parts) => {
    host.onGroup();
    // Not behind it: on a slow disk the bytes of all groups would pile up beside the session. A load does not fail for it.
    if (keep) await host.keepForm(name, fileOf(group, parts)).catch(() => undefined);
  });
  makers.push(maker);
  if (streamed) return madeFile(maker);
  return materialise({ ...group, make: () => Promise.all(group.tensors.map((_, i) => maker.take(i))) });
}

/** The parts where they lie in the group's file, zeros between them. */
function fileOf(group: WeightGroup, parts: ArrayBufferView<ArrayBuffer>[]): Blob {
  const { offsets } = layout(group);
  const pieces: ArrayBufferView<ArrayBuffer>[] = [];
  let at = 0;
  parts.forEach((part, i) => {
    pieces.push(new Uint8Array(offsets[i]! - at), part);
    at = offsets[i]! + part.byteLength;
  });
  return new Blob(pieces);
}
