/** How text is shown in the real page, with its styles, its policy and its browser: growing replies, far too long ones, two directions. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright';
import { describe, expect, it } from 'vitest';
import type { RunningServer } from '../../scripts/build/server.ts';
import type { Rendered } from '../../src/testing/render-door.svelte.ts';
import { messageBox, sendButton } from '../support/app.ts';
import { eachVisitor, newVisitor, openFake, type Visitor } from '../support/fake-app.ts';
import { markdownDocument } from '../support/markdown-documents.ts';

let server: RunningServer;
let page: Page;
let session: Visitor['session'];

eachVisitor((visitor) => ({ server, page, session } = visitor));

/** A person waits a second at most: npm run test:text, on an idle machine. A machine with other work takes several times as long. */
const SLOW_MS = process.env.PHI_TIMING ? 1000 : 5000;
const DOCUMENTS = Number(process.env.PHI_DOCUMENTS ?? 200);

const log = () => page.getByRole('log', { name: 'Conversation' });

/** Renders each text in turn, all but the last as one that grows. */
const render = (steps: string[], keep = false): Promise<Rendered> =>
  page.evaluate(([texts, stays]) => renderForTest(texts, stays), [steps, keep] as const);

/** Without what rendering may leave out: marks, numbers of lists, definitions of links, and invisible characters. */
const letters = (text: string) => text.replace(/^[\s>]*\[[^\]]*\]:.*$/gmu, '').replace(/\P{L}/gu, '');

async function send(text: string): Promise<void> {
  await messageBox(page).fill(text);
  await messageBox(page).press('Enter');
}

describe('a text', () => {
  it('of any kind is shown, at once, and leaves the page alone', async () => {
    await openFake(page, server, 'plain');
    await messageBox(page).waitFor();
    const slow: string[] = [];
    let slowest = 0;
    for (let i = 0; i < DOCUMENTS; i++) {
      const text = markdownDocument(i);
      const { ms: first, seen } = await render([text]);
      // Another program may have used the processor. What is really slow is slow again.
      const ms = first > SLOW_MS ? Math.min(first, (await render([text])).ms, (await render([text])).ms) : first;
      slowest = Math.max(slowest, ms);
      if (ms > SLOW_MS) slow.push(`document ${i} (${text.length} characters): ${ms.toFixed(0)} ms`);
      if (letters(text) !== '') expect(letters(seen), `document ${i} is blank`).not.toBe('');
    }
    console.log(`${DOCUMENTS} documents, the slowest in ${slowest.toFixed(0)} ms`);
    expect(slow).toEqual([]);
  });

  it('that would freeze the page is shown as it is written, with a line that says so', async () => {
    await openFake(page, server, 'plain');
    await messageBox(page).waitFor();
    const bombs: Record<string, string> = {
      table: `${'|a'.repeat(300)}|\n${'|-'.repeat(300)}|\n${'|\n'.repeat(1400)}`,
      columns: `${'|a'.repeat(10_000)}|\n${'|-'.repeat(10_000)}|\n|x|`,
      quotes: '>'.repeat(5000),
      line: 'a_'.repeat(500_000),
      lines: 'a\n'.repeat(250_000),
    };
    const folder = join(import.meta.dirname, '../../../shared/cases/freeze');
    if (existsSync(folder))
      for (const name of await readdir(folder))
        if (name.endsWith('.md') && !name.includes('growing')) bombs[name] = await readFile(join(folder, name), 'utf8');
    for (const [name, text] of Object.entries(bombs)) {
      const first = await render([text]);
      const { ms } = first.ms > SLOW_MS ? await render([text]) : first;
      expect(ms, name).toBeLessThan(SLOW_MS);
      expect(first.elements, name).toBeLessThan(10_000);
      expect(first.text, name).toContain('From here on the text is not formatted');
      expect(first.text.replaceAll(/\s/g, ''), name).toContain(text.replaceAll(/\s/g, ''));
    }
  });

  it('that grows is not drawn again', async () => {
    await openFake(page, server, 'plain');
    await messageBox(page).waitFor();
    await page.evaluate(() => {
      const counts = { added: 0, long: [] as number[] };
      Object.assign(globalThis, { counts });
      new MutationObserver((records) => {
        for (const { addedNodes } of records)
          for (const node of addedNodes)
            if (node instanceof Element) counts.added += node.querySelectorAll('*').length + 1;
      }).observe(document.querySelector('[role=log]')!, { childList: true, subtree: true });
      new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) counts.long.push(Math.round(duration));
      }).observe({ type: 'longtask' });
    });
    await send('growing');
    await log().locator('pre').waitFor();
    await sendButton(page).waitFor();
    // All of it gets its colours, though they come from another thread.
    await expect.poll(() => log().locator('[class^=colour-]').count()).toBeGreaterThan(1500);
    const { added, long } = await page.evaluate(
      () => (globalThis as unknown as { counts: { added: number; long: number[] } }).counts,
    );
    const shown = await log().locator('.answer *').count();
    console.log(`${shown} elements, ${added} made; tasks above 50 ms: ${long.join(', ') || 'none'}`);
    expect(added).toBeLessThan(2 * shown + 200);
    if (process.env.PHI_TIMING) expect(Math.max(0, ...long)).toBeLessThanOrEqual(50);
    expect(await log().locator('pre').textContent()).toContain('Entry 299');
  });

  it('in two directions has that of each paragraph, and code its own', async () => {
    await openFake(page, server, 'plain');
    await messageBox(page).waitFor();
    const arabic = 'مرحبا بالعالم، هذا `npm start` اختبار.';
    await render([`${arabic}\n\nEnglish text.\n\n- שלום\n- one\n\n\`\`\`js\nconst x = 1;\n\`\`\``], true);
    const direction = (selector: string) =>
      page
        .locator(selector)
        .first()
        .evaluate((element) => getComputedStyle(element).direction);
    expect(await direction('.blocks > p')).toBe('rtl');
    expect(await direction('.blocks > p:nth-of-type(2)')).toBe('ltr');
    expect(await direction('.blocks > ul')).toBe('rtl');
    // An item in the other direction stays beside its mark.
    const align = (selector: string) => page.locator(selector).evaluate((item) => getComputedStyle(item).textAlign);
    expect(await align('.blocks > ul > li:nth-child(2)')).toBe('right');
    expect(await direction('.blocks p code')).toBe('ltr');
    expect(await direction('.blocks pre')).toBe('ltr');
    await send('שלום לכולם');
    expect(await direction('.bubble')).toBe('rtl');
    await page.getByRole('link', { name: 'שלום לכולם' }).waitFor();
    expect(await direction('nav li a[aria-current]')).toBe('rtl');
    await messageBox(page).fill('مرحبا');
    expect(await direction('form textarea')).toBe('rtl');
    await messageBox(page).fill('hello');
    expect(await direction('form textarea')).toBe('ltr');
  });
});

