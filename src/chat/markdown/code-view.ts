/** A block of code: its language, a button that copies it, and colours that follow the text while it grows. */
import { t } from '../../i18n/i18n.svelte.ts';
import { copyText } from '../../ui/copy.ts';
import type { Colours } from '../../../workers/shared/highlight-protocol.ts';
import { highlighter } from './highlight.ts';
import { languageName } from './languages.ts';

const COPIED_MS = 2000;
/** More code, or more colours, would cost more than they are worth. */
const MAX_CODE = 100_000;
const MAX_RANGES = 8_000;
/** Elements that are made in one go. */
const RANGES_A_STEP = 400;
/** Colours are asked for when this much is new (characters, part of what has colours), or when nothing came for a while. */
const NEW_CHARACTERS = 400;
const NEW_PART = 0.25;
const QUIET_MS = 250;

/** Copied without the last line end, so that a shell does not run pasted code at once. */
const copied = (text: string): string => (text.endsWith('\n') ? text.slice(0, -1) : text);

export class CodeView {
  readonly element = document.createElement('div');
  readonly #language: string;
  readonly #code: HTMLElement;
  /** All text behind the coloured ranges. */
  readonly #tail = document.createTextNode('');
  #text = '';
  /** The coloured part on the page: ends and colours of the nodes before the tail. */
  #ends: number[] = [];
  #groups: number[] = [];
  #asked = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Counts up when older colours are to be dropped. */
  #version = 0;

  /** Takes the place of `pre`. */
  constructor(pre: HTMLPreElement) {
    this.#language = (pre.dataset['language'] ?? '').toLowerCase();
    this.#code = pre.querySelector('code') ?? pre;
    const text = this.#code.textContent;
    this.#code.replaceChildren(this.#tail);
    this.element.className = 'code';
    this.element.dir = 'ltr';
    const name = languageName(pre.dataset['language'] ?? '');
    pre.tabIndex = 0;
    pre.setAttribute('role', 'group');
    pre.setAttribute('aria-label', t('codeIn', name));
    pre.replaceWith(this.element);
    this.element.append(this.#head(name), pre);
    this.show(text);
  }

  show(text: string): void {
    const kept = this.#ends.at(-1) ?? 0;
    if (text.startsWith(this.#text)) this.#tail.appendData(text.slice(this.#text.length));
    else if (text.slice(0, kept) === this.#text.slice(0, kept)) this.#tail.data = text.slice(kept);
    else this.#uncolour(text);
    this.#text = text;
    if (this.#language === '' || text.length > MAX_CODE) return;
    clearTimeout(this.#timer);
    const finished = text.lastIndexOf('\n') + 1;
    if (finished - this.#asked >= Math.max(NEW_CHARACTERS, this.#asked * NEW_PART)) this.#colour(finished);
    else this.#timer = setTimeout(() => this.#colour(text.length), QUIET_MS);
  }

  #head(name: string): HTMLElement {
    const head = document.createElement('div');
    head.className = 'code-head';
    const language = document.createElement('span');
    language.textContent = name;
    const button = document.createElement('button');
    const said = document.createElement('span');
    said.className = 'visually-hidden';
    said.setAttribute('role', 'status');
    button.type = 'button';
    const label = (text: string, spoken: string) => {
      button.textContent = text;
      button.setAttribute('aria-label', spoken);
    };
    label(t('copy'), t('copyCode', name));
    button.addEventListener('click', () => {
      void copyText(copied(this.#text)).then((done) => {
        said.textContent = done ? t('copied') : t('copyFailed');
        label(said.textContent, said.textContent);
      });
      setTimeout(() => {
        said.textContent = '';
        label(t('copy'), t('copyCode', name));
      }, COPIED_MS);
    });
    head.append(language, button, said);
    return head;
  }

  #uncolour(text: string): void {
    this.#version++;
    this.#ends = [];
    this.#groups = [];
    this.#asked = 0;
    this.#code.replaceChildren(this.#tail);
    this.#tail.data = text;
  }

  /** Asks for colours of the first `length` characters. */
  #colour(length: number): void {
    if (length <= this.#asked) return;
    this.#asked = length;
    const version = ++this.#version;
    void highlighter.colour(this.#text.slice(0, length), this.#language).then((colours) => {
      if (colours && version === this.#version && colours.ends.length <= MAX_RANGES) this.#apply(colours, version);
    });
  }

  #apply({ ends, groups }: Colours, version: number): void {
    let same = 0;
    while (same < this.#ends.length && this.#ends[same] === ends[same] && this.#groups[same] === groups[same]) same++;
    while (this.#code.childNodes.length > same + 1) this.#code.childNodes[same]!.remove();
    this.#ends.length = same;
    this.#groups.length = same;
    const step = () => {
      if (version !== this.#version) return;
      const fragment = document.createDocumentFragment();
      const until = Math.min(ends.length, this.#ends.length + RANGES_A_STEP);
      for (let i = this.#ends.length; i < until; i++) {
        fragment.append(rangeNode(this.#text.slice(this.#ends.at(-1) ?? 0, ends[i]), groups[i]!));
        this.#ends.push(ends[i]!);
        this.#groups.push(groups[i]!);
      }
      this.#code.insertBefore(fragment, this.#tail);
      this.#tail.data = this.#text.slice(this.#ends.at(-1) ?? 0);
      if (until < ends.length) setTimeout(step);
    };
    step();
  }
}

function rangeNode(text: string, group: number): Node {
  if (group === 0) return document.createTextNode(text);
  const span = document.createElement('span');
  span.className = `colour-${group}`;
  span.textContent = text;
  return span;
}
