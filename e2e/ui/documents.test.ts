/** Documents: attached, searched, cited with their pages, kept in folders, deleted. With real workers; the reply is scripted. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Page } from 'playwright';
import { expect, it } from 'vitest';
import type { RunningServer } from '../../scripts/build/server.ts';
import { makePdf } from '../../workers/documents/testing/make-pdf.ts';
import { plantedDocument } from '../../workers/documents/testing/planted.ts';
import { messageBox, sendButton } from '../support/app.ts';
import { accessibilityViolations } from '../support/axe.ts';
import { askFake, eachVisitor, openFake } from '../support/fake-app.ts';

let server: RunningServer;
let page: Page;

eachVisitor((visitor) => ({ server, page } = visitor));

const { pages, facts } = plantedDocument();
const PLANTED = Buffer.from(makePdf(pages, { compress: true }));

const attach = (name: string, buffer: Buffer) =>
  page.locator('form input[type=file]').setInputFiles({ name, mimeType: '', buffer });
const chips = () => page.getByRole('list', { name: 'Documents that go with the message' });
const mine = () => page.getByRole('log').getByRole('article', { name: 'You' });
const navigate = (name: string) => page.getByRole('navigation').getByRole('link', { name }).click();

/** What a picture of a page has: letters on white, and a mark. */
async function colours(canvas: HTMLElement | SVGElement) {
  const image = await createImageBitmap(canvas as HTMLCanvasElement);
  const context = new OffscreenCanvas(image.width, image.height).getContext('2d')!;
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, image.width, image.height);
  const has = (test: (red: number, blue: number) => boolean) => {
    for (let at = 0; at < data.length; at += 4) if (data[at + 3] === 255 && test(data[at]!, data[at + 2]!)) return true;
    return false;
  };
  return { dark: has((red) => red < 100), marked: has((red, blue) => red > 200 && blue < 150) };
}

it('searches a PDF of 60 pages for the question, says what the model saw, and opens the page at the passage', async () => {
  const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  await openFake(page, server, 'plain');
  await attach('archive.pdf', PLANTED);
  await chips()
    .getByText(/^60 pages · [\d.]+ KB · about [\d,]+ tokens$/)
    .waitFor();
  expect(await accessibilityViolations(page, axe)).toEqual([]);
  for (const [turn, fact] of [facts[3]!, facts[77]!].entries()) {
    const reply = await askFake(page, fact.question);
    await mine()
      .nth(turn)
      .getByText(/^The model read [1-8] passages? from 60 pages: [\d,]+ tokens$/)
      .waitFor();
    // The reply cites the first passage; a number that no passage has, and one in code, are no links.
    expect(await reply.locator('a.citation').allInnerTexts()).toEqual(['[1]']);
    const citation = reply.getByRole('link', { name: /^\[1\] archive\.pdf, page \d+$/ });
    const cited = /page (\d+)$/.exec((await citation.getAttribute('aria-label'))!)![1]!;
    await citation.focus();
    await page.keyboard.press('Enter');
    await page.getByText(`page ${cited} of 60`).waitFor();
    await page.goBack();
    await messageBox(page).waitFor();
    const sources = reply.getByRole('listitem');
    // The chat is drawn a little after the box.
    await expect.poll(() => sources.allInnerTexts()).toContainEqual(expect.stringContaining(fact.answer));
    await sources.filter({ hasText: fact.answer }).getByRole('link').first().click();
    await page.getByText(`page ${fact.page} of 60`).waitFor();
    expect(await page.locator('mark').innerText()).toContain(fact.answer);
    const picture = page.getByRole('img', { name: `Picture of page ${fact.page}. Its text follows.` });
    await expect.poll(() => picture.locator('canvas').evaluate(colours)).toMatchObject({ dark: true, marked: true });
    await page.goBack();
    await messageBox(page).waitFor();
    // The next question searches it again.
    await chips().getByText('Searched again for the next message').waitFor();
  }
  await page.getByRole('button', { name: 'Remove archive.pdf' }).click();
  const plain = await askFake(page, 'And without it?');
  expect(await plain.getByText('Passages that the model was given').count()).toBe(0);
  await page.reload();
  await mine()
    .nth(1)
    .getByText(/^The model read/)
    .waitFor();
});

