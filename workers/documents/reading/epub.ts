/** EPUB books: a page for each chapter of the reading order. */
import type { ReadDocument } from '../../shared/document-types.ts';
import { badDocument } from './limits.ts';
import { decodeHtml, htmlText } from './html.ts';
import { PageCollector } from './pages.ts';
import { parseXml, resolve } from './xml.ts';
import { unzip } from './zip.ts';

const CONTAINER = 'META-INF/container.xml';
const WANTED = /\.(opf|x?html?|xml)$/i;

/** Path of the package document, which lists the chapters. */
function packagePath(name: string, files: ReadonlyMap<string, Uint8Array>): string {
  let path = '';
  parseXml(name, CONTAINER, files.get(CONTAINER), {
    open(element, attributes) {
      if (element === 'rootfile') path ||= attributes['full-path'] ?? '';
    },
  });
  if (path === '') throw badDocument(name, 'The file is damaged: META-INF/container.xml names no book.');
  return path;
}

/** An address as the name of a file; as it stands where it is not encoded. */
function decoded(href: string): string {
  try {
    return decodeURIComponent(href);
  } catch {
    return href;
  }
}

/** Paths of the chapters, in reading order. */
function spine(name: string, files: ReadonlyMap<string, Uint8Array>): string[] {
  const path = packagePath(name, files);
  const folder = path.slice(0, path.lastIndexOf('/') + 1);
  const hrefs = new Map<string, string>();
  const order: string[] = [];
  parseXml(name, path, files.get(path), {
    open(element, { id, href, idref }) {
      if (element === 'item' && id && href) hrefs.set(id, href);
      else if (element === 'itemref' && idref) order.push(idref);
    },
  });
  const chapters = order.flatMap((id) => hrefs.get(id) ?? []).map((href) => resolve(folder, decoded(href)));
  // A chapter that is listed again was read.
  return [...new Set(chapters)].filter((chapter) => files.has(chapter));
}

export function readEpub(name: string, bytes: Uint8Array, onPage: (done: number) => void): ReadDocument {
  const files = unzip(name, bytes, WANTED);
  // A font may be encrypted in any book. A chapter is encrypted only where the whole book is.
  if (
    files.has('META-INF/rights.xml') ||
    /\.x?html?"/i.test(new TextDecoder().decode(files.get('META-INF/encryption.xml')))
  )
    throw badDocument(name, 'The book is protected (DRM) and cannot be read.');
  const chapters = spine(name, files);
  const collector = new PageCollector(onPage);
  for (const chapter of chapters) {
    if (collector.full) break;
    const { text, title } = htmlText(name, decodeHtml(files.get(chapter)!));
    collector.add(text, title ?? undefined);
  }
  return { kind: 'epub', unit: 'chapter', pages: collector.pages, gaps: collector.gaps(chapters.length) };
}
