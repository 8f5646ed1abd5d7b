/** The app as a person has it in front of them, with a server that counts what it is asked for. */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { DIST } from '../../scripts/build/app.ts';
import { serve, type RunningServer, type ServeOptions } from '../../scripts/build/server.ts';
import { STARTER_ID } from '../../src/models/starter.ts';
import type { SettingsValues } from '../../src/settings/settings.svelte.ts';
import type { ModelManifest, Shard } from '../../workers/shared/protocol.ts';
import {
  launch,
  startShared,
  type LaunchOptions,
  type Session,
  type SharedBrowser,
} from '../../scripts/cli/browser/launch.ts';
import { needFixture } from './fixtures.ts';

/** Loading the starter takes seconds on an idle machine, minutes on a busy one. */
export const PATIENCE_MS = 300_000;

/** Short greedy replies, the same at every run. */
export const GREEDY: Partial<SettingsValues> = {
  temperature: 0,
  repetitionPenalty: 1,
  maxTokens: 24,
  backend: 'wasm',
  language: 'en',
};

export interface AppServer extends RunningServer {
  /** Paths of model shards, in the order in which they were asked for. */
  shards: string[];
  /** Looks at each request for a shard and may answer it in its own way. */
  onShard: ((request: IncomingMessage, response: ServerResponse) => boolean) | null;
}

/** Serves the built app and counts requests for shards. */
export async function serveApp(options: Partial<ServeOptions> = {}): Promise<AppServer> {
  const counts: Pick<AppServer, 'shards' | 'onShard'> = { shards: [], onShard: null };
  const intercept = (request: IncomingMessage, response: ServerResponse): boolean => {
    const path = request.url ?? '';
    if (!/\.gguf\.\d+$/.test(path)) return false;
    counts.shards.push(path);
    return counts.onShard?.(request, response) ?? false;
  };
  return Object.assign(counts, await serve({ root: DIST, ...options, intercept }));
}

export interface TinyStarter {
  /** For `serveApp`: puts the model in the starter's place. */
  mounts: Record<string, string>;
  manifest: ModelManifest;
  remove(): Promise<void>;
}

