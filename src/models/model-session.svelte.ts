import type { ErrorShape } from '../../workers/shared/errors.ts';
import { PhiError } from '../../workers/shared/errors.ts';
import type {
  EngineReport,
  FoundModel,
  LoadOptions,
  LoadRequest,
  ModelManifest,
  Place,
  Progress,
  StorageReport,
  StoredModel,
} from '../../workers/shared/protocol.ts';
import type { HubModel } from '../../workers/shared/hub.ts';
import { mark } from '../../workers/shared/span.ts';
import type { Engine, JobOptions } from '../engine/engine.ts';
import type { Settings } from '../settings/settings.svelte.ts';
import { wasLeftInOrder } from './departure.ts';
import type { ModelInfo } from './starter.ts';
import { EngineClaim } from './engine-claim.ts';
import { Reach } from './reach.ts';
import { fetchStarter, STARTER_ID, starterUrl } from './starter.ts';

export type ModelPhase =
  | { kind: 'checking' }
  | { kind: 'absent' }
  /** Another tab runs the model. */
  | { kind: 'elsewhere' }
  | { kind: 'installing'; progress: Progress | null }
  | { kind: 'loading'; progress: Progress | null }
  | { kind: 'ready'; report: EngineReport }
  | { kind: 'failed'; error: ErrorShape; while: 'checking' | 'installing' | 'loading' | 'running' };

const STARTER_PATIENCE_MS = 1_500;

type Acquire = (options: JobOptions) => Promise<StoredModel>;

/** From "is it stored" to "it answers": the life of the chosen model on this page. */
export class ModelSession {
  readonly #engine: Engine;
  readonly #settings: Settings;
  readonly #claim: EngineClaim;
  readonly #reach: Reach;
  #phase = $state.raw<ModelPhase>({ kind: 'checking' });
  #storage = $state.raw<StorageReport | null>(null);
  #starter = $state.raw<ModelInfo | null>(null);
  #lost = $state(false);
  #job: AbortController | null = null;
  #acquiring: Acquire | null = null;
  /** The load before this one was ended by the person, not by a crash. */
  #leftInOrder = wasLeftInOrder();
  /** A worker that dies again before it answered once is not started a third time. */
  #restarted = false;
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- callbacks, never shown
  readonly #waiting = new Set<() => void>();

