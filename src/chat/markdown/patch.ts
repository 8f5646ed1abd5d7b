/** Brings the blocks on the page up to date with those of the next step, and touches only what differs. */
import type { Block } from './blocks.ts';
import { sanitise } from './sanitise.ts';

/** The page's own parts around sanitised elements: frames around code and tables, formulas, a copy button. */
export interface Decorator {
  decorate(fragment: DocumentFragment): void;
  /** Shows more code in the block that `element` is; false: it must be drawn again. */
  growCode(element: Element, text: string): boolean;
}

/** The elements that stand for blocks; in a list item there are others between them. */
const BLOCKS = 'p, ul, ol, pre, blockquote, table, h1, h2, h3, h4, h5, h6, hr, div';
const blockElements = (host: Element): ArrayLike<Element> =>
  host.tagName === 'LI' ? [...host.children].filter((element) => element.matches(BLOCKS)) : host.children;

function elementsOf(host: Element, first: number, count: number): (Element | undefined)[] {
  const all = blockElements(host);
  return Array.from({ length: count }, (_, i) => all[first + i]);
}

/** The element that must surround a fragment of HTML, so that the browser's parser keeps its tags. */
const CONTEXT: Record<string, [string, string]> = {
  TABLE: ['<table>', '</table>'],
  THEAD: ['<table><thead>', '</thead></table>'],
  TBODY: ['<table><tbody>', '</tbody></table>'],
  TR: ['<table><tbody><tr>', '</tr></tbody></table>'],
};

function draw(host: Element, blocks: readonly Block[], decorator: Decorator): DocumentFragment {
  const [open, close] = CONTEXT[host.tagName] ?? ['', ''];
  const fragment = sanitise(open + blocks.map(({ html }) => html).join('') + close);
  if (open) {
    const inner = fragment.querySelector(host.tagName.toLowerCase());
    fragment.replaceChildren(...(inner?.childNodes ?? []));
  }
  decorator.decorate(fragment);
  // An outermost block has the direction of its text; what is in it follows, and code has its own.
  if (host.tagName === 'DIV')
    for (const block of fragment.children) if (!block.hasAttribute('dir')) block.setAttribute('dir', 'auto');
  return fragment;
}

/** For a table, the page holds the frame around it. */
const holderOf = (element: Element): Element =>
  element.tagName === 'DIV' ? (element.querySelector(':scope > table') ?? element) : element;

/** The same block with more in it. False: it must be drawn again. */
function grow(element: Element, from: Block, to: Block, decorator: Decorator): boolean {
  if (from.open !== to.open) return false;
  if (from.code && to.code) return decorator.growCode(element, to.code.text);
  return (
    from.children !== null && to.children !== null && patch(holderOf(element), from.children, to.children, decorator)
  );
}

function countSame(from: readonly Block[], to: readonly Block[], at: (blocks: readonly Block[], i: number) => Block) {
  const most = Math.min(from.length, to.length);
  let same = 0;
  while (same < most && at(from, same).html === at(to, same).html) same++;
  return same;
}

/**
 * Changes the blocks in `host` from `from` to `to`.
 * @param skip blocks of `host` before those
 * @returns false: a text without an element of its own changed, so `host` must be drawn again
 */
export function patch(
  host: Element,
  from: readonly Block[],
  to: readonly Block[],
  decorator: Decorator,
  skip = 0,
): boolean {
  const start = countSame(from, to, (blocks, i) => blocks[i]!);
  const [restFrom, restTo] = [from.slice(start), to.slice(start)];
  if (restFrom.length === 0 && restTo.length === 0) return true;
  if ([...restFrom, ...restTo].some(({ bare }) => bare)) return false;
  const same = countSame(restFrom, restTo, (blocks, i) => blocks[blocks.length - 1 - i]!);
  const old = restFrom.slice(0, restFrom.length - same);
  const fresh = restTo.slice(0, restTo.length - same);
  const first = skip + from.slice(0, start).filter(({ bare }) => !bare).length;
  const elements = elementsOf(host, first, old.length + 1);
  const grown = old.length > 0 && fresh.length > 0 && grow(elements[0]!, old[0]!, fresh[0]!, decorator) ? 1 : 0;
  for (const element of elements.slice(grown, old.length)) element!.remove();
  if (fresh.length > grown) host.insertBefore(draw(host, fresh.slice(grown), decorator), elements[old.length] ?? null);
  return true;
}
