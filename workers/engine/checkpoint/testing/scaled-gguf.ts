/** GGUF files whose residual stream is larger than that of the file they are made from, and whose logits are the same. For tests of overflow. */
import { floatToHalf, halfToFloat } from '../../weights/half.ts';
import { parseGguf } from '../gguf/parse.ts';
import { locateTensors } from '../gguf/tensors.ts';
import { memorySource } from './fixtures.ts';

/** Bytes of a block and where its float16 scales lie, by ggml type. */
const SCALES: Record<string, { bytes: number; weights: number; at: number[] }> = {
  F16: { bytes: 2, weights: 1, at: [0] },
  Q4_1: { bytes: 20, weights: 32, at: [0, 2] },
  Q8_0: { bytes: 34, weights: 32, at: [0] },
  Q6_K: { bytes: 210, weights: 256, at: [208] },
};
/** What is added to the residual stream. */
const ADDED = /^token_embd\.weight$|\.(attn_output|ffn_down)\.weight$/;

/**
 * Multiplies everything that is added to the residual stream by `factor`. RMSNorm divides it out again, so a model with a head of its own gives
 * the logits that it gave. Throws where a tensor has a type without scales in float16.
 */
export async function scaleResidualStream(file: Uint8Array, factor: number): Promise<Uint8Array> {
  const out = file.slice();
  const tensors = locateTensors([await parseGguf(memorySource('scaled.gguf', file))]);
  for (const { name, type, rows, cols, offset } of tensors.values()) {
    if (!ADDED.test(name)) continue;
    const kind = SCALES[type.name];
    if (!kind) throw new Error(`${name} is ${type.name}: only ${Object.keys(SCALES).join(', ')} are scaled.`);
    const blocks = (rows * cols) / kind.weights;
    const view = new DataView(out.buffer, offset, blocks * kind.bytes);
    for (let block = 0; block < blocks; block++) {
      for (const at of kind.at) {
        const position = block * kind.bytes + at;
        const scaled = halfToFloat(out.subarray(offset + position, offset + position + 2))[0]! * factor;
        view.setUint16(position, floatToHalf(Float32Array.of(scaled))[0]!, true);
      }
    }
  }
  return out;
}
