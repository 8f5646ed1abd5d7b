import type { DocumentGap } from '../../workers/shared/document-types.ts';
import type { DocumentHead } from '../../workers/shared/library-types.ts';
import type { MessageDocument } from '../chat/message.ts';

/** A document above the message box. */
export interface Attachment {
  key: string;
  name: string;
  /** null while it is read. */
  document: MessageDocument | null;
  /** Pages read so far. */
  done: number;
  /** Of the file; null: not known here. */
  bytes: number | null;
  /** Of its text, estimated. */
  tokens: number | null;
  gaps: readonly DocumentGap[];
}

/** One that is in the library. */
const attachmentOf = (head: DocumentHead): Attachment => ({
  key: head.id,
  name: head.name,
  document: head,
  done: head.pageCount,
  bytes: head.bytes,
  tokens: head.tokens,
  gaps: head.gaps,
});

/** The documents that go with the message that is being written. */
export class Attachments {
  #items = $state.raw<readonly Attachment[]>([]);
  #count = 0;
  /** Files are read one after another: each reader is a copy of its library. */
  #turn: Promise<unknown> = Promise.resolve();

  get items(): readonly Attachment[] {
    return this.#items;
  }

  /** A file is still being read. */
  get busy(): boolean {
    return this.#items.some(({ document }) => document === null);
  }

  /** Documents of the library. */
  put(heads: readonly DocumentHead[]): void {
    const fresh = heads.filter(({ id }) => !this.#has(id));
    this.#items = [...this.#items, ...fresh.map(attachmentOf)];
  }

  /**
   * Reads a file into the library. Rejects with the reason when it cannot be read.
   * @param keep asked once the file is read; false: in memory only
   */
  async add(file: File, keep: () => boolean): Promise<void> {
    const key = `reading-${++this.#count}`;
    const { name, size: bytes } = file;
    this.#items = [...this.#items, { key, name, bytes, document: null, done: 0, tokens: null, gaps: [] }];
    try {
      const [{ readFile }, { library }] = await Promise.all([import('./reader.ts'), import('./library.ts')]);
      const reading = this.#turn.then(() =>
        this.#has(key) ? readFile(file, (done) => this.#change(key, { done })) : null,
      );
      this.#turn = reading.catch(() => undefined); // whoever added that file hears of it
      const read = await reading;
      if (!read || !this.#has(key)) return; // Whoever took it away meanwhile does not want it.
      const head = await library.add({ name, bytes, read, file }, keep());
      if (this.#has(head.id)) this.remove(key);
      else this.#change(key, attachmentOf(head));
    } catch (cause) {
      this.remove(key);
      throw cause;
    }
  }

  remove(key: string): void {
    this.#items = this.#items.filter((item) => item.key !== key);
  }

  /** The documents, which leave the box. */
  take(): MessageDocument[] {
    const documents = this.#items.flatMap(({ document }) => document ?? []);
    this.#items = [];
    return documents;
  }

  #has(key: string): boolean {
    return this.#items.some((item) => item.key === key);
  }

  #change(key: string, change: Partial<Attachment>): void {
    this.#items = this.#items.map((item) => (item.key === key ? { ...item, ...change } : item));
  }
}
