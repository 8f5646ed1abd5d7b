/** Formulas and colours of code, put into sanitised blocks when their modules are there. */

type Lazy<M> = (use: (module: M) => void) => void;

/** Runs at once where the module is loaded, so that a growing block does not flicker; else when it is. */
function lazy<M>(load: () => Promise<M>): Lazy<M> {
  let module: M | null = null;
  return (use) => {
    if (module) return use(module);
    load().then(
      (loaded) => use((module = loaded)),
      () => undefined, // Offline and not cached: the text stays as it is written.
    );
  };
}

const withMaths = lazy(() => import('./maths.ts'));
const withHighlight = lazy(() => import('./highlight.ts'));

export function enrich(block: DocumentFragment): void {
  for (const element of block.querySelectorAll<HTMLElement>('code[data-math]')) {
    withMaths(({ renderMaths }) => {
      const maths = renderMaths(element.textContent, element.dataset['math'] === 'block');
      if (maths) element.replaceChildren(maths);
    });
  }
  for (const pre of block.querySelectorAll<HTMLElement>('pre[data-language]:not([data-language=""])')) {
    const code = pre.querySelector('code');
    if (!code) continue;
    withHighlight(({ highlight }) => {
      const coloured = highlight(code.textContent, pre.dataset['language']!.toLowerCase());
      if (coloured) code.replaceChildren(coloured);
    });
  }
}
