/** The page with a scripted engine in place of the worker: a build of its own, because the production build does not contain it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { build } from 'vite';
import { ROOT } from '../../scripts/build.ts';
import { serve, type RunningServer } from '../../scripts/server.ts';
import type { Session } from '../browser.ts';

/** Where Trusted Types are enforced, the page makes HTML through these policies only. Reported as console errors, which tests refuse. */
const TRUSTED_TYPES = "require-trusted-types-for 'script'; trusted-types svelte-trusted-html dompurify 'allow-duplicates'";

/** Builds the page in mode `test` and serves it with the headers of the real server. */
export async function serveFakeApp(): Promise<RunningServer> {
  const root = await mkdtemp(join(tmpdir(), 'phi-ui-'));
  await build({ root: ROOT, mode: 'test', logLevel: 'warn', build: { outDir: root, emptyOutDir: true, copyPublicDir: false } });
  const server = await serve({
    root,
    mounts: { '/models': join(ROOT, 'public', 'models'), '/icon.svg': join(ROOT, 'public', 'icon.svg'), '/theme.js': join(ROOT, 'public', 'theme.js') },
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

/** A page of a visitor who was never here, in the session's browser; errors go to the session's. Close its context afterwards. */
export async function newVisitor(session: Session, options: BrowserContextOptions = {}): Promise<Page> {
  const browser = session.context.browser();
  if (!browser) throw new Error('The session has a persistent profile; it cannot have more visitors.');
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-US', colorScheme: 'light', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.on('pageerror', (error) => session.errors.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') session.errors.push(message.text());
  });
  return page;
}

/** Opens the page with a script for the fake engine, e.g. `first,slow`. */
export async function openFake(page: Page, server: RunningServer, script: string, hash = ''): Promise<void> {
  await page.goto(`${server.url}?fake=${script}${hash}`);
}
