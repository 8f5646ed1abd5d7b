/** The tensor types of ggml (GGUF's quantisations) that are read, and how each becomes rows. */
import type { Matrix } from './matrix.ts';
import {
  unpackIQ1_M,
  unpackIQ1_S,
  unpackIQ2_S,
  unpackIQ2_XS,
  unpackIQ2_XXS,
  unpackIQ3_S,
  unpackIQ3_XXS,
} from './ggml-iq.ts';
import { unpackIQ4_NL, unpackIQ4_XS } from './ggml-iq4.ts';
import { unpackQ2_K, unpackQ3_K, unpackQ4_K, unpackQ5_K, unpackQ6_K } from './ggml-k.ts';
import type { Unpack } from './ggml-legacy.ts';
import { unpackQ4_0, unpackQ4_1, unpackQ5_0, unpackQ5_1, unpackQ8_0 } from './ggml-legacy.ts';
import { unpackMXFP4, unpackNVFP4, unpackQ1_0, unpackQ2_0, unpackTQ1_0, unpackTQ2_0 } from './ggml-small.ts';
import { bfloatToFloat, bytesToFloat, byTwos, halfToFloat } from './half.ts';
import type { Rows } from './rows.ts';

export interface GgmlType {
  name: string;
  /** Weights in a ggml block; a row is a whole number of blocks. */
  elements: number;
  /** Bytes of a ggml block. */
  bytes: number;
  /** Result of `decode`. */
  form: Matrix['form'];
  /** `rows` rows of `cols` weights out of `rows * cols / elements * bytes` bytes. */
  decode(bytes: Uint8Array<ArrayBuffer>, rows: number, cols: number): Rows;
}

/** By the type id in a GGUF tensor table. */
export const GGML_TYPES: ReadonlyMap<number, GgmlType> = new Map([
  [0, floatType('F32', 4, bytesToFloat)],
  [1, floatType('F16', 2, halfToFloat)],
  [2, blockType('Q4_0', 32, 18, 4, 32, true, unpackQ4_0)],
  [3, blockType('Q4_1', 32, 20, 4, 32, false, unpackQ4_1)],
  [6, blockType('Q5_0', 32, 22, 8, 32, true, unpackQ5_0)],
  [7, blockType('Q5_1', 32, 24, 8, 32, false, unpackQ5_1)],
  [8, blockType('Q8_0', 32, 34, 8, 32, true, unpackQ8_0)],
  [10, blockType('Q2_K', 256, 84, 8, 16, false, unpackQ2_K)],
  [11, blockType('Q3_K', 256, 110, 8, 16, true, unpackQ3_K)],
  [12, blockType('Q4_K', 256, 144, 4, 32, false, unpackQ4_K)],
  [13, blockType('Q5_K', 256, 176, 8, 32, false, unpackQ5_K)],
  [14, blockType('Q6_K', 256, 210, 8, 16, true, unpackQ6_K)],
  [16, blockType('IQ2_XXS', 256, 66, 8, 32, true, unpackIQ2_XXS)],
  [17, blockType('IQ2_XS', 256, 74, 8, 16, true, unpackIQ2_XS)],
  [18, blockType('IQ3_XXS', 256, 98, 8, 32, true, unpackIQ3_XXS)],
  [19, blockType('IQ1_S', 256, 50, 8, 32, true, unpackIQ1_S)],
  [20, blockType('IQ4_NL', 32, 18, 8, 32, true, unpackIQ4_NL)],
  [21, blockType('IQ3_S', 256, 110, 8, 32, true, unpackIQ3_S)],
  [22, blockType('IQ2_S', 256, 82, 8, 16, true, unpackIQ2_S)],
  [23, blockType('IQ4_XS', 256, 136, 8, 32, true, unpackIQ4_XS)],
  [29, blockType('IQ1_M', 256, 56, 8, 16, true, unpackIQ1_M)],
  [30, floatType('BF16', 2, bfloatToFloat)],
  [34, blockType('TQ1_0', 256, 54, 4, 256, true, unpackTQ1_0)],
  [35, blockType('TQ2_0', 256, 66, 4, 256, true, unpackTQ2_0)],
  [39, blockType('MXFP4', 32, 17, 8, 32, true, unpackMXFP4)],
  [40, blockType('NVFP4', 64, 36, 8, 16, true, unpackNVFP4)],
  [41, blockType('Q1_0', 128, 18, 4, 128, true, unpackQ1_0)],
  [42, blockType('Q2_0', 64, 18, 4, 64, true, unpackQ2_0)],
]);

/** Names of types that exist but are not read, for the error. */
const OTHER_GGML_TYPES: Readonly<Record<number, string>> = {
  9: 'Q8_1',
  15: 'Q8_K',
  24: 'I8',
  25: 'I16',
  26: 'I32',
  27: 'I64',
  28: 'F64',
  31: 'Q4_0_4_4',
  32: 'Q4_0_4_8',
  33: 'Q4_0_8_8',
};

/** "IQ2_XS", or "type 99" for an id that ggml did not have when this was written. */
export function ggmlTypeName(id: number): string {
  return GGML_TYPES.get(id)?.name ?? OTHER_GGML_TYPES[id] ?? `type ${id}`;
}

function floatType(name: string, bytes: 2 | 4, convert: (bytes: Uint8Array<ArrayBuffer>) => Float32Array): GgmlType {
  return {
    name,
    elements: 1,
    bytes,
    form: { kind: 'float', bits: bytes === 2 ? 16 : 32 },
    decode: (data, rows, cols) => ({ kind: 'float', rows, cols, values: convert(data) }),
  };
}

function blockType(
  name: string,
  elements: number,
  bytes: number,
  bits: 4 | 8,
  block: number,
  symmetric: boolean,
  unpack: Unpack,
): GgmlType {
  return {
    name,
    elements,
    bytes,
    form: { kind: 'blocks', bits, block, symmetric },
    decode(data, rows, cols) {
      const weights = rows * cols;
      const codes = new Uint8Array(weights);
      const scales = new Float32Array(weights / block);
      const mins = new Float32Array(symmetric ? 0 : scales.length);
      unpack({
        count: weights / elements,
        bytes: data,
        halves: byTwos(data),
        codes: new Uint32Array(codes.buffer),
        scales,
        mins,
      });
      return { kind: 'blocks', rows, cols, bits, block, codes, scales, mins: symmetric ? null : mins };
    },
  };
}
