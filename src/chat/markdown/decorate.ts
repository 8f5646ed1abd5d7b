/** Adds frames around code and tables, and formulas, to sanitised blocks. */
import { t } from '../../i18n/i18n.svelte.ts';
import type * as Maths from './maths.ts';
import { CodeView } from './code-view.ts';
import type { Decorator } from './patch.ts';

const views = new WeakMap<Element, CodeView>();

/** Formulas are laid out in turns of this length, so that many of them do not block the page. */
const TURN_MS = 12;

const waiting: HTMLElement[] = [];
let maths: typeof Maths | null = null;
let timer: ReturnType<typeof setTimeout> | undefined;

/** At once where the module is there, so that a growing paragraph does not flicker. */
function renderFormulas(): void {
  clearTimeout(timer);
  timer = undefined;
  if (!maths) {
    import('./maths.ts').then(
      (module) => {
        maths = module;
        renderFormulas();
      },
      () => (waiting.length = 0), // Offline and not cached: formulas stay as they are written.
    );
    return;
  }
  const started = performance.now();
  while (waiting.length > 0 && performance.now() - started < TURN_MS) {
    const element = waiting.shift()!;
    const rendered = maths.renderMaths(element.textContent, element.dataset['math'] === 'block');
    if (rendered) element.replaceChildren(rendered);
  }
  if (waiting.length > 0) timer = setTimeout(renderFormulas);
}

/** A table that is wider than the page scrolls in a frame, which the keyboard reaches. */
function frame(table: HTMLTableElement): void {
  const around = document.createElement('div');
  around.className = 'table';
  around.tabIndex = 0;
  around.setAttribute('role', 'group');
  around.setAttribute('aria-label', t('table'));
  table.replaceWith(around);
  around.append(table);
}

export const decorator: Decorator = {
  decorate(fragment) {
    for (const code of fragment.querySelectorAll<HTMLElement>(':not(pre) > code')) code.dir = 'ltr';
    for (const pre of fragment.querySelectorAll('pre')) {
      const view = new CodeView(pre);
      views.set(view.element, view);
    }
    for (const table of fragment.querySelectorAll('table')) frame(table);
    const formulas = fragment.querySelectorAll<HTMLElement>('code[data-math]');
    waiting.push(...formulas);
    if (formulas.length > 0) renderFormulas();
  },
  growCode(element, text) {
    const view = views.get(element);
    view?.show(text);
    return view !== undefined;
  },
};
