import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parseFormFile, parseToolFile } from './form-files.ts';

const example = (name: string) => readFile(new URL(`examples/${name}.json`, import.meta.url), 'utf8');

describe('files for --schema and --tools', () => {
  it('are a schema, or cases with prompts', () => {
    expect(parseFormFile('{"type": "object"}')).toEqual([{ prompt: 'Give an example.', schema: { type: 'object' } }]);
    expect(parseFormFile('{"cases": [{"prompt": "x", "schema": true}]}')).toEqual([{ prompt: 'x', schema: true }]);
  });

  it('have examples', async () => {
    expect(parseFormFile(await example('schemas'))).toHaveLength(10);
    const { tools, cases } = parseToolFile(await example('tools'));
    const names = tools.map(({ name }) => name);
    for (const { call } of cases) expect([...names, null]).toContain(call);
  });

  it.each<[(text: string) => unknown, string, RegExp]>([
    [parseFormFile, '[1]', /The file/],
    [parseFormFile, '{"cases": []}', /cases/],
    [parseFormFile, '{"cases": [{"schema": true}]}', /cases\.0\.prompt/],
    [parseToolFile, '{"tools": [], "cases": []}', /tools/],
    [parseToolFile, '{"cases": []}', /tools/],
    [parseFormFile, '{', /JSON/],
  ])('name what is wrong: %#', (parse, text, message) => expect(() => parse(text)).toThrow(message));
});
