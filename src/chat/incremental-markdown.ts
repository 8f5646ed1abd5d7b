import type { TokensList } from 'marked';
import { lex, renderMarkdown, renderTokens } from './markdown.ts';

/**
 * Renders a growing text into `host`. Blocks that later text can no longer change are left alone; only the tail, from the last
 * block on, is parsed and sanitised again. So the cost of a step is that of one block, not of the reply.
 */
export class IncrementalMarkdown {
  readonly #host: HTMLElement;
  readonly #decorate: (block: DocumentFragment) => void;
  #settled = '';
  #links: TokensList['links'] = {};
  /** Nodes of the tail, replaced at every step. */
  #tail: ChildNode[] = [];

  /** `decorate` may add to a block (a copy button) before it is shown. */
  constructor(host: HTMLElement, decorate: (block: DocumentFragment) => void = () => undefined) {
    this.#host = host;
    this.#decorate = decorate;
  }

  /** Shows `text`, which usually begins with what was shown before. `complete`: parse it as a whole, once, for exactness. */
  update(text: string, complete: boolean): void {
    if (complete || !text.startsWith(this.#settled)) this.#reset();
    if (complete) {
      this.#append(renderMarkdown(text));
      return;
    }
    for (const node of this.#tail.splice(0)) node.remove();
    const tokens = lex(text.slice(this.#settled.length), this.#links);
    // What follows a blank line can still belong to a list, and a line under a paragraph can make it a heading: the last block stays open.
    const last = tokens.findLastIndex((token) => token.type !== 'space');
    const settled = tokens.slice(0, Math.max(0, last));
    if (settled.length > 0) {
      this.#append(renderTokens(settled));
      this.#settled += settled.map((token) => token.raw).join('');
      this.#links = tokens.links;
    }
    this.#tail = this.#append(renderTokens(tokens.slice(Math.max(0, last))));
  }

  #reset(): void {
    this.#host.replaceChildren();
    this.#settled = '';
    this.#links = {};
    this.#tail = [];
  }

  #append(fragment: DocumentFragment): ChildNode[] {
    this.#decorate(fragment);
    const nodes = [...fragment.childNodes];
    this.#host.append(fragment);
    return nodes;
  }
}
