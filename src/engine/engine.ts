import type { Remote } from 'comlink';
import { proxy, releaseProxy, wrap } from 'comlink';
import { installErrorTransfer } from '../../workers/shared/comlink-errors.ts';
import { PhiError } from '../../workers/shared/errors.ts';
import { type TextPart, watchTextWork } from '../../workers/shared/text-work.ts';
import type {
  ContextFit,
  EngineApi,
  EngineReport,
  FoundModel,
  GenerateEvent,
  GenerateRequest,
  JobId,
  LoadRequest,
  ModelManifest,
  Place,
  Progress,
  StorageReport,
  StoredModel,
} from '../../workers/shared/protocol.ts';
import type { HubModel } from '../../workers/shared/hub.ts';
import { AsyncQueue } from './async-queue.ts';
import type { EngineThread } from './engine-thread.ts';
import { spawnEngineWorker } from './engine-thread.ts';
import { holdBusy } from '../pwa/busy.ts';
import { canRecover, isFirstDeath, isMendable } from './recovery.ts';

/** A job that was asked to stop and has not settled after this is ended by terminating the worker. */
const HARD_STOP_MS = 10_000;
const HEARTBEAT_MS = 5_000;
/** A worker that answers nothing for so long is taken for dead, also while its script is fetched. A load may compile for long without coming up for air. */
const PATIENCE_MS = 60_000;
const LOAD_PATIENCE_MS = 240_000;
/** A reply or a load that tells of no progress for so long is taken for stuck, although the worker answers: a GPU may never come back. */
const STALLED_LOAD_MS = 600_000;
/** So many times the time that a run is expected to take are waited for it. */
const PATIENCE_RUNS = 8;
/** Events and the call's own reply come through different ports; the last event may arrive a little after the reply. */
const LAST_EVENT_MS = 1_000;

export interface JobOptions {
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
}

/** Everything but `error`, which `Engine.generate` throws. */
export type GenerateUpdate = Exclude<GenerateEvent, { type: 'error' }>;

/** How the engine comes back from a lost backend or worker in the middle of a reply. */
export type Recovery =
  | { kind: 'loading'; progress: Progress | null }
  | { kind: 'ready'; report: EngineReport }
  | { kind: 'failed'; error: PhiError };

interface Loaded {
  request: LoadRequest;
  report: EngineReport;
  /** Candidates that failed during this visit. */
  avoid: { candidate: string; why: string }[];
}

interface Life {
  thread: EngineThread;
  api: Remote<EngineApi>;
  pending: Set<(error: PhiError) => void>;
  loads: number;
  replies: number;
  /** It has begun. */
  heard: boolean;
  missedBeats: number;
  /** Beats without a word of progress while a load or a reply is under way. */
  stalledBeats: number;
  heartbeat: ReturnType<typeof setInterval>;
  /** Ends the watch over the model's template and tokenizer. */
  unwatch: () => void;
}

/**
 * The page's only handle on the engine worker. Every method rejects with a `PhiError`. The death of the worker settles every call
 * that is under way with `worker-died`; the next call starts a new worker, with nothing loaded. Backends that fail are left behind: a load goes on
 * with the next one, and so does a reply, from its last token; each time in a fresh worker, because a failed backend may leave ONNX Runtime unusable.
 */
export class Engine {
  readonly #spawn: () => EngineThread;
  #life: Life | null = null;
  #jobs = 0;
  readonly #mourners = new Set<(error: PhiError) => void>();
  readonly #watchers = new Set<(step: Recovery) => void>();
  #loaded: Loaded | null = null;

  constructor(spawn: () => EngineThread = spawnEngineWorker) {
    installErrorTransfer();
    this.#spawn = spawn;
  }

  /** With a worker of its own, started when it is first asked for something. */
  another(): Engine {
    return new Engine(this.#spawn);
  }

  storage(): Promise<StorageReport> {
    return this.#call((api) => api.storage());
  }

  /** Downloads or resumes a model, by its manifest, the manifest's absolute URL, or out of a hub's repository. */
  install(model: ModelManifest | HubModel | string, options: JobOptions = {}): Promise<StoredModel> {
    return this.#job(options.signal, (api, job) => api.install(job, model, progressProxy(options)));
  }

  importFiles(files: { path: string; file: Blob }[], options: JobOptions = {}): Promise<StoredModel> {
    return this.#job(options.signal, (api, job) => api.importFiles(job, files, progressProxy(options)));
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
    return this.#job(options.signal, (api, job) => api.verify(job, model, progressProxy(options)));
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
        const candidate = error.detail?.['candidate'] ?? trying;
        const known = avoid.some((one) => one.candidate === candidate);
        if (typeof candidate !== 'string' || known || options.signal?.aborted || !isMendable(error)) throw error;
        avoid.push({ candidate, why: error.message });
        if (this.#life) this.#bury(this.#life, 'a backend failed in it', { tell: false });
      }
    }
  }

