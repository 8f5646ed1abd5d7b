/** One compare state for the page, made when the screen is first opened: the first paint does not carry it. */
import type { AppState } from '../app/app.svelte.ts';
import { Compare } from './compare.svelte.ts';

const states = new WeakMap<AppState, Compare>();

export function compareOf(app: AppState): Compare {
  const state = states.get(app) ?? new Compare(app.models);
  states.set(app, state);
  return state;
}
