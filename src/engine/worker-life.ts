/** One engine worker from its start to its end: calls, jobs, heartbeat, deadlines. Its end settles every call that is under way. */
import { proxy, releaseProxy, wrap, type Remote } from 'comlink';
import { PhiError } from '../../workers/shared/errors.ts';
import type { EngineApi, JobId, Progress } from '../../workers/shared/protocol.ts';
import { watchTextWork, type TextPart } from '../../workers/shared/text-work.ts';
import { holdBusy } from '../pwa/busy.ts';
import type { EngineThread } from './engine-thread.ts';

/** A job that was asked to stop and has not settled after this time is ended by terminating the worker. */
const HARD_STOP_MS = 10_000;
const HEARTBEAT_MS = 5_000;
/** A worker that answers nothing for this long counts as dead, also while its script is fetched. */
const SILENCE_MS = 60_000;
/** The same during a load: compiling may keep the worker from answering. */
const LOAD_SILENCE_MS = 240_000;
/** A load without progress for this long counts as stuck, although the worker answers: a GPU may never come back. */
const STALLED_LOAD_MS = 600_000;
/** Wait this many expected run times before giving up a reply. */
const RUNS_BEFORE_STALLED = 8;

export interface EndOptions {
  code?: 'worker-died' | 'cancelled';
  /** In place of the error that `code` and the reason make. */
  error?: PhiError;
  /** True if people are told. Default: unless the owner continues the reply in a new worker. */
  tell?: boolean;
}

export interface LifeOwner {
  /** Expected milliseconds of a run of the loaded model; 0: unknown. */
  runMs(): number;
  /** Name of the loaded model, for messages. */
  modelName(): string | null;
  /** Called once, after the pending calls were rejected. */
  onEnd(life: WorkerLife, error: PhiError, tell: boolean | undefined): void;
}

export class WorkerLife {
  readonly api: Remote<EngineApi>;
  /** Loads and replies under way. */
  loads = 0;
  replies = 0;
  readonly #thread: EngineThread;
  readonly #owner: LifeOwner;
  readonly #pending = new Set<(error: PhiError) => void>();
  readonly #heartbeat: ReturnType<typeof setInterval>;
  /** Ends the watch over the model's template and tokenizer. */
  readonly #unwatch: () => void;
  #over = false;
  /** The worker has sent something: its script runs. */
  #heard = false;
  #missedBeats = 0;
  /** Beats without progress while a load or a reply is under way. */
  #stalledBeats = 0;

  constructor(thread: EngineThread, owner: LifeOwner) {
    this.#thread = thread;
    this.#owner = owner;
    this.api = wrap<EngineApi>(thread.endpoint);
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS);
    this.#unwatch = watchTextWork(thread.endpoint, (part, seconds) => {
      const error = this.#tooLate(part, seconds);
      this.end(error.message, { error });
    });
    thread.endpoint.addEventListener('message', () => {
      this.#heard = true;
      this.#missedBeats = 0;
    });
    void thread.died.then((why) => this.end(why));
  }

  /** A load or a reply made progress. */
  progress(): void {
    this.#stalledBeats = 0;
  }

  /** Settles as the call does, or rejects when the worker ends first. */
  call<T>(start: (api: Remote<EngineApi>) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#pending.add(reject);
      start(this.api)
        .then(resolve, (cause: unknown) => reject(PhiError.from(cause)))
        .finally(() => this.#pending.delete(reject));
    });
  }

  /** A call that `signal` stops: softly first, by ending the worker when that does not help. Holds off updates meanwhile. */
  async job<T>(
    job: JobId,
    signal: AbortSignal | undefined,
    start: (api: Remote<EngineApi>, job: JobId) => Promise<T>,
  ): Promise<T> {
    const release = holdBusy();
    let deadline: ReturnType<typeof setTimeout> | undefined;
    const stop = () => {
      if (this.#over) return;
      // A failing abort needs no report: the worker is dead or does not listen, and the deadline settles the job.
      this.api.abort(job).catch(() => undefined);
      deadline = setTimeout(() => this.end(`a job did not stop within ${HARD_STOP_MS / 1000} s`), HARD_STOP_MS);
    };
    signal?.addEventListener('abort', stop, { once: true });
    try {
      return await this.call((api) => start(api, job));
    } finally {
      release();
      signal?.removeEventListener('abort', stop);
      clearTimeout(deadline);
    }
  }

  /** Ends the worker at once and rejects what is under way. Does nothing the second time. */
  end(why: string, { code = 'worker-died', error, tell }: EndOptions = {}): void {
    if (this.#over) return;
    this.#over = true;
    clearInterval(this.#heartbeat);
    this.#unwatch();
    this.#thread.terminate();
    this.api[releaseProxy]();
    const reason =
      error ??
      new PhiError(
        code,
        `The engine's worker ended: ${why}. The conversation is kept. Load the model again to continue.`,
      );
    for (const reject of this.#pending) reject(reason);
    this.#pending.clear();
    this.#owner.onEnd(this, reason, tell);
  }

  /** The model's chat template or tokenizer did not end. Neither another backend nor a second try would help. */
  #tooLate(part: TextPart, seconds: number): PhiError {
    const name = this.#owner.modelName() ?? 'The model';
    return new PhiError(
      'bad-model',
      `${name}: its ${part} did not finish within ${seconds} s, so the engine was stopped. The conversation is kept. Choose another model, or get this one from another source.`,
      { part, seconds },
    );
  }

  /** Counts beats rather than time, so that a suspended tab does not wake up to a dead engine. */
  #beat(): void {
    if (this.#pending.size === 0) {
      this.#missedBeats = this.#stalledBeats = 0;
      return;
    }
    if (this.#missedBeats === 0) this.api.report().catch(() => undefined); // any answer is a sign of life, a rejection too
    this.#missedBeats++;
    // While WASM computes it cannot answer: a slow device gets the time that its own self-test says it needs.
    const runs = Math.max(SILENCE_MS, RUNS_BEFORE_STALLED * this.#owner.runMs());
    const silence = this.loads > 0 && this.#heard ? LOAD_SILENCE_MS : runs;
    if (this.#missedBeats * HEARTBEAT_MS > silence) this.end(`it did not answer for ${Math.round(silence / 1000)} s`);
    if (this.loads + this.replies === 0) return;
    this.#stalledBeats++;
    const stalled = this.loads > 0 ? STALLED_LOAD_MS : runs;
    if (this.#stalledBeats * HEARTBEAT_MS > stalled)
      this.end(`the device did not return a result for ${Math.round(stalled / 1000)} s`);
  }
}

/** A callback that crosses to the worker. */
export const progressProxy = (onProgress: ((progress: Progress) => void) | undefined): ((progress: Progress) => void) =>
  proxy((progress: Progress) => onProgress?.(progress));
