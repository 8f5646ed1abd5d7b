/** Lets browser tests render Markdown in the real page, as a reply is: `renderForTest(['text so far', 'all of the text'])`. */
import { flushSync, mount, unmount } from 'svelte';
import Markdown from '../chat/Markdown.svelte';

export interface Rendered {
  /** Longest step: rendering, style and layout together. */
  ms: number;
  text: string;
  /** The part that a person can see now; browsers do not lay out parts far below. */
  seen: string;
  html: string;
  elements: number;
}

const settled = () => new Promise((resolve) => setTimeout(resolve));

/** Renders each text in turn, all but the last as one that grows; `keep` leaves the result on the page. */
async function render(steps: readonly string[], keep = false): Promise<Rendered> {
  const target = document.createElement('article');
  (document.querySelector('[role=log]') ?? document.body).append(target);
  const props = $state({ text: '', streaming: true });
  const component = mount(Markdown, { target, props });
  while (target.querySelector('.plain')) await settled();
  let ms = 0;
  for (const [i, text] of steps.entries()) {
    const started = performance.now();
    flushSync(() => Object.assign(props, { text, streaming: i < steps.length - 1 }));
    target.getBoundingClientRect();
    ms = Math.max(ms, performance.now() - started);
    await settled();
  }
  const blocks = target.querySelector<HTMLElement>('.blocks')!;
  // A long text is drawn in turns, each of which asks for its next before this does.
  for (let before = -1; before !== blocks.childElementCount; await settled()) before = blocks.childElementCount;
  const rendered = {
    ms,
    text: blocks.textContent,
    seen: blocks.innerText,
    html: blocks.innerHTML,
    elements: blocks.querySelectorAll('*').length,
  };
  if (!keep) {
    await unmount(component);
    target.remove();
  }
  return rendered;
}

declare global {
  var renderForTest: typeof render;
}
globalThis.renderForTest = render;
