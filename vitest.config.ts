import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';
import { MixedOrder } from './e2e/support/mixed-order.ts';

/** Minutes are for a processor that other programs use too; a test that hangs is still ended. */
const BROWSER = {
  environment: 'node',
  globalSetup: 'e2e/support/setup.ts',
  testTimeout: 600_000,
  hookTimeout: 600_000,
  // A browser needs a moment to come to rest: an ended worker is gone after 0.5 to 0.8 s on an idle machine.
  expect: { poll: { timeout: 15_000 } },
  // A browser on a busy machine misses a moment now and then. A test that fails twice is broken.
  retry: 1,
} as const;

/** One file after another: they measure, or one of them fills the machine. */
const ALONE = { fileParallelism: false, maxWorkers: 1 } as const;
/** Three files at a time on two cores: tests of the page wait for timers and replies, and the others use that time. */
const MIXED = { fileParallelism: true, maxWorkers: 3 } as const;

/** One project for each kind of test: `vitest run --project unit`. */
export default defineConfig({
  test: {
    sequence: { sequencer: MixedOrder },
    projects: [
      {
        // Beside what they test, in Node. A test that needs a document says so with `// @vitest-environment`.
        plugins: [svelte()],
        test: {
          name: 'unit',
          include: ['{src,workers,scripts,bench,docs}/**/*.test.ts'],
          exclude: ['**/*.timing.test.ts'],
          environment: 'node',
          testTimeout: 30_000,
          // CI has two cores; more workers only compete for them.
          maxWorkers: 2,
        },
      },
      {
        // The built app in a real browser.
        test: {
          ...BROWSER,
          ...MIXED,
          name: 'browser',
          include: ['e2e/*.test.ts', 'e2e/{faults,gpu}/*.test.ts'],
          sequence: { groupOrder: 1 },
        },
      },
      {
        // The page with a scripted engine.
        test: {
          ...BROWSER,
          ...MIXED,
          name: 'ui',
          include: ['e2e/ui/*.test.ts'],
          globalSetup: 'e2e/support/setup-ui.ts',
          sequence: { groupOrder: 1 },
        },
      },
      {
        // Too long for `npm test`, or judged by seconds and megabytes: `npm run test:long`.
        test: { ...BROWSER, ...ALONE, name: 'long', include: ['e2e/long/*.test.ts'], sequence: { groupOrder: 2 } },
      },
      {
        // Speed in Node: `npm run test:timing`.
        test: {
          name: 'timing',
          include: ['workers/**/*.timing.test.ts'],
          environment: 'node',
          ...ALONE,
          sequence: { groupOrder: 3 },
        },
      },
      {
        // Against a native server, which has to be built first: `npm run test:native`.
        test: { ...BROWSER, ...ALONE, name: 'native', include: ['e2e/native/*.test.ts'], sequence: { groupOrder: 4 } },
      },
      {
        // The engine on Dawn outside of a browser: `npm run test:gpu`.
        test: {
          ...BROWSER,
          ...ALONE,
          name: 'gpu',
          // Without a GPU all of it runs on the processor: an hour where other programs use that too.
          testTimeout: 3_600_000,
          include: ['e2e/gpu/**/*.test.ts'],
          globalSetup: [],
          sequence: { groupOrder: 5 },
        },
      },
    ],
  },
});
