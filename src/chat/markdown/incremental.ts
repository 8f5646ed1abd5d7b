import { blocksOf, type Block } from './blocks.ts';
import { parse, type References } from './parser.ts';
import { patch, type Decorator } from './patch.ts';
import { PlainText } from './plain-text.ts';

const BLOCKS_AT_ONCE = 20;
const TURN_MS = 25;

/** Offset of a line of `text`. */
function offsetOf(text: string, line: number): number {
  let offset = 0;
  for (let i = 0; i < line; i++) offset = text.indexOf('\n', offset) + 1;
  return offset;
}

/**
 * Renders a growing text into `host`. Blocks that later text can no longer change are not parsed again, and on the page only what
 * changed is replaced: so a step costs about as much as its new text, in a long table, list or code block too.
 */
export class IncrementalMarkdown {
  readonly #host: HTMLElement;
  readonly #decorator: Decorator;
  readonly #note: string;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** All blocks on the page; the first `#settled` of them are made of `#prefix`. */
  #blocks: Block[] = [];
  #settled = 0;
  #prefix = '';
  #before: { references: References; nodes: number } = { references: {}, nodes: 0 };
  /** The text beyond the budget, and its offset. */
  #rest: { plain: PlainText; from: number; text: string } | null = null;

  /** `note`: said where text is shown as it is written, because it is too large to be formatted or could not be. */
  constructor(host: HTMLElement, decorator: Decorator, note: string) {
    this.#host = host;
    this.#decorator = decorator;
    this.#note = note;
  }

  /** Shows `text`, which usually begins with what was shown before. `complete`: parse it as a whole, once, for exactness. */
  update(text: string, complete: boolean): void {
    clearTimeout(this.#timer);
    const source = text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text;
    try {
      if (complete) this.#showWhole(source);
      else this.#showMore(source);
    } catch (cause) {
      // Whatever a text does to the renderer, it can be read.
      this.#reset();
      this.#showRest(source, 0);
      reportError(cause);
    }
  }

  #showWhole(text: string): void {
    const { tokens, cut } = parse(text);
    this.#unsettle();
    this.#showInTurns(text, blocksOf(tokens), cut === null ? text.length : offsetOf(text, cut));
  }

  /** A long text is drawn a part at a time, so that the page answers meanwhile. What is there already costs nothing. */
  #showInTurns(text: string, blocks: Block[], rest: number): void {
    const started = performance.now();
    let drawn = 0;
    do {
      drawn = Math.min(blocks.length, Math.max(drawn, this.#blocks.length) + BLOCKS_AT_ONCE);
      this.#show(blocks.slice(0, drawn), 0);
    } while (drawn < blocks.length && performance.now() - started < TURN_MS);
    if (drawn === blocks.length) this.#showRest(text, rest);
    else this.#timer = setTimeout(() => this.#showInTurns(text, blocks, rest));
  }

  #showMore(text: string): void {
    if (!text.startsWith(this.#prefix)) this.#reset();
    if (this.#rest) return this.#showRest(text, this.#rest.from);
    const tail = text.slice(this.#prefix.length);
    const { tokens, cut } = parse(tail, this.#before, true);
    const blocks = blocksOf(tokens);
    this.#show(blocks, this.#settled);
    const from = cut === null ? text.length : this.#prefix.length + offsetOf(tail, cut);
    if (cut === null) this.#settle(tail, blocks);
    this.#showRest(text, from);
  }

  /** Text after a blank line can still belong to a list, and a line under a paragraph can make it a heading: the last block stays open. */
  #settle(tail: string, blocks: readonly Block[]): void {
    if (blocks.length < 2) return;
    const settled = tail.slice(0, offsetOf(tail, blocks.at(-1)!.line));
    const { references, nodes } = parse(settled, this.#before);
    this.#before = { references, nodes };
    this.#prefix += settled;
    this.#settled += blocks.length - 1;
  }

  /** Replaces the blocks from `first` on. */
  #show(blocks: Block[], first: number): void {
    patch(this.#host, this.#blocks.slice(first), blocks, this.#decorator, first);
    this.#blocks = [...this.#blocks.slice(0, first), ...blocks];
  }

  #showRest(text: string, from: number): void {
    if (from >= text.length) {
      this.#rest?.plain.element.remove();
      this.#rest = null;
      return;
    }
    if (this.#rest?.from !== from || !text.startsWith(this.#rest.text)) {
      this.#rest?.plain.element.remove();
      this.#rest = { plain: new PlainText(this.#note), from, text };
      this.#host.append(this.#rest.plain.element);
    }
    this.#rest.plain.show(text.slice(from));
    this.#rest.text = text;
  }

  #reset(): void {
    this.#host.replaceChildren();
    this.#blocks = [];
    this.#rest = null;
    this.#unsettle();
  }

  #unsettle(): void {
    this.#settled = 0;
    this.#prefix = '';
    this.#before = { references: {}, nodes: 0 };
  }
}
