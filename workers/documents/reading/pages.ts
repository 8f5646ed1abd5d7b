/** Collects the pages of a document up to the limits. */
import type { DocumentGap, DocumentPage } from '../../shared/document-types.ts';
import { PAGES, READING_MS, TEXT_CHARACTERS } from './limits.ts';

/** Length of a part, for files without pages: about one printed page. */
const PART_CHARACTERS = 3_000;

export class PageCollector {
  readonly pages: DocumentPage[] = [];
  readonly #onPage: (done: number) => void;
  readonly #empty: number[] = [];
  readonly #unreadable: number[] = [];
  readonly #until = performance.now() + READING_MS;
  #characters = 0;
  #cut = false;

  constructor(onPage: (done: number) => void) {
    this.#onPage = onPage;
  }

  /** The limits are reached: what comes next is left out. */
  get full(): boolean {
    return this.pages.length >= PAGES || this.#characters >= TEXT_CHARACTERS || performance.now() >= this.#until;
  }

  /** @param text of the next page; null: it is damaged */
  add(text: string | null, label?: string): void {
    const whole = tidy(text ?? '');
    const clean = whole.slice(0, TEXT_CHARACTERS - this.#characters);
    this.#characters += clean.length;
    this.#cut ||= clean.length < whole.length;
    this.pages.push(label === undefined ? { text: clean } : { text: clean, label });
    if (text === null) this.#unreadable.push(this.pages.length);
    else if (clean === '') this.#empty.push(this.pages.length);
    this.#onPage(this.pages.length);
  }

  addAll(texts: readonly string[]): void {
    for (const text of texts) if (!this.full) this.add(text);
  }

  /** @param total pages of the whole file */
  gaps(total: number): DocumentGap[] {
    const read = this.pages.length;
    return [
      ...(this.#empty.length > 0 ? [{ kind: 'no-text' as const, pages: this.#empty }] : []),
      ...(this.#unreadable.length > 0 ? [{ kind: 'unreadable' as const, pages: this.#unreadable }] : []),
      ...(read < total || this.#cut ? [{ kind: 'cut' as const, read, total }] : []),
    ];
  }

  get hasText(): boolean {
    return this.#characters > 0;
  }
}

/** Unix line ends, no control characters, at most one empty line in a row, no blanks at line ends. */
export function tidy(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/g, '') // eslint-disable-line no-control-regex -- they are what is removed
    .replace(/[^\n]+/g, (line) => line.trimEnd()) // a pattern for blanks at line ends takes quadratic time
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}

/** Parts of about a page each, cut between paragraphs, else between lines. */
export function partsOf(text: string): string[] {
  const parts: string[] = [];
  let at = 0;
  while (text.length - at > PART_CHARACTERS * 1.5) {
    const window = text.slice(at, at + PART_CHARACTERS * 1.5);
    const breaks = [window.lastIndexOf('\n\n'), window.lastIndexOf('\n'), window.lastIndexOf(' ')];
    const cut = breaks.find((position) => position > PART_CHARACTERS / 2) ?? PART_CHARACTERS;
    parts.push(text.slice(at, at + cut));
    at += cut;
  }
  parts.push(text.slice(at));
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}
