/** A backend or a worker is lost in the middle of a reply: the reply still arrives, and the page says what happened. */
import { readFile } from 'node:fs/promises';
import type { Locator, Page, Worker as PageWorker } from 'playwright';
import { describe, expect, it } from 'vitest';
import {
  ask,
  GREEDY,
  launchApp,
  newChat,
  PATIENCE_MS,
  readAnswer,
  send,
  serveApp,
  serveTinyApp,
  type AppServer,
} from './support/app.ts';
import type { Session } from '../scripts/cli/browser/launch.ts';
import { ALL, describeIf } from './support/long.ts';
import { ENGINE, inject, keepDevices, type WithDevices } from './support/inject.ts';
import { problemOf } from './support/random-forms.ts';
import { processTree } from '../scripts/cli/browser/processes.ts';

const TOKENS = 160;
/** Of each message: enough for a middle of a reply, and no more, because the processor is busy meanwhile. */
const RUN_MS = 60;
/** An end is noticed at once; by its silence only after a minute. */
const NOTICED_MS = 20_000;
/** SwiftShader is slow; what is lost after the first words has still most of them to come. */
const GPU_TOKENS = 12;

let server: AppServer;
let session: Session;

serveTinyApp(
  (served) => (server = served),
  () => session,
);

async function firstVisit(page: Page): Promise<void> {
  await page.goto(server.url);
  await page.getByRole('button', { name: /^Download .* and start$/ }).click();
}

const engineWorker = (page: Page): PageWorker =>
  page.workers().find((worker) => worker.url().includes('engine.worker'))!;

/** Begins a long reply and resolves once its first words are there. */
async function begin(page: Page) {
  const reply = await send(page, 'Name three animals.');
  await reply.locator('.markdown').first().waitFor();
  return reply;
}

type WithEngines = Window & { Worker: typeof Worker; engines: Worker[]; doomed?: boolean };

/** Runs in the page before its own code: keeps its workers at hand. While `doomed`, one that begins is ended. */
function keepEngines(): void {
  const scope = window as unknown as WithEngines;
  scope.engines = [];
  scope.Worker = class extends Worker {
    constructor(...args: ConstructorParameters<typeof Worker>) {
      super(...args);
      scope.engines.push(this);
      this.addEventListener('message', () => scope.doomed && this.terminate(), { once: true });
    }
  };
}

/** Runs in the engine's worker: every message takes as long as a run of a model that is not tiny, so that there is a middle to be ended in. */
function takeTime(ms: number): void {
  const post = Reflect.get(MessagePort.prototype, 'postMessage') as (...args: unknown[]) => void;
  Reflect.set(MessagePort.prototype, 'postMessage', function (this: MessagePort, ...args: unknown[]) {
    for (const end = performance.now() + ms; performance.now() < end;);
    post.apply(this, args);
  });
}

async function passedOver(page: Page): Promise<string> {
  await page.evaluate(() => (location.hash = '#/diagnostics'));
  await page.getByText('Load time').waitFor();
  return page.locator('main').innerText();
}

/** A first visit with workers that can be ended, whose replies take as long as those of a model that is not tiny. */
async function visitSlowly(maxTokens: number): Promise<Page> {
  session = await launchApp({ ...GREEDY, maxTokens });
  const { page } = session;
  await page.addInitScript(keepEngines);
  await inject(page, ENGINE, takeTime, RUN_MS);
  await firstVisit(page);
  return page;
}

/** Ends the engine's worker from outside. */
const endEngine = (page: Page): Promise<void> =>
  page.evaluate(() => (window as unknown as WithEngines).engines.at(-1)!.terminate());

/** Long enough to be ended in the middle. */
const LIST = {
  type: 'array',
  minItems: 8,
  maxItems: 8,
  items: {
    type: 'object',
    properties: { name: { type: 'string', pattern: '^[a-z]{8}$' }, kind: { enum: ['bird', 'fish'] } },
    required: ['name', 'kind'],
    additionalProperties: false,
  },
};

/** Begins a reply in a new chat that is held to `LIST`. */
async function beginList(page: Page) {
  await page.getByRole('button', { name: 'Chat options' }).click();
  await page.getByRole('checkbox', { name: 'Answer as JSON' }).check();
  await page.getByRole('textbox', { name: 'JSON schema' }).fill(JSON.stringify(LIST));
  await page.getByText('Every keyword of this schema is enforced.').waitFor();
  await page.keyboard.press('Escape');
  return begin(page);
}

/** The entries of the reply once it is over, from the file that the page makes of them. */
async function readList(page: Page, reply: Locator): Promise<unknown[]> {
  const file = page.waitForEvent('download');
  await reply.getByRole('button', { name: 'Save as JSON Lines' }).click();
  const lines = await readFile(await (await file).path(), 'utf8');
  return lines
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
}

