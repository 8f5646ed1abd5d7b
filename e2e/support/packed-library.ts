/** The library as a package, and a page that uses all of it with the tiny model. */
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { buildLibrary } from '../../scripts/build/library.ts';

const run = promisify(execFile);

/** Builds and packs the library, and unpacks it below `folder` as `npm install` does with a tarball without dependencies. Returns its folder. */
export async function packedLibrary(folder: string): Promise<string> {
  const built = join(folder, 'built');
  await buildLibrary(built);
  const { stdout } = await run('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: built });
  const library = join(folder, 'node_modules', 'phi-in-a-tab');
  await mkdir(library, { recursive: true });
  await run('tar', ['-xzf', join(folder, stdout.trim()), '-C', library, '--strip-components=1']);
  return library;
}

/** A script of a page: imports `phi-in-a-tab`, makes its engine with WORKER, and leaves what it found out in the global `outcome`. */
export const USE = `
import { createEngine, createOpenAI, installLanguageModel, polyfillBackend } from 'phi-in-a-tab';

const engine = createEngine(WORKER);
const source = { manifest: '/model/manifest.json' };
const Model = installLanguageModel(engine, source, { always: true });
const before = await Model.availability();
const progress = [];
const session = await Model.create({
  samplingMode: 'most-predictable',
  monitor: (monitor) => monitor.addEventListener('downloadprogress', ({ loaded }) => progress.push(loaded)),
});
const text = await session.prompt([
  { role: 'user', content: 'hello' },
  { role: 'assistant', content: 'Well, ', prefix: true },
]);
const clone = await session.clone();
const constrained = await clone.prompt('hello', { responseConstraint: { type: 'object', properties: { yes: { type: 'boolean' } }, required: ['yes'], additionalProperties: false } });
const Backend = polyfillBackend(engine, source);
const backend = new Backend();
void backend.createSession({}, { generationConfig: { temperature: 0, responseSchema: { type: 'object', properties: { yes: { type: 'boolean' } }, required: ['yes'], additionalProperties: false } } });
const viaPolyfill = await backend.generateContent([{ role: 'user', parts: [{ text: 'hello' }] }]);
const { chat } = createOpenAI(engine);
const completion = await chat.completions.create({
  messages: [{ role: 'user', content: 'hello' }],
  max_tokens: 4,
  temperature: 0,
});
globalThis.outcome = {
  before,
  after: await Model.availability(),
  progress: [progress[0], progress.at(-1)],
  text,
  constrained: typeof JSON.parse(constrained).yes,
  polyfill: typeof JSON.parse(viaPolyfill.text).yes,
  usage: clone.contextUsage,
  tokens: completion.usage.completion_tokens,
  backend: engine.report?.backend,
};
`;

/** A plain page at `root` that runs USE with the library at `/phi-in-a-tab`. */
export async function writePlainPage(root: string): Promise<void> {
  await mkdir(root);
  const script = USE.replace("'phi-in-a-tab'", "'/phi-in-a-tab/index.js'").replace('WORKER', '');
  await writeFile(
    join(root, 'index.html'),
    `<!doctype html><title>plain</title><script type="module">${script}</script>`,
  );
}

export function expectAnswered(outcome: Record<string, unknown>): void {
  expect(outcome).toMatchObject({
    before: 'downloadable',
    after: 'available',
    progress: [0, 1],
    constrained: 'boolean',
    polyfill: 'boolean',
    backend: 'wasm',
  });
  expect(outcome['text']).not.toBe('');
  expect(outcome['usage']).toBeGreaterThan(0);
  expect(outcome['tokens']).toBeGreaterThan(0);
}
