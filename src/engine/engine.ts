import { proxy, type Remote } from 'comlink';
import { installErrorTransfer } from '../../workers/shared/comlink-errors.ts';
import { PhiError } from '../../workers/shared/errors.ts';
import type {
  Constraint,
  ContextFit,
  EngineApi,
  EngineReport,
  FitRequest,
  FoundModel,
  GenerateEvent,
  GenerateRequest,
  JobId,
  LoadOptions,
  LoadRequest,
  ModelManifest,
  Place,
  Progress,
  RestoreRequest,
  StorageReport,
  StoredModel,
} from '../../workers/shared/protocol.ts';
import type { HubModel } from '../../workers/shared/hub.ts';
import type { EngineThread } from './engine-thread.ts';
import { spawnEngineWorker } from './engine-thread.ts';
import { progressProxy, WorkerLife } from './worker-life.ts';
import { replyEvents } from './reply-events.ts';
import { canRecover, isFirstDeath, isMendable } from './recovery.ts';
import type { GenerateUpdate, JobOptions, Recovery } from './types.ts';

export type { GenerateUpdate, JobOptions, Recovery } from './types.ts';

interface Loaded {
  request: LoadRequest;
  report: EngineReport;
  /** Candidates that failed during this visit. */
  avoid: { candidate: string; why: string }[];
}

/**
 * The page's only handle on the engine worker. Every method rejects with a `PhiError`. The death of the worker settles every call
 * that is under way with `worker-died`; the next call starts a new worker, with nothing loaded. Backends that fail are left behind: a load goes on
 * with the next one, and so does a reply, from its last token; each time in a fresh worker, because a failed backend may leave ONNX Runtime unusable.
 */
export class Engine {
  readonly #spawn: () => EngineThread;
  #life: WorkerLife | null = null;
  #jobs = 0;
  readonly #deathListeners = new Set<(error: PhiError) => void>();
  readonly #watchers = new Set<(step: Recovery) => void>();
  #loaded: Loaded | null = null;

  constructor(spawn: () => EngineThread = spawnEngineWorker) {
    installErrorTransfer();
    this.#spawn = spawn;
  }

  /** Another engine with a worker of its own, which starts with the first call. */
  another(): Engine {
    return new Engine(this.#spawn);
  }

  storage(): Promise<StorageReport> {
    return this.#call((api) => api.storage());
  }

  /**
   * Downloads or resumes a model, by its manifest, the manifest's absolute URL, or out of a hub's repository.
   * @param options.next how it will be loaded: weights and tokenizer are made during the download
   */
  install(
    model: ModelManifest | HubModel | string,
    { signal, onProgress, next }: JobOptions & { next?: LoadOptions } = {},
  ): Promise<StoredModel> {
    return this.#job(signal, (api, job) => api.install(job, model, progressProxy(onProgress), next));
  }

  importFiles(files: { path: string; file: Blob }[], options: JobOptions = {}): Promise<StoredModel> {
    return this.#job(options.signal, (api, job) => api.importFiles(job, files, progressProxy(options.onProgress)));
  }

  /** Finds models on the disk or behind an address, and what they are. Nothing is stored. */
  inspect(place: Place, options: JobOptions = {}): Promise<FoundModel[]> {
    return this.#job(options.signal, (api, job) => api.inspect(job, place));
  }

  /** One file of a stored model. */
  exportFile(model: string, path: string): Promise<Blob> {
    return this.#call((api) => api.exportFile(model, path));
  }

  removeForms(model: string): Promise<void> {
    return this.#call((api) => api.removeForms(model));
  }

  verify(model: string, options: JobOptions = {}): Promise<{ damaged: { path: string; shard: number }[] }> {
    return this.#job(options.signal, (api, job) => api.verify(job, model, progressProxy(options.onProgress)));
  }

  remove(model: string): Promise<void> {
    return this.#call((api) => api.remove(model));
  }

  async load(request: LoadRequest, options: JobOptions = {}): Promise<EngineReport> {
    this.#loaded = null;
    const avoid = [...(request.avoid ?? [])];
    const report = await this.#loadAvoiding(request, avoid, options);
    this.#loaded = { request: { ...request, forgive: undefined }, report, avoid };
    return report;
  }

  /** Loads with whatever works; what fails on the way is added to `avoid`. */
  async #loadAvoiding(request: LoadRequest, avoid: Loaded['avoid'], options: JobOptions): Promise<EngineReport> {
    for (;;) {
      let trying: string | null = null;
      const onProgress = (progress: Progress) => {
        if (progress.phase === 'compile') trying = progress.what;
        options.onProgress?.(progress);
      };
      try {
        return await this.#loadOnce({ ...request, avoid }, { ...options, onProgress });
      } catch (cause) {
        const error = PhiError.from(cause);
        const candidate = error.detail?.candidate ?? trying;
        const known = avoid.some((one) => one.candidate === candidate);
        if (typeof candidate !== 'string' || known || options.signal?.aborted || !isMendable(error)) throw error;
        avoid.push({ candidate, why: error.message });
        this.#life?.end('its backend failed', { tell: false });
      }
    }
  }

