/** llama-bench's tests behind 1,024 and 4,096 tokens of context, held to a stopwatch outside of the page. The tiny model has a context for them. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { figure } from '../../src/compare/figure.ts';
import { testName } from '../../src/compare/plan.ts';
import { TINY_NAME } from '../../src/compare/tiny.ts';
import { launchApp, serveApp, type AppServer } from '../support/app.ts';
import { chooseBackends, measured, openCompare, runComparison } from '../support/compare-page.ts';
import { outsideRounds, watchReplies } from '../support/outside-stopwatch.ts';

const TOLERANCE = 0.1;
/** A round of tg also reads the token that it begins with, hence its 512 tokens; and messages take their time. */
const ROUND_MS = 10;

let server: AppServer;

beforeAll(async () => {
  server = await serveApp();
});

afterAll(() => server.close());

// Where other programs have the processor, a message is late now and then, and figures that lie do so every time.
it('measures pp and tg at every depth, as a stopwatch outside of it does', { retry: 2 }, async () => {
  const session = await launchApp({ language: 'en', backend: 'wasm' }, { gpu: true });
  try {
    const { page } = session;
    await watchReplies(page);
    await openCompare(page, server.url, 'prompts=16&tokens=8&pp=512&tg=512&depths=0,1024,4096');
    await page.getByRole('checkbox', { name: 'In random order' }).uncheck();
    await page.getByRole('combobox', { name: 'Model', exact: true }).selectOption(TINY_NAME);
    await chooseBackends(page, 'WebNN CPU', 'WASM threads');
    const result = await runComparison(page);
    const rows = measured(result);
    const tests = rows.flatMap((row) => row.tests.map((test) => ({ ...test, row })));
    const outside = await outsideRounds(page);
    expect(rows.map(({ label }) => label)).toEqual(['WebNN CPU', 'WASM threads']);
    for (const { tests } of rows)
      expect(tests.map(testName)).toEqual(
        ['', ' @ d1024', ' @ d4096'].flatMap((depth) => [`pp512${depth}`, `tg512${depth}`]),
      );
    expect(outside).toHaveLength(tests.length);
    for (const [i, test] of tests.entries()) {
      const { samples, tokens, tokensPerSecond, row } = test;
      expect(tokensPerSecond.median).toBeCloseTo(figure(samples)!.median, 0); // samples are kept to a tenth
      const ms = samples.map((rate) => (1000 * tokens) / rate);
      console.log(row.label, testName(test), ms.map(Math.round), outside[i]!.map(Math.round));
      expect(outside[i]).toHaveLength(samples.length);
      const [inside, seen] = [figure(ms)!.median, figure(outside[i]!)!.median];
      expect(Math.abs(seen - inside), `${row.label} ${testName(test)}`).toBeLessThan(
        Math.max(TOLERANCE * inside, ROUND_MS),
      );
    }
    const rateOf = (name: string) => rows[1]!.tests.find((test) => testName(test) === name)!.tokensPerSecond.median;
    expect(rateOf('tg512 @ d4096')).toBeLessThan(rateOf('tg512'));
    await page.getByRole('rowheader', { name: 'tg512 @ d4096', exact: true }).waitFor();
    const shown = page.getByRole('table').filter({ hasText: 'pp512 @ d1024' });
    expect(await shown.getByRole('rowheader', { name: /^WebNN CPU, / }).count()).toBe(6);
    expect(await shown.getByRole('rowheader', { name: /^WASM threads, int8$/ }).count()).toBe(6);
  } finally {
    await session.close();
  }
});
