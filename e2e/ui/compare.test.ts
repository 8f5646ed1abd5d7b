/** How results look: readable by all, at every width, as picture, table and text. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Page } from 'playwright';
import { describe, expect, it } from 'vitest';
import type { RunningServer } from '../../scripts/build/server.ts';
import { toFragment } from '../../src/compare/share.ts';
import { desktop, laptop } from '../../src/compare/testing/example.ts';
import { result, row } from '../../src/compare/testing/results.ts';
import { TINY_NAME } from '../../src/compare/tiny.ts';
import { accessibilityViolations } from '../support/axe.ts';
import { eachVisitor, openFake } from '../support/fake-app.ts';

let server: RunningServer;
let page: Page;

eachVisitor((visitor) => ({ server, page } = visitor));

const chart = () => page.getByRole('img', { name: /^Writing/ });

async function addFile(file: object): Promise<void> {
  await page.locator('input[type=file]').setInputFiles({
    name: 'result.json',
    mimeType: 'application/json',
    buffer: Buffer.from(JSON.stringify(file)),
  });
  await page.getByRole('button', { name: 'Show it' }).click();
}

/** Both results side by side. */
async function showResults(): Promise<void> {
  await openFake(page, server, 'plain', `#${await toFragment(laptop())}`);
  await page.getByRole('button', { name: 'Show it' }).click();
  await addFile(desktop());
  await expect.poll(async () => (await chart().boundingBox())?.height ?? 0).toBeGreaterThan(100);
}

describe('results', () => {
  it('have no accessibility violations that axe knows, in light and dark', async () => {
    const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
    await showResults();
    await page.getByRole('button', { name: 'Add a server' }).click();
    for (const details of await page.locator('details').all())
      await details.evaluate((element: HTMLDetailsElement) => (element.open = true));
    await page.getByRole('button', { name: 'Start' }).click();
    expect(await accessibilityViolations(page, axe)).toEqual([]);
  });

  it.each([320, 390, 820, 1440])('fit a width of %i', async (width) => {
    await page.setViewportSize({ width, height: 800 });
    await showResults();
    await page.getByRole('button', { name: 'Add a server' }).click();
    const widest = await page.evaluate(() =>
      Math.max(...[...document.querySelectorAll('main *')].map((element) => element.getBoundingClientRect().right)),
    );
    expect(widest).toBeLessThanOrEqual(width);
  });

  it('say the ratio in a sentence, and have a table behind each chart', async () => {
    await showResults();
    await page.getByText(/^The NPU \(WebNN NPU, int8\) writes 0\.29 times \(0\.28 to 0\.31\) and reads/).waitFor();
    await page.getByText('As a table').first().click();
    const line = page.getByRole('row', { name: /^WebGPU, int4 63\.4 ± 1\.5, 3 rounds/ });
    expect(await line.first().innerText()).toContain('144 ± 5');
    await page.getByText('wrong results').first().waitFor();
    await page.getByText('unsteady').first().waitFor();
  });

  it('show every line of a file that says the same thing twice', async () => {
    const { lengths, ttftMs } = row();
    const task = { kind: 'code' as const, promptTokens: 2185, replyTokens: 128, decodeTokensPerSecond: null };
    const tasks = [task, task].map((one) => ({ ...one, ttftMs: ttftMs! }));
    const twice = row({ lengths: [lengths[0]!, lengths[0]!], tasks });
    await openFake(page, server, 'plain', '#/compare');
    await addFile(result([twice, twice]));
    await page.getByText('Every prompt length').click();
    await expect.poll(() => page.getByRole('row', { name: /^32 / }).count()).toBe(4);
    expect(await page.getByRole('row', { name: /^Code analysis/ }).count()).toBe(4);
  });

  it('leave the model picked that was picked', async () => {
    await openFake(page, server, 'plain', '#/compare');
    const model = page.getByRole('combobox', { name: 'Model', exact: true });
    await model.selectOption(TINY_NAME);
    await page.getByRole('link', { name: 'Models' }).click();
    await page.getByRole('heading', { level: 1, name: 'Models' }).waitFor();
    await page.getByRole('link', { name: 'Compare' }).click();
    expect(await model.inputValue()).toBe(TINY_NAME);
  });

  it('race: the replies grow at their speed and end whole', async () => {
    await showResults();
    const lane = page.getByRole('listitem').filter({ hasText: 'WASM single' });
    await page.getByRole('button', { name: 'Start' }).click();
    await page
      .getByRole('listitem')
      .filter({ hasText: 'Lemonade Server' })
      .getByText(/done after/)
      .waitFor();
    expect(await lane.innerText()).not.toContain('ninety years');
    await page.getByRole('button', { name: 'Skip to the end' }).click();
    await lane.getByText(/ninety years/).waitFor();
  });

  it('leave as a picture, Markdown, CSV and a link', async () => {
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await showResults();
    const [picture] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Picture' }).click(),
    ]);
    const png = await readFile(await picture.path());
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    expect(png.readUInt32BE(16)).toBe(2400);
    const [csv] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'CSV' }).click()]);
    expect((await readFile(await csv.path(), 'utf8')).split('\r\n')).toHaveLength(1 + laptop().rows.length + 1);
    const copied = () => page.evaluate(() => navigator.clipboard.readText());
    await page.getByRole('button', { name: 'Copy as Markdown' }).click();
    await expect.poll(copied).toContain('| WebNN NPU | int8 | WebNN on NPU |');
    await page.getByRole('button', { name: 'Copy a link' }).click();
    await expect.poll(copied).toContain('#/compare/');
    await page.goto((await copied()).replace(/^[^#]*/, `${server.url}?fake=plain&again`));
    await page.getByRole('dialog', { name: 'Contents' }).getByText('7 rows').waitFor();
  });
});
