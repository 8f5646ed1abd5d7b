import type { Remote } from 'comlink';
import { proxy, releaseProxy, wrap } from 'comlink';
import { installErrorTransfer } from '../workers/comlink-errors.ts';
import { PhiError } from '../workers/errors.ts';
import type {
  ChatMessage,
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
} from '../workers/protocol.ts';
import type { HubModel } from '../workers/store/hub.ts';
import { AsyncQueue } from './async-queue.ts';
import type { EngineThread } from './engine-thread.ts';
import { spawnEngineWorker } from './engine-thread.ts';

/** A job that was asked to stop and has not settled after this is ended by terminating the worker. */
const HARD_STOP_MS = 10_000;
const HEARTBEAT_MS = 5_000;
/** A worker that answers nothing for so long is taken for dead. A load may compile for long without coming up for air. */
const PATIENCE_MS = 60_000;
const LOAD_PATIENCE_MS = 240_000;
/** Events and the call's own reply come through different ports; the last event may arrive a little after the reply. */
const LAST_EVENT_MS = 1_000;

export interface JobOptions {
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
}

/** Everything but `error`, which `Engine.generate` throws. */
export type GenerateUpdate = Exclude<GenerateEvent, { type: 'error' }>;

interface Life {
  thread: EngineThread;
  api: Remote<EngineApi>;
  pending: Set<(error: PhiError) => void>;
  loads: number;
  missedBeats: number;
  heartbeat: ReturnType<typeof setInterval>;
}

/**
 * The page's only handle on the engine worker. Every method rejects with a `PhiError`. The death of the worker settles every call
 * that is under way with `worker-died`; the next call starts a new worker, with nothing loaded.
 */
export class Engine {
  readonly #spawn: () => EngineThread;
  #life: Life | null = null;
  #jobs = 0;
  readonly #mourners = new Set<(error: PhiError) => void>();

  constructor(spawn: () => EngineThread = spawnEngineWorker) {
    installErrorTransfer();
    this.#spawn = spawn;
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

  load(request: LoadRequest, options: JobOptions = {}): Promise<EngineReport> {
    return this.#job(options.signal, async (api, job) => {
      const life = this.#life;
      if (life) life.loads++;
      try {
        return await api.load(job, request, progressProxy(options));
      } finally {
        if (life) life.loads--;
      }
    });
  }

  unload(): Promise<void> {
    return this.#call((api) => api.unload());
  }

  report(): Promise<EngineReport | null> {
    return this.#call((api) => api.report());
  }

  countTokens(messages: ChatMessage[]): Promise<number> {
    return this.#call((api) => api.countTokens(messages));
  }

  fit(request: Pick<GenerateRequest, 'messages' | 'maxTokens' | 'droppedBefore'>): Promise<ContextFit> {
    return this.#call((api) => api.fit(request));
  }

  /**
   * Streams a reply. The last event is `end`, also after a soft stop by `signal` (reason `cancelled`); an error event or a dead
   * worker throws. Leaving the loop early stops the reply.
   */
  async *generate(request: GenerateRequest, signal?: AbortSignal): AsyncGenerator<GenerateUpdate, void, void> {
    const events = new AsyncQueue<GenerateEvent>();
    const left = new AbortController();
    const stop = signal ? AbortSignal.any([signal, left.signal]) : left.signal;
    const onEvent = proxy((event: GenerateEvent) => events.push(event));
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
      if (!ended) left.abort();
      const timer = await call;
      if (timer !== undefined) clearTimeout(timer);
    }
  }

  /** Hears of every death of a worker, after the pending calls were settled. Returns a function that unsubscribes. */
  onDeath(listener: (error: PhiError) => void): () => void {
    this.#mourners.add(listener);
    return () => this.#mourners.delete(listener);
  }

  /** Ends the worker at once; its memory goes back to the system. Pending calls reject with `code`: `cancelled` where somebody wanted it so. */
  terminate(why = 'it was stopped on request', code: 'worker-died' | 'cancelled' = 'worker-died'): void {
    if (this.#life) this.#bury(this.#life, why, code);
  }

  #living(): Life {
    if (this.#life) return this.#life;
    const thread = this.#spawn();
    const life: Life = {
      thread,
      api: wrap<EngineApi>(thread.endpoint),
      pending: new Set(),
      loads: 0,
      missedBeats: 0,
      heartbeat: setInterval(() => this.#beat(life), HEARTBEAT_MS),
    };
    thread.endpoint.addEventListener('message', () => (life.missedBeats = 0));
    thread.onFailure((why) => this.#bury(life, why));
    this.#life = life;
    return life;
  }

  /** Counts beats rather than time, so that a suspended tab does not wake up to a dead engine. */
  #beat(life: Life): void {
    if (life.pending.size === 0) {
      life.missedBeats = 0;
      return;
    }
    if (life.missedBeats === 0) life.api.report().catch(() => undefined); // Any answer is a sign of life, a rejection too.
    life.missedBeats++;
    const patience = life.loads > 0 ? LOAD_PATIENCE_MS : PATIENCE_MS;
    if (life.missedBeats * HEARTBEAT_MS > patience) this.#bury(life, `it has not answered for ${patience / 1000} s`);
  }

  #bury(life: Life, why: string, code: 'worker-died' | 'cancelled' = 'worker-died'): void {
    if (this.#life !== life) return;
    this.#life = null;
    clearInterval(life.heartbeat);
    life.thread.terminate();
    life.api[releaseProxy]();
    const error = new PhiError(code, `The engine's worker ended: ${why}. The conversation is kept; load the model again to go on.`);
    for (const reject of life.pending) reject(error);
    life.pending.clear();
    for (const listener of this.#mourners) listener(error);
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

  async #job<T>(signal: AbortSignal | undefined, start: (api: Remote<EngineApi>, job: JobId) => Promise<T>): Promise<T> {
    if (signal?.aborted) throw new PhiError('cancelled', 'Cancelled before it began.');
    const job = `job-${++this.#jobs}`;
    const life = this.#living();
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
      signal?.removeEventListener('abort', stop);
      clearTimeout(deadline);
    }
  }
}

function progressProxy(options: JobOptions): (progress: Progress) => void {
  return proxy((progress: Progress) => options.onProgress?.(progress));
}
