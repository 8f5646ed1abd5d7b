/** Two to five tabs at once, opened, reloaded and closed at random: one download, one engine, no deadlock, no lost message. */
import type { Page } from 'playwright';
import { expect, it } from 'vitest';
import {
  ask,
  GREEDY,
  launchApp,
  newChat,
  PATIENCE_MS,
  send,
  serveTinyApp,
  stopButton,
  type AppServer,
} from '../support/app.ts';
import type { Session } from '../../scripts/cli/browser/launch.ts';
import { ENGINE } from '../support/inject.ts';
import { inspect } from '../support/inspect.ts';
import { integer, pick, seeded } from '../../workers/store/testing/random.ts';

/** `npm run test:faults`; `npm test` has the short way through two tabs in e2e/ui/tabs.test.ts. */
const STEPS = Number(process.env.PHI_TAB_STEPS ?? 20);
const SEED = Number(process.env.PHI_SEED ?? 1);
const FEWEST = 2;
const MOST = 5;
/** After this many steps the test waits until the tabs agree. */
const BURST = 5;
const LONGEST_PAUSE_MS = 400;
const AGREED_MS = 120_000;

let server: AppServer;
let session: Session;

serveTinyApp(
  (served) => (server = served),
  () => session,
);

const badge = (page: Page) => page.getByRole('button', { name: /Runs on\s?WASM/ });
const takeOver = (page: Page) => page.getByRole('button', { name: 'Use it here' });

async function openTab(): Promise<Page> {
  const page = await session.context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.on('pageerror', (error) => session.errors.push(error.message));
  await page.goto(server.url);
  return page;
}

/** Engines of a tab that have ONNX Runtime in them; the others look after the store. Wrapping the worker is of no use here: the service worker serves it. */
async function loadedEngines(page: Page): Promise<number> {
  const engines = page.workers().filter((worker) => ENGINE.test(worker.url()));
  const loaded = await Promise.all(
    engines.map((worker) =>
      worker.evaluate(() => performance.getEntriesByType('resource').some(({ name }) => /ort-[^/]*\.wasm/.test(name))),
    ),
  );
  return loaded.filter(Boolean).length;
}

/** One tab has the model, the others say where it is, and ONNX Runtime is in one worker. */
async function expectOneEngine(tabs: Page[]): Promise<void> {
  const look = async () => {
    const [badges, offers, engines] = await Promise.all([
      Promise.all(tabs.map((tab) => badge(tab).count())),
      Promise.all(tabs.map((tab) => takeOver(tab).count())),
      Promise.all(tabs.map((tab) => loadedEngines(tab).catch(() => NaN))), // A worker that has just ended answers no more.
    ]);
    const sum = (counts: number[]) => counts.reduce((a, b) => a + b, 0);
    return { badges: sum(badges), elsewhere: sum(offers), engines: sum(engines) };
  };
  await expect
    .poll(look, { timeout: AGREED_MS, interval: 200 })
    .toEqual({ badges: 1, elsewhere: tabs.length - 1, engines: 1 });
  const { held } = await tabs[0]!.evaluate(() => navigator.locks.query());
  expect(held!.filter(({ name }) => name === 'phi-engine')).toHaveLength(1);
}

if (STEPS === 0) console.info('Skipped, because it takes minutes (npm run test:faults): tabs at random.');
it(`opened and closed at random, ${STEPS} steps (seed ${SEED})`, { timeout: 1_800_000 }, async () => {
  const random = seeded(SEED);
  session = await launchApp({ ...GREEDY, maxTokens: 120 });
  const tabs = [session.page];
  await session.page.goto(server.url);
  tabs.push(await openTab(), await openTab());

  // All of them want it at once.
  await Promise.all(tabs.map((tab) => tab.getByRole('button', { name: /^Download/ }).click()));
  await expectOneEngine(tabs);
  expect(server.shards).toEqual([...new Set(server.shards)]);
  const downloaded = server.shards.length;
  expect(downloaded).toBeGreaterThan(5);
  const undisturbed = await ask(tabs[await holder(tabs)]!, 'hello');

  const sent: string[] = [];
  for (let step = 1; step <= STEPS; step++) {
    const tab = pick(random, tabs);
    const action = pick(random, ['open', 'close', 'reload', 'take', 'write', 'write'] as const);
    if (action === 'open' && tabs.length < MOST) tabs.push(await openTab());
    if (action === 'close' && tabs.length > FEWEST) {
      tabs.splice(tabs.indexOf(tab), 1);
      await tab.close();
    }
    if (action === 'reload') await tab.reload();
    if (action === 'take' && (await takeOver(tab).isVisible())) await takeOver(tab).click();
    if (action === 'write' && !(await stopButton(tab).isVisible())) {
      const message = `Message ${step}`;
      await newChat(tab);
      await send(tab, message);
      sent.push(message);
    }
    await tabs[0]!.waitForTimeout(integer(random, LONGEST_PAUSE_MS));
    if (step % BURST === 0) await expectOneEngine(tabs);
  }

  const last = tabs.pop()!;
  for (const tab of tabs) await tab.close();
  await expectOneEngine([last]);
  await stopButton(last).waitFor({ state: 'detached' });
  const { conversations } = await inspect(last);
  const messages = conversations.flatMap((conversation) => conversation.messages);
  const kept = new Set(messages.filter(({ role }) => role === 'user').map(({ content }) => content));
  expect(sent.filter((message) => !kept.has(message))).toEqual([]);
  await newChat(last);
  expect((await ask(last, 'hello')).text).toBe(undisturbed.text);
  expect(server.shards, 'shards fetched again').toHaveLength(downloaded);
  console.info(
    `${STEPS} steps, seed ${SEED}: ${sent.length} messages, all kept; ${downloaded} shards, each fetched once.`,
  );
});

/** Index of the tab that has the model. */
async function holder(tabs: Page[]): Promise<number> {
  const counts = await Promise.all(tabs.map((tab) => badge(tab).count()));
  return counts.indexOf(1);
}
