/** Citations in a reply, as "[1]", "[1, 2]" or "【1】": links to the passages that they name. */
import { t } from '../i18n/i18n.svelte.ts';
import type { MessageDocument } from '../chat/message.ts';
import { numberedPassages, type NumberedPassage } from './prompt.ts';
import { documentHref, pageText } from './words.ts';

/** Numbers in brackets, also in full-width ones. */
const CITATION = /[[［【]\s*([\d０-９]{1,2}(?:\s*[,;、，；]\s*[\d０-９]{1,2})*)\s*[\]］】]/gu;
const NUMBER = /[\d０-９]+/g;
/** What is between these is shown as it is written. */
const VERBATIM = 'a, code, pre';
/** Fences and spans of code in Markdown. */
const CODE = /(`{3,})[^]*?(?:\1|$)|(`+)[^`]+\2/g;

/** "１２" is 12 too. */
const valueOf = (digits: string): number => Number(digits.normalize('NFKC'));

/** Numbers that a reply cites outside of code. */
export function citedNumbers(reply: string): Set<number> {
  const citations = [...reply.replace(CODE, ' ').matchAll(CITATION)];
  return new Set(citations.flatMap(([, list]) => (list!.match(NUMBER) ?? []).map(valueOf)));
}

export const passageHref = ({ document, page, start, end }: NumberedPassage): string =>
  documentHref(document.id, page, { start, end });

/** "archive.pdf, page 7". */
export const passageName = ({ document, page }: NumberedPassage): string =>
  t('sourceAt', document.name, pageText(document.unit, page));

/** The shown text is a part of the name, so that a person can say what they see to a voice control. */
function linkTo(passage: NumberedPassage, shown: string): HTMLAnchorElement {
  const link = document.createElement('a');
  link.className = 'citation';
  link.href = passageHref(passage);
  link.textContent = shown;
  link.setAttribute('aria-label', `${shown} ${passageName(passage)}`);
  return link;
}

/** A text with its citations as links; null: it has none. */
function linked(text: string, passages: ReadonlyMap<number, NumberedPassage>): (Node | string)[] | null {
  const parts: (Node | string)[] = [];
  let at = 0;
  const link = (start: number, end: number, passage: NumberedPassage) => {
    parts.push(text.slice(at, start), linkTo(passage, text.slice(start, end)));
    at = end;
  };
  for (const { index, 0: whole } of text.matchAll(CITATION)) {
    const numbers = [...whole.matchAll(NUMBER)];
    for (const { index: offset, 0: digits } of numbers) {
      const passage = passages.get(valueOf(digits));
      if (!passage) continue;
      // A number that stands alone takes its brackets along: there is more to press.
      const [start, length] = numbers.length === 1 ? [index, whole.length] : [index + offset, digits.length];
      link(start, start + length, passage);
    }
  }
  return parts.length === 0 ? null : [...parts, text.slice(at)];
}

/** Makes the citations in `fragment` links to the passages of `documents`. Numbers that no passage has, and code, stay as they are. */
export function linkCitations(fragment: DocumentFragment, documents: readonly MessageDocument[]): void {
  const passages = new Map(numberedPassages(documents).map((passage) => [passage.number, passage]));
  if (passages.size === 0) return;
  const walker = document.createTreeWalker(fragment, NodeFilter.SHOW_TEXT);
  const texts: Text[] = [];
  while (walker.nextNode()) texts.push(walker.currentNode as Text);
  for (const node of texts) {
    if (node.parentElement?.closest(VERBATIM)) continue;
    const parts = linked(node.data, passages);
    if (parts) node.replaceWith(...parts);
  }
}
