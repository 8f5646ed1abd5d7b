import type { ErrorShape } from '../../workers/errors.ts';
import { PhiError } from '../../workers/errors.ts';
import type { Conversation, Summary } from './conversation.ts';
import { bySummaryOrder, recover, summaryOf } from './conversation.ts';
import type { ConversationDatabase } from './database.ts';

/** What the store needs of the database; tests give one in memory. */
export type ConversationRecords = Pick<ConversationDatabase, 'summaries' | 'read' | 'write' | 'remove' | 'readDraft' | 'writeDraft' | 'search'>;

/** The list of conversations and the one that is open. */
export class Conversations {
  readonly #records: ConversationRecords;
  #summaries = $state.raw<Summary[]>([]);
  #current = $state.raw<Conversation | null>(null);
  /** Conversations of this visit, shown or streaming in the background: the newest state, whatever is written so far. */
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- a cache; what is shown is #current
  readonly #loaded = new Map<string, Conversation>();
  #problem = $state.raw<ErrorShape | null>(null);
  /** Writes go one after another, so that a later state never lands before an earlier one. */
  #writes: Promise<void> = Promise.resolve();

  constructor(records: ConversationRecords) {
    this.#records = records;
  }

  get summaries(): readonly Summary[] {
    return this.#summaries;
  }

  /** null: a new chat that has no message yet. */
  get current(): Conversation | null {
    return this.#current;
  }

  /** Why the last write (or the reading of the list) failed; what is on the page is then not stored. null: all is stored. */
  get problem(): ErrorShape | null {
    return this.#problem;
  }

  async loadList(): Promise<void> {
    try {
      this.#summaries = (await this.#records.summaries()).sort(bySummaryOrder);
    } catch (cause) {
      this.#problem = PhiError.from(cause, 'storage').toShape();
    }
  }

  /** Opens a conversation; a reply that was cut off by a reload is partial from now on. Rejects with `bad-request` when it is gone. */
  async open(id: string): Promise<Conversation> {
    const conversation = await this.#get(id);
    if (!conversation) throw new PhiError('bad-request', 'This conversation does not exist any more.');
    this.#current = conversation;
    return conversation;
  }

  /** Leaves the open conversation for a new chat. */
  close(): void {
    this.#current = null;
  }

  /** Stores a new conversation and opens it. */
  async begin(conversation: Conversation): Promise<void> {
    this.#current = conversation;
    await this.#put(conversation);
  }

  /** Changes a conversation, at once where it is loaded, and stores it. A conversation deleted meanwhile stays deleted. */
  async update(id: string, change: (conversation: Conversation) => Conversation): Promise<void> {
    const conversation = this.#loaded.get(id) ?? (await this.#get(id));
    if (conversation) await this.#put(change(conversation));
  }

  async rename(id: string, title: string): Promise<void> {
    const trimmed = title.trim();
    if (trimmed) await this.update(id, (conversation) => ({ ...conversation, title: trimmed, named: true }));
  }

  async pin(id: string, pinned: boolean): Promise<void> {
    await this.update(id, (conversation) => ({ ...conversation, pinned }));
  }

  /** Deletes a conversation now; the function that it gives brings it back. */
  async remove(id: string): Promise<() => Promise<void>> {
    const conversation = await this.#get(id).catch(() => null); // A damaged one can be deleted too.
    if (this.#current?.id === id) this.#current = null;
    this.#loaded.delete(id);
    this.#summaries = this.#summaries.filter((summary) => summary.id !== id);
    await this.#write(() => this.#records.remove(id));
    return async () => {
      if (!conversation) return;
      // On the disk before it is seen: who reloads at once must find it.
      await this.#write(() => this.#records.write(conversation));
      this.#show(conversation);
    };
  }

  search(query: string): Promise<Set<string>> {
    return this.#records.search(query);
  }

  readDraft(id: string | null): Promise<string> {
    return this.#records.readDraft(id);
  }

  writeDraft(id: string | null, draft: string): Promise<void> {
    return this.#write(() => this.#records.writeDraft(id, draft));
  }

  async #get(id: string): Promise<Conversation | null> {
    const loaded = this.#loaded.get(id);
    if (loaded) return loaded;
    const stored = await this.#records.read(id);
    // Somebody else may have loaded and changed it while it was read.
    const conversation = this.#loaded.get(id) ?? (stored && recover(stored));
    if (conversation) this.#loaded.set(id, conversation);
    return conversation;
  }

  async #put(conversation: Conversation): Promise<void> {
    this.#show(conversation);
    await this.#write(() => this.#records.write(conversation));
  }

  #show(conversation: Conversation): void {
    this.#loaded.set(conversation.id, conversation);
    if (this.#current?.id === conversation.id) this.#current = conversation;
    this.#summaries = [...this.#summaries.filter((other) => other.id !== conversation.id), summaryOf(conversation)].sort(bySummaryOrder);
  }

  /** A failed write does not stop the chat: memory has the conversation, and the page says that the disk has not. */
  #write(write: () => Promise<void>): Promise<void> {
    this.#writes = this.#writes.then(write).then(
      () => {
        this.#problem = null;
      },
      (cause: unknown) => {
        this.#problem = PhiError.from(cause, 'storage').toShape();
      },
    );
    return this.#writes;
  }
}