/** A tiny Phi in the starter's place: it loads in a second, and its words make no sense. */
export async function makeTinyStarter(shardBytes = 128 * 1024): Promise<TinyStarter> {
  const folder = await mkdtemp(join(tmpdir(), 'phi-starter-'));
  const bytes = await readFile(needFixture('phi/phi4-mini/gguf/q8_0.gguf'));
  const sha256 = (part: Uint8Array): string => createHash('sha256').update(part).digest('hex');
  const path = 'tiny.gguf';
  const shards: Shard[] = [];
  for (let at = 0; at < bytes.length; at += shardBytes) {
    const part = bytes.subarray(at, at + shardBytes);
    const url = `${path}.${String(shards.length).padStart(2, '0')}`;
    await writeFile(join(folder, url), part);
    shards.push({ url, offset: 0, bytes: part.length, wholeUrl: true, sha256: sha256(part) });
  }
  const manifest: ModelManifest = {
    format: 1,
    id: STARTER_ID,
    name: 'Tiny Phi',
    licence: { spdx: 'MIT', url: 'https://opensource.org/license/mit' },
    source: { name: 'random weights', url: 'https://example.com/' },
    bytes: bytes.length,
    files: [{ path, bytes: bytes.length, sha256: sha256(bytes), shards }],
  };
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
  return {
    mounts: { [`/models/${STARTER_ID}`]: folder },
    manifest,
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

export interface TinyAppServer extends AppServer {
  /** Folder of the tiny model's shards. */
  shardFolder: string;
}

/** Serves the app with a tiny Phi in the starter's place; `close` takes the model along. */
export async function serveTinyStarter(): Promise<TinyAppServer> {
  const tiny = await makeTinyStarter();
  const server = await serveApp({ mounts: tiny.mounts });
  const close = server.close.bind(server);
  return Object.assign(server, {
    shardFolder: Object.values(tiny.mounts)[0]!,
    close: async () => {
      await close();
      await tiny.remove();
    },
  });
}

/** Browsers of the tests of a file, by their flags; null: each session has its own. */
let shared: Map<string, SharedBrowser> | null = null;

/** The sessions of a file that have no profile share a browser from here on: a start costs a second or two of the processor. */
export function shareBrowsers(): void {
  beforeAll(() => {
    shared = new Map();
  });
  afterAll(async () => {
    for (const browser of shared?.values() ?? []) await browser.close();
    shared = null;
  });
}

/** A server with a tiny model in the starter's place for the tests of a file. Each test has a session of its own (`session` gives it), which must leave no error behind. */
export function serveTinyApp(use: (server: AppServer) => void, session: () => Session): void {
  let server: AppServer;
  shareBrowsers();
  beforeAll(async () => {
    server = await serveTinyStarter();
    use(server);
  });
  afterAll(() => server.close());
  afterEach(async () => {
    expectClean(session());
    await session().close();
  });
}

async function startSession(options: LaunchOptions): Promise<Session> {
  const { gpu, realGpu, args, executable, profile, ...page } = options;
  if (!shared || profile !== undefined) return launch(options);
  const flags = { gpu, realGpu, args, executable };
  const key = JSON.stringify(flags);
  const browser = shared.get(key) ?? (await startShared(flags));
  shared.set(key, browser);
  return browser.session(page);
}

/** Starts a browser whose settings are `settings` from the first visit on. */
export async function launchApp(
  settings: Partial<SettingsValues> = GREEDY,
  options: LaunchOptions = {},
): Promise<Session> {
  const session = await startSession({ gpu: false, ...options });
  await session.context.addInitScript((values) => {
    if (localStorage.getItem('phi-settings') === null) localStorage.setItem('phi-settings', JSON.stringify(values));
  }, settings);
  session.page.setDefaultTimeout(PATIENCE_MS);
  return session;
}

export const messageBox = (page: Page) => page.getByRole('textbox', { name: 'Message', exact: true });
export const sendButton = (page: Page) => page.getByRole('button', { name: 'Send', exact: true });
export const stopButton = (page: Page) => page.getByRole('button', { name: 'Stop', exact: true });

const replies = (page: Page) => page.getByRole('log').getByRole('article', { name: 'Reply' });

/** Leaves the conversation that is open for an empty one. */
export async function newChat(page: Page): Promise<void> {
  await page.getByRole('link', { name: 'New chat' }).first().click();
  await replies(page).first().waitFor({ state: 'detached' });
}

/** Types a message and sends it with Enter as people do; resolves with the reply once it has begun. */
export async function send(page: Page, message: string): Promise<Locator> {
  const before = await replies(page).count();
  await messageBox(page).fill(message);
  await messageBox(page).press('Enter');
  const reply = replies(page).nth(before);
  await reply.waitFor();
  return reply;
}

export interface Answer {
  /** The model's reply, with white space collapsed. */
  text: string;
  promptTokens: number;
  /** Prompt tokens that the cache did not hold. */
  prefilledTokens: number;
  contextTokens: number;
}

/** Waits for the end of the reply and reads it with its figures. */
export async function readAnswer(page: Page, reply: Locator): Promise<Answer> {
  await reply.and(page.locator('[aria-busy="false"]')).waitFor({ timeout: PATIENCE_MS });
  const figures = reply.locator('[title^="Prompt"]');
  const title = (await figures.getAttribute('title', { timeout: 5_000 })) ?? '';
  const [promptTokens = NaN, prefilledTokens = NaN, contextTokens = NaN] =
    title.match(/\d[\d,]*/g)?.map((figure) => Number(figure.replaceAll(',', ''))) ?? [];
  const text = (await reply.locator('.markdown').allInnerTexts()).join(' ').replace(/\s+/g, ' ').trim();
  return { text, promptTokens, prefilledTokens, contextTokens };
}

/** Sends a message and waits for the end of the reply. */
export async function ask(page: Page, message: string): Promise<Answer> {
  return readAnswer(page, await send(page, message));
}

/** Nothing left this machine, and nothing went wrong unseen. */
export function expectClean(session: Session, allowedErrors: RegExp[] = []): void {
  expect(session.foreign, 'requests to other hosts').toEqual([]);
  expect(
    session.errors.filter((error) => !allowedErrors.some((allowed) => allowed.test(error))),
    'errors on the console',
  ).toEqual([]);
}
