/** Documents as text with page numbers: what the reader worker makes of a file, and what the library keeps. */

export const DOCUMENT_KINDS = ['pdf', 'docx', 'pptx', 'xlsx', 'epub', 'html', 'markdown', 'text'] as const;
export type DocumentKind = (typeof DOCUMENT_KINDS)[number];

/** What a number in a document counts. A `part` is a stretch of a file that has no pages of its own. */
export const PAGE_UNITS = ['page', 'slide', 'sheet', 'chapter', 'part'] as const;
export type PageUnit = (typeof PAGE_UNITS)[number];

export interface DocumentPage {
  text: string;
  /** Name of a sheet, title of a chapter. */
  label?: string;
}

/** A part of the file that was not read. The page shows each of them. */
export type DocumentGap =
  /** Pages (numbered from 1) that hold only pictures. */
  | { kind: 'no-text'; pages: number[] }
  /** Pages that are damaged. */
  | { kind: 'unreadable'; pages: number[] }
  /** The file is longer than the limit: pages beyond `read` were left out. */
  | { kind: 'cut'; read: number; total: number };

export interface ReadDocument {
  kind: DocumentKind;
  unit: PageUnit;
  pages: DocumentPage[];
  gaps: DocumentGap[];
}

/** What the reader worker offers. It can connect to nothing, so the page brings what it lacks. */
export interface ReaderApi {
  /**
   * Reads a file as text. Rejects with `bad-document`.
   * @param characterMaps resolves with the zip archive of pdf.js's character maps; called only for a PDF that needs them
   * @param onPage called after each page with the number of pages read
   */
  read(file: File, characterMaps: () => Promise<ArrayBuffer>, onPage: (done: number) => void): Promise<ReadDocument>;
}
