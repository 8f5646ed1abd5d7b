/** The compare page on a tiny model: every backend of the shell, an outside stopwatch, cancelling, a server of our own, other people's results. */
import type { Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { figure } from '../src/compare/figure.ts';
import { testName } from '../src/compare/plan.ts';
import { toFragment } from '../src/compare/share.ts';
import { result as exampleResult, row } from '../src/compare/testing/results.ts';
import { expectClean, launchApp, serveTinyStarter, type AppServer } from './support/app.ts';
import type { Session } from '../scripts/cli/browser/launch.ts';
import {
  chooseBackends,
  downloadResult,
  measured,
  measuringWorkers,
  openCompare,
  removeOwn,
  runAndCancel,
  runComparison,
  stopped,
} from './support/compare-page.ts';
import { itIf, TIMED } from './support/long.ts';
import { outsideTimings, watchReplies } from './support/outside-stopwatch.ts';
import { startRecordedServer, type RecordedServer } from './support/recorded-server.ts';

const STOPWATCH_TOLERANCE = 0.05;
/** Time of a message between threads. */
const MESSAGE_MS = 1;
const SERVER_TOLERANCE = 0.1;

let server: AppServer;
let native: RecordedServer;
let session: Session;
let page: Page;

beforeAll(async () => {
  server = await serveTinyStarter();
  native = await startRecordedServer();
  session = await launchApp({ language: 'en', backend: 'wasm' }, { gpu: true });
  page = session.page;
  await watchReplies(page);
});

afterAll(async () => {
  await session.close();
  await native.close();
  await server.close();
});

const alert = (text: RegExp) => page.getByRole('alert').filter({ hasText: text });
const importJson = (json: string) =>
  page
    .locator('input[type=file]')
    .setInputFiles({ name: 'result.json', mimeType: 'application/json', buffer: Buffer.from(json) });

describe('a comparison', () => {
  it('fills a row for every backend, says what really ran, and finds every sure step', async () => {
    await openCompare(page, server.url, 'prompts=32&tokens=8&pp=8&tg=2&depths=16,4096');
    await chooseBackends(page, 'WebNN NPU', 'WebGPU', 'WASM threads', 'WASM single');
    const result = await runComparison(page);
    const rows = measured(result);
    expect(rows.map(({ label }) => label)).toEqual(['WebNN NPU', 'WebGPU', 'WASM threads', 'WASM single']);
    for (const row of rows) {
      expect(row.agreement!.atGap07, row.label).toMatchObject({ share: 1 });
      expect(row.agreement!.atGap07.steps, row.label).toBeGreaterThan(20);
      expect(row.lengths.map(({ promptTokens }) => promptTokens)).toEqual(result.settings.promptTokens);
      expect(row.decodeTokensPerSecond!.rounds).toBe(3);
      expect(row.kind, row.label).toBe('cpu'); // nothing in this browser is a GPU or an NPU
      expect(row.graphs).toBe(1);
      // The deepest does not fit a context of 512.
      expect(row.tests.map(testName)).toEqual(['pp8 @ d16', 'tg2 @ d16']);
      for (const { samples, tokensPerSecond } of row.tests) {
        expect(samples).toHaveLength(3);
        expect(tokensPerSecond.median).toBeGreaterThan(0);
      }
      expect(row.traces).toHaveLength(3);
      for (const { arrivals } of row.traces) expect(arrivals.reduce((sum, [, tokens]) => sum + tokens, 0)).toBe(8);
      expect(row.coldStart!.ms).toBeGreaterThan(row.loadMs!.median);
      expect(row.coldStart!.storedBytes).toBe(result.model.bytes);
      expect(row.otherModel).toBe(false);
    }
    expect(rows.map(({ order }) => order).sort()).toEqual([1, 2, 3, 4]);
    expect(rows[0]).toMatchObject({ asked: { backend: 'webnn', device: 'npu' }, device: 'WebNN on CPU' });
    expect(rows[1]!.device).toContain('SwiftShader (software)');
    expect(result.reference).toMatchObject({ kind: 'recorded' });
    await page.getByText(/^Everything here ran on the CPU/).waitFor();
    await page.getByText('No row gave evidence of running on an NPU.').waitFor();
    await expect.poll(() => measuringWorkers(page)).toEqual([]);
    expectClean(session);
  });

  // Where other programs have the processor, messages are late now and then; a stopwatch that lies does so every time. So too below.
  itIf(TIMED)('measures what a stopwatch outside of it measures, at every length', { retry: 2 }, async () => {
    await openCompare(page, server.url, 'prompts=150,300&tokens=200&rounds=5');
    await chooseBackends(page, 'WASM single');
    await outsideTimings(page);
    const [row] = measured(await runComparison(page));
    const outside = await outsideTimings(page);
    expect(outside).toHaveLength(12);
    expect(row!.lengths.map(({ promptTokens }) => promptTokens)).toEqual([150, 300]);
    for (const [at, length] of row!.lengths.entries()) {
      const rounds = outside.filter((_, i) => i % 2 === at).slice(1); // the warm-up round
      const ttft = figure(rounds.map(({ ttftMs }) => ttftMs))!.median;
      const decode = figure(rounds.map(({ decodeTokensPerSecond }) => decodeTokensPerSecond))!.median;
      expect(Math.abs(length.ttftMs.median - ttft)).toBeLessThan(Math.max(STOPWATCH_TOLERANCE * ttft, MESSAGE_MS));
      expect(Math.abs(length.decodeTokensPerSecond!.median / decode - 1)).toBeLessThan(STOPWATCH_TOLERANCE);
    }
  });

  it('leaves nothing running when it is cancelled, in any phase', async () => {
    await openCompare(page, server.url, 'prompts=16&tokens=4');
    for (const [backend, phase] of [
      ['WebGPU', 'Loading'],
      ['WASM threads', 'Making the prompts'],
      ['WASM threads', 'Loading'],
      ['WASM threads', 'Warm-up round, not counted'],
      ['WASM threads', 'Measuring'],
      ['WASM threads', 'Checking what it computes'],
    ] as const) {
      await chooseBackends(page, backend);
      await runAndCancel(page, phase);
      // A worker in the middle of a long synchronous call (a session being made) is ended by the browser after a moment.
      await expect.poll(() => measuringWorkers(page), { message: phase }).toEqual([]);
      expect(await page.getByRole('alert').count(), phase).toBe(0);
    }
    // The chat's engine comes back.
    await page.goto(`${server.url}#/models`);
    await page.getByText('Loaded', { exact: true }).waitFor();
  });
});

it('keeps what was measured when the tab goes away, and goes on', async () => {
  await openCompare(page, server.url, 'prompts=16&tokens=4');
  await chooseBackends(page, 'WebNN CPU', 'WASM threads', 'WASM single');
  await page.getByRole('checkbox', { name: 'In random order' }).uncheck();
  await removeOwn(page); // of an earlier test
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page
    .getByRole('rowheader', { name: /^WebNN CPU/ })
    .first()
    .waitFor();
  await openCompare(page, server.url, 'prompts=16&tokens=4');
  await page.getByText(/^Tiny Phi: [12] of 3 rows are measured and kept/).waitFor();
  const kept = await downloadResult(page);
  expect(kept.rows[0]).toMatchObject({ label: 'WebNN CPU', order: 1 });
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('button', { name: /^Run/ }).waitFor({ state: 'hidden' });
  await stopped(page);
  const whole = await downloadResult(page);
  expect(measured(whole).map(({ label }) => label)).toEqual(['WebNN CPU', 'WASM threads', 'WASM single']);
  expect(whole.rows.slice(0, kept.rows.length)).toEqual(kept.rows);
  expect(await page.getByText('A run has not finished').count()).toBe(0);
  // A finished result stays for the next visit too.
  await page.reload();
  await page
    .getByRole('rowheader', { name: /^WASM single/ })
    .first()
    .waitFor();
  await page.getByRole('button', { name: 'Remove the result of This machine' }).click();
  await page.reload();
  await page.getByRole('button', { name: 'Run', exact: true }).waitFor();
  expectClean(session);
});

describe('a server on this machine', () => {
  /** The screen with this server and no backend. */
  const openWithServer = async (address: string, model: string) => {
    await openCompare(page, server.url, 'prompts=24&tokens=24');
    await chooseBackends(page);
    for (const remove of await page.getByRole('button', { name: /^Remove llama/ }).all()) await remove.click(); // of an earlier test
    await page.getByRole('button', { name: 'Add a server' }).click();
    await page.getByRole('textbox', { name: 'Address' }).fill(address);
    await page.getByRole('textbox', { name: 'Model, as the server names it' }).fill(model);
  };

  it('hears nothing before Run, and is measured as it measures itself', async () => {
    native.asked.length = 0;
    native.own.length = 0;
    await openWithServer(native.address, 'recorded');
    expect(native.asked).toEqual([]);
    const [row] = measured(await runComparison(page));
    expect(row).toMatchObject({
      backend: 'native',
      label: 'llama.cpp',
      model: 'recorded',
      kind: null,
      agreement: null,
    });
    const own = native.own.slice(1);
    const ttft = figure(own.map(({ ttftMs }) => ttftMs))!.median;
    const decode = figure(own.map(({ decodeTokensPerSecond }) => decodeTokensPerSecond))!.median;
    expect(row).toMatchObject({ ttftMs: { rounds: own.length }, decodeTokensPerSecond: { rounds: own.length } });
    if (TIMED) {
      expect(Math.abs(row!.ttftMs!.median / ttft - 1)).toBeLessThan(SERVER_TOLERANCE);
      expect(Math.abs(row!.decodeTokensPerSecond!.median / decode - 1)).toBeLessThan(SERVER_TOLERANCE);
    }
    const prompts = native.asked.map(({ messages }) => messages.at(-1)!.content.slice(0, 4));
    expect(new Set(prompts).size).toBe(4); // no two begin alike: no cache answers
    expectClean(session);
  });

  it('that refuses, or is elsewhere, is named with what to do', async () => {
    await openWithServer(native.address, 'recorded');
    native.cors = false;
    await page.getByRole('button', { name: /^Run/ }).click();
    await page.getByText(/could not be reached, or does not allow requests from this page/).waitFor();
    native.cors = true;
    await page
      .getByRole('row')
      .getByText(/llama-server answers pages by default/)
      .waitFor();
    await page.getByRole('textbox', { name: 'Address' }).fill('http://192.168.1.5:8080/v1');
    await page.getByRole('button', { name: 'Run again' }).click();
    await alert(/is not on this device/).waitFor();
    const asked = native.asked.length;
    // Every address of 127 is this machine, but the policy names one: elsewhere, for the page, until it is allowed.
    const elsewhere = native.address.replace('127.0.0.1', '127.0.0.2');
    await page.getByRole('textbox', { name: 'Address' }).fill(elsewhere);
    await page.getByRole('checkbox', { name: /^http:\/\/127\.0\.0\.2:\d+ is not on this device/ }).check();
    const [allowed] = measured(await runComparison(page));
    expect(allowed).toMatchObject({ backend: 'native', model: 'recorded' });
    native.asked.length = asked;
    await page.getByRole('textbox', { name: 'Address' }).fill(native.address);
    // The page itself may not reach it: its policy forbids what the worker's allows.
    expect(
      await page.evaluate(
        (url) =>
          fetch(url).then(
            () => 'reached',
            () => 'blocked',
          ),
        native.address,
      ),
    ).toBe('blocked');
    expect(native.asked).toHaveLength(asked);
    session.errors.length = 0; // the browser reports refused requests on the console
  });
});

describe('other people’s results', () => {
  it('are refused in words when they are broken or hostile', async () => {
    await openCompare(page, server.url, 'prompts=16&tokens=4');
    await removeOwn(page); // of an earlier test
    for (const [json, message] of [
      ['{"format":', /not JSON/],
      ['{"format":"phi-in-a-tab/compare","version":9}', /version 9/],
      [JSON.stringify({ ...exampleResult(), rows: [{ ...row(), ttftMs: 'fast' }] }), /rows\.0\.ttftMs/],
      ['x'.repeat(17_000_000), /The limit for a result is/],
    ] as const) {
      await importJson(json);
      await alert(message).waitFor();
    }
    await page.goto(`${server.url}#/compare/AAAA`);
    await alert(/link is damaged/).waitFor();
  });

  it('are looked at before they are shown, and their text is text', async () => {
    const label = '<img src=x onerror="window.hacked=1">';
    await importJson(
      JSON.stringify(exampleResult([row({ label }), { ...row(), label: 'WebGPU', form: 'auto', absent: label }])),
    );
    const dialog = page.getByRole('dialog', { name: 'Contents' });
    await dialog.getByText('Chrome 156, Windows, intel xe-2lpg, 8 cores').waitFor();
    await dialog.getByRole('button', { name: 'Discard' }).click();
    expect(await page.getByRole('heading', { name: 'Results' }).count()).toBe(0);
    await importJson(JSON.stringify(exampleResult([row({ label })])));
    await dialog.getByRole('button', { name: 'Show it' }).click();
    await page.getByRole('rowheader', { name: label }).first().waitFor();
    expect(await page.evaluate(() => 'hacked' in window)).toBe(false);
  });

  it('come by a link that no server sees', async () => {
    await page.goto(`${server.url}?link#${await toFragment(exampleResult())}`);
    await page.getByRole('button', { name: 'Show it' }).click();
    await page
      .getByText(/^Everything here ran on the CPU\. The fastest row, WASM threads, int8, writes 21\.0/)
      .waitFor();
    expect(new URL(page.url()).hash).toBe('#/compare');
    expectClean(session);
  });
});