  constructor(engine: Engine, settings: Settings, claim = new EngineClaim()) {
    this.#claim = claim;
    claim.onLost = () => void this.#giveUp();
    this.#engine = engine;
    this.#reach = new Reach(engine);
    this.#settings = settings;
    engine.onDeath((error) => void this.#afterDeath(error));
    engine.onRecovery((step) => {
      if (step.kind === 'failed') this.#fail(step.error, 'running');
      else this.#set(step);
    });
  }

  get phase(): ModelPhase {
    return this.#phase;
  }

  get storage(): StorageReport | null {
    return this.#storage;
  }

  /** The starter's manifest as served beside the page; null until read, and offline. */
  get starter(): ModelInfo | null {
    return this.#starter;
  }

  /** The chosen model was stored and is not any more, and nobody deleted it here: the browser did, or another program. */
  get lost(): boolean {
    return this.#lost;
  }

  get report(): EngineReport | null {
    return this.#phase.kind === 'ready' ? this.#phase.report : null;
  }

  get chosen(): string {
    return this.#settings.values.model ?? STARTER_ID;
  }

  /** Name of the chosen model, for people. */
  get name(): string {
    return this.nameOf(this.chosen);
  }

  nameOf(model: string): string {
    const starter = model === STARTER_ID ? this.#starter?.name : undefined;
    return this.#storage?.models.find(({ id }) => id === model)?.name ?? starter ?? model;
  }

  isStored(model: string): boolean {
    return this.#storage?.models.some(({ id }) => id === model) ?? false;
  }

  /** Checks what is stored, and loads the chosen model if it is there. */
  async start(): Promise<void> {
    this.#set({ kind: 'checking' });
    try {
      const [storage, report] = await Promise.all([this.refresh(), this.#engine.report()]);
      if (report?.model === this.chosen) return this.#set({ kind: 'ready', report });
      if (storage.models.some((model) => model.id === this.chosen)) return await this.load();
      const [other] = storage.models;
      this.#settings.change({ model: other?.id ?? null });
      if (!other) this.#claim.release();
      if (other) return await this.load();
      // The first screen is about the starter: a moment's wait is better than a card that fills in late.
      if (!this.#starter)
        await Promise.race([this.#readStarter(), new Promise((resolve) => setTimeout(resolve, STARTER_PATIENCE_MS))]);
      this.#set({ kind: 'absent' });
    } catch (cause) {
      this.#fail(cause, 'checking');
    }
  }

  async #readStarter(): Promise<void> {
    this.#starter = await fetchStarter();
  }

  /**
   * Checks again what is stored. This notices when the chosen model is gone, even while it still answers from memory.
   */
  async refresh(): Promise<StorageReport> {
    const storage = await this.#engine.storage();
    this.#storage = storage;
    const { model } = this.#settings.values;
    const stored = storage.models.some(({ id }) => id === model);
    // The note stays when the choice is given up, until something is there.
    if (model !== null || storage.models.length > 0) this.#lost = model !== null && !stored;
    return storage;
  }

  /** Downloads the starter (or what is missing of it), then loads it. */
  install(): Promise<void> {
    askToPersist();
    return this.#acquire((options) => this.#engine.install(starterUrl(), { ...options, next: this.#wish() }));
  }

  /** Downloads a model (or what is missing of it), then loads it. */
  download(model: HubModel | ModelManifest): Promise<void> {
    askToPersist();
    return this.#acquire(async (options) => {
      await this.#reach.forDownload(model);
      return this.#engine.install(model, { ...options, next: this.#wish() });
    });
  }

  /** Finds models on the disk or behind an address, and what they are. Nothing is stored. */
  inspect(place: Place, options: JobOptions): Promise<FoundModel[]> {
    return this.#reach.inspect(place, options);
  }

  /** Tries the failed step again. A download continues where it stopped. */
  async again(): Promise<void> {
    if (this.#acquiring) await this.#acquire(this.#acquiring);
  }

  /** Takes over files from the disk, then loads the model. */
  importFiles(files: { path: string; file: Blob }[]): Promise<void> {
    askToPersist();
    return this.#acquire((options) => this.#engine.importFiles(files, options));
  }

  /** Loads the chosen model with the backend and the context length of the settings. */
  async load(): Promise<void> {
    const job = this.#begin({ kind: 'loading', progress: null });
    if (!(await this.#claim.take())) return this.#waitElsewhere(job);
    if (this.#job !== job) return;
    const request: LoadRequest = { ...this.#wish(), model: this.chosen, forgive: this.#leftInOrder };
    this.#leftInOrder = false;
    try {
      const onProgress = (progress: Progress) => this.#progress(job, { kind: 'loading', progress });
      const report = await this.#engine.load(request, { signal: job.signal, onProgress });
      if (this.#job === job) this.#set({ kind: 'ready', report });
    } catch (cause) {
      if (this.#job !== job) return;
      // Nothing is loaded: another tab may try.
      this.#claim.release();
      this.#fail(cause, 'loading');
    }
  }

  /** How a model is to be loaded. */
  #wish(): LoadOptions {
    const { backend, contextLength, power, form } = this.#settings.values;
    return { backend, form, contextLength, ...(power !== 'auto' && { power }) };
  }

  /** Takes the model over from the tab that runs it, which stops at once. */
  async takeOver(): Promise<void> {
    await this.#claim.seize();
    await this.load();
  }

  /** Says that the model runs in another tab, and loads it here when that tab releases it and this one is visible. */
  async #waitElsewhere(job: AbortController): Promise<void> {
    if (this.#job !== job) return;
    this.#set({ kind: 'elsewhere' });
    try {
      await this.#claim.wait(job.signal);
      await visible();
    } catch (cause) {
      if (!job.signal.aborted) this.#fail(cause, 'loading');
      return;
    }
    if (this.#job === job) await this.load();
  }

  /** Another tab took over. The worker is ended, because only that gives its memory back; a download continues without a model. */
  async #giveUp(): Promise<void> {
    if (this.#phase.kind === 'installing') return this.#engine.unload();
    const job = this.#begin({ kind: 'elsewhere' });
    this.#engine.terminate('another tab took the model over', 'cancelled');
    await this.#waitElsewhere(job);
  }

  /** Ends the engine's worker, and with it all memory that it holds: unloading alone leaves WebAssembly's. `start` brings it back. */
  release(): void {
    this.#job?.abort();
    this.#job = null;
    this.#set({ kind: 'checking' });
    this.#engine.terminate('its memory was needed for something else', 'cancelled');
  }

  /** Forgets what was found out about the backends of this device, and loads again. */
  async tryAnew(): Promise<void> {
    await this.#engine.forgetProbes();
    await this.load();
  }

  async choose(model: string): Promise<void> {
    this.#settings.change({ model });
    await this.load();
  }

  /** Deletes a model from the store; the loaded one is unloaded first. */
  async remove(model: string): Promise<void> {
    if (this.report?.model === model) await this.#engine.unload();
    const { models, partial } = await this.#engine.storage();
    const manifests = [...models, ...partial.flatMap(({ manifest }) => (manifest ? [manifest] : []))];
    await this.#engine.remove(model);
    const removed = manifests.find(({ id }) => id === model);
    const kept = manifests.filter(({ id }) => id !== model);
    if (removed) await this.#reach.afterRemoval(removed, kept, this.#settings.values.hub);
    if (model !== this.chosen) return void (await this.refresh());
    this.#settings.change({ model: null });
    await this.start();
  }

  /** Deletes what was made of a model's weights. The loaded model keeps what it computes with. */
  async removeForms(model: string): Promise<void> {
    await this.#engine.removeForms(model);
    await this.refresh();
  }

  /** Deletes what models have read of conversations; the next reply reads it again. */
  async dropCaches(): Promise<void> {
    await this.#engine.keepCachesOf([]);
    await this.refresh();
  }

  /** Number of damaged shards; they are dropped, and a download brings them back. */
  async verify(model: string, signal: AbortSignal, onProgress: (progress: Progress) => void): Promise<number> {
    const { damaged } = await this.#engine.verify(model, { signal, onProgress });
    await this.refresh();
    return damaged.length;
  }

  /** Stops a download or a load. */
  cancel(): void {
    this.#leftInOrder = true;
    this.#job?.abort();
  }

  /**
   * Resolves when a model answers; rejects when it cannot be expected to, or when `signal` aborts.
   * @param model the chosen one, or another one in the store, which is then loaded in its place
   */
  async ready(signal: AbortSignal, model = this.chosen): Promise<EngineReport> {
    for (;;) {
      if (signal.aborted) throw new PhiError('cancelled', 'Cancelled.');
      const phase = this.#phase;
      const settled = phase.kind !== 'checking' && phase.kind !== 'installing';
      if (settled && model !== this.chosen && this.isStored(model)) {
        void this.choose(model);
        continue;
      }
      if (phase.kind === 'ready') return phase.report;
      if (phase.kind === 'failed') throw PhiError.fromShape(phase.error);
      if (phase.kind === 'absent') throw new PhiError('no-model', 'No model is stored. Download one first.');
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake);
          signal.removeEventListener('abort', wake);
          resolve();
        };
        this.#waiting.add(wake);
        signal.addEventListener('abort', wake);
      });
    }
  }

  /** The model has answered: a worker that dies later deserves another start. */
  hasAnswered(): void {
    this.#restarted = false;
  }

  async #afterDeath(error: PhiError): Promise<void> {
    // A load or a download that was under way reports the death itself.
    if (this.#phase.kind !== 'ready') return;
    this.#fail(error, 'running');
    // A template or tokenizer that does not end would not end the next time either.
    if (this.#restarted || error.code === 'bad-model') return;
    this.#restarted = true;
    await this.load();
  }

  async #acquire(run: Acquire): Promise<void> {
    this.#acquiring = run;
    const job = this.#begin({ kind: 'installing', progress: null });
    try {
      const stored = await run({
        signal: job.signal,
        onProgress: (progress) => this.#progress(job, { kind: 'installing', progress }),
      });
      this.#settings.change({ model: stored.id });
      await this.refresh();
    } catch (cause) {
      if (this.#job !== job) return;
      if (PhiError.from(cause).code === 'cancelled') await this.start();
      else this.#fail(cause, 'installing');
      return;
    }
    await this.load();
  }

  #begin(phase: ModelPhase): AbortController {
    this.#job?.abort();
    this.#job = new AbortController();
    this.#set(phase);
    return this.#job;
  }

  #progress(job: AbortController, phase: ModelPhase): void {
    if (this.#job === job && !job.signal.aborted && this.#phase.kind === phase.kind) this.#set(phase);
  }

  #fail(cause: unknown, during: Extract<ModelPhase, { kind: 'failed' }>['while']): void {
    this.#set({ kind: 'failed', error: PhiError.from(cause).toShape(), while: during });
  }

  #set(phase: ModelPhase): void {
    this.#phase = phase;
    if (phase.kind === 'ready') mark('ready');
    for (const wake of [...this.#waiting]) wake();
  }
}

/**
 * Asks the browser not to evict what is about to be stored. Not waited for: Firefox asks the person, who may never answer. A
 * refusal changes nothing but what the models screen says.
 */
function askToPersist(): void {
  navigator.storage?.persist?.().catch(() => false);
}

/** Resolves when the tab is visible, which may be at once. */
async function visible(): Promise<void> {
  if (document.visibilityState === 'visible') return;
  await new Promise((resolve) => document.addEventListener('visibilitychange', resolve, { once: true }));
}
