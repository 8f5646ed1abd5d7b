/** The library of documents: stored ones, and those of chats that are never stored, which live in memory. */
import type { DocumentPage } from '../../shared/document-types.ts';
import type {
  DocumentHead,
  FoundPassage,
  LibraryApi,
  NewDocument,
  StoredDocument,
  WholeDocument,
} from '../../shared/library-types.ts';
import { PhiError } from '../../shared/errors.ts';
import { newId } from '../../shared/new-id.ts';
import { estimateTokens } from '../../shared/token-estimate.ts';
import { indexDocument, rank, type DocumentIndex } from '../search/ranking.ts';
import { DocumentRecords } from './records.ts';

/** Text and index of a document. Both are made again when they are needed. */
interface Held {
  pages: DocumentPage[];
  index: DocumentIndex;
}

/** Held documents have at most this many characters together; the one that was used longest ago goes first. */
const HELD_CHARACTERS = 24_000_000;

const charactersOf = (pages: readonly DocumentPage[]) => pages.reduce((sum, { text }) => sum + text.length, 0);

export class Library implements LibraryApi {
  readonly #records: DocumentRecords;
  readonly #temporary = new Map<string, WholeDocument>();
  readonly #held = new Map<string, Held>();

  constructor(records = new DocumentRecords()) {
    this.#records = records;
  }

  async list(): Promise<DocumentHead[]> {
    return (await this.#records.heads()).sort((a, b) => b.addedAt - a.addedAt);
  }

  async add({ name, bytes, read, file }: NewDocument, keep: boolean): Promise<DocumentHead> {
    const { pages, ...rest } = read;
    const head: DocumentHead = {
      id: newId(),
      name,
      folder: '',
      kind: rest.kind,
      unit: rest.unit,
      gaps: rest.gaps,
      pageCount: pages.length,
      bytes,
      tokens: pages.reduce((sum, { text }) => sum + estimateTokens(text), 0),
      addedAt: Date.now(),
    };
    // Only pages of a PDF can be drawn.
    const kept = read.kind === 'pdf' && file ? file : null;
    const known = await this.#same(head, pages);
    if (known && (known.hasFile || !kept || !keep)) return known;
    const document = { head: { ...(known ?? head), hasFile: kept !== null }, pages, file: kept };
    if (keep) return this.#write(document);
    this.#temporary.set(head.id, document);
    return document.head;
  }

  /** Where there is no room for the file, the text alone is kept. */
  async #write(document: WholeDocument): Promise<DocumentHead> {
    try {
      await this.#records.write([document]);
      return document.head;
    } catch (cause) {
      if (!document.file || !(cause instanceof PhiError) || cause.code !== 'quota') throw cause;
      await this.#records.write([{ ...document, file: null }]);
      return { ...document.head, hasFile: false };
    }
  }

  async read(id: string): Promise<StoredDocument | null> {
    const temporary = this.#temporary.get(id);
    return temporary ? { head: temporary.head, pages: temporary.pages } : this.#records.read(id);
  }

  async file(id: string): Promise<Blob | null> {
    return this.#temporary.get(id)?.file ?? (await this.#records.file(id));
  }

  rename(id: string, name: string): Promise<void> {
    return this.#records.change(id, { name });
  }

  move(id: string, folder: string): Promise<void> {
    return this.#records.change(id, { folder });
  }

  async remove(ids: readonly string[]): Promise<WholeDocument[]> {
    const before = await Promise.all(
      ids.map(async (id) => {
        const document = await this.#records.read(id);
        return document && { ...document, file: await this.#records.file(id) };
      }),
    );
    await this.#records.remove(ids);
    for (const id of ids) this.#held.delete(id);
    return before.filter((document) => document !== null);
  }

  restore(documents: readonly WholeDocument[]): Promise<void> {
    return this.#records.write(documents);
  }

  async search(question: string, ids: readonly string[] | null, most: number): Promise<FoundPassage[]> {
    // Another tab may have deleted some of them.
    const stored = (await this.#records.heads()).map(({ id }) => id);
    const known = ids === null ? stored : ids.filter((id) => stored.includes(id) || this.#temporary.has(id));
    const held = new Map<string, Held>();
    for (const id of known) {
      const one = await this.#hold(id);
      if (one) held.set(id, one);
    }
    const indices = new Map([...held].map(([id, { index }]) => [id, index]));
    return rank(indices, question, most).map(({ sentence, ...found }) => {
      const { text } = held.get(found.document)!.pages[found.page - 1]!;
      const cut = ({ start, end }: { start: number; end: number }) => text.slice(start, end).trim();
      return { ...found, text: cut(found), quote: cut(sentence) };
    });
  }

  async #hold(id: string): Promise<Held | null> {
    let held = this.#held.get(id);
    if (!held) {
      const pages = this.#temporary.get(id)?.pages ?? (await this.#records.pages(id));
      if (!pages) return null;
      held = { pages, index: indexDocument(pages) };
    }
    this.#held.delete(id); // The latest comes last.
    this.#held.set(id, held);
    let characters = [...this.#held.values()].reduce((sum, { pages }) => sum + charactersOf(pages), 0);
    for (const [other, { pages }] of this.#held) {
      if (characters <= HELD_CHARACTERS || other === id) break;
      this.#held.delete(other);
      characters -= charactersOf(pages);
    }
    return held;
  }

  /** The stored document with the same name and text. */
  async #same(head: DocumentHead, pages: readonly DocumentPage[]): Promise<DocumentHead | null> {
    const like = (other: DocumentHead) =>
      other.name === head.name &&
      other.bytes === head.bytes &&
      other.pageCount === head.pageCount &&
      other.tokens === head.tokens;
    for (const other of (await this.#records.heads()).filter(like)) {
      const theirs = await this.#records.pages(other.id);
      if (theirs?.every(({ text }, i) => text === pages[i]?.text)) return other;
    }
    return null;
  }
}
