/** Float16 and bfloat16 to float32, and what a device holds as float16 or float32. Typed arrays here are little-endian, as every platform that runs this is. */

let table: Float32Array | null = null;

/** The float32 value of each of the 65,536 float16 bit patterns; built on first use (256 KiB, about a millisecond). */
export function halfTable(): Float32Array {
  if (table) return table;
  const values = new Float32Array(65536);
  for (let bits = 0; bits < 32768; bits++) {
    const exponent = bits >> 10;
    const fraction = bits & 1023;
    let value = (1024 + fraction) * 2 ** (exponent - 25);
    if (exponent === 0) value = fraction * 2 ** -24;
    else if (exponent === 31) value = fraction ? NaN : Infinity;
    values[bits] = value;
    values[bits + 32768] = -value;
  }
  table = values;
  return values;
}

/** Little-endian float16 bytes as float32. */
export function halfToFloat(bytes: Uint8Array): Float32Array {
  const half = halfTable();
  const out = new Float32Array(bytes.length >> 1);
  const halves = byTwos(bytes);
  for (let i = 0; i < out.length; i++) out[i] = half[halves[i]!]!;
  return out;
}

/** Little-endian bfloat16 bytes as float32. */
export function bfloatToFloat(bytes: Uint8Array): Float32Array {
  const bits = new Uint32Array(bytes.length >> 1);
  const halves = byTwos(bytes);
  for (let i = 0; i < bits.length; i++) bits[i] = halves[i]! << 16;
  return new Float32Array(bits.buffer);
}

/** The bytes by twos; a view where the alignment allows it. */
export function byTwos(bytes: Uint8Array): Uint16Array {
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
  return new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >> 1);
}

/** Little-endian float32 bytes as float32; a view where the alignment allows it. */
export function bytesToFloat(bytes: Uint8Array<ArrayBuffer>): Float32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >> 2);
}

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/** Float16 bit patterns of float32 values, rounded to nearest even; what is too large becomes infinite. */
export function floatToHalf(values: Float32Array): Uint16Array<ArrayBuffer> {
  const out = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    scratch[0] = values[i]!;
    const bits = scratchBits[0]!;
    const sign = (bits >>> 16) & 0x8000;
    const magnitude = bits & 0x7fffffff;
    if (magnitude >= 0x7f800000) out[i] = sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00);
    else if (magnitude >= 0x477ff000) out[i] = sign | 0x7c00;
    else if (magnitude < 0x38800000)
      out[i] = sign | roundEven(Math.abs(scratch[0]) * 2 ** 24); // subnormal: multiples of 2^-24
    else out[i] = sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  }
  return out;
}

function roundEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

/** Types in which a device may hold floats. */
export type FloatType = 'float16' | 'float32';

export const floatWidth = (type: FloatType): number => (type === 'float16' ? 2 : 4);

/** Values as a device holds them: bit patterns of float16, or the values themselves. */
export const toFloatType = (
  values: Float32Array,
  type: FloatType,
): Uint16Array<ArrayBuffer> | Float32Array<ArrayBuffer> =>
  type === 'float16' ? floatToHalf(values) : (values as Float32Array<ArrayBuffer>);

/** The way back from a device's bytes. */
export const fromFloatType = (bytes: ArrayBuffer, type: FloatType): Float32Array =>
  type === 'float16' ? halfToFloat(new Uint8Array(bytes)) : bytesToFloat(new Uint8Array(bytes));
