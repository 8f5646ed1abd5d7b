import type { Page } from 'playwright';
import { expect, it } from 'vitest';
import type { RunningServer } from '../../scripts/build/server.ts';
import { messageBox, newChat } from '../support/app.ts';
import { askFake, eachVisitor, openFake } from '../support/fake-app.ts';

let server: RunningServer;
let page: Page;

eachVisitor((visitor) => ({ server, page } = visitor));

const menuButton = () => page.getByRole('button', { name: /^(Model|Choose a model)/ });
const menu = () => page.getByRole('dialog', { name: 'Choose a model' });
const replies = () => page.getByRole('log').getByRole('article', { name: 'Reply' });

const ask = (text: string) => askFake(page, text);

it('says which model answers, changes it by keyboard, and each chat and reply keeps its own', async () => {
  await openFake(page, server, 'two');
  await page.getByRole('button', { name: /^Model\s?SmolLM2 135M.*Runs on\s?WASM/ }).waitFor();
  await ask('Hello');
  const first = page.url();

  await menuButton().press('Enter');
  const smol = menu().getByRole('button', { name: /^SmolLM2/ });
  const phi = menu().getByRole('button', { name: /^Phi-4-mini/ });
  expect(await smol.innerText()).toContain('Loaded on WASM (CPU, 2 threads)');
  expect(await smol.getAttribute('aria-current')).toBe('true');
  expect(await phi.innerText()).toContain('2.5 GB · Not loaded');
  await phi.press('Enter');
  await page.getByRole('button', { name: /^Model\s?Phi-4-mini.*Runs on\s?WASM/ }).waitFor();
  await ask('And again');
  expect(await replies().nth(0).innerText()).toContain('SmolLM2 135M');
  expect(await replies().nth(1).innerText()).toContain('Phi-4-mini (Q4_K_M)');

  // A new chat begins with the model chosen last; with another one in it, the first chat keeps its own.
  await newChat(page);
  await menuButton().click();
  await smol.click();
  await page.getByRole('button', { name: /^Model\s?SmolLM2.*Runs on/ }).waitFor();
  await ask('Other');
  await page.reload();
  await page.getByRole('button', { name: /^Model\s?SmolLM2.*Runs on/ }).waitFor();
  await page.goto(first);
  await page.getByRole('button', { name: /^Model\s?Phi-4-mini.*Not loaded/ }).waitFor();
  await ask('Once more');
  expect(await replies().nth(2).innerText()).toContain('Phi-4-mini (Q4_K_M)');
  await page.getByRole('button', { name: /^Model\s?Phi-4-mini.*Runs on/ }).waitFor();
});

it('leads to the catalogue and to diagnostics, also without a model, and keeps Escape to itself', async () => {
  await openFake(page, server, 'first');
  await menuButton().click();
  await menu().getByText('No model is stored yet.').waitFor();
  await page.keyboard.press('Escape');
  await menu().waitFor({ state: 'detached' });
  expect(await menuButton().evaluate((button) => button === document.activeElement)).toBe(true);
  await menuButton().click();
  await menu().getByRole('link', { name: 'Get a Phi' }).click();
  await page.getByRole('heading', { name: 'Models', level: 1 }).waitFor();
});

it('cannot take the model away from under a reply', async () => {
  await openFake(page, server, 'two,slow');
  await messageBox(page).fill('Hello');
  await messageBox(page).press('Enter');
  await page.getByRole('log').getByText('Of course.').waitFor();
  await menuButton().click();
  await menu().getByText('You can choose another model when the reply or download has ended.').waitFor();
  expect(
    await menu()
      .getByRole('button', { name: /^Phi-4-mini/ })
      .isDisabled(),
  ).toBe(true);
});
