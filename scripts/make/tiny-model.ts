/**
 * Makes the tiny model that the compare screen ships (`tsx scripts/make/tiny-model.ts`): a reference model with random weights, whose file says a
 * context of 8,192 tokens in place of 512, and no sliding window below that. So llama-bench's tests fit, and every backend of any browser, a software
 * WebGPU adapter too, has figures within a minute. Run `compare-references.ts` afterwards: its fingerprint has changed.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelManifest } from '../../workers/shared/protocol.ts';
import { ROOT } from '../build/app.ts';
import { TINY_NAME } from '../../src/compare/tiny.ts';

const SOURCE = 'e2e/fixtures/phi/phi3-mini-4k/gguf/q4_1.gguf';
const FOLDER = 'public/models/tiny-phi';
const FILE = 'tiny-phi.q4_1.gguf';
const CONTEXT = 8192;
const KEYS = ['phi3.context_length', 'phi3.rope.scaling.original_context_length', 'phi3.attention.sliding_window'];
/** GGUF's number for a uint32. */
const UINT32 = 4;

const bytes = await readFile(join(ROOT, SOURCE));
for (const key of KEYS) {
  // A key is its length (uint64), its text, the type of its value (uint32), and the value.
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(key.length));
  const at = bytes.indexOf(Buffer.concat([length, Buffer.from(key)])) + 8 + key.length;
  if (at < 8 + key.length || bytes.readUInt32LE(at) !== UINT32) throw new Error(`${SOURCE}: no uint32 "${key}".`);
  bytes.writeUInt32LE(CONTEXT, at + 4);
}
const sha256 = createHash('sha256').update(bytes).digest('hex');
const manifest: ModelManifest = {
  format: 1,
  id: 'tiny-phi',
  name: TINY_NAME,
  licence: { spdx: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
  source: { name: 'Made by this project: random weights in the shape of a Phi-3', url: 'https://www.apache.org/' },
  bytes: bytes.length,
  files: [
    {
      path: FILE,
      bytes: bytes.length,
      sha256,
      shards: [{ url: FILE, offset: 0, bytes: bytes.length, wholeUrl: true, sha256 }],
    },
  ],
};
await mkdir(join(ROOT, FOLDER), { recursive: true });
await writeFile(join(ROOT, FOLDER, FILE), bytes);
await writeFile(join(ROOT, FOLDER, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
console.log(`${bytes.length} bytes in ${FOLDER}`);
