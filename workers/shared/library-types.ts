/** The library of documents: what it keeps, and what its worker offers to the page. */
import type { DocumentGap, DocumentKind, DocumentPage, PageUnit, ReadDocument } from './document-types.ts';

/** A document without its text. */
export interface DocumentHead {
  id: string;
  name: string;
  /** Empty: in no folder. */
  folder: string;
  kind: DocumentKind;
  unit: PageUnit;
  pageCount: number;
  gaps: DocumentGap[];
  /** Of the file. */
  bytes: number;
  /** The file itself is kept, so that its pages can be drawn. */
  hasFile?: boolean | undefined;
  /** Of the text, estimated. */
  tokens: number;
  addedAt: number;
}

export interface StoredDocument {
  head: DocumentHead;
  pages: DocumentPage[];
}

/** With its file, if that is kept. */
export interface WholeDocument extends StoredDocument {
  file: Blob | null;
}

/** A passage that was found. */
export interface FoundPassage {
  document: string;
  /** From 1. */
  page: number;
  /** Characters of the page's text, end exclusive. */
  start: number;
  end: number;
  text: string;
  /** The sentence of it that suits the question best. */
  quote: string;
  score: number;
}

export interface NewDocument {
  name: string;
  bytes: number;
  read: ReadDocument;
  /** Kept for a PDF, if there is room. */
  file?: Blob;
}

export interface LibraryApi {
  /** Stored documents, newest first. */
  list(): Promise<DocumentHead[]>;
  /** `keep`: false holds it in memory only, for a chat that is never stored. The same file again gives the document that is there. */
  add(document: NewDocument, keep: boolean): Promise<DocumentHead>;
  /** null: it was deleted. */
  read(id: string): Promise<StoredDocument | null>;
  /** The file of a document; null: it is not kept. */
  file(id: string): Promise<Blob | null>;
  rename(id: string, name: string): Promise<void>;
  move(id: string, folder: string): Promise<void>;
  /** Deletes documents with their text. Resolves with what brings them back. */
  remove(ids: readonly string[]): Promise<WholeDocument[]>;
  restore(documents: readonly WholeDocument[]): Promise<void>;
  /** The best passages for a question, best first. `ids`: null searches all. Documents that were deleted are passed over. */
  search(question: string, ids: readonly string[] | null, most: number): Promise<FoundPassage[]>;
}