  #loadOnce(request: LoadRequest, options: JobOptions): Promise<EngineReport> {
    return this.#job(options.signal, async (api, job) => {
      const life = this.#life;
      const onProgress = (progress: Progress) => {
        life?.progress();
        options.onProgress?.(progress);
      };
      if (life) life.loads++;
      try {
        return await api.load(job, request, proxy(onProgress));
      } finally {
        if (life) life.loads--;
      }
    });
  }

  /** See EngineApi. In a worker of its own, so that replies go on meanwhile; cancelling ends it. */
  async makeWeights(model: string, { signal, onProgress }: JobOptions = {}): Promise<boolean> {
    const other = this.another();
    try {
      return await other.#job(signal, (api, job) => api.makeWeights(job, model, progressProxy(onProgress)));
    } finally {
      other.terminate('its weights are made', 'cancelled');
    }
  }

  unload(): Promise<void> {
    this.#loaded = null;
    return this.#call((api) => api.unload());
  }

  /** Rejects with `bad-request` where a reply cannot be held to the form. */
  checkForm(constraint: Constraint): Promise<void> {
    return this.#call((api) => api.checkForm(constraint));
  }

  /** See EngineApi: for a conversation that was opened. */
  restoreCache(request: RestoreRequest): Promise<void> {
    return this.#call((api) => api.restoreCache(request));
  }

  /** Drops the kept KV caches of all conversations but these. */
  keepCachesOf(chats: string[]): Promise<void> {
    return this.#call((api) => api.keepCachesOf(chats));
  }

  forgetProbes(): Promise<void> {
    return this.#call((api) => api.forgetProbes());
  }

  report(): Promise<EngineReport | null> {
    return this.#call((api) => api.report());
  }

  fit(request: FitRequest): Promise<ContextFit> {
    return this.#call((api) => api.fit(request));
  }

  /**
   * Streams a reply. The last event is `end`, also after a soft stop by `signal` (reason `cancelled`); an error that nothing else can
   * be done about throws. If a backend or worker is lost meanwhile, the reply goes on later, after a notice, and loses
   * no token. Leaving the loop early stops the reply.
   */
  async *generate(request: GenerateRequest, signal?: AbortSignal): AsyncGenerator<GenerateUpdate, void, void> {
    const ids = [...(request.resume ?? [])];
    for (let losses = 0; ; losses++) {
      try {
        for await (const event of this.#stream({ ...request, resume: ids }, signal)) {
          if (event.type === 'text') ids.push(...event.ids);
          yield event;
        }
        return;
      } catch (cause) {
        const error = PhiError.from(cause);
        const loaded = this.#loaded;
        if (!loaded || signal?.aborted || !canRecover(error, loaded.report, losses)) throw this.#givenUp(error);
        const report = await this.#recover(loaded, error, losses, signal);
        yield { type: 'notice', notice: { movedTo: report.candidate, error: error.toShape() } };
      }
    }
  }

  /** Loads the model again with what is left, in a fresh worker. */
  async #recover(
    loaded: Loaded,
    error: PhiError,
    losses: number,
    signal: AbortSignal | undefined,
  ): Promise<EngineReport> {
    const { candidate } = loaded.report;
    // The first death of a worker does not count against its backend. The second one does.
    const again = isFirstDeath(error, losses);
    if (!again) loaded.avoid.push({ candidate, why: error.message });
    this.#life?.end('its backend was lost', { tell: false });
    this.#tell({ kind: 'loading', progress: null });
    try {
      const onProgress = (progress: Progress) => this.#tell({ kind: 'loading', progress });
      const report = await this.#loadAvoiding(loaded.request, loaded.avoid, { signal, onProgress });
      if (again) report.rejected.unshift({ what: candidate, why: `${error.message} The app started it again.` });
      this.#loaded = { ...loaded, report };
      this.#tell({ kind: 'ready', report });
      return report;
    } catch (cause) {
      throw this.#givenUp(PhiError.from(cause));
    }
  }

  /** Forgets the loaded model if the failure has ended its worker, and tells the listeners. Returns the error. */
  #givenUp(error: PhiError): PhiError {
    if (this.#loaded && !this.#life) {
      this.#loaded = null;
      if (error.code === 'cancelled') return error;
      if (error.code === 'worker-died') for (const listener of this.#deathListeners) listener(error);
      else this.#tell({ kind: 'failed', error });
    }
    return error;
  }

  async *#stream(request: GenerateRequest, signal?: AbortSignal): AsyncGenerator<GenerateUpdate, void, void> {
    const life = this.#living();
    life.replies++;
    life.progress();
    const left = new AbortController();
    const stop = signal ? AbortSignal.any([signal, left.signal]) : left.signal;
    yield* replyEvents(
      (onEvent) => {
        const heard = proxy((event: GenerateEvent) => {
          life.progress();
          onEvent(event);
        });
        return this.#job(stop, (api, job) => api.generate(job, request, heard));
      },
      (ended) => {
        life.replies--;
        if (!ended) left.abort();
      },
    );
  }

  /** Listens to the steps of a recovery during a reply. Returns a function that unsubscribes. */
  onRecovery(listener: (step: Recovery) => void): () => void {
    this.#watchers.add(listener);
    return () => this.#watchers.delete(listener);
  }

  #tell(step: Recovery): void {
    for (const listener of this.#watchers) listener(step);
  }

  /**
   * Listens to every death of a worker, after the pending calls were settled, unless the engine recovers by itself (see
   * onRecovery). Returns a function that unsubscribes.
   */
  onDeath(listener: (error: PhiError) => void): () => void {
    this.#deathListeners.add(listener);
    return () => this.#deathListeners.delete(listener);
  }

  /**
   * Ends the worker at once; its memory goes back to the system. Pending calls reject with `code`, which is `cancelled`
   * if the person asked for it.
   */
  terminate(why = 'it was stopped on request', code: 'worker-died' | 'cancelled' = 'worker-died'): void {
    this.#loaded = null; // so that no reply starts another
    this.#life?.end(why, { code });
  }

  #living(): WorkerLife {
    return (this.#life ??= new WorkerLife(this.#spawn(), {
      runMs: () => this.#loaded?.report.runMs ?? 0,
      modelName: () => this.#loaded?.report.name ?? null,
      onEnd: (life, error, tell = life.replies === 0 || this.#loaded === null) => {
        if (this.#life === life) this.#life = null;
        if (tell) for (const listener of this.#deathListeners) listener(error);
      },
    }));
  }

  #call<T>(start: (api: Remote<EngineApi>) => Promise<T>): Promise<T> {
    return this.#living().call(start);
  }

  async #job<T>(
    signal: AbortSignal | undefined,
    start: (api: Remote<EngineApi>, job: JobId) => Promise<T>,
  ): Promise<T> {
    if (signal?.aborted) throw new PhiError('cancelled', 'Cancelled before it began.');
    return this.#living().job(`job-${++this.#jobs}`, signal, start);
  }
}
