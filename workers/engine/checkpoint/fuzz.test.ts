import { describe, expect, it } from 'vitest';
import { fuzz, FUZZ_TARGETS } from './testing/fuzz.ts';

/** Enough to meet each kind of damage many times; `npm run fuzz` tries twenty thousand. */
const FILES = 150;

describe('damaged files end in a typed error, soon', { timeout: 120_000 }, () => {
  it.each(FUZZ_TARGETS)('$name', async (target) => {
    const { refused } = await fuzz(target, FILES, 1);
    // Weights may be anything, but what is missing of them is missed.
    expect(refused).toBeGreaterThan(FILES / 10);
  });
});
