import type { Conversation } from '../chat/conversation.ts';
import { summaryOf } from '../chat/conversation.ts';
import type { ConversationRecords } from '../chat/conversations.svelte.ts';

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

  async write(...conversations: Conversation[]) {
    await this.#disk();
    this.#set(conversations);
  }

  #set(conversations: Conversation[]) {
    for (const conversation of conversations) {
      this.writes.push(conversation.title);
      this.records.set(conversation.id, conversation);
    }
  }

  async update(id: string, change: (conversation: Conversation) => Conversation) {
    await this.#disk();
    const stored = this.records.get(id);
    if (stored) this.#set([change(stored)]);
    return stored !== undefined;
  }

  remove(id: string) {
    this.records.delete(id);
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
