/** One engine on a page of its own, called from Node. A page that crashed or says nothing ends the bench instead of hanging it. */
import type { BrowserContext, Page } from 'playwright';
import type { BenchApi } from './page/main.ts';
import type { PeerName, PeerOptions } from './peers/peer.ts';

/** The slowest thing that is measured, a prompt of 1,500 tokens on a software GPU, stays below. */
const CALL_LIMIT_MS = 20 * 60_000;
const CLOSE_LIMIT_MS = 10_000;

export type Method = Exclude<keyof BenchApi, 'profile'>;
export type Answer<M extends Method> = Awaited<ReturnType<BenchApi[M]>>;

/** One engine that is open somewhere. */
export interface PeerHandle {
  call<M extends Method>(method: M, ...args: Parameters<BenchApi[M]>): Promise<Answer<M>>;
  /** Frees the engine and what it runs in. */
  close(): Promise<void>;
}
export type OpenPeer = (name: PeerName, options: PeerOptions) => Promise<PeerHandle>;

export class PeerPage implements PeerHandle {
  readonly #page: Page;
  readonly #name: PeerName;
  readonly #gone: Promise<never>;

  private constructor(page: Page, name: PeerName) {
    this.#page = page;
    this.#name = name;
    this.#gone = new Promise<never>((_resolve, reject) => {
      page.on('crash', () => reject(new Error(`${name}: the page crashed. The usual cause is too little memory.`)));
      page.on('close', () => reject(new Error(`${name}: the page was closed.`)));
    });
    this.#gone.catch(() => undefined); // heard by every call
    page.on('console', (message) => {
      if (message.type() === 'error') console.error(`[${name}] ${message.text()}`);
    });
  }

  static async open(context: BrowserContext, url: string, name: PeerName, options: PeerOptions): Promise<PeerPage> {
    const opened = new PeerPage(await context.newPage(), name);
    await opened.#page.goto(`${url}bench.html`);
    await opened.#page.waitForFunction(() => 'bench' in window);
    await opened.call('open', name, options);
    return opened;
  }

  async call<M extends Method>(method: M, ...args: Parameters<BenchApi[M]>): Promise<Answer<M>> {
    const work = this.#page.evaluate(
      ([name, values]) => (window.bench[name] as (...values: unknown[]) => unknown)(...values),
      [method, args] as const,
    );
    return (await this.#within(work, CALL_LIMIT_MS, method)) as Answer<M>;
  }

  /** Frees the engine and the page; an engine that does not answer any more is left behind with its page. */
  async close(): Promise<void> {
    const ended = this.#page.evaluate(() => window.bench.close());
    await this.#within(ended, CLOSE_LIMIT_MS, 'close').catch((error: unknown) => console.error(String(error)));
    await this.#page.close();
  }

  async #within<T>(work: Promise<T>, limitMs: number, what: string): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(
        () => reject(new Error(`${this.#name}: "${what}" took more than ${limitMs / 1000} s.`)),
        limitMs,
      );
    });
    try {
      return await Promise.race([work, this.#gone, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
