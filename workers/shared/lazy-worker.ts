import { releaseProxy, wrap, type Remote } from 'comlink';
import { installErrorTransfer } from './comlink-errors.ts';
import { PhiError } from './errors.ts';
import { startWorker, unlessDead, type WorkerThread } from './worker-thread.ts';

interface Living<Api> {
  thread: WorkerThread;
  api: Remote<Api>;
}

export interface LazyWorkerOptions {
  /** Of its script. */
  url: string;
  /** Part of the worker's name, as developer tools show it. */
  kind: string;
  /** Names the worker in the message about its death: "The server worker". */
  what: string;
  /** Called when the worker died or was ended. What it kept in memory is gone. */
  onEnd?: () => void;
}

/** A worker that starts with its first call, and again with the next call after it died or was ended. */
export class LazyWorker<Api> {
  readonly #options: LazyWorkerOptions;
  #living: Living<Api> | null = null;

  constructor(options: LazyWorkerOptions) {
    this.#options = options;
  }

  /** Settles as the call does; rejects with `worker-died` when the worker dies first. */
  async call<T>(run: (api: Remote<Api>) => Promise<T>): Promise<T> {
    try {
      const { thread, api } = this.#alive();
      return await unlessDead(thread, this.#options.what, run(api));
    } catch (cause) {
      throw PhiError.from(cause);
    }
  }

  /** Ends the worker, if it lives. */
  end(): void {
    if (!this.#living) return;
    const { api, thread } = this.#living;
    this.#living = null;
    api[releaseProxy]();
    thread.terminate();
    this.#options.onEnd?.();
  }

  #alive(): Living<Api> {
    if (this.#living) return this.#living;
    installErrorTransfer();
    const thread = startWorker(this.#options.url, this.#options.kind);
    const living = { thread, api: wrap<Api>(thread.worker) };
    this.#living = living;
    void thread.died.then(() => {
      if (this.#living === living) this.end();
    });
    return living;
  }
}
