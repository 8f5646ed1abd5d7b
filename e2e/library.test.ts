/** The library as others use it: packed, installed, in a plain page and in a project of Vite; types checked. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompressSync } from 'node:zlib';
import type { Page } from 'playwright';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from '../scripts/build/app.ts';
import { serve, type RunningServer } from '../scripts/build/server.ts';
import { launch, type Session } from '../scripts/cli/browser/launch.ts';
import {
  ask,
  GREEDY,
  launchApp,
  makeTinyStarter,
  PATIENCE_MS,
  serveApp,
  type AppServer,
  type TinyStarter,
} from './support/app.ts';
import { buildLanguageModelPage } from './support/language-model-page.ts';
import { expectAnswered, packedLibrary, USE, writePlainPage } from './support/packed-library.ts';
import type { Outcome } from './support/spec-page/vitest.ts';

const run = promisify(execFile);
/** Compressed, without ONNX Runtime and without what is loaded when it is needed (constraints, readers of other formats). */
const MOST_BYTES = 150 * 1024;
let folder: string;
let library: string;
let tiny: TinyStarter;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'phi-library-'));
  library = await packedLibrary(folder);
  tiny = await makeTinyStarter();
});

afterAll(async () => {
  await tiny.remove();
  await rm(folder, { recursive: true, force: true });
});

/** Opens a page that runs USE, and gives what it found out: the global `name`. */
async function open(
  root: string,
  mounts: Record<string, string> = {},
  name: 'outcome' | 'outcomes' = 'outcome',
): Promise<Record<string, unknown>> {
  const [model] = Object.values(tiny.mounts);
  const server = await serve({ root, securityHeaders: false, mounts: { '/model': model!, ...mounts } });
  const session = await launch({ gpu: false });
  try {
    await session.page.goto(server.url);
    const outcome = await session.page.waitForFunction(
      (wanted) => (globalThis as Record<string, unknown>)[wanted] as Record<string, unknown> | undefined,
      name,
      { timeout: 300_000 },
    );
    expect(session.errors).toEqual([]);
    expect(session.foreign).toEqual([]);
    return (await outcome.jsonValue())!;
  } finally {
    await session.close();
    await server.close();
  }
}

describe('the packed library', () => {
  it('answers in a plain HTML page', async () => {
    const root = join(folder, 'plain');
    await writePlainPage(root);
    expectAnswered(await open(root, { '/phi-in-a-tab': library }));
  });

  it('keeps to the specification of LanguageModel in a real browser', async () => {
    const root = join(folder, 'specification');
    await buildLanguageModelPage(root);
    const outcomes = await open(root, {}, 'outcomes');
    expect(outcomes.length).toBeGreaterThan(50);
    expect((outcomes as unknown as Outcome[]).filter(({ error }) => error !== null)).toEqual([]);
  });

  it('answers in a project of Vite', async () => {
    const root = join(folder, 'project');
    await mkdir(join(root, 'public'), { recursive: true });
    await cp(join(library, 'assets'), join(root, 'public/phi-assets'), { recursive: true });
    await writeFile(join(root, 'main.js'), USE.replace('WORKER', "{ workerUrl: '/phi-assets/engine.worker.js' }"));
    await writeFile(
      join(root, 'index.html'),
      '<!doctype html><title>Vite</title><script type="module" src="/main.js"></script>',
    );
    await build({ root, configFile: false, logLevel: 'error', build: { target: 'esnext' } });
    expectAnswered(await open(join(root, 'dist')));
  });

  it('answers on the example page, in place of a LanguageModel that the browser does not have', async () => {
    const [model] = Object.values(tiny.mounts);
    const mounts = { '/phi-in-a-tab': library, '/model': model! };
    const server = await serve({ root: join(ROOT, 'public/examples'), mounts });
    const session = await launch({ gpu: false });
    try {
      const { page } = session;
      await page.goto(`${server.url}language-model.html?ours=1&model=/model/manifest.json`);
      await page.getByText('Ready: downloadable, the library’s model.').waitFor();
      await page.getByRole('button', { name: 'Ask' }).click();
      await page.getByText(/^\d+ of \d+ tokens of context$/).waitFor({ timeout: 300_000 });
      expect(await page.locator('#reply').innerText()).not.toBe('');
      expect(session.foreign).toEqual([]);
    } finally {
      await session.close();
      await server.close();
    }
  });

  it('has types that a strict project takes', async () => {
    const strict = [
      '--ignoreConfig',
      '--strict',
      '--noEmit',
      '--target',
      'es2023',
      '--lib',
      'es2023,dom,dom.iterable',
      '--module',
      'nodenext',
    ];
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    await writeFile(
      join(folder, 'use.ts'),
      `import { createEngine, createOpenAI, languageModel, type LanguageModelMessage } from 'phi-in-a-tab';
const engine = createEngine({ backend: 'webnn', device: 'npu' });
const LanguageModel = languageModel(engine, { catalogue: 'x' });
const messages: LanguageModelMessage[] = [{ role: 'user', content: 'x' }];
export const text: string = await (await LanguageModel.create()).prompt(messages, { responseConstraint: /a/ });
export const length: number | undefined = engine.report?.contextLength;
export const { choices } = await createOpenAI(engine).chat.completions.create({ messages: [{ role: 'user', content: 'x' }] });
// @ts-expect-error -- no such sampling mode
await LanguageModel.create({ samplingMode: 'wild' });
`,
    );
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const { stdout } = await run(process.execPath, [tsc, ...strict, join(folder, 'use.ts')]).catch(
      (error: unknown) => error as { stdout: string },
    );
    expect(stdout).toBe('');
  });

  it('is small without ONNX Runtime, and carries its licences', async () => {
    // What every page loads; readers of other formats, stages and the catalogue come when they are needed.
    const index = await readFile(join(library, 'index.js'), 'utf8');
    const chunks = [...index.matchAll(/from ?"\.\/(chunks\/[^"]+)"/g)].map(([, name]) => name!);
    const names = ['index.js', ...chunks, 'assets/engine.worker.js'];
    const sizes = await Promise.all(
      names.map(async (name) => brotliCompressSync(await readFile(join(library, name))).length),
    );
    for (const [i, name] of names.entries()) console.log(`${(sizes[i]! / 1024).toFixed(1).padStart(8)} KB  ${name}`);
    const total = sizes.reduce((sum, bytes) => sum + bytes, 0);
    console.log(`${(total / 1024).toFixed(1).padStart(8)} KB in all, compressed with Brotli, without ONNX Runtime`);
    expect(total).toBeLessThan(MOST_BYTES);
    expect(await readFile(join(library, 'licences.json'), 'utf8')).toContain('"comlink"');
    expect(await readFile(join(library, 'LICENSE'), 'utf8')).toContain('Apache License');
  });
});

