// @vitest-environment jsdom
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { LIMITS, parsedLength } from './budget.ts';
import { blocksOf } from './blocks.ts';
import { IncrementalMarkdown } from './incremental.ts';
import { parse } from './parser.ts';
import { cpuMs, expectWithin } from '../../../workers/testing/timing.ts';

/** `unit` again and again, `length` characters of it. */
const repeat = (unit: string, length: number): string => unit.repeat(Math.ceil(length / unit.length)).slice(0, length);
const nested = (depth: number) => Array.from({ length: depth }, (_, i) => `${'  '.repeat(i)}- ${i}`).join('\n');

const NOTE = 'not formatted';
const decorator = { decorate: () => undefined, growCode: () => false };

/** Drawing in jsdom is slow. */
const PATIENCE = { timeout: 25_000 };

/** jsdom has none; a renderer that throws fails the test. */
beforeEach(() => {
  vi.stubGlobal('reportError', (cause: unknown) => {
    throw cause;
  });
});

async function show(...steps: string[]): Promise<HTMLElement> {
  const host = document.createElement('div');
  const markdown = new IncrementalMarkdown(host, decorator, NOTE);
  for (const [i, text] of steps.entries()) markdown.update(text, i === steps.length - 1);
  // A long text is drawn in turns.
  if (parse(steps.at(-1)!).cut !== null)
    await expect.poll(() => host.querySelector('.unformatted'), PATIENCE).not.toBeNull();
  return host;
}

const rest = (host: HTMLElement) => [...host.querySelectorAll('.piece')].map(({ textContent }) => textContent).join('');

/** Documents of a few kilobytes that ask for a lot, with as much of them as is parsed before the cut. */
const BOMBS: Record<string, string> = {
  'a table of 420,000 cells in 4 KB': `${repeat('|a', 600)}|\n${repeat('|-', 600)}|\n${repeat('|\n', 2800)}`,
  'a table of 10,000 columns': `${repeat('|a', 20_000)}|\n${repeat('|-', 20_000)}|\n|x|`,
  'tables one after another': repeat('|a|b|c|d|\n|-|-|-|-|\n|\n|\n|\n\n', 60_000),
  '5,000 quotes inside each other': repeat('>', 5_000),
  'lists inside each other': nested(400),
  'quotes and lists inside each other': repeat('> - 1. ', 7_000),
  'tags inside each other': `${repeat('<b>', 900)}x${repeat('</b>', 1200)}`,
  'emphasis inside each other': `${'*a **b '.repeat(200)}x${'** *'.repeat(200)}`.replaceAll(' ** *', '** *'),
  'a link of 20 KB used 5,000 times': `[a]: https://e.x/${repeat('x', 20_000)}\n\n${repeat('[a] ', 20_000)}`,
  'one line of a megabyte': repeat('word ', 1_000_000),
  'lines of one letter': repeat('a\n', 200_000),
  'quotes that go on without their mark': `${'> '.repeat(20)}\n${repeat('a\n', 100_000)}`,
  'emphasis without an end': repeat('*a **b _c ', 60_000),
  brackets: repeat('![[', 100_000),
  'dollars and brackets of formulas': repeat('\\[$\\(\n$$', 60_000),
  definitions: Array.from({ length: 20_000 }, (_, i) => `[${i}]: /x`).join('\n'),
};

describe('a text beyond the budget', () => {
  it.each(Object.entries(BOMBS))('is cut and shown whole all the same: %s', async (_, text) => {
    const { tokens, cut, nodes } = parse(text);
    expect(nodes).toBeLessThanOrEqual(LIMITS.nodes * 2);
    expect(blocksOf(tokens).reduce((sum, { html }) => sum + html.length, 0)).toBeLessThan(4_000_000);
    const host = await show(text);
    expect(host.querySelectorAll('*').length).toBeLessThan(LIMITS.nodes * 2);
    if (cut === null) return expect(host.querySelector('.unformatted')).toBeNull();
    expect(host.querySelector('.note')?.textContent).toBe(NOTE);
    expect(text.endsWith(rest(host))).toBe(true);
    const lines = text.split('\n');
    expect(rest(host)).toBe(lines.slice(cut).join('\n'));
  });

  it('is formatted up to the block that does not fit', async () => {
    const bomb = BOMBS['a table of 420,000 cells in 4 KB']!;
    const host = await show(`# Title\n\n- one\n- **two**\n\n${bomb}\n\nafter`);
    expect([...host.children].map(({ tagName }) => tagName)).toEqual(['H1', 'UL', 'DIV']);
    expect(host.children[1]?.innerHTML).toBe('\n<li>one</li>\n<li><strong>two</strong></li>\n');
    expect(rest(host)).toBe(`${bomb}\n\nafter`);
  });

  it('counts the cells of a table before its rows are filled up', () => {
    const table = (columns: number, rows: number) =>
      `${'|a'.repeat(columns)}|\n${'|-'.repeat(columns)}|\n${'|\n'.repeat(rows)}`;
    const started = cpuMs();
    for (let i = 0; i < 200; i++) expect(parse(table(300, 1400)).tokens).toEqual([]);
    // Nothing was filled up: 84 million cells would take minutes, which is more than this test has.
    expectWithin(cpuMs() - started, 500);
    expect(parse(table(90, 50)).cut).toBeNull();
  });

  it('stays plain while it grows, without being parsed again', async () => {
    const text = BOMBS['a table of 420,000 cells in 4 KB']!;
    const steps = Array.from({ length: 50 }, (_, i) => text.slice(0, ((i + 1) * text.length) / 50));
    expect(rest(await show(...steps, text))).toBe(text);
  });

  it.each(['one\ntwo\n\nthree', repeat('line\n', 3000), repeat('😀', 40_001), `${repeat('x', 20_000)}\n\ny`])(
    'loses nothing between its pieces, whatever the steps: %.12j…',
    (text) => {
      for (const step of [7, 1000, 9000]) {
        const host = document.createElement('div');
        const throws = {
          decorate: () => {
            throw new Error('no');
          },
          growCode: () => false,
        };
        const markdown = new IncrementalMarkdown(host, throws, NOTE);
        const errors: unknown[] = [];
        vi.stubGlobal('reportError', (cause: unknown) => errors.push(cause));
        for (let end = step; end < text.length && end < 40 * step; end += step)
          markdown.update(text.slice(0, end), false);
        markdown.update(text, true);
        expect(rest(host)).toBe(text);
        expect(errors.length).toBeGreaterThan(0);
      }
    },
  );

  it('does not touch what people write', () => {
    const reply = `## A\n\nSome **bold** text with \`code\` and [a link](https://e.x/).\n\n- one\n  - two\n\n| a | b |\n| - | - |\n| 1 | 2 |\n\n`;
    const { cut } = parse(reply.repeat(200));
    expect(cut).toBeNull();
    expect(parse(nested(8)).cut).toBeNull();
    expect(parsedLength(`${repeat('x', 10_000)}\n`)).toBe(10_001);
  });
});
