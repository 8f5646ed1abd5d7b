/** Keeps the cache of the conversation that was answered last, when nothing else has been asked for a while. */
import type { EngineReport } from '../../shared/protocol.ts';
import type { CacheStore } from '../../store/kept-caches.ts';
import { codeVersion } from '../choose/probe-memory.ts';
import type { Model } from '../model.ts';
import { PART_VERSION } from './codec.ts';
import { KeptCaches } from './kept-caches.ts';

/** Pause after a reply before its cache is written: a message that follows at once is answered first. */
const IDLE_MS = 1_500;

/** A model, and where its caches lie. */
interface Kept {
  model: Model;
  caches: KeptCaches;
  onProblem: (cause: unknown) => void;
}

export class Keeper {
  readonly #store: CacheStore;
  /** Runs work when no load and no reply is under way. */
  readonly #inTurn: (work: () => Promise<void>) => Promise<void>;
  #kept: Kept | null = null;
  /** The conversation whose keys and values the model holds; null: one that is not kept, or was deleted. */
  #chat: string | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #saving = new AbortController();

  constructor(store: CacheStore, inTurn: (work: () => Promise<void>) => Promise<void>) {
    this.#store = store;
    this.#inTurn = inTurn;
  }

  get caches(): KeptCaches | undefined {
    return this.#kept?.caches;
  }

  /**
   * A model is loaded.
   * @param content hash of its files
   * @param onProblem hears once why a cache could not be kept
   */
  begin(model: Model, content: string, onProblem: (cause: unknown) => void): void {
    const { report } = model;
    const identity = identityOf(content, report);
    this.#kept = { model, caches: new KeptCaches(this.#store, { model: report.model, identity }), onProblem };
  }

  /** No model is loaded any more. */
  end(): void {
    this.giveWay();
    this.#kept = null;
    this.#chat = null;
  }

  /** Something was asked for: nothing is written meanwhile. */
  giveWay(): void {
    clearTimeout(this.#timer);
    this.#saving.abort();
  }

  /** A reply begins, in this conversation or in one that is not kept. */
  answering(chat: string | undefined): void {
    this.giveWay(); // the reply before this one may have set its timer meanwhile
    this.#chat = chat ?? null;
  }

  /** A reply has ended: its cache is kept once nothing is asked for. */
  answered(): void {
    clearTimeout(this.#timer);
    if (this.#chat === null) return;
    this.#timer = setTimeout(() => void this.#inTurn(() => this.#save()), IDLE_MS);
  }

  /** See EngineApi.keepCachesOf. */
  async keepOnly(chats: ReadonlySet<string>): Promise<void> {
    if (this.#chat !== null && !chats.has(this.#chat)) {
      this.giveWay();
      this.#chat = null;
    }
    await this.#store.keepOnly(chats);
  }

  async #save(): Promise<void> {
    const [kept, chat] = [this.#kept, this.#chat];
    if (!kept || chat === null) return;
    const { signal } = (this.#saving = new AbortController());
    try {
      await kept.model.keepCache(kept.caches, chat, signal);
      // Deleted while it was written.
      if (this.#chat !== chat) await this.#store.drop(chat);
    } catch (cause) {
      kept.onProblem(cause);
      kept.onProblem = () => undefined;
    }
  }
}

const identityOf = (content: string, { candidate }: EngineReport): string =>
  [content, candidate, codeVersion(), PART_VERSION].join('|');
