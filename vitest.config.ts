import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

/** Unit tests: beside what they test, in Node. A test that needs a document says so with `// @vitest-environment`. */
export default defineConfig({
  plugins: [svelte()],
  test: {
    include: [
      'src/**/*.test.ts',
      'workers/**/*.test.ts',
      'scripts/**/*.test.ts',
      'bench/**/*.test.ts',
      'e2e/**/*.unit.test.ts',
    ],
    environment: 'node',
    testTimeout: 30_000,
    // Two cores are what CI has; more workers only fight for them.
    maxWorkers: 2,
  },
});
