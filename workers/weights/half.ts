/** Float16 and bfloat16 to float32. Typed arrays here are little-endian, as every platform that runs this is. */

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
