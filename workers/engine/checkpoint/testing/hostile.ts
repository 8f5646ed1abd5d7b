/** A damaged or hostile file must give a typed error, soon and without much memory, or a model that can be read. */
import { PhiError } from '../../../shared/errors.ts';
import { uniforms } from '../../generate/random.ts';
import type { ByteSource, ModelFiles } from '../../../store/bytes.ts';
import type { Checkpoint } from '../types.ts';
import { memorySource } from './fixtures.ts';

const SECONDS = 1;
const MEGABYTES = 64;

/** A seeded generator of whole numbers below `limit`. */
export function seeded(seed: number): (limit: number) => number {
  const next = uniforms(seed);
  return (limit) => Math.floor(next() * limit);
}

/**
 * Opens `bytes` and, when that goes well, reads a row of every matrix. Returns the error, or null for a sound model.
 * Throws when anything else than a PhiError comes out, or when it takes over a second of the processor or 64 MB of reads.
 */
export async function verdict(
  open: (files: ModelFiles) => Promise<Checkpoint>,
  bytes: ReadonlyMap<string, Uint8Array>,
): Promise<PhiError | null> {
  let read = 0;
  const counted = ([name, content]: [string, Uint8Array]): [string, ByteSource] => {
    const source = memorySource(name, content);
    return [name, { ...source, read: (offset, length) => ((read += length), source.read(offset, length)) }];
  };
  const before = process.cpuUsage();
  let error: unknown = null;
  try {
    const checkpoint = await open(new Map([...bytes].map(counted)));
    const { layers, embedding, head } = checkpoint;
    for (const matrix of [
      embedding,
      head,
      ...layers.flatMap((layer) => [layer.qkv, layer.output, layer.gateUp, layer.down]),
    ])
      await matrix.read(matrix.rows - 1, 1);
  } catch (caught) {
    error = caught;
  }
  const { user, system } = process.cpuUsage(before);
  if (error !== null && !(error instanceof PhiError))
    throw new Error('something else than a PhiError was thrown', { cause: error });
  if (user + system > SECONDS * 1e6)
    throw new Error(`took ${(user + system) / 1e6} s of the processor`, { cause: error });
  if (read > MEGABYTES << 20) throw new Error(`read ${read} bytes`, { cause: error });
  return error;
}

/** `bytes` with one file replaced. */
export function withFile(
  bytes: ReadonlyMap<string, Uint8Array>,
  name: string,
  content: Uint8Array | string,
): Map<string, Uint8Array> {
  return new Map([...bytes, [name, typeof content === 'string' ? new TextEncoder().encode(content) : content]]);
}

/** `bytes` with `count` bytes of one file flipped at random. */
export function withFlips(
  bytes: ReadonlyMap<string, Uint8Array>,
  name: string,
  count: number,
  random: (limit: number) => number,
): Map<string, Uint8Array> {
  const content = bytes.get(name)!.slice();
  for (let i = 0; i < count; i++) content[random(content.length)]! ^= 1 << random(8);
  return withFile(bytes, name, content);
}
