/** Random blocks of 4-bit weights, the same at every run, as fast as the disk takes them. */
import { createCipheriv } from 'node:crypto';
import { floatToHalf } from '../../workers/engine/weights/half.ts';
import type { RandomMatrix } from './shape.ts';

/** Weights that share a scale. */
export const BLOCK = 32;
/** Standard deviation of a code that is uniform in -8 .. 7. */
const CODE_DEVIATION = 4.61;
const CHUNK_BYTES = 16 * 2 ** 20;

/** An endless stream: AES-128 in counter mode over zeros. */
export class RandomBytes {
  readonly #cipher;

  constructor(seed: string) {
    this.#cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16));
  }

  take(bytes: number): Buffer<ArrayBuffer> {
    return this.#cipher.update(Buffer.alloc(bytes));
  }
}

const scaleOf = ({ cols, deviation }: RandomMatrix) => deviation / Math.sqrt(cols) / CODE_DEVIATION;
const blocksOf = ({ rows, cols }: RandomMatrix) => (rows * cols) / BLOCK;

/** Chunks of a matrix in Q4_0: a float16 scale of either sign, so that blocks are zero on average, and 16 bytes of codes. */
export function* q40(matrix: RandomMatrix, random: RandomBytes): Generator<Buffer> {
  const size = 2 + BLOCK / 2;
  const high = floatToHalf(Float32Array.of(scaleOf(matrix)))[0]! >> 8;
  const perChunk = Math.floor(CHUNK_BYTES / size);
  for (let done = 0; done < blocksOf(matrix); done += perChunk) {
    const chunk = random.take(Math.min(perChunk, blocksOf(matrix) - done) * size);
    // The low byte stays random: scales differ by a quarter.
    for (let at = 1; at < chunk.length; at += size) chunk[at] = high | (chunk[at]! & 0x80);
    yield chunk;
  }
}

/** Chunks of MatMulNBits' packed codes, two a byte. */
export function* nibbles(matrix: RandomMatrix, random: RandomBytes): Generator<Buffer> {
  const bytes = (matrix.rows * matrix.cols) / 2;
  for (let done = 0; done < bytes; done += CHUNK_BYTES) yield random.take(Math.min(CHUNK_BYTES, bytes - done));
}

/** Their scales, float32 of either sign. */
export function* scales(matrix: RandomMatrix, random: RandomBytes): Generator<Buffer> {
  const base = new Uint32Array(Float32Array.of(scaleOf(matrix)).buffer)[0]! & 0x7fc00000;
  const count = blocksOf(matrix);
  const perChunk = CHUNK_BYTES / 4;
  for (let done = 0; done < count; done += perChunk) {
    const chunk = random.take(Math.min(perChunk, count - done) * 4);
    const words = new Uint32Array(chunk.buffer, chunk.byteOffset, chunk.length / 4);
    for (let i = 0; i < words.length; i++) words[i] = (words[i]! & 0x803fffff) | base;
    yield chunk;
  }
}
