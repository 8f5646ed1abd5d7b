import type { Conversation, Patch } from '../chat/conversation.ts';
import { applyPatch, summaryOf } from '../chat/conversation.ts';
import type { ConversationRecords } from '../chat/conversations.svelte.ts';
import type { Sent } from '../chat/database.ts';

/** Records in memory; `failing` makes every write fail, as a full disk does. */
export class MemoryRecords implements ConversationRecords {
  readonly records = new Map<string, Conversation>();
  readonly drafts = new Map<string | null, string>();
  readonly writes: string[] = [];
  failing = false;

  summaries() {
    return Promise.resolve([...this.records.values()].map(summaryOf));
  }

  read(id: string) {
    return Promise.resolve(this.records.get(id) ?? null);
  }

  /** Earlier writes take longer, so that only a queue keeps their order. */
  async #disk() {
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, 20 - this.writes.length * 10)));
    if (this.failing) throw new DOMException('full', 'QuotaExceededError');
  }

  async write(conversations: readonly Conversation[], sent?: Sent) {
    await this.#disk();
    this.#set(conversations);
    if (sent) this.drafts.delete(sent.draftOf);
  }

  writeMany(conversations: readonly Conversation[]) {
    return this.write(conversations);
  }

  #set(conversations: readonly Conversation[]) {
    for (const conversation of conversations) {
      this.writes.push(conversation.title);
      this.records.set(conversation.id, conversation);
    }
  }

  ahead() {
    return Promise.resolve();
  }

  async apply(id: string, patch: Patch, sent?: Sent) {
    await this.#disk();
    const stored = this.records.get(id);
    if (!stored) return false;
    this.#set([applyPatch(stored, patch)]);
    if (sent) this.drafts.delete(sent.draftOf);
    return true;
  }

  remove(id: string) {
    this.records.delete(id);
    return Promise.resolve();
  }

  clear() {
    this.records.clear();
    this.drafts.clear();
    return Promise.resolve();
  }

  readDraft(id: string | null) {
    return Promise.resolve(this.drafts.get(id) ?? '');
  }

  writeDraft(id: string | null, draft: string) {
    this.drafts.set(id, draft);
    return Promise.resolve();
  }

  search() {
    return Promise.resolve(new Set<string>());
  }
}
