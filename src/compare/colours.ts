/** Design tokens as a canvas takes them: it knows neither custom properties nor light-dark(). */
import type { Colours } from './charts.ts';

/** Resolved where `element` stands. */
export function coloursAt(element: HTMLElement): Colours {
  const probe = document.createElement('span');
  probe.hidden = true;
  element.append(probe);
  const resolve = (value: string) => {
    probe.style.color = value;
    return getComputedStyle(probe).color;
  };
  const colours: Colours = {
    text: resolve('var(--text)'),
    muted: resolve('var(--muted)'),
    border: resolve('var(--border)'),
    background: resolve('var(--surface)'),
    series: [
      'var(--accent)',
      'light-dark(#b3541e, #f0a36b)',
      'light-dark(#4c5fa8, #9db0f2)',
      'light-dark(#8a4b87, #d79bd4)',
    ].map(resolve),
  };
  probe.remove();
  return colours;
}
