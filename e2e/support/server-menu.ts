/** The menu of models, as a person goes through it to a server. */
import type { Page } from 'playwright';

export const modelButton = (page: Page) =>
  page.locator('header').getByRole('button', { name: /^(Model|Choose a model)/ });
const dialog = (page: Page) => page.getByRole('dialog');

export interface ServerSteps {
  key?: string;
  /** The server is not on this machine. */
  elsewhere?: boolean;
}

/** Up to the question whether the open chat may go there. */
export async function nameServer(page: Page, address: string, { key, elsewhere }: ServerSteps = {}): Promise<void> {
  await modelButton(page).click();
  await dialog(page).getByRole('button', { name: 'Add a server' }).click();
  await dialog(page).getByRole('combobox', { name: 'Server' }).selectOption('other');
  await dialog(page).getByRole('textbox', { name: 'Address' }).fill(address);
  if (key !== undefined) await dialog(page).getByLabel('Key, if the server needs one').fill(key);
  if (elsewhere)
    await dialog(page)
      .getByRole('checkbox', { name: /^Allow chats to reach/ })
      .check();
  await dialog(page).getByRole('button', { name: 'Connect' }).click();
  await dialog(page).getByRole('combobox', { name: 'Model, as the server names it' }).selectOption('phi-4');
  await dialog(page).getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('dialog', { name: 'Send this chat to a server?' }).waitFor();
}

export async function agree(page: Page): Promise<void> {
  await dialog(page).getByRole('button', { name: 'Send this chat there' }).click();
  await dialog(page).waitFor({ state: 'detached' });
}
