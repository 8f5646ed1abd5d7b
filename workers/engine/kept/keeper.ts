/**
 * Keeps the cache of the conversation that was answered last, when nothing else has been asked for a while, and restores the cache of one that was
 * opened. Both give way to whatever is asked for.
 */
import type { EngineReport, GenerateRequest, RestoreRequest } from '../../shared/protocol.ts';
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
  /** What the model holds belongs to a guest or to a chat that is never stored: it could not be restored. */
  #holdsUnkept = false;
  /** The reply whose cache is to be written. */
  #answered: RestoreRequest | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #saving = new AbortController();
  #restoring: { chat: string; controller: AbortController } | null = null;

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
   * @param onProblem hears once why a cache could not be kept or restored
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
    this.#holdsUnkept = false;
  }

  /**
   * Something was asked for: nothing is written meanwhile.
   * @param chat of the reply that was asked for: its own cache goes on being restored, because the reply needs it
   */
  giveWay(chat?: string): void {
    this.#stopTimer();
    this.#saving.abort();
    if (chat === undefined || this.#restoring?.chat !== chat) this.#restoring?.controller.abort();
  }

  /** A reply begins. */
  answering({ keep, messages, maxTokens, tools }: GenerateRequest): void {
    this.giveWay(keep); // the reply before this one may have set its timer meanwhile
    this.#chat = keep ?? null;
    this.#holdsUnkept = keep === undefined;
    this.#answered = keep === undefined ? null : { keep, messages, maxTokens, tools };
  }

  /** A reply has ended: its cache is kept once nothing is asked for. */
  answered(): void {
    this.#stopTimer();
    if (this.#chat !== null) this.#timer = setTimeout(() => this.#saveInTurn(), IDLE_MS);
  }

  /**
   * A conversation was opened: its cache is restored, after that of the one before was written. Resolves when that is done or was given up. What
   * cannot be restored itself stays: a conversation that is not kept.
   */
  async restore(request: RestoreRequest): Promise<void> {
    this.#restoring?.controller.abort();
    const kept = this.#kept;
    if (!kept || this.#holdsUnkept || this.#chat === request.keep) return;
    const restoring = { chat: request.keep, controller: new AbortController() };
    this.#restoring = restoring;
    if (this.#timer !== undefined) this.#saveInTurn();
    await this.#inTurn(() => this.#restore(kept, request, restoring.controller.signal));
    if (this.#restoring === restoring) this.#restoring = null;
  }

  /** See EngineApi.keepCachesOf. */
  async keepOnly(chats: ReadonlySet<string>): Promise<void> {
    if (this.#restoring && !chats.has(this.#restoring.chat)) this.#restoring.controller.abort();
    if (this.#chat !== null && !chats.has(this.#chat)) {
      this.giveWay();
      this.#chat = null;
    }
    await this.#store.keepOnly(chats);
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #saveInTurn(): void {
    this.#stopTimer();
    const { signal } = (this.#saving = new AbortController());
    void this.#inTurn(() => this.#save(signal));
  }

  async #save(signal: AbortSignal): Promise<void> {
    const [kept, request] = [this.#kept, this.#answered];
    if (!kept || !request || this.#chat !== request.keep || signal.aborted) return;
    const told = await tried(kept, () => kept.model.keepCache(kept.caches, request, signal));
    // Deleted while it was written.
    if (told && this.#chat !== request.keep) await tried(kept, () => this.#store.dropChat(request.keep));
  }

  async #restore(kept: Kept, request: RestoreRequest, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#kept !== kept) return;
    this.#chat = request.keep;
    await tried(kept, () => kept.model.restoreCache(kept.caches, request, signal));
    if (signal.aborted) this.#chat = null;
  }
}

/** False when it failed, which is told once: the conversation is read again instead. */
async function tried(kept: Kept, work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (cause) {
    kept.onProblem(cause);
    kept.onProblem = () => undefined;
    return false;
  }
}

const identityOf = (content: string, { candidate }: EngineReport): string =>
  [content, candidate, codeVersion(), PART_VERSION].join('|');