describe('a block of code', () => {
  it('is copied without its last line end, by a button that the keyboard reaches and that says what it copies', async () => {
    await openFake(page, server, 'plain');
    await messageBox(page).waitFor();
    await page.evaluate(() => {
      const clipboard = {
        writeText: (text: string) => Promise.resolve(void Object.assign(globalThis, { copied: text })),
      };
      Object.defineProperty(navigator, 'clipboard', { value: clipboard });
    });
    await render(['```sh\nls -la\n```\n\n```ts\nconst a = 1;\n\n\n```\n\n    plain\n'], true);
    const copied = async (name: string) => {
      await page.getByRole('button', { name, exact: true }).first().click();
      return page.evaluate(() => (globalThis as unknown as { copied: string }).copied);
    };
    expect(await copied('Copy code, Shell')).toBe('ls -la');
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    expect(await copied('Copy code, TypeScript')).toBe('const a = 1;\n\n');
    expect(await copied('Copy code')).toBe('plain');
    await page.getByRole('group', { name: 'Code, TypeScript' }).focus();
    await page.keyboard.press('Shift+Tab');
    expect(await page.evaluate(() => document.activeElement?.textContent)).toMatch(/^Cop/);
  });

  it('keeps its button while it grows', async () => {
    await openFake(page, server, 'slow');
    await send('tour');
    const copy = log().getByRole('button', { name: 'Copy code, TypeScript' });
    await copy.waitFor({ timeout: 120_000 });
    await copy.evaluate((button) => button.setAttribute('data-first', ''));
    await copy.focus();
    await log().locator('pre', { hasText: 'reduce' }).waitFor({ timeout: 120_000 });
    expect(await page.evaluate(() => document.activeElement?.hasAttribute('data-first'))).toBe(true);
  });
});

