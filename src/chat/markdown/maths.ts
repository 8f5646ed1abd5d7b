/** TeX as MathML, which browsers lay out themselves. Loaded with the first formula. */
import fontUrl from '@fontsource/noto-sans-math/files/noto-sans-math-latin-400-normal.woff2?url';
import temml from 'temml';
import 'temml/dist/Temml-Local.css';
import { sanitise } from './sanitise.ts';

// Phones mostly have no font with a MATH table, and without one exponents float too high. Fetched when no font before it in
// prose.css is installed and a formula is shown.
if (typeof FontFace !== 'undefined') document.fonts.add(new FontFace('Phi Maths', `url(${fontUrl})`));

/** Longer text is not a formula, and macros grow fast. */
const MAX_TEX = 4_000;
const MAX_EXPAND = 200;

/** Properties that Temml sets: padding of cells, colours, frames. Anything else, and any value that could load something, is left out. */
const STYLES = /^(?:color|background-color|(?:padding|margin|border)(?:-\w+)?)$/;
const PLAIN_VALUE = /^[\w\s.#%-]+$/;

/** null where `tex` cannot be parsed: it is then shown as it is written. */
export function renderMaths(tex: string, display: boolean): DocumentFragment | null {
  if (tex.length > MAX_TEX) return null;
  let html: string;
  try {
    html = temml.renderToString(tex, {
      displayMode: display,
      throwOnError: true,
      trust: false,
      maxExpand: MAX_EXPAND,
      maxSize: [20, 40],
    });
  } catch {
    return null;
  }
  // The page's policy forbids style attributes, but allows styles that a script sets.
  const fragment = sanitise(html.replaceAll(' style="', ' data-style="'), 'maths');
  for (const element of fragment.querySelectorAll<MathMLElement>('[data-style]')) {
    for (const [name, value] of safeStyles(element.getAttribute('data-style') ?? ''))
      element.style?.setProperty(name, value); // jsdom has none
    element.removeAttribute('data-style');
  }
  return fragment;
}

/** The declarations in `css` that may be set. */
export function safeStyles(css: string): [string, string][] {
  const rules = css.split(';').map((rule): [string, string] => {
    const [name = '', value = ''] = rule.split(':').map((part) => part.trim());
    return [name, value];
  });
  return rules.filter(([name, value]) => STYLES.test(name) && PLAIN_VALUE.test(value));
}
