import type { Page } from 'playwright';
import { expect, it } from 'vitest';
import { messageBox } from '../support/app.ts';
import { eachVisitor, openFake } from '../support/fake-app.ts';
import type { RunningServer } from '../../scripts/build/server.ts';

let page: Page;
let server: RunningServer;
eachVisitor((visitor) => ({ page, server } = visitor));

/** The deadline of a chat template is 10 s; the rest is what it takes to end the worker and say so. */
const NOTICE_MS = 15_000;
/** From Enter until the message is painted. */
const PAINTED_MS = 100;
/** The key is handled in one frame and the message is painted in the next; one more in case the first had begun. */
const PAINTED_FRAMES = 3;
/** A machine on which other programs run may miss the time a few times, but never the frames. */
const TRIES = 5;

type Watching = Window & { painted?: Promise<{ ms: number; frames: number }> };

/** Runs in the page: time and frames from the next Enter until an article with `text` is painted. */
function watchEnter(text: string): void {
  (window as Watching).painted = new Promise((resolve) => {
    const count = (started: number, frames: number): void => {
      requestAnimationFrame(() => {
        const shown = [...document.querySelectorAll('[role=log] article')].some((one) =>
          one.textContent.includes(text),
        );
        // A task behind the frame runs when the frame is painted.
        if (shown) setTimeout(() => resolve({ ms: performance.now() - started, frames }), 0);
        else count(started, frames + 1);
      });
    };
    const onKey = ({ key, timeStamp }: KeyboardEvent): void => {
      if (key !== 'Enter') return;
      removeEventListener('keydown', onKey, true);
      count(timeStamp, 1);
    };
    addEventListener('keydown', onKey, true);
  });
}

/** Sends `text` to an engine that hangs in its template, and says when it was painted. */
async function send(text: string): Promise<{ ms: number; frames: number }> {
  await openFake(page, server, 'hang-template');
  await page.getByRole('button', { name: /Runs on/ }).waitFor();
  await messageBox(page).fill(text);
  await page.evaluate(watchEnter, text);
  await messageBox(page).press('Enter');
  return page.evaluate(() => (window as Watching).painted!);
}

it('a message is on the screen at once although the engine hangs, and survives a reload', async () => {
  const times: number[] = [];
  for (let index = 0; index < TRIES; index++) {
    const text = `Message ${index} to an engine that hangs`;
    const { ms, frames } = await send(text);
    times.push(ms);
    expect(frames, `frames of ${ms} ms`).toBeLessThanOrEqual(PAINTED_FRAMES);
    await page.reload();
    await page.getByRole('log').getByText(text).waitFor();
    if (ms < PAINTED_MS) break;
    await page.goto('about:blank');
  }
  console.info(`painted ${times.map((ms) => `${ms.toFixed(0)} ms`).join(', ')} after Enter`);
  expect(Math.min(...times)).toBeLessThan(PAINTED_MS);
});

it('a chat template that never ends is ended, and the notice names the model and its template', async () => {
  await send('Hello');
  const started = performance.now();
  await page
    .getByText(/SmolLM2 135M.*its chat template did not finish within 10 s/)
    .first()
    .waitFor();
  expect(performance.now() - started).toBeLessThan(NOTICE_MS);
  // Nothing of the message is lost, then and after a reload.
  await page.getByRole('log').getByText('Hello', { exact: true }).waitFor();
  await page.reload();
  await page.getByRole('log').getByText('Hello', { exact: true }).waitFor();
});
