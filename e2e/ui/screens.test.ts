import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Page } from 'playwright';
import { describe, expect, it } from 'vitest';
import type { RunningServer } from '../../scripts/build/server.ts';
import { messageBox, sendButton } from '../support/app.ts';
import { chosenRows, estimatesFor } from '../../src/npu/estimates.ts';
import { formatRate } from '../../src/ui/format.ts';
import { accessibilityViolations } from '../support/axe.ts';
import type { Session } from '../../scripts/cli/browser/launch.ts';
import { eachVisitor, newVisitor, openFake } from '../support/fake-app.ts';

/** The measures that the fake engine gives its model on an NPU. */
const PHI_4_MINI = { layers: 32, hidden: 3072, heads: 24, kvHeads: 8, headDim: 128, intermediate: 8192 };

let server: RunningServer;
let session: Session;
let page: Page;

eachVisitor((visitor) => ({ server, session, page } = visitor));

describe('every screen', () => {
  const screens: [string, string, string][] = [
    ['first', '', 'A chat that stays in this tab'],
    ['plain', '', 'What is on your mind?'],
    ['plain', '#/models', 'Models'],
    ['plain', '#/settings', 'Settings'],
    ['plain', '#/compare', 'Compare'],
    ['plain', '#/results', 'By device and backend'],
    ['plain', '#/diagnostics', 'Diagnostics'],
  ];

  const button = (name: string) => page.getByRole('button', { name, exact: true });
  /** Dialogs, questions and errors of the screens. */
  const states: [string, string, string, () => Promise<void>][] = [
    [
      'a full disk',
      'first,quota',
      '',
      () =>
        button('Download 98 MB and start')
          .click()
          .then(() => page.getByRole('alert').waitFor()),
    ],
    ['a failed load', 'load-error', '', () => page.getByRole('alert').waitFor()],
    ['the reason in diagnostics', 'load-error', '#/diagnostics', () => page.getByRole('alert').waitFor()],
    [
      'what the compiler of a named NPU estimates, which stays named',
      'npu',
      '#/diagnostics',
      async () => {
        const figures = page.getByRole('table').getByRole('row');
        await page.getByRole('combobox', { name: 'Your NPU' }).selectOption('intel-4000');
        await page.reload();
        await page.getByRole('heading', { name: 'Estimates for NPUs' }).waitFor();
        expect(await figures.count()).toBe(2); // the head, and one form on one NPU
        const [estimate] = chosenRows(estimatesFor(PHI_4_MINI), 'intel-4000', ['int8']);
        expect(await figures.nth(1).innerText()).toContain(formatRate(estimate!.decode!, 'en'));
        await page.getByText(/Estimated by Intel’s compiler \(openvino .*not measured/).waitFor();
      },
    ],
    [
      '4-bit weights for an NPU in the making',
      'npu,unmade,slow',
      '#/models',
      async () => {
        await button('Make 4-bit weights').click();
        await page.getByRole('progressbar', { name: /^Making 4-bit weights/ }).waitFor();
      },
    ],
    [
      'a failed reply',
      'error',
      '',
      async () => {
        await messageBox(page).fill('Hello');
        await messageBox(page).press('Enter');
        await page.getByRole('alert').waitFor();
      },
    ],
    [
      'a menu',
      'plain',
      '',
      async () => {
        await page.getByRole('link', { name: 'Hello' }).hover();
        await page.getByRole('button', { name: 'Actions for “Hello”' }).click();
        await page.getByRole('menuitem', { name: 'Delete' }).waitFor();
      },
    ],
    [
      'the menu of models',
      'plain,two',
      '',
      async () => {
        await page.getByRole('button', { name: /Runs on/ }).click();
        await page.getByRole('dialog', { name: 'Choose a model' }).getByText('Phi-4-mini').waitFor();
      },
    ],
    [
      'figures of a reply',
      'plain',
      '',
      async () => {
        await messageBox(page).fill('Hello');
        await messageBox(page).press('Enter');
        await page.locator('summary', { hasText: 'tokens a second' }).click();
        await page.getByText('Time to first token').waitFor();
      },
    ],
    [
      'shortcuts',
      'plain',
      '',
      async () => {
        await page.getByRole('link', { name: 'New chat' }).press('?');
        await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
      },
    ],
    [
      'the offer to install',
      'plain',
      '#/settings',
      async () => {
        await page.getByRole('heading', { name: 'This app' }).waitFor();
        await page.evaluate(() => dispatchEvent(new Event('beforeinstallprompt')));
        await button('Install').waitFor();
      },
    ],
    [
      'models found, a question, and a wrong address',
      'plain',
      '#/models',
      async () => {
        await page.getByText('Loaded', { exact: true }).waitFor();
        await button('Delete').click();
        await page.getByRole('textbox', { name: 'Download from' }).fill('hub.test');
        await page.keyboard.press('Tab');
        const files = ['phi-2.gguf', 'mine.gguf'].map((name) => ({ name, mimeType: '', buffer: Buffer.from('GGUF') }));
        await page.locator('input[type=file]:not([webkitdirectory])').setInputFiles(files);
        await page.getByText('this is Phi-1, Phi-1.5 or Phi-2').waitFor();
      },
    ],
  ];

  it('has no accessibility violations that axe knows, in light and dark', async () => {
    const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
    for (const [script, hash, heading] of screens) {
      await openFake(page, server, script, hash);
      await page.getByRole('heading', { name: heading }).waitFor();
      if (script === 'plain')
        await page
          .getByText(/^\s*(?:\d+ of 8,192 tokens|Loaded|Reset all settings|Setup|By device and backend|Load time)$/)
          .waitFor();
      expect(await accessibilityViolations(page, axe), `${script}${hash}`).toEqual([]);
    }
    await openFake(page, server, 'plain');
    await messageBox(page).fill('the tour');
    await messageBox(page).press('Enter');
    await page.getByRole('log').getByText('Ask for more.').waitFor();
    await sendButton(page).waitFor();
    expect(await accessibilityViolations(page, axe), 'conversation').toEqual([]);
    await page.getByRole('button', { name: 'Chat options' }).click();
    await page.getByRole('dialog', { name: 'Chat options' }).waitFor();
    expect(await accessibilityViolations(page, axe), 'options').toEqual([]);

    for (const [name, script, hash, reach] of states) {
      await page.goto('about:blank'); // An address with another fragment would load nothing.
      await openFake(page, server, script, hash);
      await reach();
      expect(await accessibilityViolations(page, axe), name).toEqual([]);
    }
    const other = await page.context().newPage();
    await openFake(other, server, 'plain');
    await other.getByText('The model runs in another tab.').waitFor();
    expect(await accessibilityViolations(other, axe), 'another tab').toEqual([]);
  });

  it.each([320, 360, 820, 1440])('fits a width of %i without scrolling sideways', async (width) => {
    await page.setViewportSize({ width, height: 740 });
    for (const [script, hash, heading] of screens) {
      await openFake(page, server, script, hash);
      await page.getByRole('heading', { name: heading }).waitFor();
      const widest = await page.evaluate(() =>
        Math.max(...[...document.querySelectorAll('main *')].map((element) => element.getBoundingClientRect().right)),
      );
      expect(widest, `${script}${hash}`).toBeLessThanOrEqual(width);
      const main = await page.locator('main').boundingBox();
      expect(Math.round(main!.x + main!.width), `${script}${hash}: the page fills its width`).toBe(width);
    }
  });
});

describe('settings', () => {
  it('switch the language of everything, and stay', async () => {
    await openFake(page, server, 'plain', '#/settings');
    await page.getByText('日本語').click();
    await page.getByRole('heading', { name: '設定', level: 1 }).waitFor();
    expect(await page.evaluate(() => document.documentElement.lang)).toBe('ja');
    await page.reload();
    await page.getByRole('link', { name: '新しいチャット' }).click();
    await page.getByRole('textbox', { name: 'メッセージ' }).waitFor();
  });

  it('follow the language of the browser', async () => {
    const japanese = await newVisitor(session, { locale: 'ja-JP' });
    await openFake(japanese, server, 'plain');
    await japanese.getByRole('textbox', { name: 'メッセージ' }).waitFor();
    await japanese.context().close();
  });

  it('switch the theme against the system', async () => {
    const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    await openFake(page, server, 'plain', '#/settings');
    await page.getByText('Dark', { exact: true }).click();
    await expect.poll(background).toBe('rgb(23, 22, 19)');
    const bars = () =>
      page
        .locator('meta[name="theme-color"]')
        .evaluateAll((metas: HTMLMetaElement[]) =>
          metas.filter(({ media }) => matchMedia(media).matches).map(({ content }) => content),
        );
    expect(await bars()).toEqual(['#171613']);
    await page.reload();
    await page.getByRole('heading', { name: 'Settings' }).waitFor();
    expect(await background()).toBe('rgb(23, 22, 19)');
  });

  it('offer to load the model again when the engine would run otherwise', async () => {
    await openFake(page, server, 'plain', '#/settings');
    await page.getByText('WebGPU', { exact: true }).click();
    await page.getByRole('button', { name: 'Reload the model' }).click();
    await page.getByRole('button', { name: 'Reload the model' }).waitFor({ state: 'detached' });
  });

  it('give new chats their system prompt, the sampler its defaults back, and the model its context', async () => {
    await openFake(page, server, 'plain', '#/settings');
    await page.getByRole('group', { name: 'Presets' }).getByRole('button', { name: 'Translate' }).click();
    expect(await page.getByRole('textbox', { name: 'System prompt' }).inputValue()).toContain('You are a translator.');
    const temperature = page.getByRole('slider', { name: 'Temperature' });
    const before = await temperature.inputValue();
    await temperature.press('ArrowRight');
    expect(await temperature.inputValue()).not.toBe(before);
    await page.getByRole('button', { name: 'Back to defaults' }).click();
    expect(await temperature.inputValue()).toBe(before);
    await page.getByRole('combobox', { name: 'Context length' }).selectOption('4,096 tokens');
    await page.getByRole('button', { name: 'Reload the model' }).click();
    await page.getByRole('link', { name: 'New chat' }).click();
    await messageBox(page).fill('x');
    await page.getByTitle(/^4\d of 4,096 tokens/).waitFor(); // 8 without the system prompt
  });

  it('refuse a seed that is no number', async () => {
    await openFake(page, server, 'plain', '#/settings');
    const seed = page.getByRole('textbox', { name: 'Seed' });
    await seed.fill('42');
    await seed.press('Tab');
    await seed.fill('4.5');
    await seed.press('Tab');
    expect(await seed.inputValue()).toBe('42');
  });
});

describe('models', () => {
  it('are checked, deleted after a question, and the first visit comes back', async () => {
    await openFake(page, server, 'plain', '#/models');
    await page.getByText('Loaded', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Check' }).click();
    await page.getByText('Every byte matches the published file.').waitFor();
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByText('This frees 233 MB.').waitFor();
    await page.getByRole('button', { name: 'Delete the model' }).click();
    await page.getByText('No model is stored yet.').waitFor();
    await page.getByRole('link', { name: 'New chat' }).click();
    await page.getByRole('button', { name: 'Download 98 MB and start' }).waitFor();
  });
});

describe('a model of one’s own', () => {
  it('is looked at before it is copied: kind, choice, and the wrong ones named', async () => {
    await openFake(page, server, 'plain', '#/models');
    await page.getByText('Loaded', { exact: true }).waitFor();
    const choose = (...names: string[]) =>
      page
        .locator('input[type=file]:not([webkitdirectory])')
        .setInputFiles(names.map((name) => ({ name, mimeType: '', buffer: Buffer.from('GGUF') })));
    await choose('notes.txt');
    await page.getByText('No model was recognised in notes.txt').waitFor();
    await choose('phi-2.gguf', 'mine.gguf');
    await page.getByText('There are several models. Choose one.').waitFor();
    await page.getByText('this is Phi-1, Phi-1.5 or Phi-2').waitFor();
    await page.getByText('GGUF, Q4_K, Phi-4-mini · 2.5 GB · 1 file').waitFor();
    await page.getByRole('button', { name: 'Copy into the browser' }).click();
    await page.getByRole('heading', { name: 'mine.gguf', level: 3 }).waitFor();
    await page.getByText('Loaded', { exact: true }).waitFor();
    await page.getByRole('textbox', { name: 'Or an address' }).fill('owner/name');
    await page.getByRole('button', { name: 'Inspect' }).click();
    await page.locator('.found', { hasText: 'a-Q8_0.gguf' }).getByRole('button').click();
    await page.getByRole('heading', { name: 'a-Q8_0.gguf', level: 3 }).waitFor();
  });
});

describe('on a phone', () => {
  it('the list is a drawer that takes the focus and gives it back, and the keyboard covers nothing', async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    await openFake(page, server, 'plain');
    const menu = page.getByRole('button', { name: 'Open menu' });
    await menu.click();
    await page.getByRole('link', { name: 'Settings' }).waitFor();
    expect(await page.evaluate(() => document.activeElement?.closest('nav') !== null)).toBe(true);
    await page.keyboard.press('Escape');
    await page.getByRole('link', { name: 'Settings' }).waitFor({ state: 'hidden' });
    expect(await menu.evaluate((node) => node === document.activeElement)).toBe(true);

    // As on iOS, where the keyboard lies over the page.
    await page.evaluate(() => {
      Object.defineProperty(visualViewport, 'height', { value: 400 });
      visualViewport!.dispatchEvent(new Event('resize'));
    });
    const box = await messageBox(page).boundingBox();
    expect(box!.y + box!.height).toBeLessThanOrEqual(400);
  });
});