const GUEST = `
import { borrowModel, defineLanguageModel } from '/phi-in-a-tab/index.js';

document.querySelector('button').addEventListener('click', async () => {
  try {
    const model = await borrowModel(new URLSearchParams(location.search).get('app'));
    document.title = 'granted';
    const session = await defineLanguageModel(model).create({ samplingMode: 'most-predictable' });
    globalThis.session = session;
    document.title = \`said: \${await session.prompt('hello')}\`;
  } catch (error) {
    document.title = \`\${error.name}: \${error.message}\`;
  }
});
`;

describe('lending to another site', () => {
  let app: AppServer;
  let guest: RunningServer;
  let session: Session;

  beforeAll(async () => {
    const root = join(folder, 'guest');
    await mkdir(root);
    await writeFile(
      join(root, 'index.html'),
      `<!doctype html><button>Borrow</button><script type="module">${GUEST}</script>`,
    );
    guest = await serve({ root, securityHeaders: false, mounts: { '/phi-in-a-tab': library } });
    app = await serveApp({ mounts: tiny.mounts });
    session = await launchApp({ ...GREEDY, maxTokens: 8 });
    await session.page.goto(app.url);
    await session.page.getByRole('button', { name: /^Download/ }).click();
    await ask(session.page, 'hello');
    // Its engine lends nothing to others while it runs: the person's own chat goes first.
    await session.page.goto('about:blank');
  });
  afterAll(async () => {
    await session.close();
    await Promise.all([app.close(), guest.close()]);
  });

  async function borrow(): Promise<{ page: Page; popup: Page }> {
    const page = await session.context.newPage();
    await page.goto(`${guest.url}?app=${encodeURIComponent(app.url)}`);
    const [popup] = await Promise.all([
      page.waitForEvent('popup'),
      page.getByRole('button', { name: 'Borrow' }).click(),
    ]);
    await popup.getByRole('heading', { name: 'A site asks for your model' }).waitFor();
    return { page, popup };
  }
  const title = (page: Page, pattern: RegExp) =>
    expect.poll(() => page.title(), { timeout: PATIENCE_MS }).toMatch(pattern);

  it('answers once a person has agreed, and ends in the middle when they withdraw', async () => {
    const { page, popup } = await borrow();
    await popup.getByText(new URL(guest.url).origin, { exact: true }).waitFor();
    const lend = popup.getByRole('button', { name: 'Lend the model' });
    // A script of ours that was tricked into clicking is no person.
    await lend.and(popup.locator(':enabled')).waitFor();
    await lend.evaluate((button) => (button as HTMLButtonElement).click());
    expect(await page.title()).toBe('');
    await lend.click();
    await title(page, /^said: ./);
    const running = page.evaluate(() =>
      (globalThis as unknown as { session: { prompt(text: string): Promise<string> } }).session
        .prompt('A long story, please.')
        .then(
          () => 'answered',
          (error: Error) => error.name,
        ),
    );
    await popup.getByRole('button', { name: 'Stop lending' }).click();
    expect(await running).toMatch(/UnknownError|answered/);
    const after = page.evaluate(() =>
      (globalThis as unknown as { session: { prompt(text: string): Promise<string> } }).session.prompt('x').then(
        () => 'answered',
        (error: Error) => error.name,
      ),
    );
    expect(await after).toBe('UnknownError');
    await Promise.all([page.close(), popup.close()]);
  });

  it('tells a site that was refused nothing but that', async () => {
    const { page, popup } = await borrow();
    // A small window, or one that is zoomed, scrolls to the buttons.
    await popup.setViewportSize({ width: 320, height: 256 });
    await popup.mouse.wheel(0, 2000);
    await expect.poll(() => popup.evaluate(() => scrollY)).toBeGreaterThan(0);
    await popup.getByRole('button', { name: 'No', exact: true }).click();
    await title(page, /^NotAllowedError: The person does not lend the model\.$/);
    const second = await borrow();
    await second.popup.close();
    await title(second.page, /^NotAllowedError/);
    await Promise.all([page.close(), second.page.close()]);
  });

  it('is in no frame', async () => {
    const page = await session.context.newPage();
    await page.goto(guest.url);
    const framed = await page.evaluate(async (src) => {
      const frame = Object.assign(document.createElement('iframe'), { src });
      const messages: unknown[] = [];
      addEventListener('message', ({ data }) => messages.push(data));
      document.body.append(frame);
      await new Promise((resolve) => (frame.onload = resolve));
      await new Promise((resolve) => setTimeout(resolve, 500));
      return messages;
    }, `${app.url}lend.html`);
    expect(framed).toEqual([]);
    await page.close();
  });
});
