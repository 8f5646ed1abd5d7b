/** GGUF files whose residual stream is larger than that of the file they are made from, and whose logits are the same. For tests of overflow. */
import { floatToHalf, halfToFloat } from '../../weights/half.ts';
import { parseGguf } from '../gguf/parse.ts';
import { locateTensors } from '../gguf/tensors.ts';
import { memorySource } from './fixtures.ts';

/** Bytes of a block and where its float16 scales lie, by ggml type. */
const SCALES: Record<string, { bytes: number; weights: number; at: number[] }> = {
  F16: { bytes: 2, weights: 1, at: [0] },
  Q4_0: { bytes: 18, weights: 32, at: [0] },
  Q4_1: { bytes: 20, weights: 32, at: [0, 2] },
  Q8_0: { bytes: 34, weights: 32, at: [0] },
  Q6_K: { bytes: 210, weights: 256, at: [208] },
};
/** What is added to the residual stream. */
const ADDED = /^token_embd\.weight$|\.(attn_output|ffn_down)\.weight$/;
const EMBEDDING = 'token_embd.weight';
const FLOAT16_LARGEST = 65504;

type Tensors = Awaited<ReturnType<typeof locateTensors>>;

/**
 * Multiplies everything that is added to the residual stream by `factor`. RMSNorm divides it out again, so a model with a head of its own gives
 * the logits that it gave. Throws where a tensor has a type without scales in float16.
 */
export async function scaleResidualStream(file: Uint8Array, factor: number): Promise<Uint8Array> {
  const { out, tensors } = await copyOf(file);
  for (const name of tensors.keys())
    if (ADDED.test(name)) eachScale(out, tensors, name, undefined, (scale) => scale * factor);
  return out;
}

/**
 * Multiplies the embedding of the token `id` by the largest power of two that its scales can take, which puts its values beyond float16 (Q8_0 and Q6_K, whose
 * codes go far), and changes no other token: prompts without it compute what they did. For models with a head of their own.
 */
export async function overflowToken(file: Uint8Array, id: number): Promise<Uint8Array> {
  const { out, tensors } = await copyOf(file);
  let largest = 0;
  eachScale(out, tensors, EMBEDDING, [id, 1], (scale) => {
    largest = Math.max(largest, Math.abs(scale));
    return scale;
  });
  const factor = 2 ** Math.floor(Math.log2(FLOAT16_LARGEST / largest));
  eachScale(out, tensors, EMBEDDING, [id, 1], (scale) => scale * factor);
  return out;
}

/** Makes the embedding of the token `id` infinite, so that every prompt with it gives NaN, in float32 too. */
export async function spoilToken(file: Uint8Array, id: number): Promise<Uint8Array> {
  const { out, tensors } = await copyOf(file);
  eachScale(out, tensors, EMBEDDING, [id, 1], () => Infinity);
  return out;
}

async function copyOf(file: Uint8Array): Promise<{ out: Uint8Array; tensors: Tensors }> {
  return { out: file.slice(), tensors: locateTensors([await parseGguf(memorySource('scaled.gguf', file))]) };
}

/** Puts `change` of each scale in its place, in `count` rows from `first` on; in all of them by default. */
function eachScale(
  out: Uint8Array,
  tensors: Tensors,
  name: string,
  [first, count]: [number, number] = [0, tensors.get(name)!.rows],
  change: (scale: number) => number,
): void {
  const { type, cols, offset } = tensors.get(name)!;
  const kind = SCALES[type.name];
  if (!kind) throw new Error(`${name} is ${type.name}: only ${Object.keys(SCALES).join(', ')} are scaled.`);
  const blocks = cols / kind.weights;
  const view = new DataView(out.buffer, offset + first * blocks * kind.bytes, count * blocks * kind.bytes);
  for (let block = 0; block < count * blocks; block++) {
    for (const at of kind.at) {
      const position = block * kind.bytes + at;
      const [scale] = halfToFloat(new Uint8Array(view.buffer, view.byteOffset + position, 2));
      view.setUint16(position, floatToHalf(Float32Array.of(change(scale!)))[0]!, true);
    }
  }
}
