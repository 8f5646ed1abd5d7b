/**
 * Documents in IndexedDB, in a database of their own. Keys:
 *
 *   `h:<document>`  DocumentHead
 *   `t:<document>`  its pages
 *   `f:<document>`  its file as bytes, if it is kept (some browsers store no Blobs in private windows)
 */
import { promisifyRequest, type UseStore } from 'idb-keyval';
import * as v from 'valibot';
import { connect, keysFrom } from '../../shared/connection.ts';
import { DOCUMENT_KINDS, PAGE_UNITS, type DocumentPage } from '../../shared/document-types.ts';
import type { DocumentHead, StoredDocument, WholeDocument } from '../../shared/library-types.ts';

const DATABASE = 'phi-documents';

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const numbers = v.array(count);
const HeadSchema = v.object({
  id: v.string(),
  name: v.string(),
  folder: v.string(),
  kind: v.picklist(DOCUMENT_KINDS),
  unit: v.picklist(PAGE_UNITS),
  pageCount: count,
  gaps: v.array(
    v.variant('kind', [
      v.object({ kind: v.literal('no-text'), pages: numbers }),
      v.object({ kind: v.literal('unreadable'), pages: numbers }),
      v.object({ kind: v.literal('cut'), read: count, total: count }),
    ]),
  ),
  bytes: count,
  hasFile: v.optional(v.boolean()),
  tokens: count,
  addedAt: v.pipe(v.number(), v.minValue(0), v.maxValue(8.64e15)),
});
const PagesSchema = v.array(v.object({ text: v.string(), label: v.optional(v.string()) }));

export class DocumentRecords {
  readonly #use: UseStore;

  constructor(database = DATABASE) {
    this.#use = connect({ database, store: 'records' });
  }

  /** Readable heads, in no order. A damaged one is left out. */
  async heads(): Promise<DocumentHead[]> {
    const values = await this.#use('readonly', (store) => promisifyRequest<unknown[]>(store.getAll(keysFrom('h:'))));
    return values.flatMap((value) => {
      const parsed = v.safeParse(HeadSchema, value);
      return parsed.success ? [parsed.output] : [];
    });
  }

  /** null: it is not there, or damaged. */
  async read(id: string): Promise<StoredDocument | null> {
    const [head, pages] = await this.#use('readonly', (store) =>
      Promise.all([promisifyRequest<unknown>(store.get(`h:${id}`)), promisifyRequest<unknown>(store.get(`t:${id}`))]),
    );
    const parsed = v.safeParse(HeadSchema, head);
    const text = v.safeParse(PagesSchema, pages);
    return parsed.success && text.success ? { head: parsed.output, pages: text.output } : null;
  }

  async pages(id: string): Promise<DocumentPage[] | null> {
    return (await this.read(id))?.pages ?? null;
  }

  /** null: it is not there, or damaged. */
  async file(id: string): Promise<Blob | null> {
    const bytes = await this.#use('readonly', (store) => promisifyRequest<unknown>(store.get(`f:${id}`)));
    return bytes instanceof Uint8Array ? new Blob([bytes as Uint8Array<ArrayBuffer>]) : null;
  }

  /** Head, text and file of each in one transaction. */
  async write(documents: readonly WholeDocument[]): Promise<void> {
    const files = await Promise.all(
      documents.map(async ({ file }) => file && new Uint8Array(await file.arrayBuffer())),
    );
    return this.#use('readwrite', (store) => {
      for (const [i, { head, pages }] of documents.entries()) {
        const file = files[i];
        store.put({ ...head, hasFile: Boolean(file) }, `h:${head.id}`);
        store.put(pages, `t:${head.id}`);
        if (file) store.put(file, `f:${head.id}`);
      }
      return promisifyRequest(store.transaction);
    });
  }

  /** Changes a head, whoever wrote it last. Nothing happens to a document that is gone. */
  change(id: string, change: Partial<Pick<DocumentHead, 'name' | 'folder'>>): Promise<void> {
    return this.#use('readwrite', (store) => {
      const request = store.get(`h:${id}`) as IDBRequest<unknown>;
      request.onsuccess = () => {
        const parsed = v.safeParse(HeadSchema, request.result);
        if (parsed.success) store.put({ ...parsed.output, ...change }, `h:${id}`);
      };
      return promisifyRequest(store.transaction);
    });
  }

  remove(ids: readonly string[]): Promise<void> {
    return this.#use('readwrite', (store) => {
      for (const id of ids) {
        store.delete(`h:${id}`);
        store.delete(`t:${id}`);
        store.delete(`f:${id}`);
      }
      return promisifyRequest(store.transaction);
    });
  }
}
