import { devices, type Page } from 'playwright';
import { describe, expect, it } from 'vitest';
import type { RunningServer } from '../../scripts/build/server.ts';
import type { Session } from '../../scripts/cli/browser/launch.ts';
import { eachVisitor, newVisitor, openFake } from '../support/fake-app.ts';

/** A laptop with a GPU, whatever the browser of the tests has. */
const LAPTOP = `
  const limits = { maxStorageBufferBindingSize: 2 ** 31 - 4, maxBufferSize: 2 ** 31 };
  const adapter = { features: new Set(['shader-f16']), limits, info: { architecture: 'test' } };
  Object.defineProperty(navigator, 'gpu', { value: { requestAdapter: () => Promise.resolve(adapter) } });
  Object.defineProperty(navigator, 'deviceMemory', { value: 16 });
`;
/** None at all. */
const NO_GPU = `Object.defineProperty(navigator, 'gpu', { value: undefined }); Object.defineProperty(navigator, 'ml', { value: undefined });`;

let server: RunningServer;
let session: Session;
let page: Page;

eachVisitor((visitor) => ({ server, session, page } = visitor));

async function openModels(device: string): Promise<void> {
  await page.addInitScript({ content: device });
  await openFake(page, server, 'plain', '#/models');
  await page.getByText('Loaded', { exact: true }).waitFor();
  await page.getByRole('heading', { name: 'Every model and format' }).waitFor();
}

const featured = () => page.locator('.featured');
const memory = async () => (await featured().locator('dd').allInnerTexts()).join(' ');

describe('the catalogue', () => {
  it('recommends 4 bits for chat and 8 for code, and shows what the context costs', async () => {
    await openModels(LAPTOP);
    expect(await featured().innerText()).toContain('Phi-4-mini-instruct (Q4_K_M)');
    const before = await memory();
    await page.getByRole('slider', { name: 'Context length' }).press('ArrowRight');
    await page.getByText('8,192 tokens', { exact: true }).waitFor();
    const [weights, cache] = before.split(/(?<=B) /);
    expect(await memory()).toContain(weights);
    expect(await memory()).not.toContain(cache);
    await page.getByText('Code', { exact: true }).click();
    await featured().getByText('Phi-4-mini-instruct (Q8_0)').waitFor();
  });

  it('downloads what is chosen, then loads it', async () => {
    await openModels(LAPTOP);
    await featured().getByRole('button', { name: 'Download 2.5 GB' }).click();
    await featured().getByText('Stored', { exact: true }).waitFor();
    await page.getByRole('heading', { name: 'Phi-4-mini-instruct (Q4_K_M)', level: 3 }).waitFor();
  });

  it('runs in stages on WASM what one memory does not hold, and offers no more than the device has', async () => {
    await openModels(NO_GPU);
    expect(await featured().innerText()).toMatch(/Fits, on WASM.*Runs in \d stages/s);
    await page.getByText('Phi-4 (14B)').click();
    expect(await page.locator('main').innerText()).toMatch(/Needs [\d.]+ GB/);
  });

  it('lists every family with its forms, each with its size and its licence', async () => {
    await openModels(LAPTOP);
    const groups = page.locator('details.group');
    const names = await groups.locator('> summary').allInnerTexts();
    for (const family of ['Phi-4-mini-reasoning', 'Phi-4-reasoning', 'Phi-3-medium'])
      expect(names.join('\n')).toContain(family);
    const medium = groups.filter({ hasText: 'Phi-3-medium' }).first();
    await medium.locator('> summary').click();
    const text = await medium.innerText();
    expect(text).toMatch(/GGUF/);
    expect(text).toMatch(/[\d.]+ GB/);
  });

  it('offers an iPhone nothing that a tab there cannot hold, and says why', async () => {
    const phone = await newVisitor(session, devices['iPhone 15']);
    await openFake(phone, server, 'plain', '#/models');
    await phone.getByText('No model in the catalogue fits this device. The starter does.').waitFor();
    for (const group of await phone.locator('details.group > summary').all()) await group.click();
    await phone
      .getByText(/a tab on this device gets about 1\.5 GB/)
      .nth(5)
      .waitFor();
    expect(await phone.getByRole('button', { name: /^Download/ }).count()).toBe(0);
    await phone.context().close();
  });

  it('takes another address to download from, and refuses what is none', async () => {
    await openModels(LAPTOP);
    const field = page.getByRole('textbox', { name: 'Download from' });
    await field.fill('hub.test');
    await field.press('Tab');
    await page.getByText('This is not an http or https address').waitFor();
    await field.fill('https://hub.test/');
    await field.press('Tab');
    await page.getByText('This is not an http or https address').waitFor({ state: 'detached' });
    expect(await featured().getByRole('link').getAttribute('href')).toMatch(/^https:\/\/hub\.test\/bartowski\//);
  });
});
