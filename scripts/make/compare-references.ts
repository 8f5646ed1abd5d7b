/**
 * Records what the compare page measures agreement against: `tsx scripts/make/compare-references.ts`. The starter's steps come from the
 * independent reference beside the repository (transformers, float32); those of the tiny models from our own float32 on WASM, which the
 * golden tests hold to theirs.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { needFixture, readExpected } from '../../e2e/support/fixtures.ts';
import type { ReferenceSequence } from '../../src/compare/agreement.ts';
import { fingerprint } from '../../workers/compare/fingerprint.ts';
import { blobSource } from '../../workers/store/bytes.ts';
import { ROOT } from '../build/app.ts';
import { startEngineHost } from '../cli/evaluate/engine.ts';
import { selectModel } from '../cli/evaluate/model-files.ts';

const STARTER = 'public/models/smollm2-135m-instruct-q4_1';
/** Models with random weights: their files, and those of whose prompts the steps are taken. */
const TINY = [
  ...['phi/phi3-mini-4k/gguf/q4_1', 'phi/phi4-mini/gguf/q8_0', 'phi/phi-moe/'].map((name) => ({
    path: () => needFixture(name.endsWith('/') ? name.slice(0, -1) : `${name}.gguf`),
    expected: name.endsWith('/') ? `${name}expected.json` : `${name}.expected.json`,
  })),
  // The one that the screen ships (tiny-model.ts) differs from the first in what its file says of context and window only.
  {
    path: () => join(ROOT, 'public/models/tiny-phi/tiny-phi.q4_1.gguf'),
    expected: 'phi/phi3-mini-4k/gguf/q4_1.expected.json',
  },
];
/** Below the tiny models' sliding window and the end of their short rope factors: every backend computes them in one way. */
const TINY_STEPS = 60;

const round = (gap: number): number => Math.round(gap * 1000) / 1000;

async function fingerprintOf(paths: string[]): Promise<string> {
  const files = await Promise.all(
    paths.map(async (path) => blobSource(basename(path), new Blob([await readFile(path)]))),
  );
  return fingerprint(new Map(files.map((file) => [file.name, file])));
}

function starterSequences(): ReferenceSequence[] {
  return readExpected('starter/expected.json').cases.map(({ input_ids: prompt, greedy, logprob_gap: gaps }) => ({
    ids: [...prompt, ...greedy!.slice(0, -1)],
    from: prompt.length - 1,
    argmax: greedy!,
    gaps: gaps!.map(round),
  }));
}

const references: { name: string; fingerprint: string; sequences: ReferenceSequence[] }[] = [];
const starterFiles = await selectModel(join(ROOT, STARTER));
references.push({
  name: 'transformers, float32 (SmolLM2-135M-Instruct Q4_1)',
  fingerprint: await fingerprintOf(starterFiles.map(({ absolute }) => absolute)),
  sequences: starterSequences(),
});

const host = await startEngineHost({ gpu: false });
try {
  for (const { path, expected } of TINY) {
    const files = await selectModel(path());
    const engine = await host.open(files, { backend: 'wasm', form: 'float32' });
    const sequences: ReferenceSequence[] = [];
    for (const { input_ids: ids } of readExpected(expected).cases) {
      if (ids.length > TINY_STEPS) continue;
      const { argmax, gaps } = await engine.call('argmaxAll', ids);
      sequences.push({ ids, from: 0, argmax, gaps: gaps.map(round) });
    }
    references.push({
      name: `WASM, float32 (${engine.report.name}, random weights)`,
      fingerprint: await fingerprintOf(files.map(({ absolute }) => absolute)),
      sequences,
    });
  }
} finally {
  await host.close();
}
await writeFile(join(ROOT, 'src/compare/references.json'), `${JSON.stringify(references)}\n`);
console.log(
  references
    .map(({ name, sequences }) => `${name}: ${sequences.reduce((sum, { argmax }) => sum + argmax.length, 0)} steps`)
    .join('\n'),
);
