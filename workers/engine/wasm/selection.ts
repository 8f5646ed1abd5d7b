/**
 * The head of the WASM dialect from outside: how to choose a token, as the inputs that `declareSelectInputs` has put
 * into a graph, and what comes out.
 */
import type { Tensor } from 'onnxruntime-web';
import type { Ort } from '../runtime/ort.ts';
import type { ChunkRequest, ChunkResult, Choice } from '../decoder.ts';

/** Candidates kept when top-k is off: the mass behind the first thousand is below float32's rounding at usual temperatures. */
const MOST_CANDIDATES = 1024;

/** Smallest share of the best token's probability that counts beside a mask. */
const LEAST_SHARE = 1e-12;

/** `choice` null: none is wanted, but the graph has its inputs. */
export function selectionFeeds(OrtTensor: Ort['Tensor'], vocab: number, choice: Choice | null): Record<string, Tensor> {
  const scalar = (value: number) => new OrtTensor('float32', [value], []);
  const s = choice?.sampling;
  const greedy = !s || s.temperature <= 0;
  const mask = choice?.mask;
  const k = greedy ? 1 : Math.min(vocab, s.topK > 0 ? s.topK : MOST_CANDIDATES);
  return {
    inverse_temperature: scalar(greedy ? 1 : 1 / s.temperature),
    k: new OrtTensor('int64', BigInt64Array.of(BigInt(k)), [1]),
    top_p: scalar(greedy ? 1 : s.topP),
    // A forbidden token has a probability of 0. It must be left out even if no other token is.
    min_p: scalar(greedy ? 0 : mask ? Math.max(s.minP, LEAST_SHARE) : s.minP),
    penalty: scalar(s?.repetitionPenalty ?? 1),
    seen: new OrtTensor('float32', choice?.seen ?? new Float32Array(vocab), [vocab]),
    masked: new OrtTensor('bool', [mask !== undefined], []),
    allowed: mask
      ? new OrtTensor('bool', flags(mask, vocab, choice.randoms.length), [choice.randoms.length, vocab])
      : new OrtTensor('bool', [true], [1, 1]),
  };
}

/** The bits of `rows` masks, a byte each: `[rows, vocab]`. */
function flags(mask: Uint32Array, vocab: number, rows: number): Uint8Array {
  const words = mask.length / rows;
  const bytes = new Uint8Array(rows * vocab);
  for (let row = 0; row < rows; row++) {
    for (let word = 0; word < words; word++) {
      const bits = mask[row * words + word]!;
      if (bits === 0) continue;
      const at = row * vocab + 32 * word;
      const count = Math.min(32, vocab - 32 * word);
      for (let bit = 0; bit < count; bit++) bytes[at + bit] = (bits >>> bit) & 1;
    }
  }
  return bytes;
}

/** The outputs that a chunk must compute. */
export interface Asked {
  choice: Choice | null;
  targets?: ChunkRequest['targets'] | null;
  logits?: boolean;
}

/** Names of the head's outputs that are wanted. */
export function headFetches({ targets, logits }: Asked): string[] {
  return ['out_ids', 'argmax', ...(targets ? ['logprobs'] : []), ...(logits ? ['logits'] : [])];
}

/** These outputs as a chunk's result. */
export function readChunk(result: Readonly<Record<string, Tensor>>, { choice, targets, logits }: Asked): ChunkResult {
  return {
    chosen: choice ? Array.from(result['out_ids']!.data as BigInt64Array, Number) : [],
    argmax: Int32Array.from(result['argmax']!.data as BigInt64Array, Number),
    logprobs: targets ? (result['logprobs']!.data as Float32Array) : new Float32Array(0),
    logits: logits ? (result['logits']!.data as Float32Array) : null,
  };
}