describe('a reply goes on', () => {
  it('on the next form or backend when the GPU device is lost', async () => {
    session = await launchApp({ ...GREEDY, backend: 'webgpu', maxTokens: GPU_TOKENS }, { gpu: true });
    const { page } = session;
    await inject(page, ENGINE, keepDevices, null);
    await firstVisit(page);
    const reply = await begin(page);
    await engineWorker(page).evaluate(() => (globalThis as WithDevices).devices.at(-1)!.destroy());
    const answer = await readAnswer(page, reply);
    expect(answer.contextTokens - answer.promptTokens).toBeGreaterThanOrEqual(GPU_TOKENS - 1);
    expect(await reply.innerText()).toMatch(/GPU device was lost .* The reply continues on/);
    expect(await passedOver(page)).toMatch(/WebGPU, int8-blocks\s+WebGPU: the GPU device was lost/);
  });

  it('in a fresh worker when the worker is ended from outside, with the same tokens', async () => {
    const page = await visitSlowly(TOKENS);
    const undisturbed = await readAnswer(page, await begin(page));
    await newChat(page);
    const reply = await begin(page);
    await endEngine(page);
    const answer = await readAnswer(page, reply);
    expect(answer.text.replace(/ The engine’s worker ended.*/, '')).toBe(undisturbed.text);
    expect(await reply.innerText()).toMatch(
      /worker ended: the browser or the system ended it\..* The reply continues on WASM, int8\./,
    );
    expect(await passedOver(page)).toMatch(/WASM, int8\s+The engine's worker ended/);
  });

  it('in a fresh worker, and stays valid for the JSON schema that it was held to', async () => {
    const page = await visitSlowly(2 * TOKENS);
    const undisturbed = await readList(page, await beginList(page));
    await newChat(page);
    const reply = await beginList(page);
    await endEngine(page);
    const list = await readList(page, reply);
    expect(await reply.innerText()).toMatch(/worker ended: .* The reply continues on WASM, int8\./);
    expect(problemOf(LIST, JSON.stringify(list))).toBeNull();
    expect(list).toEqual(undisturbed);
  });

  it('when asked again, where the worker is ended while it begins', async () => {
    session = await launchApp({ ...GREEDY, maxTokens: 4 });
    const { page } = session;
    await page.addInitScript(keepEngines);
    await firstVisit(page);
    await ask(page, 'Name three animals.');
    await page.evaluate(() => {
      const scope = window as unknown as WithEngines;
      scope.doomed = true;
      scope.engines.at(-1)!.terminate();
    });
    await page.getByText('The engine stopped').first().waitFor({ timeout: NOTICED_MS });
    await page.evaluate(() => ((window as unknown as WithEngines).doomed = false));
    await page.getByRole('button', { name: 'Try again' }).first().click();
    await ask(page, 'Name three plants.');
  });
});

/** Runs in the engine's worker: the adapter is there, and nothing can be made on it. */
function breakBuffers(): void {
  GPUDevice.prototype.createBuffer = () => {
    throw new TypeError('this driver makes no buffers');
  };
}

it('WebGPU that cannot be created leaves WASM as it was', async () => {
  session = await launchApp(
    { ...GREEDY, backend: 'webgpu', maxTokens: 4 },
    { gpu: true, args: ['--disable-features=WebMachineLearningNeuralNetwork'] },
  );
  const { page } = session;
  await inject(page, ENGINE, breakBuffers, undefined);
  await firstVisit(page);
  expect((await ask(page, 'Name three animals.')).contextTokens).toBeGreaterThan(0);
  const report = await passedOver(page);
  expect(report).toMatch(/Backend\s+WASM/);
  for (const form of ['int8-blocks', 'float32']) expect(report).toMatch(new RegExp(`WebGPU, ${form}\\s+\\S.*\\n`));
  // ONNX Runtime's last words in each of the workers.
  expect(new Set(session.errors.splice(0))).toEqual(new Set(['Aborted()']));
});

/** Runs in the engine's worker: whatever WebNN device is wished for, the GPU is asked. Chromium runs LiteRT for `npu` and `cpu` in the page's own process. */
function askForGpu(): void {
  const { prototype } = (
    globalThis as unknown as { ML: { prototype: { createContext(options: object): Promise<unknown> } } }
  ).ML;
  const original = Reflect.get(prototype, 'createContext');
  prototype.createContext = function (options) {
    return original.call(this, { ...options, deviceType: 'gpu' });
  };
}

/** Runs in the engine's worker: hides that WebNN runs on the CPU, which else is reason enough to refuse the form that ends the process. */
function hideDevices(): void {
  const { prototype } = (globalThis as unknown as { MLGraph: { prototype: object } }).MLGraph;
  Object.defineProperty(prototype, 'devices', { get: () => undefined });
}

const gpuProcess = async (): Promise<number | undefined> =>
  (await processTree(({ pid }) => pid === process.pid)).find(({ command }) => command.includes('--type=gpu-process'))
    ?.pid;

describeIf(ALL)('the crash of LiteRT', () => {
  it('under int4 blocks ends the GPU process in the middle of a conversation: the reply arrives on the next form, and the report says why', async () => {
    const real = await serveApp();
    try {
      session = await launchApp({ ...GREEDY, backend: 'webnn', form: 'float32', contextLength: 512 }, { gpu: true });
      const { page } = session;
      await inject(page, ENGINE, askForGpu, undefined);
      await page.goto(real.url);
      await page.getByRole('button', { name: /^Download .* and start$/ }).click();
      const first = await ask(page, 'Name three animals.');
      const before = await gpuProcess();
      const conversation = new URL(page.url()).hash;

      await page.evaluate(() => (location.hash = '#/settings'));
      await page.getByLabel('Weight format').selectOption('int4');
      await page.getByRole('button', { name: 'Reload the model' }).click();
      await page.evaluate((hash) => (location.hash = hash), conversation);
      const answer = await ask(page, 'And three plants?');
      expect(answer.contextTokens).toBeGreaterThan(first.contextTokens);
      const report = await passedOver(page);
      expect(await gpuProcess(), report).not.toBe(before);
      expect(report).toMatch(/WebNN \(NPU\), int4\s+.*context (?:is|was) lost/i);
      expect(report).toMatch(/Backend\s+WebNN/);
    } finally {
      await real.close();
    }
  });

  it('in the page’s own process costs the page once: the next visit takes the next form', async () => {
    const real = await serveApp();
    try {
      session = await launchApp({ ...GREEDY, backend: 'webnn', form: 'int4', contextLength: 512 }, { gpu: true });
      const { page, context } = session;
      await inject(page, ENGINE, hideDevices, undefined);
      const crashed = new Promise((resolve) => page.on('crash', resolve));
      await page.goto(real.url);
      await page.getByRole('button', { name: /^Download .* and start$/ }).click();
      await crashed;

      const next = await context.newPage();
      next.setDefaultTimeout(PATIENCE_MS);
      await inject(next, ENGINE, hideDevices, undefined);
      await next.goto(real.url);
      expect((await ask(next, 'Name three animals.')).contextTokens).toBeGreaterThan(0);
      const report = await passedOver(next);
      expect(report).toMatch(/WebNN \(NPU\), int4\s+an earlier attempt did not come back/);
      expect(report).toMatch(/Backend\s+WebNN/);
    } finally {
      await real.close();
    }
  });
});

/** Reads that are answered before the device falls silent. */
const ANSWERS = 20;

type WithHang = typeof globalThis & { answersLeft: number };

/** Runs in the engine's worker: after `answersLeft` more calls WebNN takes what it is given and never answers. At once for `build`, else when the test says. */
function hang(method: 'build' | 'readTensor'): void {
  type Asked = Record<'build' | 'readTensor', (...args: unknown[]) => Promise<unknown>>;
  const scope = globalThis as unknown as WithHang & Record<'MLGraphBuilder' | 'MLContext', { prototype: Asked }>;
  scope.answersLeft = method === 'build' ? 0 : Infinity;
  const { prototype } = method === 'build' ? scope.MLGraphBuilder : scope.MLContext;
  const original = prototype[method];
  prototype[method] = function (...args) {
    return scope.answersLeft-- > 0 ? original.apply(this, args) : new Promise(() => undefined);
  };
}

describeIf(ALL)('WebNN that never answers', () => {
  it('in the middle of a reply is left for the next form or backend', async () => {
    session = await launchApp({ ...GREEDY, backend: 'webnn', form: 'float32', maxTokens: TOKENS }, { gpu: true });
    const { page } = session;
    await inject(page, ENGINE, hang, 'readTensor');
    await firstVisit(page);
    await ask(page, 'Name three animals.');
    await newChat(page);
    await engineWorker(page).evaluate((answers) => ((globalThis as WithHang).answersLeft = answers), ANSWERS);
    const reply = await send(page, 'Name three plants.');
    const answer = await readAnswer(page, reply);
    const text = await reply.innerText();
    expect(text).toMatch(/WebNN \(NPU\), float32: the device did not respond for \d+ s .* The reply continues on/);
    // Another form of random weights may come to an end token sooner.
    expect(answer.contextTokens - answer.promptTokens, text).toBeGreaterThan(ANSWERS);
  });

  it('when a graph is built leads to a backend that does', async () => {
    session = await launchApp({ ...GREEDY, backend: 'webnn' }, { gpu: true });
    const { page } = session;
    await inject(page, ENGINE, hang, 'build');
    await firstVisit(page);
    expect((await ask(page, 'Name three animals.')).contextTokens).toBeGreaterThan(0);
    const report = await passedOver(page);
    expect(report).toMatch(/WebNN \(NPU\)\s+WebNN \(NPU\): the device did not respond for 60 s/);
    expect(report).toMatch(/Backend\s+(?:WASM|WebGPU)/);
  });
});
