/** Colours of code by highlight.js, as ranges instead of HTML. For the languages that models are asked for most. */
import hljs from 'highlight.js/lib/core';
import bash from 'highlight.js/lib/languages/bash';
import c from 'highlight.js/lib/languages/c';
import cpp from 'highlight.js/lib/languages/cpp';
import csharp from 'highlight.js/lib/languages/csharp';
import css from 'highlight.js/lib/languages/css';
import diff from 'highlight.js/lib/languages/diff';
import go from 'highlight.js/lib/languages/go';
import java from 'highlight.js/lib/languages/java';
import javascript from 'highlight.js/lib/languages/javascript';
import json from 'highlight.js/lib/languages/json';
import python from 'highlight.js/lib/languages/python';
import rust from 'highlight.js/lib/languages/rust';
import sql from 'highlight.js/lib/languages/sql';
import typescript from 'highlight.js/lib/languages/typescript';
import xml from 'highlight.js/lib/languages/xml';
import yaml from 'highlight.js/lib/languages/yaml';
import type { Colours } from '../shared/highlight-protocol.ts';

const LANGUAGES = {
  ...{ bash, c, cpp, csharp, css, diff, go, java },
  ...{ javascript, json, python, rust, sql, typescript, xml, yaml },
};
for (const [name, language] of Object.entries(LANGUAGES)) hljs.registerLanguage(name, language);

/** highlight.js's scopes by the colour they have on the page; 0 is the colour of text. */
const GROUPS: readonly (readonly string[])[] = [
  [],
  ['comment', 'quote', 'meta'],
  ['keyword', 'selector-tag', 'doctag', 'section'],
  ['string', 'regexp', 'addition', 'char'],
  ['number', 'literal', 'symbol', 'variable', 'template-variable'],
  ['title', 'name', 'attr', 'property'],
  ['type', 'built_in', 'attribute', 'selector-class', 'selector-id'],
  ['deletion'],
];
const GROUP_OF = new Map(GROUPS.flatMap((scopes, group) => scopes.map((scope) => [scope, group] as const)));

/** Collects ranges. highlight.js makes one for each call, and gives its text in order. */
class RangeEmitter {
  readonly #open: number[] = [0];
  readonly #ends: number[] = [];
  readonly #groups: number[] = [];
  #length = 0;

  addText(text: string): void {
    if (text === '') return;
    this.#add(text.length, this.#open.at(-1)!);
  }

  /** `title.function` has the colour of `title`; a scope without one has that of what is around it. */
  startScope(scope: string): void {
    this.#open.push(GROUP_OF.get(scope.split('.')[0]!) ?? this.#open.at(-1)!);
  }

  endScope(): void {
    this.#open.pop();
  }

  /** highlight.js has both names for the same. */
  openNode(scope: string): void {
    this.startScope(scope);
  }

  closeNode(): void {
    this.endScope();
  }

  /** Code of another language inside this one (a script in HTML). */
  __addSublanguage(other: RangeEmitter): void {
    let start = 0;
    for (const [i, end] of other.#ends.entries()) {
      this.#add(end - start, other.#groups[i]! || this.#open.at(-1)!);
      start = end;
    }
  }

  finalize(): void {}

  /** highlight.js calls it for its `value`, which is not used. */
  toHTML(): string {
    return '';
  }

  get colours(): Colours {
    return { ends: Uint32Array.from(this.#ends), groups: Uint8Array.from(this.#groups) };
  }

  #add(length: number, group: number): void {
    this.#length += length;
    if (this.#groups.at(-1) === group) this.#ends[this.#ends.length - 1] = this.#length;
    else {
      this.#ends.push(this.#length);
      this.#groups.push(group);
    }
  }
}
hljs.configure({ __emitter: RangeEmitter });

/** null: the language is not known. */
export function coloursOf(code: string, language: string): Colours | null {
  if (!hljs.getLanguage(language)) return null;
  const { _emitter } = hljs.highlight(code, { language, ignoreIllegals: true });
  return (_emitter as unknown as RangeEmitter).colours;
}
