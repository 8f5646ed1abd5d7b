/** A comparison of the starter on every backend of the shell, killed half-way: rows with figures, sound, in one file. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Session } from '../../scripts/cli/browser/launch.ts';
import { testName } from '../../src/compare/plan.ts';
import { launchApp, PATIENCE_MS, serveApp, type AppServer } from '../support/app.ts';
import { chooseBackends, downloadResult, measured, openCompare, stopped } from '../support/compare-page.ts';
import { killBrowser } from '../support/kill-browser.ts';

const MEASURES = 'prompts=16&tokens=8&pp=16&tg=8&depths=0,64';

let server: AppServer;
let profile: string;
let session: Session;

beforeAll(async () => {
  profile = await mkdtemp(join(tmpdir(), 'phi-compare-'));
  server = await serveApp();
});

afterAll(async () => {
  await session?.close();
  await server.close();
  await rm(profile, { recursive: true, force: true });
});

const start = () => launchApp({ language: 'en', backend: 'wasm' }, { gpu: true, profile });

it('has a row with figures for WebNN, WebGPU and WASM, also when the browser is killed half-way', async () => {
  session = await start();
  await openCompare(session.page, server.url, MEASURES);
  await chooseBackends(session.page, 'WebNN CPU', 'WebGPU', 'WASM threads');
  await session.page.getByRole('button', { name: /^Run/ }).click();
  // The first row stands in the table: the second is being measured.
  await session.page.getByText('Agreement').first().waitFor({ timeout: PATIENCE_MS });
  await killBrowser(session, profile);
  session = await start();
  const { page } = session;
  await openCompare(page, server.url, MEASURES);
  const kept = await downloadResult(page);
  expect(kept.rows.length).toBeGreaterThan(0);
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('button', { name: /^Run/ }).waitFor({ state: 'hidden' });
  await stopped(page);
  const result = await downloadResult(page);
  const rows = measured(result);
  expect(rows.map(({ label }) => label)).toEqual(['WebNN CPU', 'WebGPU', 'WASM threads']);
  for (const row of rows) {
    expect(row.tests.map(testName)).toEqual(['pp16', 'tg8', 'pp16 @ d64', 'tg8 @ d64']);
    expect(row.agreement!.atGap07.share, row.label).toBe(1);
    expect(row.decodeTokensPerSecond!.median).toBeGreaterThan(0);
  }
  // SwiftShader takes hours for the starter: its row is of the tiny model, and says so.
  expect(rows.map(({ otherModel }) => otherModel)).toEqual([false, true, false]);
  for (const row of kept.rows) expect(result.rows).toContainEqual(row);
});
