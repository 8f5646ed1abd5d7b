/** docs/design.md and docs/developing.md name files: each must exist. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PATH = /`((?:src|workers|e2e|bench|scripts|docs|public)\/[\w./-]+)`/g;
const LINK = /\]\((?!https?:)([\w./-]+)\)/g;

describe.each(['design.md', 'developing.md'])('docs/%s', (name) => {
  const text = readFileSync(`${ROOT}docs/${name}`, 'utf8');

  it('names only paths that exist', () => {
    const paths = [...text.matchAll(PATH)].map((match) => match[1]!);
    expect(paths.length).toBeGreaterThan(5);
    expect(paths.filter((path) => !existsSync(ROOT + path))).toEqual([]);
  });

  it('links only to documents that exist', () => {
    const links = [...text.matchAll(LINK)].map((match) => match[1]!);
    expect(links.filter((link) => !existsSync(`${ROOT}docs/${link}`))).toEqual([]);
  });
});

it('keeps docs/design.md within 150 lines', () => {
  expect(readFileSync(`${ROOT}docs/design.md`, 'utf8').split('\n').length).toBeLessThanOrEqual(151);
});