it('keeps documents in folders, searches them, and deletes them for good', async () => {
  const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  await openFake(page, server, 'plain', '#/documents');
  await page.getByText('No documents yet.').waitFor();
  const bad = Buffer.from('%PDF-1.7 nothing');
  await page.locator('main input[type=file]').setInputFiles([
    { name: 'notes.md', mimeType: '', buffer: Buffer.from('# Notes\n\nThe lighthouse keeper drinks tea.') },
    { name: 'broken.pdf', mimeType: '', buffer: bad },
    {
      name: '漢字.html',
      mimeType: '',
      buffer: Buffer.from('<p>灯台の高さは42メートルです。<script>document.title = 1</script>'),
    },
  ]);
  await page.getByText('broken.pdf: The PDF is damaged and cannot be read').waitFor();
  await page.getByRole('link', { name: '漢字.html' }).waitFor();
  await page.getByRole('button', { name: 'Actions for notes.md' }).click();
  await page.getByRole('menuitem', { name: 'Move to a folder' }).click();
  await page.getByRole('textbox', { name: 'Folder' }).fill('Sea');
  await page.keyboard.press('Enter');
  await page.getByRole('region', { name: 'Sea' }).getByRole('link', { name: 'notes.md' }).waitFor();
  expect(await accessibilityViolations(page, axe)).toEqual([]);

  await page.getByRole('searchbox', { name: 'Search in your documents' }).fill('灯台は何メートル');
  await page.getByRole('link', { name: '漢字.html, part 1' }).click();
  await expect.poll(() => page.locator('mark').innerText()).toContain('42メートル');
  await page.getByRole('link', { name: 'All documents' }).click();
  await page.getByRole('searchbox', { name: 'Search in your documents' }).fill('');

  await page.getByRole('button', { name: 'Ask about this folder' }).click();
  await chips().getByText('notes.md').waitFor();
  await askFake(page, 'What does the keeper drink?');
  await mine()
    .getByText(/^The model read all of it: \d+ tokens$/)
    .waitFor();

  await navigate('Documents');
  await page.getByRole('button', { name: 'Actions for notes.md' }).click();
  await page.getByRole('menuitem', { name: 'Delete' }).click();
  await page.getByText('notes.md was deleted.').waitFor();
  expect(await page.getByRole('link', { name: 'notes.md' }).count()).toBe(0);
  await page.getByRole('button', { name: 'Undo' }).click();
  await page.getByRole('link', { name: 'notes.md' }).waitFor();
});

it('keeps a document of a temporary chat out of the library', async () => {
  await openFake(page, server, 'plain');
  await page.getByRole('button', { name: 'Temporary chat' }).click();
  await page.getByText('This chat is not stored.').waitFor();
  await attach('secret.html', Buffer.from('<p>The whisper.'));
  await chips().getByText('secret.html').waitFor();
  await messageBox(page).fill('What is in it?');
  await expect.poll(() => sendButton(page).isEnabled()).toBe(true);
  await askFake(page, 'What is in it?');
  await mine()
    .getByText(/^The model read all of it/)
    .waitFor();
  await navigate('Documents');
  await page.getByText('No documents yet.').waitFor();
});

it('names what is wrong with hostile files, runs nothing of them, and reads the file beside them', async () => {
  await openFake(page, server, 'plain', '#/documents');
  const file = (name: string, text: string) => ({ name, mimeType: '', buffer: Buffer.from(text, 'latin1') });
  const ole = '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1';
  await page
    .locator('main input[type=file]')
    .setInputFiles([
      file('nested.html', `${'<div>'.repeat(1_000_000)}end`),
      file('locked.docx', ole + [...'EncryptedPackage'].join('\0')),
      file('old.docx', ole),
      file('empty.pdf', ''),
      file(
        'page.html',
        '<p onclick="hurt()">Sound<script>globalThis.hurt = 1</script><img src=x onerror="globalThis.hurt = 1">',
      ),
    ]);
  for (const message of [
    'nested.html: Its elements are nested more than 10000 deep',
    'locked.docx: The Office file is protected by a password',
    'old.docx: It is an old Office file',
    'empty.pdf: The file is empty.',
  ])
    await page.getByText(message).waitFor();
  await page.getByRole('link', { name: 'page.html' }).click();
  await page.getByText('Sound').waitFor();
  expect(await page.evaluate(() => 'hurt' in globalThis)).toBe(false);
});
