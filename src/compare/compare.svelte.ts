/** State of the compare screen. It lives as long as the page, so that results survive a look at another screen. */
import { PhiError, type ErrorShape } from '../../workers/shared/errors.ts';
import type { ModelSession } from '../models/model-session.svelte.ts';
import { askGpu } from '../models/device.ts';
import { allowHost } from '../pwa/hosts.ts';
import { hasBuiltIn } from './built-in.ts';
import {
  absentRows,
  customMeasures,
  entries,
  KINDS,
  SETTINGS,
  type Entry,
  type Measures,
  type RowId,
  type Setting,
} from './plan.ts';
import type { Running } from './progress.ts';
import type { CompareResult } from './result.ts';
import { compare, type Observer } from './run.ts';
import { RunStore, type StoredRun } from './run-store.ts';
import type { MeasuredModel } from './prepare.ts';
import { estimateStep, labelOf, stepsOf, type CompareRequest, type ServerEntry } from './steps.ts';
import { checkAddress, isElsewhere, keepServers, PRESETS, readServers, type ServerSettings } from './servers.ts';

/** A result on the page: this machine's, or somebody else's. */
export interface Shown {
  id: number;
  result: CompareResult;
  own: boolean;
}

/** A run that broke off: rows that it has, of how many. */
export interface Broken {
  model: string;
  done: number;
  all: number;
}

export class Compare {
  readonly #models: ModelSession;
  readonly #store = new RunStore();
  /** Asked for by the address; takes the place of the settings. */
  readonly custom: Measures | null = customMeasures(location.search);
  setting = $state<Setting>(this.custom ? 'custom' : 'quick');
  /** The model that a person picked, by its id; null: the default. */
  picked = $state<string | null>(null);
  everyForm = $state(false);
  shuffled = $state(true);
  /** A WebGPU adapter that is a program runs the tiny model. */
  standIn = $state(true);
  tasks = $state(false);
  /** Also the browser's own model. */
  builtIn = $state(false);
  /** Not ticked by themselves; a person may tick them all the same. */
  readonly absent = absentRows({ ml: 'ml' in navigator, gpu: 'gpu' in navigator, isolated: crossOriginIsolated });
  chosen = $state<RowId[]>(KINDS.map(({ id }) => id).filter((id) => !this.absent.includes(id)));
  servers = $state<ServerSettings[]>(readServers());
  #running = $state.raw<Running | null>(null);
  #shown = $state.raw<Shown[]>([]);
  #problem = $state.raw<ErrorShape | null>(null);
  #earlier = $state.raw<StoredRun | null>(null);
  /** It is known whether an earlier run broke off. */
  restored = $state(false);
  #stop: AbortController | null = null;
  #count = 0;
  /** WebGPU is a program here. */
  software = $state(false);
  /** The browser has a model built in, ready to answer. */
  hasBuiltIn = $state(false);

  constructor(models: ModelSession) {
    this.#models = models;
    void this.#restore();
    void askGpu(navigator).then((gpu) => (this.software = gpu?.software ?? false));
    void hasBuiltIn().then((found) => (this.hasBuiltIn = found));
  }

  get running(): Running | null {
    return this.#running;
  }

  get shown(): readonly Shown[] {
    return this.#shown;
  }

  get problem(): ErrorShape | null {
    return this.#problem;
  }

  /** The last run, where it did not come to its end. */
  get broken(): Broken | null {
    const run = this.#earlier;
    if (!run || run.finished || this.#running) return null;
    return { model: run.request.model.name, done: run.done.length, all: stepsOf(run.request).length };
  }

  get measures(): Measures {
    return { ...(this.setting === 'custom' ? this.custom! : SETTINGS[this.setting]), tasks: this.tasks };
  }

  get entries(): Entry[] {
    return entries(this.chosen, { everyForm: this.everyForm });
  }

  /** Seconds for everything that is chosen, about. */
  estimate(model: MeasuredModel): number {
    return secondsOf(this.#request(model, [])).reduce((sum, seconds) => sum + seconds, 0);
  }

  #request(model: MeasuredModel, servers: ServerEntry[]): CompareRequest {
    const { setting, measures, entries, shuffled, standIn, builtIn } = this;
    return { model, setting, measures, entries, servers, shuffled, standIn, builtIn };
  }

  /** Measures `model`; the chat's own copy of it is unloaded meanwhile, so that it takes no memory from what is measured. */
  async run(model: MeasuredModel): Promise<void> {
    await this.#attempt(() => {
      const servers = this.servers.map(toEntry);
      keepServers(this.servers);
      return { request: this.#request(model, servers), earlier: null };
    });
  }

