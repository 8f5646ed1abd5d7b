/** The walls of the house that the compiler does not hold: no import goes round in a circle. ESLint holds the others (eslint.config.js). */
import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript-eslint';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Relative imports, of values and of types, static and dynamic. Workers named by `?worker&url` are files of their own, not imports. */
const IMPORT = /(?:from|import)\s*\(?\s*'(\.{1,2}\/[^'?]+)'/g;

async function sources(folder: string): Promise<string[]> {
  const entries = await readdir(join(ROOT, folder), { recursive: true });
  return entries.map((entry) => join(folder, entry)).filter((path) => /\.(ts|svelte)$/.test(path));
}

function importsOf(path: string): string[] {
  const text = readFileSync(join(ROOT, path), 'utf8');
  return [...text.matchAll(IMPORT)]
    .map((match) => relative(ROOT, join(ROOT, dirname(path), match[1]!)))
    .filter((target) => existsSync(join(ROOT, target)));
}

/** The first circle that is found, as the files on it; null: there is none. */
function findCircle(graph: ReadonlyMap<string, readonly string[]>): string[] | null {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): string[] | null => {
    if (done.has(file)) return null;
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    path.push(file);
    for (const next of graph.get(file) ?? []) {
      const circle = visit(next);
      if (circle) return circle;
    }
    path.pop();
    done.add(file);
    return null;
  };
  for (const file of graph.keys()) {
    const circle = visit(file);
    if (circle) return circle;
  }
  return null;
}

it('finds a circle where there is one', () => {
  const graph = new Map([
    ['a', ['b']],
    ['b', ['c', 'd']],
    ['c', []],
    ['d', ['b']],
  ]);
  expect(findCircle(graph)).toEqual(['b', 'd', 'b']);
});

it('has no circle of imports', async () => {
  const files = (await Promise.all(['src', 'workers', 'scripts', 'e2e', 'bench'].map(sources))).flat();
  const graph = new Map(files.map((file) => [file, importsOf(file)]));
  // A pattern that matches nothing would find no circle either.
  expect([...graph.values()].flat().length).toBeGreaterThan(files.length);
  expect(findCircle(graph)).toBeNull();
});

it('checks the rules that need types in TypeScript as in Svelte', () => {
  const { rules } = JSON.parse(readFileSync(join(ROOT, '.oxlintrc.json'), 'utf8')) as { rules: object };
  const recommended = Object.entries(ts.configs.recommendedTypeCheckedOnly.at(-1)?.rules ?? {});
  const wanted = recommended
    .filter(([, level]) => level === 'error')
    .map(([name]) => name.replace('@typescript-eslint/', ''));
  expect(wanted.length).toBeGreaterThan(20);
  expect(Object.keys(rules)).toEqual(expect.arrayContaining(wanted.map((name) => `typescript/${name}`)));
});
