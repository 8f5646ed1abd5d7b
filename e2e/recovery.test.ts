/** A backend or a worker is lost in the middle of a reply: the reply still arrives, and the page says what happened. */
import type { Page, Worker as PageWorker } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { GREEDY, launchApp, newChat, readAnswer, send, serveTinyApp, type AppServer } from './app.ts';
import type { Session } from './browser.ts';
import { fixture } from './fixtures.ts';

const TOKENS = 160;
/** SwiftShader is slow. */
const GPU_TOKENS = 80;
const absent = fixture('phi/phi4-mini/gguf/q8_0.gguf') === null;

let server: AppServer;
let session: Session;

serveTinyApp(
  (served) => (server = served),
  () => session,
);

/** Runs in the engine's worker before its own code: keeps its GPU devices at hand. */
const KEEP_DEVICES = `(() => {
  self.gpuDevices = [];
  const original = self.GPUAdapter?.prototype.requestDevice;
  if (original) GPUAdapter.prototype.requestDevice = async function (...args) {
    const device = await original.apply(this, args);
    self.gpuDevices.push(device);
    return device;
  };
})();`;

async function firstVisit(page: Page): Promise<void> {
  await page.goto(server.url);
  await page.getByRole('button', { name: /^Download .* and start$/ }).click();
}

const engineWorker = (page: Page): PageWorker => page.workers().find((worker) => worker.url().includes('engine.worker'))!;

/** Begins a long reply and resolves once its first words are there. */
async function begin(page: Page) {
  const reply = await send(page, 'Name three animals.');
  await reply.locator('.markdown').first().waitFor();
  return reply;
}

async function passedOver(page: Page): Promise<string> {
  await page.evaluate(() => (location.hash = '#/diagnostics'));
  await page.getByText('Load time').waitFor();
  return page.locator('main').innerText();
}

describe.skipIf(absent)('a reply goes on', () => {
  it('on the next form or backend when the GPU device is lost', async () => {
    session = await launchApp({ ...GREEDY, backend: 'webgpu', maxTokens: GPU_TOKENS }, { gpu: true });
    const { page } = session;
    await page.route(/engine\.worker.*\.js/, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: `${KEEP_DEVICES}\n${await response.text()}` });
    });
    await firstVisit(page);
    const reply = await begin(page);
    await engineWorker(page).evaluate(() => (globalThis as unknown as { gpuDevices: GPUDevice[] }).gpuDevices.at(-1)!.destroy());
    const answer = await readAnswer(page, reply);
    expect(answer.contextTokens - answer.promptTokens).toBeGreaterThanOrEqual(GPU_TOKENS - 1);
    expect(await reply.innerText()).toMatch(/GPU device was lost .* The reply goes on with/);
    expect(await passedOver(page)).toMatch(/WebGPU, int8-blocks\s+WebGPU: the GPU device was lost/);
  });

  it('in a fresh worker when the worker is ended from outside, with the same tokens', async () => {
    session = await launchApp({ ...GREEDY, maxTokens: TOKENS });
    const { page } = session;
    await page.addInitScript(() => {
      const scope = window as unknown as { engines: Worker[]; Worker: typeof Worker };
      scope.engines = [];
      scope.Worker = class extends Worker {
        constructor(...args: ConstructorParameters<typeof Worker>) {
          super(...args);
          scope.engines.push(this);
        }
      };
    });
    await firstVisit(page);
    const undisturbed = await readAnswer(page, await begin(page));
    await newChat(page);
    const reply = await begin(page);
    await page.evaluate(() => (window as unknown as { engines: Worker[] }).engines.at(-1)!.terminate());
    const answer = await readAnswer(page, reply);
    expect(answer.text.replace(/ The engine’s worker ended.*/, '')).toBe(undisturbed.text);
    expect(await reply.innerText()).toMatch(/worker ended: it was ended from outside\..* The reply goes on with WASM, int8\./);
    expect(await passedOver(page)).toMatch(/WASM, int8\s+The engine's worker ended/);
  });
});