  /** Goes on with a run that broke off. */
  async goOn(): Promise<void> {
    const earlier = this.#earlier;
    if (earlier) await this.#attempt(() => ({ request: earlier.request, earlier }));
  }

  async #attempt(prepare: () => { request: CompareRequest; earlier: StoredRun | null }): Promise<void> {
    if (this.#running) return;
    const stop = new AbortController();
    this.#stop = stop;
    this.#problem = null;
    try {
      const { request, earlier } = prepare();
      await Promise.all(
        request.servers
          .filter(({ address }) => isElsewhere(address))
          .map(({ address }) => allowHost('compare', address)),
      );
      await this.#measure(request, earlier, stop.signal);
    } catch (cause) {
      const error = PhiError.from(cause);
      if (error.code !== 'cancelled') this.#problem = error.toShape();
    } finally {
      if (this.#running) {
        this.#running = null;
        void this.#models.start();
      }
      if (stop.signal.aborted) await this.#store.forgive().catch(() => undefined);
      this.#earlier = await this.#store.read().catch(() => null);
    }
  }

  async #measure(request: CompareRequest, earlier: StoredRun | null, signal: AbortSignal): Promise<void> {
    const measured = earlier?.done.map(({ index }) => index) ?? [];
    this.#running = {
      labels: stepsOf(request).map(labelOf),
      at: null,
      done: measured,
      earlier: measured,
      startedAt: performance.now(),
      seconds: secondsOf(request),
    };
    this.#models.release();
    const id = ++this.#count;
    const show = (result: CompareResult) => this.#show({ id, result, own: true });
    const observer: Observer = {
      signal,
      onBegin: (run) => this.#kept(this.#store.begin(request, run)),
      onTrying: (index) => this.#kept(this.#store.trying(index)),
      onRow: (index, progress) => this.#update({ at: { index, progress } }),
      onDone: (done) => this.#kept(this.#store.append(done)),
      onResult: (partial, done) => {
        this.#update({ done, at: null });
        show(partial);
        void this.#kept(this.#store.keep(partial));
      },
    };
    const result = await compare(request, observer, earlier);
    if (result.rows.length > 0) {
      show(result);
      await this.#kept(this.#store.keep(result));
    }
    if (!result.settings.cancelled) await this.#kept(this.#store.finish());
  }

  /** A full or forbidden storage is no reason not to measure: the run lives as long as the page then, and the screen says so. */
  async #kept(writing: Promise<void>): Promise<void> {
    try {
      await writing;
    } catch (cause) {
      this.#problem = PhiError.from(cause, 'storage').toShape();
    }
  }

  /** Shows the last run of this browser. */
  async #restore(): Promise<void> {
    try {
      const run = await this.#store.read();
      this.#earlier = run;
      if (run?.result && !this.#running) this.#show({ id: ++this.#count, result: run.result, own: true });
    } catch (cause) {
      this.#problem = PhiError.from(cause, 'storage').toShape();
    } finally {
      this.restored = true;
    }
  }

  /** Forgets a run that broke off, with its rows. */
  async discard(): Promise<void> {
    this.#earlier = null;
    this.#shown = this.#shown.filter(({ own }) => !own);
    await this.#kept(this.#store.clear());
  }

  cancel(): void {
    this.#stop?.abort();
  }

  /** Puts somebody's result beside the others. */
  add(result: CompareResult): void {
    this.#show({ id: ++this.#count, result, own: false });
  }

  /** Takes a result off the page; this browser's own is forgotten. */
  remove(id: number): void {
    const own = this.#shown.some((shown) => shown.id === id && shown.own);
    this.#shown = this.#shown.filter((shown) => shown.id !== id);
    if (own && !this.#running) void this.discard();
  }

  #show(shown: Shown): void {
    const others = this.#shown.filter(({ id, own }) => id !== shown.id && !(own && shown.own));
    this.#shown = shown.own ? [shown, ...others] : [...others, shown];
  }

  #update(change: Partial<Running>): void {
    if (this.#running) this.#running = { ...this.#running, ...change };
  }
}

const secondsOf = (request: CompareRequest): number[] =>
  stepsOf(request).map((step) => estimateStep(step, request.model.bytes, request.measures));

function toEntry({ kind, address, model, allowed }: ServerSettings): ServerEntry {
  if (model.trim() === '') throw new PhiError('bad-request', `${PRESETS[kind].name}: enter the name of a model.`);
  return { label: PRESETS[kind].name, address: checkAddress(address, allowed), model: model.trim() };
}
