import { PhiError } from '../../../shared/errors.ts';
import type { ByteSource } from '../../../store/bytes.ts';

const FIRST_WINDOW_BYTES = 256 * 1024;
const LARGEST_WINDOW_BYTES = 4 * 1024 * 1024;

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * Reads little-endian values one after another from a file of any size through a window of a few MB.
 *
 * The getters are synchronous, because a vocabulary has 400,000 strings: call `fill(n)` when `has(n)` is false, then take up to n bytes.
 */
export class Cursor {
  readonly source: ByteSource;
  /** Names the part being read, for error messages. */
  what = 'header';
  #window = new Uint8Array(0);
  #view = new DataView(this.#window.buffer);
  #windowStart = 0;
  #at = 0;
  #windowBytes = FIRST_WINDOW_BYTES;

  constructor(source: ByteSource) {
    this.source = source;
  }

  get position(): number {
    return this.#windowStart + this.#at;
  }

  get left(): number {
    return this.source.size - this.position;
  }

  has(bytes: number): boolean {
    return this.#at + bytes <= this.#window.length;
  }

  /** Moves the window so that `bytes` more bytes can be taken. Throws `bad-model` when the file ends before. */
  async fill(bytes: number): Promise<void> {
    if (this.has(bytes)) return;
    this.require(bytes);
    const start = this.position;
    const length = Math.min(Math.max(bytes, this.#windowBytes), this.source.size - start);
    this.#window = await this.source.read(start, length);
    this.#view = new DataView(this.#window.buffer, this.#window.byteOffset, length);
    this.#windowStart = start;
    this.#at = 0;
    this.#windowBytes = Math.min(this.#windowBytes * 2, LARGEST_WINDOW_BYTES);
  }

  /** Throws `bad-model` unless that many bytes are left. Call it before anything of that size is made. */
  require(bytes: number): void {
    if (bytes <= this.left) return;
    this.fail(
      `needs ${bytes} bytes at ${this.position}, but the file ends after ${this.left} more. It is truncated or damaged; download it again.`,
    );
  }

  fail(why: string): never {
    throw new PhiError('bad-model', `${this.source.name}: ${this.what} ${why}`, {
      position: this.position,
      size: this.source.size,
    });
  }

  skip(bytes: number): void {
    this.require(bytes);
    this.#at += bytes;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  i8(): number {
    return this.#view.getInt8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  i16(): number {
    return this.#view.getInt16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  i32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }

  f32(): number {
    return this.#view.getFloat32(this.#take(4), true);
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8), true);
  }

  /** As a number: above 2^53 it is inexact, and larger than any file, so every bound rejects it. */
  u64(): number {
    const at = this.#take(8);
    return this.#view.getUint32(at + 4, true) * 2 ** 32 + this.#view.getUint32(at, true);
  }

  i64(): number {
    const at = this.#take(8);
    return this.#view.getInt32(at + 4, true) * 2 ** 32 + this.#view.getUint32(at, true);
  }

  text(bytes: number): string {
    const at = this.#take(bytes);
    return utf8.decode(this.#window.subarray(at, at + bytes));
  }

  /** A copy, so that typed arrays over it are aligned. */
  bytes(count: number): Uint8Array<ArrayBuffer> {
    const at = this.#take(count);
    return this.#window.slice(at, at + count);
  }

  #take(bytes: number): number {
    const at = this.#at;
    this.#at += bytes;
    return at;
  }
}
