/** The model's files as a stage worker has them: read through the engine worker, in blocks and one block ahead. */
import type { ByteSource } from '../../store/bytes.ts';
import { readAhead } from '../../store/read-ahead.ts';
import type { StageHost } from './stage-protocol.ts';

/** Norms lie all over the file: a block for each would be half a gigabyte of a Phi-4-mini for every stage. */
const BLOCKS = { blockBytes: 4 * 2 ** 20, mostBlocks: 8, onlySequential: true };

export function stageSource({ path, bytes: size }: { path: string; bytes: number }, host: StageHost): ByteSource {
  const source = readAhead({ name: path, size, read: (offset, length) => host.read(path, offset, length) }, BLOCKS);
  return { ...source, blob: async (offset, length) => new Blob([await source.read(offset, length)]) };
}
