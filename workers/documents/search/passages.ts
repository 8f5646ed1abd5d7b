/** Cuts pages into passages: some sentences, small enough that several fit a prompt, and never across pages. */
import type { DocumentPage } from '../../shared/document-types.ts';
import { estimateTokens } from '../../shared/token-estimate.ts';

/** A stretch of a page. */
export interface Span {
  /** From 1. */
  page: number;
  /** Characters of the page's text, end exclusive. */
  start: number;
  end: number;
}

const PASSAGE_TOKENS = 180;
/** A sentence longer than this is cut anywhere. */
const SENTENCE_CHARACTERS = 600;
/** Behind the end of a sentence, or of a line. */
const BOUNDARY = /[.!?]["')\]]*\s+|[。！？][」』）]*|\n+/g;

/** Ends of the sentences of a text, in order; the last is the end of the text. */
export function sentenceEnds(text: string): number[] {
  const ends: number[] = [];
  let last = 0;
  const add = (end: number) => {
    for (; end - last > SENTENCE_CHARACTERS; last += SENTENCE_CHARACTERS) ends.push(last + SENTENCE_CHARACTERS);
    if (end > last) ends.push(end);
    last = end;
  };
  for (const { index, 0: match } of text.matchAll(BOUNDARY)) add(index + match.length);
  add(text.length);
  return ends;
}

/** Passages of one page, in order and without gaps. */
function spansOf(text: string, page: number): Span[] {
  const spans: Span[] = [];
  let start = 0;
  let end = 0;
  let tokens = 0;
  for (const next of sentenceEnds(text)) {
    const more = estimateTokens(text.slice(end, next));
    if (tokens > 0 && tokens + more > PASSAGE_TOKENS) {
      spans.push({ page, start, end });
      start = end;
      tokens = 0;
    }
    end = next;
    tokens += more;
  }
  if (end > start) spans.push({ page, start, end });
  return spans.filter((span) => text.slice(span.start, span.end).trim() !== '');
}

export const passagesOf = (pages: readonly DocumentPage[]): Span[] =>
  pages.flatMap(({ text }, i) => spansOf(text, i + 1));
