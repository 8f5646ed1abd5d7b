/** A stage worker, with a death path that settles whatever is under way. */
import { proxy, transfer, wrap, type Remote } from 'comlink';
import type { PhiError } from '../../shared/errors.ts';
import { startWorker, unlessDead, type WorkerThread } from '../../shared/worker-thread.ts';
import stageUrl from '../../stage.worker.ts?worker&url';
import type { KvRows } from '../decoder.ts';
import type { StageApi, StageFacts, StageHost, StageResult, StageSetup, StageStep } from './stage-protocol.ts';

export class StageThread {
  readonly #thread: WorkerThread;
  readonly #api: Remote<StageApi>;
  readonly #name: string;
  readonly #ended = Promise.withResolvers<never>();

  /** `name`: for messages, "layers 1 to 19". */
  constructor(name: string) {
    this.#name = name;
    this.#ended.promise.catch(() => undefined); // every pending call rejects with it
    this.#thread = startWorker(stageUrl, 'stage');
    void this.#thread.died.then(() => this.#thread.terminate());
    this.#api = wrap<StageApi>(this.#thread.worker);
  }

  load(setup: StageSetup, host: StageHost): Promise<StageFacts> {
    return this.#alive(this.#api.load(setup, proxy(host)));
  }

  run(step: StageStep): Promise<StageResult> {
    return this.#alive(this.#api.run(transfer(step, [step.hidden.buffer])));
  }

  /** See KvAccess; `layer` counts within the stage. */
  readRows(layer: number, from: number, to: number): Promise<KvRows> {
    return this.#alive(this.#api.readRows(layer, from, to));
  }

  fillRows(layer: number, count: number, rows: KvRows): Promise<void> {
    return this.#alive(this.#api.fillRows(layer, count, transfer(rows, [rows.keys.buffer, rows.values.buffer])));
  }

  /** Ends the worker; its memory goes back to the system at once. What is under way rejects with `error`. */
  end(error: PhiError): void {
    this.#thread.terminate();
    this.#ended.reject(error);
  }

  #alive<T>(work: Promise<T>): Promise<T> {
    return unlessDead(this.#thread, `The worker of ${this.#name}`, Promise.race([work, this.#ended.promise]));
  }
}
