import type { Page } from 'playwright';
import { expect, it } from 'vitest';
import { messageBox } from '../support/app.ts';
import { eachVisitor, openFake } from '../support/fake-app.ts';
import type { RunningServer } from '../../scripts/build/server.ts';

let page: Page;
let server: RunningServer;
eachVisitor((visitor) => ({ page, server } = visitor));

/** The deadline of a chat template, and what it takes to see it. */
const NOTICE_MS = 15_000;

it('a chat template that never ends is ended, and the notice names the model and its template', async () => {
  await openFake(page, server, 'hang-template');
  await page.getByRole('button', { name: /Runs on/ }).waitFor();
  await messageBox(page).fill('Hello');
  const started = performance.now();
  await messageBox(page).press('Enter');
  await page
    .getByText(/SmolLM2 135M.*its chat template did not finish within 10 s/)
    .first()
    .waitFor();
  expect(performance.now() - started).toBeLessThan(2 * NOTICE_MS);
  // Nothing of the message is lost: it waits in the box, or stands in the chat.
  const kept =
    (await page.getByText('Hello', { exact: true }).count()) > 0 || (await messageBox(page).inputValue()) === 'Hello';
  expect(kept).toBe(true);
});
