import { defineConfig } from 'vitest/config';

/** Browser tests: the built app in a real browser, one file after another because each wants all cores. */
export default defineConfig({
  test: {
    include: ['e2e/**/*.test.ts'],
    exclude: ['e2e/**/*.unit.test.ts'],
    environment: 'node',
    globalSetup: 'e2e/setup.ts',
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 600_000,
    // A browser comes to rest when it has time for it: an ended worker is gone after 0.5 to 0.8 s on an idle machine.
    expect: { poll: { timeout: 15_000 } },
    // Where other programs have the processor, a browser misses a moment now and then. What fails twice is broken.
    retry: 1,
  },
});
