/** A stage worker, with a death path that settles whatever is under way. */
import { proxy, transfer, wrap, type Remote } from 'comlink';
import { PhiError } from '../../shared/errors.ts';
import { lifelineName, watchLifeline } from '../../shared/lifeline.ts';
import stageUrl from '../../stage.worker.ts?worker&url';
import type { StageApi, StageFacts, StageHost, StageResult, StageSetup, StageStep } from './stage-protocol.ts';

export class StageThread {
  readonly #worker: Worker;
  readonly #api: Remote<StageApi>;
  readonly #death: Promise<never>;
  readonly #die: (error: PhiError) => void;
  readonly #name: string;
  /** Ends the wait for the worker's end. */
  readonly #ended = new AbortController();

  /** `name`: for messages, "layers 1 to 19". */
  constructor(name: string) {
    this.#name = name;
    const { promise, reject } = Promise.withResolvers<never>();
    this.#death = promise;
    this.#death.catch(() => undefined); // heard by every call
    this.#die = reject;
    const lifeline = lifelineName('stage');
    this.#worker = new Worker(stageUrl, { type: 'module', name: lifeline });
    this.#worker.onerror = (event) => this.end(this.#died(event.message || 'its script could not be loaded'));
    this.#worker.onmessageerror = () => this.end(this.#died('a message could not be read'));
    watchLifeline(this.#worker, lifeline, this.#ended.signal, () =>
      this.end(this.#died('it was terminated or crashed')),
    );
    this.#api = wrap<StageApi>(this.#worker);
  }

  load(setup: StageSetup, host: StageHost): Promise<StageFacts> {
    return this.#alive(this.#api.load(setup, proxy(host)));
  }

  run(step: StageStep): Promise<StageResult> {
    return this.#alive(this.#api.run(transfer(step, [step.hidden.buffer])));
  }

  /** Ends the worker; its memory goes back to the system at once. What is under way rejects with `error`. */
  end(error: PhiError): void {
    this.#worker.terminate();
    this.#die(error);
    this.#ended.abort();
  }

  #died(why: string): PhiError {
    return new PhiError('worker-died', `The worker of ${this.#name} ended: ${why}.`);
  }

  async #alive<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#death]);
  }
}
