import { rm } from 'node:fs/promises';
import type { TestProject } from 'vitest/node';
import { npmChromium } from '../../scripts/cli/browser/chromium.ts';
import { buildFakeApp } from './fake-app.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Folder of the page with a scripted engine. */
    fakeApp: string;
  }
}

/** Once before all tests of the page with a scripted engine: it is built, the browser unpacked. Resolves with what removes the build. */
export async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  if (!process.env.PHI_BROWSER) await npmChromium();
  const root = await buildFakeApp();
  provide('fakeApp', root);
  return () => rm(root, { recursive: true, force: true });
}
