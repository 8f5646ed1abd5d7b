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
  for (let i = 0, at = 0; i < out.length; i++, at += 2) out[i] = half[bytes[at]! | (bytes[at + 1]! << 8)]!;
  return out;
}

/** Little-endian bfloat16 bytes as float32. */
export function bfloatToFloat(bytes: Uint8Array): Float32Array {
  const bits = new Uint32Array(bytes.length >> 1);
  for (let i = 0, at = 0; i < bits.length; i++, at += 2) bits[i] = (bytes[at]! << 16) | (bytes[at + 1]! << 24);
  return new Float32Array(bits.buffer);
}

/** Little-endian float32 bytes as float32; a view where the alignment allows it. */
export function bytesToFloat(bytes: Uint8Array<ArrayBuffer>): Float32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >> 2);
}
