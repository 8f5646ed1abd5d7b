import { assertRange, type ByteSource } from './bytes.ts';

export interface ReadAheadOptions {
  blockBytes: number;
  /** Blocks held at a time. Codes, scales and zero points of a matrix lie apart and are read in turn. */
  mostBlocks: number;
  /** Reads that do not go on where an earlier one ended pass by, unless the bytes are there: single rows out of a large table. */
  onlySequential?: boolean;
}

/** Places where earlier reads ended; see `onlySequential`. */
const MOST_ENDS = 8;

/**
 * A source that is read in blocks, one block ahead. Each read of a stored Blob is a question to the browser's process and takes 3 to 5 ms, whatever its
 * size; weights are made from tiles of 64 rows, which for the starter is 4,000 reads.
 */
export function readAhead(
  source: Pick<ByteSource, 'name' | 'size' | 'read'>,
  { blockBytes, mostBlocks, onlySequential = false }: ReadAheadOptions,
): Pick<ByteSource, 'name' | 'size' | 'read'> {
  const { name, size } = source;
  /** In the order of use, the oldest first. */
  const blocks = new Map<number, Promise<Uint8Array<ArrayBuffer>>>();
  const ends: number[] = [];

  const block = (index: number): Promise<Uint8Array<ArrayBuffer>> => {
    const start = index * blockBytes;
    const bytes = blocks.get(index) ?? source.read(start, Math.min(blockBytes, size - start));
    blocks.delete(index);
    blocks.set(index, bytes);
    bytes.catch(() => blocks.get(index) === bytes && blocks.delete(index)); // a failed read is not remembered; who asked has the rejection
    if (blocks.size > mostBlocks) blocks.delete(blocks.keys().next().value!);
    return bytes;
  };

  /** True if the range is large enough for blocks. */
  const isSequential = (offset: number, length: number): boolean => {
    const before = ends.indexOf(offset);
    if (before >= 0) ends.splice(before, 1);
    ends.push(offset + length);
    if (ends.length > MOST_ENDS) ends.shift();
    return before >= 0 || blocks.has(Math.floor(offset / blockBytes));
  };

  const read = async (offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> => {
    assertRange(name, size, offset, length);
    if (onlySequential && !isSequential(offset, length)) return source.read(offset, length);
    const out = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const index = Math.floor((offset + done) / blockBytes);
      const inside = offset + done - index * blockBytes;
      const wanted = block(index);
      if ((index + 1) * blockBytes < size) void block(index + 1).catch(() => undefined);
      const piece = (await wanted).subarray(inside, inside + length - done);
      out.set(piece, done);
      done += piece.length;
    }
    return out;
  };

  return { name, size, read };
}
