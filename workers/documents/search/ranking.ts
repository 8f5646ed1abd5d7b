/**
 * Ranking by BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009). Each document has an index of its own; a
 * search over some documents adds their counts up, as if they were one collection.
 */
import type { DocumentPage } from '../../shared/document-types.ts';
import { passagesOf, sentenceEnds, type Span } from './passages.ts';
import { termsOf } from './terms.ts';

const K1 = 1.2;
const B = 0.75;

/** Of the best passages by BM25, those whose words stand in one sentence come first. */
const RERANKED = 50;

export interface DocumentIndex {
  pages: readonly DocumentPage[];
  spans: readonly Span[];
  /** Terms in each passage. */
  lengths: readonly number[];
  /** By term: passage, count, passage, count, ... */
  postings: ReadonlyMap<string, readonly number[]>;
}

export interface Ranked extends Span {
  document: string;
  score: number;
  /** The sentence with most of the question's words, in characters of the page's text. */
  sentence: { start: number; end: number };
}

export function indexDocument(pages: readonly DocumentPage[]): DocumentIndex {
  const spans = passagesOf(pages);
  const postings = new Map<string, number[]>();
  const lengths = spans.map(({ page, start, end }, passage) => {
    const { text, label } = pages[page - 1]!;
    const terms = termsOf(`${label ?? ''}\n${text.slice(start, end)}`);
    const counts = new Map<string, number>();
    for (const term of terms) counts.set(term, (counts.get(term) ?? 0) + 1);
    for (const [term, count] of counts) {
      const list = postings.get(term);
      if (list) list.push(passage, count);
      else postings.set(term, [passage, count]);
    }
    return terms.length;
  });
  return { pages, spans, lengths, postings };
}

type Indices = ReadonlyMap<string, DocumentIndex>;

const sumOf = <T>(items: Iterable<T>, value: (item: T) => number): number => {
  let sum = 0;
  for (const item of items) sum += value(item);
  return sum;
};

/** How much each term of a question says: the rarer in the collection, the more. */
function weightsOf(indices: Indices, question: string): Map<string, number> {
  const passages = sumOf(indices.values(), ({ spans }) => spans.length);
  return new Map(
    [...new Set(termsOf(question))].map((term) => {
      const found = sumOf(indices.values(), ({ postings }) => (postings.get(term)?.length ?? 0) / 2);
      return [term, Math.log(1 + (passages - found + 0.5) / (found + 0.5))];
    }),
  );
}

/** BM25 of each passage of one document. `average`: terms of a passage of the collection. */
function scoresOf({ spans, lengths, postings }: DocumentIndex, weights: ReadonlyMap<string, number>, average: number) {
  const scores = new Float64Array(spans.length);
  for (const [term, weight] of weights) {
    const list = postings.get(term) ?? [];
    for (let i = 0; i < list.length; i += 2) {
      const passage = list[i]!;
      const count = list[i + 1]!;
      const norm = K1 * (1 - B + (B * lengths[passage]!) / average);
      scores[passage]! += (weight * count * (K1 + 1)) / (count + norm);
    }
  }
  return scores;
}

/** The sentence of a passage in which most of the question's terms stand together, by their weight. */
function bestSentence(text: string, weights: ReadonlyMap<string, number>) {
  let start = 0;
  let best = { start: 0, end: text.length, weight: 0 };
  for (const end of sentenceEnds(text)) {
    const weight = sumOf(new Set(termsOf(text.slice(start, end))), (term) => weights.get(term) ?? 0);
    if (weight > best.weight) best = { start, end, weight };
    start = end;
  }
  return best;
}

/** The best passages for a question, best first; passages without any of its terms are left out. */
export function rank(indices: Indices, question: string, most: number): Ranked[] {
  const weights = weightsOf(indices, question);
  const passages = sumOf(indices.values(), ({ spans }) => spans.length);
  const average = sumOf(indices.values(), ({ lengths }) => sumOf(lengths, (length) => length)) / Math.max(1, passages);
  const found = [...indices].flatMap(([document, index]) => {
    const scores = scoresOf(index, weights, average);
    return index.spans.map((span, i) => ({ ...span, document, score: scores[i]! })).filter(({ score }) => score > 0);
  });
  return found
    .sort((a, b) => b.score - a.score)
    .slice(0, Math.max(most, RERANKED))
    .map((one) => {
      const text = indices.get(one.document)!.pages[one.page - 1]!.text.slice(one.start, one.end);
      const { start, end, weight } = bestSentence(text, weights);
      return { ...one, score: one.score + weight, sentence: { start: one.start + start, end: one.start + end } };
    })
    .sort((a, b) => b.score - a.score)
    .slice(0, most);
}
