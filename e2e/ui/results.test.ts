/** The screen of published results: three files, one of them hostile; filters, picture, table, in both languages. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Page } from 'playwright';
import { expect, it } from 'vitest';
import type { RunningServer } from '../../scripts/build/server.ts';
import { desktop, laptop } from '../../src/compare/testing/example.ts';
import { machineFile } from '../../src/results/machine-file.ts';
import type { Session } from '../../scripts/cli/browser/launch.ts';
import { accessibilityViolations } from '../support/axe.ts';
import { eachVisitor, openFake } from '../support/fake-app.ts';

let server: RunningServer;
let session: Session;
let page: Page;

eachVisitor((visitor) => ({ server, session, page } = visitor));

const MARKUP = '<img src=x onerror="window.hacked=1">';

/** The laptop has an erratum, the desktop markup in its texts, and the third file a row without figures. */
const FILES: Record<string, object> = {
  'index.json': { files: ['laptop.json', 'desktop.json', 'hostile.json'] },
  'laptop.json': {
    ...machineFile('Laptop with an NPU', '', laptop()),
    errata: [
      { date: '2026-11-30', text: 'Another program ran.', leftOut: [{ date: laptop().date, label: 'WASM threads' }] },
    ],
  },
  'desktop.json': machineFile(`Desktop ${MARKUP}`, MARKUP, desktop()),
  'hostile.json': { ...machineFile('Hostile', '', laptop()), results: [{ ...laptop(), rows: [{ label: MARKUP }] }] },
};

async function openResults(language: 'en' | 'ja' = 'en'): Promise<void> {
  await page.route(/\/results\/[^/]+\.json$/, (route) =>
    route.fulfill({ json: FILES[new URL(route.request().url()).pathname.split('/').at(-1)!] }),
  );
  await page.addInitScript(
    (value) => localStorage.setItem('phi-settings', JSON.stringify({ language: value })),
    language,
  );
  await openFake(page, server, 'plain', '#/results');
  await page.getByRole('heading', { level: 1, name: language === 'en' ? 'Results' : '測定結果' }).waitFor();
  await page.getByRole('table').first().waitFor();
}

const table = () => page.getByRole('group', { name: 'By device and backend' });
const rowNames = () => table().locator('th[scope=row]').allInnerTexts();

it('shows medians over machines, the picture, the pair, errata, and what it refused', async () => {
  await openResults();
  await page.getByText('2 machines, 6 rows').waitFor();
  const gpu = table().getByRole('row', { name: /^WebGPU GPU, int4/ });
  // 63.4 of the laptop and 144 of the desktop.
  expect((await gpu.getByRole('cell').allInnerTexts()).slice(0, 2).map((text) => text.split(/\s/)[0])).toEqual([
    '2',
    '104',
  ]);
  await expect
    .poll(async () => (await page.getByRole('img', { name: /^Writing/ }).boundingBox())?.height ?? 0)
    .toBeGreaterThan(100);
  const pair = page.getByRole('group', { name: 'NPU against GPU on the same machine' }).getByRole('row').nth(1);
  expect(await pair.innerText()).toMatch(/Laptop with an NPU[\s\S]*0\.29 times \(0\.28 to 0\.31\)/);
  await page.getByText('Left out: WASM threads').waitFor();
  await page.getByText(/The file is damaged at "results\.0\.rows\.0/).waitFor();
  await page.getByRole('heading', { name: `Desktop ${MARKUP}` }).waitFor();
  expect(await page.evaluate(() => 'hacked' in window)).toBe(false);
});

it('filters by device, backend and system, and opens a result beside one’s own', async () => {
  await openResults();
  const before = await rowNames();
  await page.getByRole('combobox', { name: 'Device' }).selectOption('NPU');
  expect(await rowNames()).toEqual([expect.stringMatching(/^WebNN NPU, int8/)]);
  await page.getByText('1 machine, 1 row', { exact: true }).waitFor();
  await page.getByRole('combobox', { name: 'Backend' }).selectOption('WebGPU');
  await page.getByText('No result matches these filters.').waitFor();
  await page.getByRole('combobox', { name: 'Device' }).selectOption('All');
  expect(await rowNames()).toEqual([expect.stringMatching(/^WebGPU GPU, int4/)]);
  await page.getByText('2 machines, 2 rows').waitFor();
  await page.getByRole('combobox', { name: 'Backend' }).selectOption('All');
  expect(await rowNames()).toEqual(before);
  await page.getByRole('button', { name: /on Laptop with an NPU$/ }).click();
  await page.getByRole('heading', { name: 'Compare', level: 1 }).waitFor();
  await page.getByRole('rowheader', { name: 'WebNN NPU, int8' }).first().waitFor();
});

it.each(['light', 'dark'] as const)(
  'has no accessibility violations that axe knows, in %s, and fits a phone',
  async (colorScheme) => {
    const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
    await page.emulateMedia({ colorScheme });
    await openResults(colorScheme === 'light' ? 'en' : 'ja');
    expect(await accessibilityViolations(page, axe)).toEqual([]);
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  },
);

it('draws its chart again in the colours that the system changes to', async () => {
  await page.emulateMedia({ colorScheme: 'light' });
  await openResults();
  const drawn = () => page.locator('canvas').evaluate((canvas: HTMLCanvasElement) => canvas.toDataURL());
  const blank = await page.evaluate(() => document.createElement('canvas').toDataURL());
  await expect.poll(async () => (await drawn()) === blank).toBe(false);
  const light = await drawn();
  await page.emulateMedia({ colorScheme: 'dark' });
  await expect.poll(async () => (await drawn()) === light).toBe(false);
});

it('says that results need a network, and tries again', async () => {
  let offline = true;
  await page.route(/\/results\/index\.json$/, (route) =>
    offline ? route.abort() : route.fulfill({ json: { files: [] } }),
  );
  await openFake(page, server, 'plain', '#/results');
  await page
    .getByRole('alert')
    .getByText(/index\.json could not be fetched/)
    .waitFor();
  offline = false;
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByText('No result matches these filters.').waitFor();
  session.errors.length = 0; // the browser reports the failed request on the console
});
