/** Some layers of a model in a WASM memory of their own: what a stage worker does. */
import type { InferenceSession, Tensor } from 'onnxruntime-web';
import { openCheckpoint } from '../checkpoint/open.ts';
import type { Checkpoint, PhiConfig } from '../checkpoint/types.ts';
import { PhiError } from '../../shared/errors.ts';
import { ropeTable } from '../graph/rope.ts';
import { stageWeights, wasmStageGraph } from './stage-graph.ts';
import { layout, materialise, type WeightGroup } from '../weights/plan.ts';
import type { DataFile } from '../runtime/data-file.ts';
import type { KvRows } from '../decoder.ts';
import { KvCache } from './kv-cache.ts';
import { GroupMaker, madeFile } from '../runtime/made-file.ts';
import { loadOrt, makeSession, preferredBuild, type Ort } from '../runtime/ort.ts';
import type { StageFacts, StageHost, StageResult, StageSetup, StageStep } from './stage-protocol.ts';
import { stageSource } from './stage-source.ts';
import { headFetches, readChunk, selectionFeeds } from './selection.ts';

export class Stage {
  readonly facts: StageFacts;
  readonly #ort: Ort;
  readonly #session: InferenceSession;
  /** Facts of a decoder with this stage's layers only. */
  readonly #config: PhiConfig;
  readonly #cache: KvCache;
  readonly #last: boolean;

  private constructor(
    ort: Ort,
    session: InferenceSession,
    config: PhiConfig,
    { slots, last }: StageSetup,
    facts: StageFacts,
  ) {
    this.#ort = ort;
    this.#session = session;
    this.#config = config;
    this.#cache = new KvCache(config, slots);
    this.#last = last;
    this.facts = facts;
  }

  static async load(setup: StageSetup, host: StageHost): Promise<Stage> {
    const start = performance.now();
    const build = preferredBuild();
    const ort = await loadOrt(build, setup.threads);
    const { config, groups } = await stagePlan(setup, host);
    const makers: GroupMaker[] = [];
    const externalData = [];
    for (const group of groups)
      externalData.push({ path: group.location, data: await weightFile(group, setup, host, makers, build === 'jspi') });
    const model = wasmStageGraph(config, setup.form, groups, setup.last);
    const session = await makeSession(ort, model, {
      executionProviders: ['wasm'],
      graphOptimizationLevel: 'disabled',
      logSeverityLevel: 3,
      externalData,
      // The threads of the other stages want the cores between this stage's runs.
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    });
    const prepareMs = makers.reduce((sum, { ms }) => sum + ms, 0);
    const weightBytes = groups.reduce((sum, group) => sum + layout(group).bytes, 0);
    return new Stage(ort, session, config, setup, {
      weightBytes,
      prepareMs,
      compileMs: performance.now() - start - prepareMs,
    });
  }

  /** Feeds `step.tokens` hidden states at slots `past` and on. */
  async run(step: StageStep): Promise<StageResult> {
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
): Promise<DataFile | Blob | Uint8Array> {
  // Named by the model's own layers, so that another cut finds them too.
  const name = group.location.replace(/^layers\.(\d+)/, (_, layer) => `layers.${from + Number(layer)}`);
  const kept = await host.openForm(name);
  if (kept?.size === layout(group).bytes) {
    host.onGroup();
    return streamed ? kept : new Uint8Array(await kept.arrayBuffer());
  }
  const maker = new GroupMaker(group, (parts) => {
    host.onGroup();
    if (keep) host.keepForm(name, fileOf(group, parts));
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
