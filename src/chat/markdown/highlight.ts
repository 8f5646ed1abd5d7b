/** Colours of code, made in a worker: one code at a time, and with a deadline, because some patterns take seconds on hostile text. */
import workerUrl from '../../../workers/highlight.worker.ts?worker&url';
import type { Colours, HighlightAnswer, HighlightRequest } from '../../../workers/shared/highlight-protocol.ts';
import { startWorker } from '../../../workers/shared/worker-thread.ts';

/** From the request to the answer, with the start of the worker. */
const DEADLINE_MS = 5_000;

type Spawn = () => Worker;

export class Highlighter {
  readonly #spawn: Spawn;
  readonly #deadline: number;
  #worker: Worker | null = null;
  /** Jobs run one after another; a failed one leaves its code as it is and does not stop the next. */
  #queue: Promise<unknown> = Promise.resolve();
  #id = 0;

  constructor(spawn: Spawn, deadline = DEADLINE_MS) {
    this.#spawn = spawn;
    this.#deadline = deadline;
  }

  /** null where the language is not known, or colouring takes too long or fails: the code is then shown without colours. */
  colour(code: string, language: string): Promise<Colours | null> {
    const job = this.#queue.then(() => this.#run(code, language));
    this.#queue = job;
    return job;
  }

  #run(code: string, language: string): Promise<Colours | null> {
    return new Promise((resolve) => {
      const id = ++this.#id;
      const fail = () => {
        this.#worker?.terminate();
        this.#worker = null;
        resolve(null);
      };
      try {
        this.#worker ??= this.#spawn();
      } catch {
        return resolve(null); // The browser refuses another worker.
      }
      const timer = setTimeout(fail, this.#deadline);
      this.#worker.onerror = (event) => {
        event.preventDefault();
        clearTimeout(timer);
        fail();
      };
      this.#worker.onmessage = ({ data }: MessageEvent<HighlightAnswer>) => {
        if (data.id !== id) return;
        clearTimeout(timer);
        resolve(data.colours);
      };
      this.#worker.postMessage({ id, code, language } satisfies HighlightRequest);
    });
  }
}

/** The page has one, made with its first code block. */
export const highlighter = new Highlighter(() => startWorker(workerUrl, 'highlight').worker);
