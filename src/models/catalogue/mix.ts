import type { SourceMix } from '../../../workers/shared/advisor/weights.ts';

type Format = 'gguf' | 'onnx-genai' | 'onnx-web' | 'safetensors';

/**
 * Which bits a variant's matrices keep on a GPU. llama.cpp's mixtures (src/llama-quant.cpp) give the fused qkv and half of the `down` matrices
 * of Q4_K_M more bits, and the head Q6_K; ONNX Runtime's model builder leaves an embedding of its own as floats.
 */
export function mixOf(format: Format, quant: string, bits: number, tied: boolean): SourceMix {
  const embedding = tied ? 'tied' : 4;
  const four = { qkv: 4, output: 4, gateUp: 4, down8: 0, block: 32 } as const;
  if (format === 'onnx-genai' || format === 'onnx-web') {
    const block = Number(/block (\d+)/.exec(quant)?.[1] ?? 32);
    return { ...four, head: 4, embedding: 'float', block, shift: 'zero-points' };
  }
  if (/^Q4_[01]$/.test(quant)) return { ...four, head: 8, embedding, shift: quant === 'Q4_1' ? 'mins' : 'none' };
  if (quant.startsWith('Q4_K')) {
    const small = quant === 'Q4_K_S';
    return { ...four, qkv: small ? 4 : 8, down8: small ? 1 / 8 : 1 / 2, head: 8, embedding, shift: 'mins' };
  }
  // Codebooks, 2 and 3 bits: read as 8-bit blocks, cut to 4 bits as a whole.
  if (bits <= 4) return { ...four, head: 8, embedding: tied ? 'tied' : 8, shift: 'zero-points' };
  const eight = { qkv: 8, output: 8, gateUp: 8, down8: 1, head: 8, embedding: tied ? 'tied' : 8 } as const;
  return {
    ...eight,
    block: quant.startsWith('Q6_K') ? 16 : 32,
    shift: quant.startsWith('Q5_K') || quant === 'Q5_1' ? 'mins' : 'none',
  };
}

/**
 * Quantisations of about the same size, the one that keeps most of the model first. Those that a GPU computes with exactly (Q4_K, Q4_1, Q8_0)
 * stand before codebooks, which become other blocks there.
 */
const ORDER = [
  'Q8_0',
  'Q6_K',
  'Q4_K_M',
  'Q4_K',
  'Q4_K_L',
  'Q5_K_M',
  'Q6_K_L',
  'Q4_K_S',
  'Q4_1',
  'Q4_0',
  'int4',
  'q4f16',
  'q4',
];

/** Place of a quantisation in the order of recommendation; those that are not named come last. */
export function orderOf(quant: string): number {
  const at = ORDER.indexOf(quant.split(' ')[0]!);
  return at < 0 ? ORDER.length : at;
}
