/** A constraint along a reply: where the automaton stands after its tokens, and what may come next. */
import { PhiError } from '../../shared/errors.ts';
import type { Automaton, State } from './automaton.ts';
import { hasBit, type Masks } from './masks.ts';
import { FIRST_TOKEN } from './program.ts';
import { refuse } from './refusal.ts';
import { longestToken } from './trie.ts';
import type { Vocabulary } from './vocabulary.ts';

/** Symbols that are taken at once where only one can follow: a key and its punctuation, rarely more. */
const MOST_FORCED = 2_000;

const utf8 = new TextEncoder();
const SPACE = 0x20;

export class Matcher {
  readonly #automaton: Automaton;
  readonly #masks: Masks;
  readonly #vocabulary: Vocabulary;
  #state: State;
  /** So far. */
  readonly spent = { masks: 0, maskMs: 0, forced: 0 };

  constructor(automaton: Automaton, masks: Masks, vocabulary: Vocabulary) {
    this.#automaton = automaton;
    this.#masks = masks;
    this.#vocabulary = vocabulary;
    this.#state = automaton.start;
  }

  /** Nothing can follow but the end. */
  get ended(): boolean {
    return (
      this.#state.accepting &&
      this.#automaton.symbolOf.every((_, kind) => !this.#automaton.stepClass(this.#state, kind))
    );
  }

  /** Every token may follow, now and later, until one of `triggers` comes, so no mask is needed. */
  get free(): boolean {
    return this.#isFree(this.#state);
  }

  #isFree(state: State): boolean {
    if (!state.accepting) return false;
    const bytes = this.#automaton.symbolOf.filter((symbol) => symbol < FIRST_TOKEN);
    return bytes.every((symbol) => this.#automaton.step(state, symbol) === state);
  }

  /** Control tokens with a meaning here. After one of them, other tokens may follow. */
  get triggers(): number[] {
    return this.#automaton.program.tokens.flatMap((text) => this.#vocabulary.tokenizer.tokenId(text) ?? []);
  }

  /** A token that ends the reply. */
  get end(): number {
    return this.#vocabulary.ends[0]!;
  }

  /** Tokens that the shortest rest takes, the one that ends the reply included. */
  get needs(): number {
    return this.#masks.needs(this.#state);
  }

  /** Goes on behind tokens. A token that ends a reply changes nothing. Throws `internal` for one that may not follow. */
  push(ids: readonly number[]): void {
    for (const id of ids) {
      if (this.#vocabulary.ends.includes(id)) return;
      const next = this.#behind(this.#state, id);
      if (!next) throw new PhiError('internal', `Token ${id} does not fit the form of the answer.`);
      this.#state = next;
    }
  }

  /** Goes on behind text that is there already. False: it does not fit, and the state is as before. */
  pushText(text: string): boolean {
    const next = this.#run(this.#state, utf8.encode(text));
    if (next) this.#state = next;
    return next !== null;
  }

  /** Continues behind the part of the reply that exists. Throws `bad-request` if that part does not have the form. */
  resume(text: string): void {
    if (!this.pushText(text))
      throw new PhiError(
        'bad-request',
        'This unfinished reply does not fit the form that is requested now. Regenerate it.',
      );
  }

  /** Throws `bad-request` where a reply of `maxTokens` tokens is too short for the shortest text of the form. */
  assertRoom(maxTokens: number): void {
    if (this.needs > maxTokens)
      throw refuse(
        `the shortest answer has ${this.needs} tokens, but only ${maxTokens} are allowed. Allow more tokens, or request a shorter answer.`,
      );
  }

  /** `[words]`: bits of the tokens that may follow. `left`: tokens that the reply may still have. */
  mask(left: number): Uint32Array {
    return this.#maskOf(this.#state, left);
  }

  #maskOf(state: State, left: number): Uint32Array {
    const started = performance.now();
    const bits = this.#masks.of(state, left);
    this.spent.maskMs += performance.now() - started;
    this.spent.masks++;
    return bits;
  }

