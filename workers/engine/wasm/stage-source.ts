/** The model's files as a stage worker has them: read through the engine worker, in blocks and one block ahead. */
import { assertRange, type ByteSource } from '../../store/bytes.ts';
import type { StageHost } from './stage-protocol.ts';

const BLOCK_BYTES = 4 * 2 ** 20;
/** Codes, scales and zero points of a matrix lie apart and are read in turn. */
const MOST_BLOCKS = 8;

export function stageSource({ path, bytes: size }: { path: string; bytes: number }, host: StageHost): ByteSource {
  /** In the order of use, the oldest first. */
  const blocks = new Map<number, Promise<Uint8Array<ArrayBuffer>>>();

  const block = (index: number): Promise<Uint8Array<ArrayBuffer>> => {
    const start = index * BLOCK_BYTES;
    const bytes = blocks.get(index) ?? host.read(path, start, Math.min(BLOCK_BYTES, size - start));
    blocks.delete(index);
    blocks.set(index, bytes);
    bytes.catch(() => blocks.get(index) === bytes && blocks.delete(index)); // a failed read is not remembered; who asked has the rejection
    if (blocks.size > MOST_BLOCKS) blocks.delete(blocks.keys().next().value!);
    return bytes;
  };

  const read = async (offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> => {
    assertRange(path, size, offset, length);
    const out = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const index = Math.floor((offset + done) / BLOCK_BYTES);
      const inside = offset + done - index * BLOCK_BYTES;
      const wanted = block(index);
      if ((index + 1) * BLOCK_BYTES < size) void block(index + 1).catch(() => undefined);
      const piece = (await wanted).subarray(inside, inside + length - done);
      out.set(piece, done);
      done += piece.length;
    }
    return out;
  };

  return { name: path, size, read, blob: async (offset, length) => new Blob([await read(offset, length)]) };
}
