/** `npm run build` makes the same bytes each time, and a list of everything in them that is the work of others. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { DIST, ROOT } from '../scripts/build/app.ts';

interface Bill {
  components: { name: string; version?: string; licenses?: ({ license: { id: string } } | { expression: string })[] }[];
}

interface Licence {
  name: string;
  version: string;
  licence: string;
  text: string | null;
}

const read = async <T>(name: string): Promise<T> => JSON.parse(await readFile(join(DIST, name), 'utf8')) as T;

/** Copyleft that reaches the app, or nothing known, must not be shipped. */
const ALLOWED =
  /^\(?(MIT|ISC|Apache-2\.0|BSD-[23]-Clause|0BSD|Unlicense|OFL-1\.1|PSF-2\.0|Python-2\.0)\b|\(MPL-2\.0 OR Apache-2\.0\)/;

it('the bill of materials and the licences name the same, each with its text', async () => {
  const { components } = await read<Bill>('sbom.cdx.json');
  const licences = await read<Licence[]>('licences.json');
  const billed = components.map(({ name, version = '', licenses: [one] = [] }) => {
    expect(one, name).toBeDefined();
    return `${name} ${version}: ${'license' in one! ? one.license.id : one!.expression}`;
  });
  const shown = licences.map(({ name, version, licence }) => `${name} ${version}: ${licence}`);
  expect(billed.toSorted()).toEqual(shown.toSorted());
  const names = components.map(({ name }) => name);
  const lock = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  expect(names).toEqual(expect.arrayContaining([...Object.keys(lock.dependencies), 'SmolLM2 135M Instruct (Q4_1)']));
  expect(names).toEqual(expect.arrayContaining(['onnxruntime-web', 'svelte', 'valibot', 'onnxruntime-common']));
  for (const tool of ['vite', 'vitest', 'typescript', 'playwright']) expect(names).not.toContain(tool);
  for (const { name, licence, text } of licences) {
    expect(text?.length, name).toBeGreaterThan(50);
    expect(licence, name).toMatch(ALLOWED);
  }
});

async function filesOf(folder: string): Promise<Map<string, Buffer>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const contents = await Promise.all(paths.sort().map((path) => readFile(path)));
  return new Map(paths.map((path, index) => [path.slice(folder.length + 1), contents[index]!]));
}

it('a second build is the same, byte for byte', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'phi-build-'));
  try {
    const out = join(folder, 'again');
    // As from a shell: nothing that a test sets may reach the build.
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^(NODE_ENV|VITEST|MODE|DEV|PROD)/.test(name)),
    );
    const command = ['node_modules/tsx/dist/cli.mjs', 'scripts/cli/build.ts', '--out', out];
    const { status, stderr } = spawnSync(process.execPath, command, { cwd: ROOT, env, encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    const [first, second] = [await filesOf(DIST), await filesOf(out)];
    expect([...second.keys()]).toEqual([...first.keys()]);
    expect(first.size).toBeGreaterThan(20);
    for (const [path, bytes] of first) expect(bytes.equals(second.get(path)!), path).toBe(true);
  } finally {
    await rm(folder, { recursive: true });
  }
});
