/** The compare screen as tests use it. */
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright';
import { expect } from 'vitest';
import { isMeasured, parseResult, type CompareResult, type Measured } from '../../src/compare/result.ts';
import { PATIENCE_MS } from './app.ts';

let visits = 0;

/** Opens the screen with the starter in the store. `measures` as in an address: "prompts=32&tokens=16". */
export async function openCompare(page: Page, url: string, measures: string): Promise<void> {
  await page.goto(`${url}?${measures}&visit=${++visits}#/compare`); // going to the address where one is would load nothing
  const download = page.getByRole('button', { name: 'Download the starter model' });
  // "Run again" where an earlier test left its result in this browser.
  const run = page.getByRole('button', { name: /^Run/ });
  await download.or(run).first().waitFor();
  if (await download.isVisible()) await download.click();
  await run.waitFor();
}

/** Forgets the result that an earlier run left in this browser, where there is one. */
export async function removeOwn(page: Page): Promise<void> {
  const remove = page.getByRole('button', { name: 'Remove the result of This machine' });
  if (await remove.isVisible()) await remove.click();
  await page.getByRole('button', { name: 'Run', exact: true }).waitFor();
}

/** Checks these backends and no others. */
export async function chooseBackends(page: Page, ...labels: string[]): Promise<void> {
  for (const box of await page.getByRole('group', { name: 'Backends' }).getByRole('checkbox').all()) {
    const label = await box.evaluate((input) => input.parentElement!.innerText.trim());
    await box.setChecked(labels.includes(label));
  }
}

/** Runs what is chosen to its end. Throws what the page says when it could not. */
export async function runComparison(page: Page): Promise<CompareResult> {
  const run = page.getByRole('button', { name: /^Run/ });
  await run.click();
  // It begins a moment later; until then the page shows the results of the run before. One that is refused never begins: that is told below.
  await run.waitFor({ state: 'hidden', timeout: 5_000 }).catch(() => undefined);
  await stopped(page);
  const failed = page.getByRole('alert').first();
  if (await failed.isVisible()) throw new Error(await failed.innerText());
  return downloadResult(page);
}

/** While something is measured, the page offers no run. Rejects with what the page shows when that does not end. */
export async function stopped(page: Page): Promise<void> {
  try {
    await page.getByRole('button', { name: /^Run/ }).waitFor({ timeout: PATIENCE_MS });
  } catch (cause) {
    throw new Error(
      `The comparison did not end. The page shows: ${(await page.locator('main').innerText()).slice(0, 500)}`,
      { cause },
    );
  }
}

export async function downloadResult(page: Page): Promise<CompareResult> {
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'JSON', exact: true }).click(),
  ]);
  return parseResult(await readFile(await file.path(), 'utf8'));
}

/** All rows, none of them absent. */
export function measured({ rows }: CompareResult): Measured[] {
  expect(rows.filter((row) => !isMeasured(row))).toEqual([]);
  return rows.filter(isMeasured);
}

/** Workers that measure something. */
export const measuringWorkers = (page: Page): string[] =>
  page
    .workers()
    .map((worker) => worker.url())
    .filter((url) => /(compare|native)\.worker/.test(url));

type Watched = Window & { cancelled?: string };

/** Runs what is chosen and presses Cancel from inside the page as soon as it says that it is in `phase`: some last shorter than a test takes to look. */
export async function runAndCancel(page: Page, phase: string): Promise<void> {
  await page.evaluate((text) => {
    delete (window as Watched).cancelled;
    const watcher = new MutationObserver(() => {
      const group = [...document.querySelectorAll('main [role=group]')].find((element) =>
        element.querySelector('progress'),
      );
      if (![...(group?.querySelectorAll('strong, span') ?? [])].some((element) => element.textContent === text)) return;
      watcher.disconnect();
      (window as Watched).cancelled = text;
      group!.querySelector('button')!.click();
    });
    watcher.observe(document.querySelector('main')!, { subtree: true, childList: true, characterData: true });
  }, phase);
  await page.getByRole('button', { name: /^Run/ }).click();
  await stopped(page);
  expect(await page.evaluate(() => (window as Watched).cancelled)).toBe(phase);
}
