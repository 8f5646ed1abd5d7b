import type { ErrorShape } from '../../workers/shared/errors.ts';
import { newId } from '../../workers/shared/new-id.ts';
import { PhiError } from '../../workers/shared/errors.ts';
import type { Conversation, Patch, Summary } from './conversation.ts';
import {
  applyPatch,
  bySummaryOrder,
  joinPatches,
  patchOf,
  recover,
  streamingIn,
  summaryOf,
  withoutServer,
} from './conversation.ts';
import type { ConversationDatabase, Sent } from './database.ts';
import { ReplyLocks } from './reply-locks.ts';
import { LONGEST_FOLDER, parseSummary } from './schema.ts';

/** The database as the store needs it; tests use one in memory. */
export type ConversationRecords = Pick<
  ConversationDatabase,
  | 'summaries'
  | 'read'
  | 'write'
  | 'writeMany'
  | 'ahead'
  | 'apply'
  | 'remove'
  | 'clear'
  | 'readDraft'
  | 'writeDraft'
  | 'search'
>;

/** Makes a conversation from the one that the page has. What it touched is brought to the disk, where another tab may have done something else. */
export type Change = (conversation: Conversation) => Conversation;

/** Messages between tabs. */
type News = { changed: Summary | Summary[] } | { removed: string };

/** The part of a BroadcastChannel that is used. */
export type NewsChannel = Pick<BroadcastChannel, 'postMessage' | 'onmessage'>;

/** The list of conversations and the one that is open, in step with other tabs. */
export class Conversations {
  readonly #records: ConversationRecords;
  readonly #locks: ReplyLocks;
  readonly #channel: NewsChannel;
  #summaries = $state.raw<Summary[]>([]);
  #current = $state.raw<Conversation | null>(null);
  /** Conversations of this visit, shown or streaming in the background: the newest state, whatever is written so far. */
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- a cache; what is shown is #current
  readonly #loaded = new Map<string, Conversation>();
  /** Changes that are not on the disk yet, by conversation; those of a failed write go with the next. */
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- never shown
  readonly #unsaved = new Map<string, Patch[]>();
  /** Drafts that were sent with changes of which none is on the disk yet, by conversation. */
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- never shown
  readonly #sent = new Map<string, Sent>();
  /** Chats that are never stored, in whatever form. They last until another chat is shown. */
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- beside #current, which is reactive
  readonly #temporary = new Set<string>();
  #freshTemporary = $state(false);
  #problem = $state.raw<ErrorShape | null>(null);
  /** Writes of one conversation go one after another, so that a later state never lands before an earlier one. */
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- never shown
  readonly #writes = new Map<string, Promise<void>>();
  /** Conversations that are about to be read again. */
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- never shown
  readonly #stale = new Set<string>();
  /** Hears of a conversation that another tab deleted. */
  onGone: (id: string) => void = () => undefined;
  /** Hears that conversations were deleted, in whatever tab: what was made of them goes too. */
  onRemoved: () => void = () => undefined;
  /** Hears that the disk is full; resolves when something of less worth was dropped. */
  onFull: () => Promise<void> = () => Promise.resolve();

