/** Model files as people have them: found for what they are; damaged, hostile or of another kind: said in words, and the app goes on. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Page } from 'playwright';
import {
  ask,
  expectClean,
  launchApp,
  newChat,
  makeTinyStarter,
  serveApp,
  type AppServer,
  type TinyStarter,
} from './support/app.ts';
import type { Session } from '../scripts/cli/browser/launch.ts';
import { needFixture } from './support/fixtures.ts';

const GOOD = await readFile(needFixture('phi/phi4-mini/gguf/q8_0.gguf'));
/** Time limit for copying, reading and refusing; generous because the machine may be busy. */
const REFUSAL_MS = 30_000;

const u32 = (value: number): Buffer => Buffer.from(Uint32Array.of(value).buffer);
const u64 = (value: bigint): Buffer => Buffer.from(BigUint64Array.of(value).buffer);
const text = (value: string): Buffer => Buffer.concat([u64(BigInt(value.length)), Buffer.from(value)]);
const STRING = 8;
const header = (version: number, tensors: bigint, entries: bigint): Buffer =>
  Buffer.concat([Buffer.from('GGUF'), u32(version), u64(tensors), u64(entries)]);

const FILES: { name: string; bytes: Buffer; says: RegExp }[] = [
  {
    name: 'garbage.gguf',
    bytes: Buffer.from('This is not a model at all, whatever its name says.'),
    says: /garbage\.gguf/,
  },
  { name: 'truncated.gguf', bytes: GOOD.subarray(0, GOOD.length / 2), says: /truncated/ },
  {
    name: 'version1.gguf',
    bytes: Buffer.concat([Buffer.from('GGUF'), u32(1), GOOD.subarray(8, 4096)]),
    says: /version 1/,
  },
  { name: 'huge-counts.gguf', bytes: header(3, 2n ** 60n, 2n ** 60n), says: /huge-counts\.gguf/ },
  {
    name: 'long-string.gguf',
    bytes: Buffer.concat([header(3, 0n, 1n), u64(2n ** 62n), Buffer.from('x')]),
    says: /long-string\.gguf/,
  },
  {
    name: 'other.gguf',
    bytes: Buffer.concat([header(3, 0n, 1n), text('general.architecture'), u32(STRING), text('mamba')]),
    says: /mamba/,
  },
];

let tiny: TinyStarter;
let server: AppServer;
let session: Session;
let page: Page;

beforeAll(async () => {
  tiny = await makeTinyStarter();
  server = await serveApp({ mounts: tiny.mounts });
  session = await launchApp();
  page = session.page;
  await page.goto(server.url);
  await page.getByRole('button', { name: /^Download/ }).click();
  expect((await ask(page, 'hello')).text).not.toBe('');
  await page.goto(`${server.url}#/models`);
  await page.getByRole('heading', { name: 'Bring your own model' }).waitFor(); // the chat's own field for files is gone then
});
afterAll(async () => {
  await session.close();
  await server.close();
  await tiny.remove();
});

describe('a folder of Ollama', () => {
  it('is found as a model under its name, of files without endings', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'phi-ollama-'));
    try {
      const digest = createHash('sha256').update(GOOD).digest('hex');
      const manifest = join(folder, 'models/manifests/registry.ollama.ai/library/phi4-mini');
      await mkdir(manifest, { recursive: true });
      await mkdir(join(folder, 'models/blobs'));
      await writeFile(join(folder, 'models/blobs', `sha256-${digest}`), GOOD);
      const layers = [
        { mediaType: 'application/vnd.ollama.image.model', digest: `sha256:${digest}`, size: GOOD.length },
      ];
      await writeFile(join(manifest, '3.8b'), JSON.stringify({ schemaVersion: 2, layers }));
      await page.locator('input[type=file][webkitdirectory]').setInputFiles(join(folder, 'models'));
      const found = page.getByRole('article', { name: 'phi4-mini:3.8b' });
      await found.getByRole('button', { name: 'Copy into the browser' }).waitFor({ timeout: REFUSAL_MS });
      expect(await found.innerText()).toMatch(/GGUF, Q8_0/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('a bad model file', () => {
  it.for(FILES)('$name is refused in words', async ({ name, bytes, says }) => {
    await page
      .locator('input[type=file]:not([webkitdirectory])')
      .setInputFiles({ name, mimeType: 'application/octet-stream', buffer: bytes });
    const found = page.getByRole('article', { name });
    await expect.poll(() => found.innerText({ timeout: REFUSAL_MS }), { timeout: REFUSAL_MS }).toMatch(says);
    const said = await found.innerText();
    expect(said).toMatch(/damaged|does not run here/);
    expect(said).not.toMatch(/undefined|\[object|RangeError|TypeError/);
  });

  it('leaves the app as it was: the good model loads and answers', async () => {
    await page.getByText('Loaded', { exact: true }).waitFor();
    await newChat(page);
    expect((await ask(page, 'hello')).text).not.toBe('');
    expectClean(session);
  });
});
