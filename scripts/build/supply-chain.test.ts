import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from './app.ts';
import { packageOf } from './shipped.ts';
import { assertListed, billOfMaterials, shippedLicences } from './supply-chain.ts';

/** As scripts/build/supply-chain.ts reads it: two packages, one of which has another of the same name in its folder. */
const LOCK = {
  packages: {
    '': { name: 'app' },
    'node_modules/tool': { version: '1.0.0', license: 'MIT', dev: true },
    'node_modules/@scope/outer': {
      version: '2.0.0',
      license: '(MIT OR ISC)',
      integrity: `sha512-${Buffer.from('hash').toString('base64')}`,
      dependencies: { inner: '1' },
      peerDependencies: { tool: '1' },
    },
    'node_modules/@scope/outer/node_modules/inner': { version: '1.0.0', license: 'MIT' },
    'node_modules/inner': { version: '3.0.0', license: 'MIT' },
  },
};

describe('a bill of materials', () => {
  let root: string;
  const write = async (path: string, value: unknown): Promise<void> => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), typeof value === 'string' ? value : JSON.stringify(value));
  };

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'phi-bill-'));
    await write('package.json', {
      name: 'app',
      version: '9.0.0',
      license: 'MIT',
      dependencies: { '@scope/outer': '2' },
    });
    await write('package-lock.json', LOCK);
    for (const path of Object.keys(LOCK.packages).filter((path) => path !== '')) await write(`${path}/LICENSE`, 'text');
    await mkdir(join(root, 'public'));
    await cp(join(ROOT, 'public/models'), join(root, 'public/models'), {
      recursive: true,
      filter: (path) => !/\.(gguf|bin)$/.test(path),
    });
  });
  afterAll(() => rm(root, { recursive: true }));

  it('names packages of both versions, what they need, and the models with their hashes', async () => {
    const { components, dependencies, metadata } = await billOfMaterials(root);
    expect(metadata.component).toMatchObject({ name: 'app', version: '9.0.0' });
    expect(components.filter(({ type }) => type === 'library')).toEqual([
      expect.objectContaining({
        name: '@scope/outer',
        purl: 'pkg:npm/%40scope/outer@2.0.0',
        licenses: [{ expression: '(MIT OR ISC)' }],
        hashes: [{ alg: 'SHA-512', content: '68617368' }],
      }),
      expect.objectContaining({ 'bom-ref': 'inner@1.0.0', licenses: [{ license: { id: 'MIT' } }] }),
      expect.objectContaining({ 'bom-ref': 'inner@3.0.0' }),
    ]);
    const models = components.filter(({ type }) => type === 'machine-learning-model');
    expect(models).toHaveLength(2);
    for (const { hashes } of models)
      expect(hashes).toEqual([{ alg: 'SHA-256', content: expect.stringMatching(/^[0-9a-f]{64}$/) as string }]);
    expect(dependencies).toContainEqual({
      ref: 'app@9.0.0',
      dependsOn: ['@scope/outer@2.0.0', ...models.map((model) => model['bom-ref'])],
    });
    expect(dependencies).toContainEqual({ ref: '@scope/outer@2.0.0', dependsOn: ['inner@1.0.0'] });
  });

  it('cannot be made without the text of a licence', async () => {
    await expect(shippedLicences(root)).resolves.toHaveLength(5);
    await rm(join(root, 'node_modules/inner/LICENSE'));
    await expect(shippedLicences(root)).rejects.toThrow('No licence text for inner@3.0.0.');
    await write('scripts/build/licences/inner.txt', 'kept text');
    await expect(shippedLicences(root)).resolves.toContainEqual(
      expect.objectContaining({ version: '3.0.0', text: 'kept text' }),
    );
  });
});

it('a build with a package that nothing lists fails', () => {
  const modules = [
    '/app/src/main.ts',
    '\0helper',
    '/app/node_modules/@scope/one/a.js',
    'C:\\app\\node_modules\\two\\b.js',
  ];
  expect(modules.map(packageOf)).toEqual([null, null, '@scope/one', 'two']);
  expect(() => assertListed(modules, new Set(['@scope/one', 'two']))).not.toThrow();
  expect(() => assertListed(modules, new Set(['two']))).toThrow('The build contains @scope/one');
});

/**
 * The README lists them with what was tested. npm warns by the lock file, which therefore leaves the demand out; the packages themselves are asked here.
 */
it('dependencies that ask for a newer Node than ours are those of the README', async () => {
  const read = async (path: string) => JSON.parse(await readFile(join(ROOT, path), 'utf8')) as Manifest;
  const ours = (await read('package.json')).engines!.node!;
  const { packages } = (await read('package-lock.json')) as { packages: Record<string, Manifest> };
  const newer: string[] = [];
  for (const [path, locked] of Object.entries(packages)) {
    // Packages for other systems are not installed.
    const { engines } = path === '' ? locked : await read(`${path}/package.json`).catch(() => locked);
    if (engines?.node !== undefined && !allows(engines.node, ours)) newer.push(path);
    if (locked.engines?.node !== undefined) expect(allows(locked.engines.node, ours), path).toBe(true);
  }
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
  const [, table] = /\n## Run it\n(.*?)\n## /s.exec(readme)!;
  const listed = [...table!.matchAll(/^\| `([^`]+)`/gm)].map(([, name]) => `node_modules/${name}`);
  expect(newer).toEqual(listed);
});

interface Manifest {
  engines?: { node?: string };
}

type Version = readonly [number, number, number];

const versionOf = (text: string): Version => {
  const [major = 0, minor = 0, patch = 0] = text.split('.').map(Number);
  return [major, minor, patch];
};

const compare = (a: Version, b: Version): number => a[0] - b[0] || a[1] - b[1] || a[2] - b[2];

/** True if `range` (as package.json has them: `>=`, `>`, `^`, `~`, `<`, a bare major version; `||`) allows the least version of `ours`. */
function allows(range: string, ours: string): boolean {
  const least = versionOf(ours.replace(/^\D+/, ''));
  const one = (comparator: string): boolean => {
    const [, operator = '', text = ''] = /^(>=|<=|>|<|\^|~|=)?v?(.*)$/.exec(comparator)!;
    if (text === '' || text === '*') return true;
    const version = versionOf(text.replace(/\.x/g, ''));
    const apart = compare(least, version);
    if (operator === '>=') return apart >= 0;
    if (operator === '>') return apart > 0;
    if (operator === '<') return apart < 0;
    if (operator === '<=') return apart <= 0;
    if (operator === '^') return least[0] === version[0] && apart >= 0;
    if (operator === '~') return least[0] === version[0] && least[1] === version[1] && apart >= 0;
    return text.split('.').every((part, at) => part === 'x' || Number(part) === least[at]);
  };
  const alternatives = range.replace(/([<>=^~])\s+/g, '$1').split('||');
  return alternatives.some((all) => all.trim().split(/\s+/).every(one));
}
