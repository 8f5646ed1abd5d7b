/**
 * Protobuf read by byte range: a message's fields are listed without reading what they hold, so that weights inside the file and
 * rotary tables of 25 MB stay where they are.
 */
import { PhiError } from '../../../shared/errors.ts';
import type { ByteSource } from '../../../store/bytes.ts';

/** One field of a message. `value` is the number of a varint, or the bits of a fixed-size field. */
export interface Field {
  no: number;
  wire: 0 | 1 | 2 | 5;
  value: number;
  /** First byte of the content in the file. */
  offset: number;
  length: number;
}

/** Read at once after a jump (over a weight), doubled while reading goes on from where it was. */
const JUMP_BYTES = 4 << 10;
const WINDOW_BYTES = 128 << 10;
/** The longest tag, length and varint together. */
const AHEAD_BYTES = 20;
/** Phi-4 with 40 layers has about 60,000 fields in all, the longest message 1,400. */
const FIELDS_PER_MESSAGE = 200_000;
const FIELDS_IN_ALL = 1_000_000;
const STRING_BYTES = 16 << 10;

export class ProtoReader {
  readonly source: ByteSource;
  #window = new Uint8Array(0);
  #base = 0;
  #left = FIELDS_IN_ALL;

  constructor(source: ByteSource) {
    this.source = source;
  }

  #bad(why: string, at: number): PhiError {
    return new PhiError(
      'bad-model',
      `${this.source.name}: ${why} at byte ${at}. The file is truncated, damaged or not an ONNX model.`,
    );
  }

  /** Makes sure that the window holds `[at, at + bytes)`, or the part of it before `end`. */
  async #load(at: number, bytes: number, end: number): Promise<void> {
    const needed = Math.min(at + bytes, end);
    if (at >= this.#base && needed <= this.#base + this.#window.length) return;
    const goesOn = at >= this.#base && at <= this.#base + this.#window.length;
    const chunk = goesOn ? Math.min(Math.max(2 * this.#window.length, JUMP_BYTES), WINDOW_BYTES) : JUMP_BYTES;
    const size = Math.min(Math.max(chunk, needed - at), this.source.size - at);
    this.#window = await this.source.read(at, size);
    this.#base = at;
  }

  /** The fields of the message in `[offset, offset + length)`, in order. */
  async fields(offset: number, length: number): Promise<Field[]> {
    const end = offset + length;
    if (end > this.source.size) throw this.#bad('a message runs past the end', offset);
    const fields: Field[] = [];
    let at = offset;
    const varint = (): number => {
      let low = 0;
      let high = 0;
      for (let shift = 0; shift < 70; shift += 7) {
        if (at >= end) throw this.#bad('a number is cut off', at);
        const byte = this.#window[at++ - this.#base]!;
        const bits = byte & 127;
        if (shift < 28) low |= bits << shift;
        else if (shift === 28) {
          low |= bits << 28;
          high |= bits >> 4;
        } else high |= bits << (shift - 32);
        if (byte < 128) return high * 2 ** 32 + (low >>> 0);
      }
      throw this.#bad('a number has no end', at);
    };
    while (at < end) {
      await this.#load(at, AHEAD_BYTES, end);
      if (fields.length === FIELDS_PER_MESSAGE || --this.#left < 0) throw this.#bad('too many fields', at);
      const tag = varint();
      const wire = tag & 7;
      const no = Math.floor(tag / 8);
      if (no < 1) throw this.#bad('a field without a number', at);
      if (wire === 0) {
        const start = at;
        const value = varint();
        fields.push({ no, wire, value, offset: start, length: at - start });
      } else if (wire === 1 || wire === 2 || wire === 5) {
        const size = wire === 2 ? varint() : wire === 1 ? 8 : 4;
        if (size < 0 || at + size > end) throw this.#bad(`a field of ${size} bytes with only ${end - at} left`, at);
        fields.push({ no, wire, value: wire === 5 ? this.#fixed32(at) : 0, offset: at, length: size });
        at += size;
      } else throw this.#bad(`unknown wire type ${wire}`, at);
    }
    return fields;
  }

  #fixed32(at: number): number {
    const i = at - this.#base;
    const w = this.#window;
    return (w[i]! | (w[i + 1]! << 8) | (w[i + 2]! << 16) | (w[i + 3]! << 24)) >>> 0;
  }

  /** The bytes of a length-delimited field. */
  async bytes(field: Field, limit: number): Promise<Uint8Array> {
    if (field.length > limit)
      throw this.#bad(`${field.length} bytes where at most ${limit} are possible`, field.offset);
    await this.#load(field.offset, field.length, this.source.size);
    return this.#window.subarray(field.offset - this.#base, field.offset - this.#base + field.length);
  }

  async string(field: Field): Promise<string> {
    return new TextDecoder().decode(await this.bytes(field, STRING_BYTES));
  }

  /** Numbers of a repeated integer field, packed or not. */
  async integers(fields: readonly Field[], limit: number): Promise<number[]> {
    const out: number[] = [];
    for (const field of fields) {
      if (field.wire === 0) out.push(field.value);
      else out.push(...packedVarints(await this.bytes(field, limit * 10)));
      if (out.length > limit) throw this.#bad(`more than ${limit} numbers in a list`, field.offset);
    }
    return out;
  }
}

function packedVarints(bytes: Uint8Array): number[] {
  const out: number[] = [];
  let value = 0n;
  let shift = 0n;
  for (const byte of bytes) {
    value |= BigInt(byte & 127) << shift;
    shift += 7n;
    if (byte < 128) {
      out.push(Number(BigInt.asIntN(64, value)));
      value = 0n;
      shift = 0n;
    } else if (shift > 63n) shift = 0n; // an overlong number: bits past 64 mean nothing
  }
  return out;
}

/** The float whose bits a fixed32 field has. */
export function fixedFloat(field: Field): number {
  return new Float32Array(Uint32Array.of(field.value).buffer)[0]!;
}
