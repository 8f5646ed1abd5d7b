/** The page with a scripted engine in place of the worker: a build of its own, because the production build does not contain it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { build } from 'vite';
import { ROOT } from '../../scripts/build.ts';
import { serve, type RunningServer } from '../../scripts/server.ts';

/** Where Trusted Types are enforced, the page makes HTML through these policies only. Reported as console errors, which tests refuse. */
const TRUSTED_TYPES = "require-trusted-types-for 'script'; trusted-types svelte-trusted-html dompurify 'allow-duplicates'";

/** Builds the page in mode `test` and serves it with the headers of the real server. */
export async function serveFakeApp(): Promise<RunningServer> {
  const root = await mkdtemp(join(tmpdir(), 'phi-ui-'));
  await build({ root: ROOT, mode: 'test', logLevel: 'warn', build: { outDir: root, emptyOutDir: true, copyPublicDir: false } });
  const server = await serve({
    root,
    mounts: { '/models': join(ROOT, 'public', 'models'), '/icon.svg': join(ROOT, 'public', 'icon.svg') },
    intercept: (_request, response) => {
      response.setHeader('Content-Security-Policy-Report-Only', TRUSTED_TYPES);
      return false;
    },
  });
  return {
    ...server,
    async close() {
      await server.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** Forgets conversations, settings and whatever else the page keeps, so that tests can share a browser. */
export async function forget(page: Page, server: RunningServer): Promise<void> {
  await page.goto('about:blank'); // A page that is open would write its drafts again.
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Storage.clearDataForOrigin', { origin: new URL(server.url).origin, storageTypes: 'all' });
  await devtools.detach();
}

/** Opens the page with a script for the fake engine, e.g. `first,slow`. */
export async function openFake(page: Page, server: RunningServer, script: string, hash = ''): Promise<void> {
  await page.goto(`${server.url}?fake=${script}${hash}`);
}
