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

/** Archives of pdf.js's data files, written by the build (scripts/build/pdf-data.ts). */
export type PdfData = 'pdf-cmaps.zip' | 'pdf-fonts.zip';
export type FetchPdfData = (archive: PdfData) => Promise<ArrayBuffer>;

/** A stretch of a page's text, in characters, end exclusive. */
export interface PageMark {
  text: string;
  start: number;
  end: number;
}

export interface PagePicture {
  image: ImageBitmap;
  /** Where the mark begins, as a share of the picture's height; null: nothing is marked. */
  top: number | null;
}

/** What the reader worker offers. It can connect to nothing, so the page brings what it lacks. */
export interface ReaderApi {
  /**
   * Reads a file as text. Rejects with `bad-document`.
   * @param fetchData called only for a PDF whose fonts need it
   * @param onPage called after each page with the number of pages read
   */
  read(file: File, fetchData: FetchPdfData, onPage: (done: number) => void): Promise<ReadDocument>;
  /** Opens a PDF, whose pages are then drawn. Rejects for anything else. */
  openPdf(file: Blob, fetchData: FetchPdfData): Promise<void>;
  /** Draws a page (from 1) of the PDF that was opened, `width` pixels wide. */
  drawPage(page: number, width: number, mark: PageMark | null): Promise<PagePicture>;
}
