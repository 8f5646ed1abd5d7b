/** The page with a scripted engine in place of the worker: a build of its own, because the production build does not contain it. */
import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContextOptions, Locator, Page } from 'playwright';
import { build } from 'vite';
import { ROOT } from '../../scripts/build/app.ts';
import { serve, type RunningServer } from '../../scripts/build/server.ts';
import { afterAll, afterEach, beforeAll, beforeEach, inject } from 'vitest';
import { expectClean, send, sendButton } from './app.ts';
import { launch, type Session } from '../../scripts/cli/browser/launch.ts';

/** Builds the page in mode `test`; resolves with a folder, which the caller removes. */
export async function buildFakeApp(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'phi-ui-'));
  await build({
    root: ROOT,
    mode: 'test',
    logLevel: 'warn',
    build: { outDir: root, emptyOutDir: true, copyPublicDir: false },
  });
  return root;
}

/** Serves such a build with the headers of the real server. */
export async function serveFakeApp(root: string): Promise<RunningServer> {
  const publicFolder = join(ROOT, 'public');
  return serve({
    root,
    // All of public/ without a copy of the models: names at its top are files, or folders.
    mounts: Object.fromEntries((await readdir(publicFolder)).map((name) => [`/${name}`, join(publicFolder, name)])),
  });
}

/** A page of a visitor who was never here, in the session's browser; errors go to the session's. Close its context afterwards. */
export async function newVisitor(session: Session, options: BrowserContextOptions = {}): Promise<Page> {
  const browser = session.context.browser();
  if (!browser) throw new Error('The session has a persistent profile; it cannot have more visitors.');
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    locale: 'en-US',
    colorScheme: 'light',
    ...options,
  });
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

/** Sends a message to the scripted engine, and resolves with the reply once it is over and the next can be sent. */
export async function askFake(page: Page, message: string): Promise<Locator> {
  const reply = await send(page, message);
  await reply.and(page.locator('[aria-busy="false"]')).waitFor();
  await sendButton(page).waitFor();
  return reply;
}

export interface Visitor {
  server: RunningServer;
  session: Session;
  page: Page;
}

/** One server and browser for the tests of a file, and for each of them a visitor who was never here; it must leave no error behind. */
export function eachVisitor(use: (visitor: Visitor) => void): void {
  let server: RunningServer;
  let session: Session;
  let page: Page;
  beforeAll(async () => {
    server = await serveFakeApp(inject('fakeApp'));
    session = await launch({ gpu: false });
  });
  afterAll(async () => {
    await session.close();
    await server.close();
  });
  beforeEach(async () => {
    page = await newVisitor(session);
    use({ server, session, page });
  });
  afterEach(async () => {
    await page.context().close();
    expectClean(session);
  });
}
