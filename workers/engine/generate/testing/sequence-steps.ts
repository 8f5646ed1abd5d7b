/** What a sequence does, for faults that strike in the middle of it. */
import { findDraft, Lookup } from '../lookup.ts';
import { Sequence } from '../sequence.ts';

/** Reading a prompt, checking a draft, restoring a kept cache. */
export type SequenceStep = 'prefill' | 'check' | 'fill';

/** Calls `on.begin` whenever a sequence begins a step, and `on.end` when that has settled. */
export function watchSteps(on: {
  begin: (step: SequenceStep) => void;
  end: (step: SequenceStep, outcome: 'done' | 'failed') => void;
}): void {
  for (const step of ['prefill', 'check', 'fill'] as const) {
    const original = Reflect.get(Sequence.prototype, step) as (...args: unknown[]) => Promise<unknown>;
    Reflect.set(Sequence.prototype, step, async function (this: Sequence, ...args: unknown[]) {
      on.begin(step);
      let outcome: 'done' | 'failed' = 'failed';
      try {
        const result = await original.apply(this, args);
        outcome = 'done';
        return result;
      } finally {
        on.end(step, outcome);
      }
    });
  }
}

/** A draft follows every token that has occurred before, however long steps and chunks take here. */
export function draftAlways(): void {
  Lookup.prototype.draft = (tokens, room) => findDraft(tokens, room - 1, 1).slice(0, 3);
  // A longer run would pass over tokens that have occurred.
  Object.defineProperty(Lookup.prototype, 'run', { get: () => 1 });
}
