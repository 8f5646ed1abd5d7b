// @vitest-environment jsdom
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { IncrementalMarkdown } from './incremental.ts';
import { sanitise } from './sanitise.ts';
import { render } from './testing/html.ts';

/** Drawing in jsdom is slow. */
const PATIENCE = { timeout: 25_000 };

/** jsdom has none; a renderer that throws fails the test. */
beforeEach(() => {
  vi.stubGlobal('reportError', (cause: unknown) => {
    throw cause;
  });
});

const decorator = { decorate: () => undefined, growCode: () => false };
const start = (host: HTMLElement) => new IncrementalMarkdown(host, decorator, 'plain');

function innerHtml(fragment: DocumentFragment): string {
  const host = document.createElement('div');
  host.append(fragment);
  return host.innerHTML;
}

/** As on the page: each outermost block has the direction of its text. White space between blocks is not compared. */
const same = (html: string) => html.replaceAll(' dir="auto"', '').replace(/>\s+/g, '>').replace(/\s+</g, '<');

const TEXT = [
  '# Title\n\nA paragraph with **bold**\nand a second line.\n\n',
  '- one\n- two\n\n  still two\n\n1. other\n   ```js\n   a\n   ```\n   - x\n   - y\n\n',
  '```js\nconst a = 1;\n\nconst b = 2;\n```\n\n',
  '| a | b |\n| - | - |\n| 1 | 2 |\n| 3 | **4** |\n\n$$\na_1 < b_2\n$$\n\n',
  'Heading by underline\n====\n\n> quote\n> - goes\n> - on\n\nThe [end][1] is near.\n\n[1]: https://example.org/\n\nSee [it][1] again.',
].join('');

describe('IncrementalMarkdown', () => {
  it('shows at the end what a single rendering shows, however the text arrives', () => {
    for (const step of [1, 3, 7, 50]) {
      const host = document.createElement('div');
      const markdown = start(host);
      for (let end = step; end < TEXT.length; end += step) markdown.update(TEXT.slice(0, end), false);
      markdown.update(TEXT, true);
      expect(same(host.innerHTML)).toBe(same(innerHtml(render(TEXT))));
      expect([...host.children].map((element) => element.getAttribute('dir'))).not.toContain(null);
    }
  });

  it('shows the same while it grows, but for references and formulas that are not whole yet', () => {
    const host = document.createElement('div');
    const markdown = start(host);
    const text = TEXT.slice(0, TEXT.indexOf('$$\n'));
    for (let end = 1; end <= text.length; end++) {
      markdown.update(text.slice(0, end), false);
      expect(same(host.innerHTML)).toBe(same(innerHtml(render(text.slice(0, end)))));
    }
  });

  it('leaves finished blocks, items and rows alone', () => {
    for (const [before, after, selector] of [
      ['First.\n\nSecond.\n\nThi', 'rd.\n\nFourth', 'p'],
      ['- a\n- b\n- c', ' and\n- d\n  - e\n- f', 'li'],
      ['| a |\n| - |\n| 1 |\n| 2', ' |\n| 3 |\n| 4', 'tr'],
      ['> one\n>\n> two', ' and\n>\n> three', 'p'],
      ['1. a\n\n   ```\n   b\n', '   c\n   ```\n2. d', 'p'],
    ] as const) {
      const host = document.createElement('div');
      const markdown = start(host);
      markdown.update(before, false);
      const first = host.querySelector(selector);
      expect(first).not.toBeNull();
      for (let end = 0; end <= after.length; end++) markdown.update(before + after.slice(0, end), false);
      markdown.update(before + after, true);
      expect(host.querySelector(selector)).toBe(first);
      expect(same(host.innerHTML)).toBe(same(innerHtml(render(before + after))));
    }
  });

  it('draws only the last row of a table that grows', () => {
    let drawn = 0;
    const host = document.createElement('div');
    const counting = {
      decorate: (fragment: DocumentFragment) => void (drawn += fragment.querySelectorAll('td, th').length),
      growCode: () => false,
    };
    const markdown = new IncrementalMarkdown(host, counting, 'plain');
    let text = '| a | b |\n| - | - |\n';
    for (let row = 0; row < 200; row++) markdown.update((text += `| ${row} | x |\n`), false);
    markdown.update(text, true);
    expect(host.querySelectorAll('td')).toHaveLength(400);
    expect(drawn).toBeLessThan(1000);
  });

  it('hands the text of a growing code block on, in a list too', () => {
    for (const indent of ['', '   ']) {
      const host = document.createElement('div');
      const grown: string[] = [];
      const markdown = new IncrementalMarkdown(
        host,
        { decorate: () => undefined, growCode: (_, text) => Boolean(grown.push(text)) },
        'plain',
      );
      let text = indent ? '1. a\n   ```js\n' : '```js\n';
      for (let line = 0; line < 5; line++) markdown.update((text += `${indent}line ${line}\n`), false);
      markdown.update(`${text}${indent}\`\`\``, true);
      expect(grown.at(-1)).toBe('line 0\nline 1\nline 2\nline 3\nline 4\n');
      expect(host.querySelectorAll('pre')).toHaveLength(1);
    }
  });

  it('shows a formula that is not whole as it is written', () => {
    const host = document.createElement('div');
    const markdown = start(host);
    markdown.update('So:\n\n$$\na_1 _b_\n\n*c*', false);
    expect(host.querySelector('code')?.textContent).toBe('$$\na_1 _b_\n\n*c*');
    markdown.update('So:\n\n$$\na_1 _b_\n\n*c*\n$$\n\nend', false);
    expect(host.querySelector('code')?.dataset['math']).toBe('block');
    markdown.update('So:\n\n$$\na *b*', true);
    expect(host.querySelector('em')?.textContent).toBe('b');
  });

  it('starts over when the text is another one', () => {
    const host = document.createElement('div');
    const markdown = start(host);
    markdown.update('One.\n\nTwo.\n\nThree', false);
    markdown.update('Other', false);
    expect(host.textContent.trim()).toBe('Other');
  });

  it('draws a long text in turns, and all of it', async () => {
    const host = document.createElement('div');
    const text = Array.from({ length: 400 }, (_, i) => `Paragraph **${i}**.`).join('\n\n');
    start(host).update(text, true);
    await expect.poll(() => host.children.length, PATIENCE).toBe(400);
    expect(same(host.innerHTML)).toBe(same(innerHtml(render(text))));
  });

  it('knows the line ends of Windows', () => {
    const host = document.createElement('div');
    const markdown = start(host);
    markdown.update('a\r\n\r\nb\r\n\r\n- c', false);
    markdown.update('a\r\n\r\nb\r\n\r\n- c\r\n- d', true);
    expect(host.querySelectorAll('p, li')).toHaveLength(4);
  });

  it('sanitises what it draws', () => {
    expect(innerHtml(sanitise('<li onclick=x>a</li>'))).toBe('<li>a</li>');
  });
});
