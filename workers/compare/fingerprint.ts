import type { ModelFiles } from '../store/bytes.ts';
import { sha256Hex } from '../store/hash.ts';

const EDGE_BYTES = 64 * 1024;

/** SHA-256 over size, first and last bytes of the largest file: which model it is, however it was cut into shards or imported. */
export async function fingerprint(files: ModelFiles): Promise<string> {
  const main = [...files.values()].reduce((largest, file) => (file.size > largest.size ? file : largest));
  const edge = Math.min(EDGE_BYTES, main.size);
  const parts = [
    new TextEncoder().encode(`${main.size}\n`),
    await main.read(0, edge),
    await main.read(main.size - edge, edge),
  ];
  return sha256Hex(new Uint8Array(await new Blob(parts).arrayBuffer()));
}
