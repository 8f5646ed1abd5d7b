import { createHash } from 'node:crypto';
import type { ModelFile, ModelManifest, Shard } from '../../shared/protocol.ts';
import { integer, randomBytes } from './random.ts';
import type { FaultServer } from './fault-server.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** The hashes that the source publishes: one of every shard, of whole files only, or none. */
export type Hashes = 'shards' | 'files' | 'none';

export interface SampleModel {
  manifest: ModelManifest;
  contents: Map<string, Uint8Array<ArrayBuffer>>;
}

function shardSizes(random: () => number, count: number): number[] {
  return Array.from({ length: count }, () => 2_000 + integer(random, 20_000));
}

/**
 * Puts a small random model on the server: `weights.bin` fetched by ranges of one URL, `model.gguf` in shards of their own, like the
 * starter, and a `config.json` of one shard.
 */
export function serveSampleModel(server: FaultServer, random: () => number, hashes: Hashes): SampleModel {
  const contents = new Map<string, Uint8Array<ArrayBuffer>>();
  const files: ModelFile[] = [];
  const add = (path: string, sizes: number[], ranged: boolean) => {
    const bytes = randomBytes(
      random,
      sizes.reduce((a, b) => a + b, 0),
    );
    contents.set(path, bytes);
    if (ranged) server.files.set(`/${path}`, { bytes, etag: `"${path}-1"` });
    let at = 0;
    const shards = sizes.map((length, i): Shard => {
      const part = bytes.subarray(at, (at += length));
      const url = ranged ? `/${path}` : `/${path}.${i}`;
      if (!ranged) server.files.set(url, { bytes: part, etag: `"${url}-1"` });
      const published = hashes === 'shards' ? { sha256: sha256(part) } : {};
      return {
        url: server.origin + url,
        offset: ranged ? at - length : 0,
        bytes: length,
        wholeUrl: !ranged,
        ...published,
      };
    });
    files.push({ path, bytes: bytes.length, ...(hashes === 'files' ? { sha256: sha256(bytes) } : {}), shards });
  };
  add('config.json', [300 + integer(random, 500)], false);
  add('onnx/weights.bin', shardSizes(random, 4 + integer(random, 4)), true);
  add('model.gguf', shardSizes(random, 2 + integer(random, 4)), false);
  const manifest: ModelManifest = {
    format: 1,
    id: 'sample',
    name: 'Sample',
    licence: { spdx: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    source: { name: 'the test server', url: server.origin, revision: '1' },
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    files,
  };
  return { manifest, contents };
}
