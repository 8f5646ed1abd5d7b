/** PowerPoint presentations: a page for each slide, in the order of the presentation, with the speaker's notes. */
import type { ReadDocument } from '../../shared/document-types.ts';
import { officeText } from './office-text.ts';
import { PageCollector } from './pages.ts';
import { parseXml, readRelations } from './xml.ts';
import { unzip } from './zip.ts';

const PRESENTATION = 'ppt/presentation.xml';
const WANTED =
  /^ppt\/(presentation\.xml|(slides|notesSlides)\/[^/]+\.xml|_rels\/presentation\.xml\.rels|slides\/_rels\/[^/]+\.rels)$/;

const textOf = (name: string, part: string, bytes: Uint8Array | undefined): string =>
  officeText(name, part, bytes, (element, { type }) => {
    if (element === 'br') return '\n';
    // The number of the slide, or a date: no words of the author.
    return element === 'fld' && (type === 'slidenum' || type?.startsWith('datetime')) ? null : undefined;
  }).trim();

export function readPptx(name: string, bytes: Uint8Array, onPage: (done: number) => void): ReadDocument {
  const files = unzip(name, bytes, WANTED);
  const targets = readRelations(name, PRESENTATION, files);
  /** A slide that is listed again was read. */
  const slides = new Set<string>();
  parseXml(name, PRESENTATION, files.get(PRESENTATION), {
    open(element, attributes) {
      const slide = targets.get(attributes['r:id'] ?? '');
      if (element === 'sldId' && slide) slides.add(slide);
    },
  });
  const collector = new PageCollector(onPage);
  for (const slide of slides) {
    if (collector.full) break;
    const notes = [...readRelations(name, slide, files).values()].filter((part) => part.startsWith('ppt/notesSlides/'));
    const texts = [slide, ...notes].map((part) => textOf(name, part, files.get(part)));
    collector.add(texts.filter((text) => text !== '').join('\n\n'));
  }
  return { kind: 'pptx', unit: 'slide', pages: collector.pages, gaps: collector.gaps(slides.size) };
}
