/** Reads a file as a document: by its first bytes, then by its name. Each reader is loaded when it is first needed. */
import type { FetchPdfData, ReadDocument, ReaderApi } from '../../shared/document-types.ts';
import { PhiError } from '../../shared/errors.ts';
import { badDocument, FILE_BYTES, megabytes } from './limits.ts';

const RTF = new TextEncoder().encode('{\\rtf');
const HTML = /\.x?html?$/i;
/** A PDF may have some bytes before its header. */
const HEADER_BYTES = 1_024;

const startsWith = (bytes: Uint8Array, ...start: number[]) => start.every((byte, i) => bytes[i] === byte);
const isPdf = (bytes: Uint8Array) =>
  new TextDecoder('latin1').decode(bytes.subarray(0, HEADER_BYTES)).includes('%PDF-');

async function readArchive(name: string, bytes: Uint8Array, onPage: (done: number) => void): Promise<ReadDocument> {
  const { namesIn } = await import('./zip.ts');
  const names = new Set(namesIn(name, bytes));
  if (names.has('word/document.xml')) return (await import('./docx.ts')).readDocx(name, bytes, onPage);
  if (names.has('ppt/presentation.xml')) return (await import('./pptx.ts')).readPptx(name, bytes, onPage);
  if (names.has('xl/workbook.xml')) return (await import('./xlsx.ts')).readXlsx(name, bytes, onPage);
  if (names.has('META-INF/container.xml')) return (await import('./epub.ts')).readEpub(name, bytes, onPage);
  throw badDocument(
    name,
    'It is an archive, but not a DOCX, PPTX, XLSX or EPUB file. Unpack it and attach the files in it.',
  );
}

/** The old Office formats, and new ones with a password: these hold the real file as an entry of this name. */
const ENCRYPTED = [...'EncryptedPackage'].join('\0');
const isOle = (bytes: Uint8Array) => startsWith(bytes, 0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1);

export const readDocument: ReaderApi['read'] = async (file, fetchData, onPage) => {
  const { name } = file;
  if (file.size > FILE_BYTES)
    throw badDocument(
      name,
      `The file is ${megabytes(file.size)}. The limit for a document is ${megabytes(FILE_BYTES)}.`,
    );
  if (file.size === 0) throw badDocument(name, 'The file is empty.');
  const bytes = new Uint8Array(await file.arrayBuffer());
  const read = await readBytes(name, bytes, fetchData, onPage).catch((cause: unknown) => {
    if (cause instanceof PhiError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw badDocument(name, `The file cannot be read (${why}).`, { cause });
  });
  if (read.pages.every(({ text }) => text === '')) throw badDocument(name, 'The file has no text.');
  return read;
};

async function readBytes(
  name: string,
  bytes: Uint8Array,
  fetchData: FetchPdfData,
  onPage: (done: number) => void,
): Promise<ReadDocument> {
  if (isPdf(bytes)) return (await import('./pdf.ts')).readPdf(name, bytes, fetchData, onPage);
  if (startsWith(bytes, 0x50, 0x4b, 3, 4)) return readArchive(name, bytes, onPage);
  if (isOle(bytes))
    throw badDocument(
      name,
      new TextDecoder('latin1').decode(bytes).includes(ENCRYPTED)
        ? 'The Office file is protected by a password. Save a copy without one and attach that.'
        : 'It is an old Office file (DOC, XLS, PPT). Save it as DOCX, XLSX or PPTX.',
    );
  if (startsWith(bytes, ...RTF)) throw badDocument(name, 'It is a file in Rich Text Format. Save it as DOCX or PDF.');
  if (HTML.test(name)) return (await import('./html.ts')).readHtml(name, bytes, onPage);
  return (await import('./plain.ts')).readPlain(name, bytes, onPage);
}
