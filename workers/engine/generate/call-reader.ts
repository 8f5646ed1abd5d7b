/** Keeps calls of tools out of a reply's text, and reads them. */
import type { ToolCall } from '../../shared/tools.ts';
import { overlap, splitThought, THINK_CLOSE, THINK_OPEN } from '../../shared/thoughts.ts';
import type { Tokenizer } from '../tokenizer/types.ts';
import { CALL_MARKS, PHI_TOKENS } from '../tokenizer/call-spellings.ts';

export class CallReader {
  readonly #token: number | undefined;
  /** Text so far that is not part of a call. */
  #text = '';
  /** The end of it that may become a mark. */
  #held = 0;
  #thinks = true;
  /** Where the thought ends. */
  #answer = 0;
  /** From the mark on. */
  #call: string | null = null;
  #byToken = false;

  /** `begun`: the part of the reply that is there already, which may be the start of a thought. */
  constructor(tokenizer: Pick<Tokenizer, 'tokenId'>, begun = '') {
    this.#token = tokenizer.tokenId(PHI_TOKENS.token);
    this.#text = begun;
  }

  /** `text`: what the token adds to the reply. Gives what is to be shown. */
  push(id: number, text: string): string {
    if (id === this.#token && this.#call === null) {
      this.#byToken = true;
      return this.#begin(this.#text.length);
    }
    return this.add(text);
  }

  add(text: string): string {
    if (this.#call !== null) {
      this.#call += text;
      return '';
    }
    const shown = this.#text.length - this.#held;
    this.#text += text;
    if (this.#inThought())
      // What may become the mark of a thought may become that of a call too.
      return this.#show(shown, this.#text.trimStart().length < THINK_OPEN.length ? this.#text.length : 0);
    const from = Math.max(shown, this.#answer);
    const starts = CALL_MARKS.map((mark) => this.#text.indexOf(mark, from)).filter((at) => at >= 0);
    if (starts.length > 0) return this.#begin(Math.min(...starts), shown);
    return this.#show(shown, Math.max(...CALL_MARKS.map((mark) => overlap(this.#text, mark))));
  }

  /** A model may think about calls before it makes one. */
  #inThought(): boolean {
    if (!this.#thinks) return false;
    const { open, thought } = splitThought(this.#text);
    this.#thinks = open;
    if (!open && thought !== null) this.#answer = this.#text.indexOf(THINK_CLOSE);
    return open;
  }

  #show(from: number, held: number): string {
    this.#held = Math.min(held, this.#text.length - from);
    return this.#text.slice(from, this.#text.length - this.#held);
  }

  #begin(at: number, shown = this.#text.length - this.#held): string {
    this.#call = this.#text.slice(at);
    this.#text = this.#text.slice(0, at);
    this.#held = 0;
    return this.#text.slice(shown);
  }

  /** At the end of the reply. `whole`: it was not cut off, so that what looked like a call and is none is text. */
  end(whole: boolean): { calls: ToolCall[]; text: string } {
    if (this.#call === null) return { calls: [], text: this.#text.slice(this.#text.length - this.#held) };
    const calls = whole ? parseCalls(this.#call) : null;
    return { calls: calls ?? [], text: calls || !whole || this.#byToken ? '' : this.#call };
  }
}

/** Calls as models write them, from the mark on; null where they are not whole. */
export function parseCalls(written: string): ToolCall[] | null {
  const json = written.replace(/^\s*functools/, '');
  // Only calls that are written in tags end at one: an argument may have a tag in its text.
  const parts = (/^\s*<tool_call>/.test(json) ? json.split(/<\/?tool_call>/) : [json])
    .map((part) => part.trim())
    .filter((part) => part !== '');
  const values = parts.map(parseStart);
  const calls = values.flatMap((value): unknown[] => (Array.isArray(value) ? value : [value])).map(callOf);
  return calls.length > 0 && calls.every((call) => call !== null) ? calls : null;
}

/** The JSON at the start of a text; a model may have gone on writing behind it. undefined: there is none. */
function parseStart(text: string): unknown {
  for (let end = text.length; end > 0; end = Math.max(text.lastIndexOf(']', end - 1), text.lastIndexOf('}', end - 1))) {
    try {
      return JSON.parse(text.slice(0, end === text.length ? end : end + 1));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
  return undefined;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function callOf(value: unknown): ToolCall | null {
  if (!isObject(value)) return null;
  const call = isObject(value['function']) ? value['function'] : value;
  const { name } = call;
  const given = call['arguments'] ?? call['parameters'] ?? {};
  const args = typeof given === 'string' ? parseStart(given) : given;
  return typeof name === 'string' && isObject(args) ? { name, arguments: args } : null;
}