  constructor(records: ConversationRecords, channel: NewsChannel = openChannel(), locks = new ReplyLocks()) {
    this.#records = records;
    this.#channel = channel;
    this.#locks = locks;
    channel.onmessage = (event: MessageEvent<unknown>) => this.#hear(event.data);
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

  /** Whether the open chat (or the new one) is one that is never stored. */
  get temporary(): boolean {
    return this.#current ? this.#temporary.has(this.#current.id) : this.#freshTemporary;
  }

  isTemporary(id: string): boolean {
    return this.#temporary.has(id);
  }

  /** Makes the new chat one that is never stored, or an ordinary one. What was written for it and not sent leaves the disk. */
  async setTemporary(temporary: boolean): Promise<void> {
    this.#freshTemporary = temporary; // first: what the box writes meanwhile must not come after it
    if (temporary) await this.#report(this.#records.writeDraft(null, ''));
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
    if (!conversation) throw new PhiError('bad-request', 'This conversation no longer exists.');
    this.#leaveTemporary(id);
    this.#current = conversation;
    return conversation;
  }

  /** Leaves the open conversation for a new chat. */
  close(): void {
    this.#leaveTemporary(null);
    this.#current = null;
  }

  /** Opens a new conversation and stores it; `sent`: with it goes the draft that it began with. */
  async begin(conversation: Conversation, sent?: Sent): Promise<void> {
    if (this.temporary) {
      this.#freshTemporary = false;
      this.#temporary.add(conversation.id);
    }
    this.#leaveTemporary(conversation.id);
    this.#current = conversation;
    this.#show(conversation);
    if (this.#temporary.has(conversation.id)) return;
    await this.#write(conversation.id, () => this.#put(conversation, sent));
  }

  /** Changes a conversation, at once where it is loaded, and stores it. A conversation deleted meanwhile stays deleted. */
  async update(id: string, change: Change, sent?: Sent): Promise<void> {
    const before = this.#loaded.get(id) ?? (await this.#get(id));
    if (!before) return;
    const after = change(before);
    this.#show(after);
    if (this.#temporary.has(id)) return;
    const patch = patchOf(before, after);
    this.#unsaved.set(id, [...(this.#unsaved.get(id) ?? []), patch]);
    if (sent) this.#sent.set(id, sent);
    const added = patch.messages.filter(([position]) => position >= before.messages.length);
    // The write below stores them again, and says what is wrong where they could not be stored.
    if (added.length > 0) this.#records.ahead(id, added, sent).catch(() => undefined);
    await this.#write(id, () => this.#save(id));
  }

  async rename(id: string, title: string): Promise<void> {
    const trimmed = title.trim();
    if (trimmed) await this.update(id, (conversation) => ({ ...conversation, title: trimmed, named: true }));
  }

  async pin(id: string, pinned: boolean): Promise<void> {
    await this.update(id, (conversation) => ({ ...conversation, pinned }));
  }

  /** Puts it into a folder, which exists as long as a chat is in it; '' takes it out. */
  async moveTo(id: string, folder: string): Promise<void> {
    const name = folder.trim().slice(0, LONGEST_FOLDER);
    await this.update(id, (conversation) => ({ ...conversation, folder: name === '' ? undefined : name }));
  }

  /** Deletes a conversation now; the function that it gives brings it back. */
  async remove(id: string): Promise<() => Promise<void>> {
    const conversation = await this.#get(id).catch(() => null); // A damaged one can be deleted too.
    this.#forget(id);
    await this.#write(id, async () => {
      await this.#records.remove(id);
      this.#channel.postMessage({ removed: id } satisfies News);
      this.onRemoved();
    });
    return async () => {
      if (!conversation) return;
      // Stored before it is shown, so that a reload right after it finds it.
      await this.#write(id, () => this.#put(conversation));
      this.#show(conversation);
    };
  }

  /** Deletes every conversation and draft. */
  async removeAll(): Promise<void> {
    const ids = [...new Set([...this.#summaries.map(({ id }) => id), ...this.#loaded.keys()])]; // eslint-disable-line svelte/prefer-svelte-reactivity -- not kept
    for (const id of ids) this.#forget(id);
    this.#current = null;
    // Runs after the writes that are under way, which would bring records back.
    await Promise.all(this.#writes.values());
    await this.#report(this.#records.clear());
    for (const id of ids) this.#channel.postMessage({ removed: id } satisfies News);
    this.onRemoved();
  }

  /** Conversations as they are now, for an export: the named ones, or all. A damaged one is left out and counted. */
  async readAll(
    ids: readonly string[] = this.#summaries.map(({ id }) => id),
  ): Promise<{ conversations: Conversation[]; damaged: number }> {
    const read = await Promise.all(
      ids.map((id) => Promise.resolve(this.#loaded.get(id) ?? this.#read(id).catch(() => null))),
    );
    const conversations = read.filter((conversation) => conversation !== null);
    return { conversations, damaged: read.length - conversations.length };
  }

  /** Takes over conversations of a file, all or none. Those that are here already stay as they are; another with the same id gets a new one. */
  async add(conversations: readonly Conversation[]): Promise<{ added: number; known: number }> {
    const fresh: Conversation[] = [];
    // eslint-disable-next-line svelte/prefer-svelte-reactivity -- never shown
    const taken = new Set(this.#summaries.map(({ id }) => id));
    for (const conversation of conversations.map((one) => withoutServer(recover(one)))) {
      const here = taken.has(conversation.id)
        ? (this.#loaded.get(conversation.id) ?? (await this.#records.read(conversation.id).catch(() => null)))
        : null;
      if (here && JSON.stringify(withoutServer(here)) === JSON.stringify(conversation)) continue;
      const id = taken.has(conversation.id) ? newId() : conversation.id;
      taken.add(id);
      fresh.push({ ...conversation, id });
    }
    await this.#records.writeMany(fresh);
    const summaries = fresh.map(summaryOf);
    this.#list(...summaries);
    this.#channel.postMessage({ changed: summaries } satisfies News);
    return { added: fresh.length, known: conversations.length - fresh.length };
  }

  search(query: string): Promise<Set<string>> {
    return this.#records.search(query);
  }

  readDraft(id: string | null): Promise<string> {
    return this.#records.readDraft(id);
  }

  /** A chat that is never stored writes nothing. */
  writeDraft(id: string | null, draft: string): Promise<void> {
    if (id === null ? this.#freshTemporary : this.#temporary.has(id)) return Promise.resolve();
    return this.#report(this.#records.writeDraft(id, draft));
  }

  /** Forgets temporary chats but the one with `id`. */
  #leaveTemporary(id: string | null): void {
    for (const other of this.#temporary) {
      if (other === id) continue;
      this.#loaded.delete(other);
      this.#temporary.delete(other);
    }
    if (id !== null) this.#freshTemporary = false;
  }

  async #get(id: string): Promise<Conversation | null> {
    const loaded = this.#loaded.get(id);
    if (loaded) return loaded;
    const stored = await this.#read(id);
    // Other code may have loaded and changed it during the read.
    const conversation = this.#loaded.get(id) ?? stored;
    if (conversation) this.#loaded.set(id, conversation);
    return conversation;
  }

  /** As it is stored; a reply whose writer is gone is a partial one. */
  async #read(id: string): Promise<Conversation | null> {
    const stored = await this.#records.read(id);
    if (!stored) return null;
    const streaming = streamingIn(stored);
    if (streaming.length === 0) return stored;
    const alive = await this.#locks.alive();
    for (const reply of streaming)
      if (alive.has(reply) && !this.#locks.isOwn(reply)) void this.#locks.ended(reply).then(() => this.#refresh(id));
    return recover(stored, alive);
  }

  /** Reads what another tab wrote, and keeps this tab's unsaved changes. While one read waits for its turn, a second one is not needed. */
  async #refresh(id: string): Promise<void> {
    if (!this.#loaded.has(id) || this.#stale.has(id)) return;
    this.#stale.add(id);
    await this.#inTurn(id, async () => {
      this.#stale.delete(id);
      const stored = this.#loaded.has(id) ? await this.#read(id) : null;
      if (stored && this.#loaded.has(id)) this.#show(applyPatch(stored, joinPatches(this.#unsaved.get(id) ?? [])));
    });
  }

  async #save(id: string): Promise<void> {
    const patches = this.#unsaved.get(id);
    const conversation = this.#loaded.get(id);
    if (!patches?.length || !conversation) return;
    const sent = this.#sent.get(id);
    const stored = await this.#records.apply(id, joinPatches(patches), sent);
    // It is missing although nobody deleted it: its first write failed, or the browser evicted it.
    if (!stored) await this.#records.write([conversation], sent);
    this.#unsaved.set(id, this.#unsaved.get(id)?.slice(patches.length) ?? []);
    if (this.#sent.get(id) === sent) this.#sent.delete(id);
    this.#tell(id);
  }

  async #put(conversation: Conversation, sent?: Sent): Promise<void> {
    await this.#records.write([conversation], sent);
    this.#channel.postMessage({ changed: summaryOf(conversation) } satisfies News);
  }

  #tell(id: string): void {
    const conversation = this.#loaded.get(id);
    if (conversation) this.#channel.postMessage({ changed: summaryOf(conversation) } satisfies News);
  }

  #hear(news: unknown): void {
    if (typeof news !== 'object' || news === null) return;
    if ('removed' in news && typeof news.removed === 'string') {
      this.#forget(news.removed);
      this.onGone(news.removed);
      this.onRemoved();
    } else if ('changed' in news) {
      const all: unknown[] = Array.isArray(news.changed) ? news.changed : [news.changed];
      const summaries = all.map(parseSummary).filter((summary) => summary !== null);
      this.#list(...summaries);
      for (const { id } of summaries) void this.#refresh(id);
    }
  }

  #forget(id: string): void {
    if (this.#current?.id === id) this.#current = null;
    this.#loaded.delete(id);
    this.#unsaved.delete(id);
    this.#sent.delete(id);
    this.#summaries = this.#summaries.filter((summary) => summary.id !== id);
  }

  #show(conversation: Conversation): void {
    this.#loaded.set(conversation.id, conversation);
    if (this.#current?.id === conversation.id) this.#current = conversation;
    if (!this.#temporary.has(conversation.id)) this.#list(summaryOf(conversation));
  }

  #list(...summaries: Summary[]): void {
    const changed = new Set(summaries.map(({ id }) => id)); // eslint-disable-line svelte/prefer-svelte-reactivity -- not kept
    this.#summaries = [...this.#summaries.filter(({ id }) => !changed.has(id)), ...summaries].sort(bySummaryOrder);
  }

  /** A failed write does not stop the chat: memory has the conversation, and the page says that the disk has not. */
  #write(id: string, write: () => Promise<void>): Promise<void> {
    return this.#inTurn(id, async () => {
      try {
        await write();
      } catch (cause) {
        if (PhiError.from(cause, 'storage').code !== 'quota') throw cause;
        await this.onFull();
        await write();
      }
      this.#problem = null;
    });
  }

  #inTurn(id: string, run: () => Promise<void>): Promise<void> {
    const turn = this.#report((this.#writes.get(id) ?? Promise.resolve()).then(run)).finally(() => {
      if (this.#writes.get(id) === turn) this.#writes.delete(id);
    });
    this.#writes.set(id, turn);
    return turn;
  }

  async #report(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (cause) {
      this.#problem = PhiError.from(cause, 'storage').toShape();
    }
  }
}

/** Tabs of one origin; where channels are missing, each tab is alone. */
function openChannel(): NewsChannel {
  return typeof BroadcastChannel === 'undefined'
    ? { postMessage: () => undefined, onmessage: null }
    : new BroadcastChannel('phi-conversations');
}