  #loadOnce(request: LoadRequest, options: JobOptions): Promise<EngineReport> {
    return this.#job(options.signal, async (api, job) => {
      const life = this.#life;
      const onProgress = (progress: Progress) => {
        if (life) life.stalledBeats = 0;
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

  unload(): Promise<void> {
    this.#loaded = null;
    return this.#call((api) => api.unload());
  }

  forgetProbes(): Promise<void> {
    return this.#call((api) => api.forgetProbes());
  }

  report(): Promise<EngineReport | null> {
    return this.#call((api) => api.report());
  }

  fit(request: Pick<GenerateRequest, 'messages' | 'maxTokens' | 'droppedBefore'>): Promise<ContextFit> {
    return this.#call((api) => api.fit(request));
  }

  /**
   * Streams a reply. The last event is `end`, also after a soft stop by `signal` (reason `cancelled`); an error that nothing else can
   * be done about throws. A backend or worker that is lost meanwhile costs time, and a notice, but no token. Leaving the loop early stops the reply.
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
    // A worker that ends says nothing about its backend, unless it happens again.
    const again = isFirstDeath(error, losses);
    if (!again) loaded.avoid.push({ candidate, why: error.message });
    if (this.#life) this.#bury(this.#life, 'its backend was lost', { tell: false });
    this.#tell({ kind: 'loading', progress: null });
    try {
      const onProgress = (progress: Progress) => this.#tell({ kind: 'loading', progress });
      const report = await this.#loadAvoiding(loaded.request, loaded.avoid, { signal, onProgress });
      if (again) report.rejected.unshift({ what: candidate, why: `${error.message} It was started again.` });
      this.#loaded = { ...loaded, report };
      this.#tell({ kind: 'ready', report });
      return report;
    } catch (cause) {
      throw this.#givenUp(PhiError.from(cause));
    }
  }

  /** After a failure that cost the engine what it had loaded. */
  #givenUp(error: PhiError): PhiError {
    if (this.#loaded && !this.#life) {
      this.#loaded = null;
      if (error.code === 'cancelled') return error;
      if (error.code === 'worker-died') for (const listener of this.#mourners) listener(error);
      else this.#tell({ kind: 'failed', error });
    }
    return error;
  }

  async *#stream(request: GenerateRequest, signal?: AbortSignal): AsyncGenerator<GenerateUpdate, void, void> {
    const life = this.#living();
    life.replies++;
    life.stalledBeats = 0;
    const events = new AsyncQueue<GenerateEvent>();
    const left = new AbortController();
    const stop = signal ? AbortSignal.any([signal, left.signal]) : left.signal;
    const onEvent = proxy((event: GenerateEvent) => {
      life.stalledBeats = 0;
      events.push(event);
    });
    const call = this.#job(stop, (api, job) => api.generate(job, request, onEvent)).then(
      () => setTimeout(() => events.close(), LAST_EVENT_MS),
      (error: unknown) => events.fail(error),
    );
    let ended = false;
    try {
      for await (const event of events) {
        if (event.type === 'error') throw PhiError.fromShape(event.error);
        ended = event.type === 'end';
        yield event;
        if (ended) return;
      }
      throw new PhiError('internal', 'The reply ended without its closing event.');
    } finally {
      life.replies--;
      if (!ended) left.abort();
      const timer = await call;
      if (timer !== undefined) clearTimeout(timer);
    }
  }

  /** Hears how a reply gets another backend or worker under it. Returns a function that unsubscribes. */
  onRecovery(listener: (step: Recovery) => void): () => void {
    this.#watchers.add(listener);
    return () => this.#watchers.delete(listener);
  }

  #tell(step: Recovery): void {
    for (const listener of this.#watchers) listener(step);
  }

  /**
   * Hears of every death of a worker, after the pending calls were settled, unless the engine sees to it itself (see onRecovery). Returns a function
   * that unsubscribes.
   */
  onDeath(listener: (error: PhiError) => void): () => void {
    this.#mourners.add(listener);
    return () => this.#mourners.delete(listener);
  }

  /** Ends the worker at once; its memory goes back to the system. Pending calls reject with `code`: `cancelled` where somebody wanted it so. */
  terminate(why = 'it was stopped on request', code: 'worker-died' | 'cancelled' = 'worker-died'): void {
    this.#loaded = null; // so that no reply starts another
    if (this.#life) this.#bury(this.#life, why, { code });
  }

  #living(): Life {
    if (this.#life) return this.#life;
    const thread = this.#spawn();
    const life: Life = {
      thread,
      api: wrap<EngineApi>(thread.endpoint),
      pending: new Set(),
      loads: 0,
      replies: 0,
      heard: false,
      missedBeats: 0,
      stalledBeats: 0,
      heartbeat: setInterval(() => this.#beat(life), HEARTBEAT_MS),
      unwatch: watchTextWork(thread.endpoint, (part, seconds) => {
        const error = this.#tooLate(part, seconds);
        this.#bury(life, error.message, { error });
      }),
    };
    thread.endpoint.addEventListener('message', () => {
      life.heard = true;
      life.missedBeats = 0;
    });
    void thread.died.then((why) => this.#bury(life, why));
    this.#life = life;
    return life;
  }

  /** The model's own text work has not ended: neither another backend nor the same one again would help. */
  #tooLate(part: TextPart, seconds: number): PhiError {
    const name = this.#loaded?.report.name ?? 'The model';
    return new PhiError(
      'bad-model',
      `${name}: its ${part} did not finish within ${seconds} s, so the engine was stopped. The conversation is kept. Choose another model, or get this one from another source.`,
      { part, seconds },
    );
  }

  /** Counts beats rather than time, so that a suspended tab does not wake up to a dead engine. */
  #beat(life: Life): void {
    if (life.pending.size === 0) {
      life.missedBeats = life.stalledBeats = 0;
      return;
    }
    if (life.missedBeats === 0) life.api.report().catch(() => undefined); // Any answer is a sign of life, a rejection too.
    life.missedBeats++;
    // While WASM computes it cannot answer: a slow device gets the time that its own self-test says it needs.
    const runs = Math.max(PATIENCE_MS, PATIENCE_RUNS * (this.#loaded?.report.runMs ?? 0));
    const patience = life.loads > 0 && life.heard ? LOAD_PATIENCE_MS : runs;
    if (life.missedBeats * HEARTBEAT_MS > patience)
      this.#bury(life, `it has not answered for ${Math.round(patience / 1000)} s`);
    if (life.loads + life.replies === 0) return;
    life.stalledBeats++;
    const stalled = life.loads > 0 ? STALLED_LOAD_MS : runs;
    if (life.stalledBeats * HEARTBEAT_MS > stalled)
      this.#bury(life, `the device has not come back with a result for ${Math.round(stalled / 1000)} s`);
  }

  /** `tell`: false where the engine itself goes on in a fresh worker. */
  #bury(
    life: Life,
    why: string,
    {
      code = 'worker-died',
      tell = life.replies === 0 || this.#loaded === null,
      error = new PhiError(
        code,
        `The engine's worker ended: ${why}. The conversation is kept; load the model again to go on.`,
      ),
    }: { code?: 'worker-died' | 'cancelled'; tell?: boolean; error?: PhiError } = {},
  ): void {
    if (this.#life !== life) return;
    this.#life = null;
    clearInterval(life.heartbeat);
    life.unwatch();
    life.thread.terminate();
    life.api[releaseProxy]();
    for (const reject of life.pending) reject(error);
    life.pending.clear();
    if (tell) for (const listener of this.#mourners) listener(error);
  }

  #call<T>(start: (api: Remote<EngineApi>) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const life = this.#living();
      life.pending.add(reject);
      start(life.api)
        .then(resolve, (cause: unknown) => reject(PhiError.from(cause)))
        .finally(() => life.pending.delete(reject));
    });
  }

  async #job<T>(
    signal: AbortSignal | undefined,
    start: (api: Remote<EngineApi>, job: JobId) => Promise<T>,
  ): Promise<T> {
    if (signal?.aborted) throw new PhiError('cancelled', 'Cancelled before it began.');
    const job = `job-${++this.#jobs}`;
    const life = this.#living();
    const release = holdBusy();
    let deadline: ReturnType<typeof setTimeout> | undefined;
    const stop = () => {
      if (this.#life !== life) return;
      // A failing abort needs no report: then the worker is dead or deaf, and the deadline settles the job.
      life.api.abort(job).catch(() => undefined);
      deadline = setTimeout(() => this.#bury(life, `a job did not stop within ${HARD_STOP_MS / 1000} s`), HARD_STOP_MS);
    };
    signal?.addEventListener('abort', stop, { once: true });
    try {
      return await this.#call((api) => start(api, job));
    } finally {
      release();
      signal?.removeEventListener('abort', stop);
      clearTimeout(deadline);
    }
  }
}

function progressProxy(options: JobOptions): (progress: Progress) => void {
  return proxy((progress: Progress) => options.onProgress?.(progress));
}
