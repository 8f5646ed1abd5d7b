/** PDF files for tests, written by hand: pages of lines in Latin letters or Japanese, with a sound or a broken cross-reference table. */
import { zlibSync } from 'fflate';

export interface PdfOptions {
  /** Offsets of the cross-reference table point nowhere. */
  brokenXref?: boolean;
  compress?: boolean;
  /** Further objects, as the text between `obj` and `endobj`, and entries of the catalog that refer to them (`{0}` is the first object's number). */
  objects?: string[];
  catalog?: string;
}

const LINE_POINTS = 18;
const isLatin = (text: string) => /^[\x20-\x7e]*$/.test(text);

/** Latin letters as a literal string, anything else as UTF-16 for a font with the character map UniJIS-UTF16-H. */
function showText(line: string): string {
  if (isLatin(line)) return `/F1 12 Tf (${line.replace(/[\\()]/g, '\\$&')}) Tj`;
  const codes = Array.from({ length: line.length }, (_, i) => line.charCodeAt(i).toString(16).padStart(4, '0'));
  return `/F2 12 Tf <${codes.join('')}> Tj`;
}

const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** Content of a page: one line under the other. */
const content = (lines: readonly string[]): string =>
  ['BT', '72 770 Td', ...lines.map((line) => `${showText(line)} 0 -${LINE_POINTS} Td`), 'ET'].join('\n');

/** A stream object. */
function streamOf(text: string | Uint8Array, dictionary = ''): Uint8Array[] {
  const data = typeof text === 'string' ? latin1(text) : text;
  return [latin1(`<< /Length ${data.length} ${dictionary} >>\nstream\n`), data, latin1('\nendstream')];
}

/** Objects 1 to 5 are the catalog, the pages and the fonts. */
const FIRST_FREE = 6;

function fonts(): string[] {
  const descriptor =
    '/FontDescriptor << /Type /FontDescriptor /FontName /HeiseiMin-W3 /Flags 6 /FontBBox [0 -200 1000 900] /ItalicAngle 0 ' +
    '/Ascent 800 /Descent -200 /CapHeight 700 /StemV 80 >>';
  return [
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>',
    '<< /Type /Font /Subtype /Type0 /BaseFont /HeiseiMin-W3-UniJIS-UTF16-H /Encoding /UniJIS-UTF16-H /DescendantFonts [5 0 R] >>',
    '<< /Type /Font /Subtype /CIDFontType0 /BaseFont /HeiseiMin-W3 ' +
      `/CIDSystemInfo << /Registry (Adobe) /Ordering (Japan1) /Supplement 2 >> /DW 1000 ${descriptor} >>`,
  ];
}

/** A PDF with a page for each list of lines. A page may also be a ready content stream with its dictionary entries. */
export function makePdf(
  pages: readonly (readonly string[] | { data: Uint8Array; dictionary: string })[],
  { brokenXref = false, compress = false, objects = [], catalog = '' }: PdfOptions = {},
): Uint8Array<ArrayBuffer> {
  const firstPage = FIRST_FREE + objects.length;
  const kids = pages.map((_, i) => `${firstPage + 2 * i} 0 R`);
  const entries = catalog.replace('{0}', String(FIRST_FREE));
  const bodies: Uint8Array[][] = [
    `<< /Type /Catalog /Pages 2 0 R ${entries} >>`,
    `<< /Type /Pages /Count ${pages.length} /Kids [${kids.join(' ')}] >>`,
    ...fonts(),
    ...objects,
  ].map((text) => [latin1(text)]);
  for (const [i, page] of pages.entries()) {
    const resources = '/Resources << /Font << /F1 3 0 R /F2 4 0 R >> >>';
    bodies.push([
      latin1(
        `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] ${resources} /Contents ${firstPage + 2 * i + 1} 0 R >>`,
      ),
    ]);
    if ('data' in page) bodies.push(streamOf(page.data, page.dictionary));
    else if (compress) bodies.push(streamOf(zlibSync(latin1(content(page))), '/Filter /FlateDecode'));
    else bodies.push(streamOf(content(page)));
  }
  return assemble(bodies, brokenXref);
}

function assemble(bodies: readonly Uint8Array[][], brokenXref: boolean): Uint8Array<ArrayBuffer> {
  const chunks: Uint8Array[] = [latin1('%PDF-1.7\n')];
  let length = chunks[0]!.length;
  const offsets: number[] = [];
  const put = (chunk: Uint8Array) => {
    chunks.push(chunk);
    length += chunk.length;
  };
  for (const [i, body] of bodies.entries()) {
    offsets.push(length);
    put(latin1(`${i + 1} 0 obj\n`));
    body.forEach(put);
    put(latin1('\nendobj\n'));
  }
  const start = length;
  const rows = offsets.map((offset) => `${String(brokenXref ? offset + 7 : offset).padStart(10, '0')} 00000 n \n`);
  put(latin1(`xref\n0 ${bodies.length + 1}\n0000000000 65535 f \n${rows.join('')}`));
  put(latin1(`trailer\n<< /Size ${bodies.length + 1} /Root 1 0 R >>\nstartxref\n${brokenXref ? 12 : start}\n%%EOF\n`));
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