describe('what is written', () => {
  const safariReturn = (selector: string) =>
    page.locator(selector).evaluate((field) => {
      field.dispatchEvent(new CompositionEvent('compositionend', { bubbles: true, data: '東京' }));
      const enter = { key: 'Enter', isComposing: false, keyCode: 229, bubbles: true, cancelable: true };
      field.dispatchEvent(new KeyboardEvent('keydown', enter));
    });

  it('is not sent by the Return that ends a conversion, in any field', async () => {
    await openFake(page, server, 'plain');
    await messageBox(page).fill('東京');
    await safariReturn('form textarea');
    expect(await messageBox(page).inputValue()).toBe('東京');
    await messageBox(page).press('Enter');
    await log().getByText('Of course.').waitFor();
    await sendButton(page).waitFor();
    await log().getByRole('button', { name: 'Edit', exact: true }).click();
    await safariReturn('article textarea');
    expect(await page.getByRole('textbox', { name: 'Edit message' }).count()).toBe(1);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: /^Actions for/ }).click();
    await page.getByRole('menuitem', { name: 'Rename' }).click();
    await page.getByRole('textbox', { name: 'Rename' }).fill('京都');
    await safariReturn('nav input[type=text], nav li input');
    expect(await page.getByRole('textbox', { name: 'Rename' }).count()).toBe(1);
    await page.getByRole('textbox', { name: 'Rename' }).press('Enter');
    await page.getByRole('link', { name: '京都' }).waitFor();
  });

  it('is not closed by the Escape that ends a conversion', async () => {
    await openFake(page, server, 'plain');
    await send('東京');
    await sendButton(page).waitFor();
    const words = page.getByRole('textbox', { name: 'Edit reply' });
    await log().getByRole('button', { name: 'Edit reply' }).click();
    await words.fill('    京都');
    await words.evaluate((field) =>
      field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', isComposing: true, bubbles: true })),
    );
    expect(await words.inputValue()).toBe('    京都');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await log().getByText('京都').waitFor();
    await log().getByRole('button', { name: 'Edit reply' }).click();
    // Blanks in front may indent code.
    expect(await words.inputValue()).toBe('    京都');
    await words.press('Escape');
    expect(await words.count()).toBe(0);
  });

  it('takes pasted files and long texts as attachments', async () => {
    await openFake(page, server, 'plain');
    const paste = (text: string, file: string | null) =>
      messageBox(page).evaluate(
        (box, [pasted, content]) => {
          const clipboardData = new DataTransfer();
          if (pasted) clipboardData.setData('text/plain', pasted);
          if (content !== null) clipboardData.items.add(new File([content], 'notes.md'));
          const event = new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true });
          return box.dispatchEvent(event);
        },
        [text, file] as const,
      );
    // The browser inserts a text that is not taken, and so the one that was copied with a picture of it.
    expect(await paste('short', null)).toBe(true);
    expect(await paste('a cell', 'picture')).toBe(true);
    expect(await paste('', 'pasted words')).toBe(false);
    await page.waitForFunction(() => document.querySelector('textarea')?.value.includes('pasted words'));
    expect(await messageBox(page).inputValue()).toBe('notes.md:\n```md\npasted words\n```\n');
    expect(await paste(`A long story\n${'and so on. '.repeat(5_000)}`, null)).toBe(false);
    await page.getByText('A long story.txt').waitFor();
  });

  it('keeps the blanks of its first line, sent and edited', async () => {
    await openFake(page, server, 'plain');
    await send('\n    def f(x):\n        return x\n\n');
    expect(await log().locator('.bubble').textContent()).toBe('    def f(x):\n        return x');
    await sendButton(page).waitFor();
    await log().getByRole('button', { name: 'Edit', exact: true }).click();
    await page.getByRole('textbox', { name: 'Edit message' }).press('Enter');
    await log().getByText('2/2').waitFor();
    expect(await log().locator('.bubble').textContent()).toBe('    def f(x):\n        return x');
    await sendButton(page).waitFor();
  });

  it('is shown in pieces when it is long, and whole', async () => {
    await openFake(page, server, 'plain');
    const text = 'one line of many\n'.repeat(2000).trimEnd();
    await send(text);
    await log().locator('.bubble .piece').first().waitFor();
    expect(await log().locator('.bubble .piece').count()).toBe(10);
    expect(await log().locator('.bubble').textContent()).toBe(text);
    expect((await log().locator('.bubble').boundingBox())!.height).toBeLessThan(300);
    await sendButton(page).waitFor();
  });

  it('has more than one line on a phone: Return makes one, the button sends', async () => {
    const phone = await newVisitor(session, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
    await openFake(phone, server, 'plain');
    expect(await phone.evaluate(() => matchMedia('(pointer: coarse)').matches)).toBe(true);
    const box = messageBox(phone);
    await box.pressSequentially('one');
    await box.press('Enter');
    await box.pressSequentially('two');
    expect(await box.inputValue()).toBe('one\ntwo');
    expect(await box.getAttribute('enterkeyhint')).toBe('enter');
    await sendButton(phone).tap();
    await phone.getByRole('log').getByText('Of course.').waitFor();
    expect(await phone.locator('.bubble').textContent()).toBe('one\ntwo');
    await phone.context().close();
  });
});

describe('a thought', () => {
  it('without an answer is open, and can be folded', async () => {
    await openFake(page, server, 'plain');
    await send('ponder');
    await sendButton(page).waitFor();
    await log().getByText('still thinking').waitFor();
    await log()
      .getByText(/^Thought for/)
      .click();
    await log().getByText('still thinking').waitFor({ state: 'detached' });
  });
});