  /** How many of `ids` may follow, and the masks of the positions before each of them and behind the last: `[count + 1, words]`. */
  allow(ids: readonly number[], left: number): { count: number; masks: Uint32Array } {
    const masks = [this.#maskOf(this.#state, left)];
    let state = this.#state;
    let count = 0;
    for (const id of ids) {
      if (!hasBit(masks.at(-1)!, id) || this.#vocabulary.ends.includes(id)) break;
      state = this.#behind(state, id)!;
      masks.push(this.#maskOf(state, left - ++count));
    }
    const { words } = this.#vocabulary;
    const joined = new Uint32Array(masks.length * words);
    masks.forEach((mask, i) => joined.set(mask, i * words));
    return { count, masks: joined };
  }

  /**
   * Tokens of the text that must come now whatever the model would say; empty where there is a choice. They are cut as the tokenizer cuts
   * them, and white space at their end is left to the model, whose next word mostly begins with it.
   *
   * @param most tokens wanted at most
   * @param left tokens that the reply may still have, which the rest must fit into
   */
  forced(most: number, left: number): number[] {
    const run: number[] = [];
    let state = this.#state;
    while (run.length < MOST_FORCED) {
      const symbol = this.#automaton.onlySymbol(state);
      const next = symbol < 0 ? null : this.#automaton.step(state, symbol);
      if (!next) break;
      run.push(symbol);
      state = next;
      if (symbol >= FIRST_TOKEN) break;
    }
    const ids = run.length === 0 ? [] : this.#tokensOf(run).slice(0, Math.max(0, most));
    if (!this.#leaves(ids, left)) return [];
    this.spent.forced += ids.length;
    return ids;
  }

  /** True if the text can still end after `ids`. */
  #leaves(ids: readonly number[], left: number): boolean {
    let state: State | null = this.#state;
    for (const id of ids) state = state && this.#behind(state, id);
    return state !== null && (state.least + 1 <= left - ids.length || this.#masks.needs(state) <= left - ids.length);
  }

  #tokensOf(run: readonly number[]): number[] {
    const last = run.at(-1);
    const token = last !== undefined && last >= FIRST_TOKEN ? this.#tokenId(last) : null;
    let symbols = token === null ? run : run.slice(0, -1);
    // Half a character at the end is left as well.
    let end = symbols.length;
    if (token === null) {
      while (end > 0 && symbols[end - 1]! >= 0x80) end--;
      while (end > 0 && symbols[end - 1] === SPACE) end--;
    }
    symbols = symbols.slice(0, end);
    const ids = symbols.length === 0 ? [] : this.#encode(Uint8Array.from(symbols));
    return token === null ? ids : [...ids, token];
  }

  #tokenId(symbol: number): number | null {
    return this.#vocabulary.tokenizer.tokenId(this.#automaton.program.tokens[symbol - FIRST_TOKEN]!) ?? null;
  }

  /** As the tokenizer would, where its tokens have just these bytes; else the longest tokens from left to right. */
  #encode(bytes: Uint8Array): number[] {
    const { tokenizer, all } = this.#vocabulary;
    const text = new TextDecoder().decode(bytes);
    const ids = tokenizer.encode(text);
    if (this.#spells(ids, bytes)) return ids;
    // A SentencePiece puts a space in front of a text: behind a line break it does not.
    const behind = tokenizer.encode(`\n${text}`);
    for (let from = 1; from < Math.min(4, behind.length); from++)
      if (this.#spells(behind.slice(from), bytes)) return behind.slice(from);
    const greedy: number[] = [];
    for (let at = 0; at < bytes.length;) {
      const token = longestToken(all, bytes, at);
      if (!token) break;
      greedy.push(token.id);
      at += token.length;
    }
    return greedy;
  }

  #spells(ids: readonly number[], bytes: Uint8Array): boolean {
    let at = 0;
    for (const id of ids) {
      for (const byte of this.#vocabulary.bytesOf(id) ?? [-1]) if (byte !== bytes[at++]) return false;
    }
    return at === bytes.length;
  }

  #behind(state: State, id: number): State | null {
    const bytes = this.#vocabulary.bytesOf(id);
    if (bytes) return this.#run(state, bytes);
    const { tokens } = this.#automaton.program;
    const place = tokens.findIndex((text) => this.#vocabulary.tokenizer.tokenId(text) === id);
    if (place < 0) return this.#isFree(state) ? state : null; // another control token: allowed only where nothing is forbidden
    return this.#automaton.step(state, FIRST_TOKEN + place);
  }

  #run(from: State, bytes: Uint8Array): State | null {
    let state: State | null = from;
    for (const byte of bytes) {
      state = this.#automaton.step(state, byte);
      if (!state) return null;
    }
    return state;
  }
}
