/** Tokenizers small enough to think through, for tests that must run without the reference files. */
import type { TokenizerSource } from '../../checkpoint/types.ts';
import { BYTE_OF_CHARACTER } from '../bytes.ts';

export const PHI_CONTROLS = ['<|endoftext|>', '<|assistant|>', '<|end|>', '<|user|>', '<|system|>'];
export const CHATML_CONTROLS = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'];

/** Byte-level BPE: 256 bytes, one token a merge, then the control tokens. */
export function tinyByteLevel(
  merges: [string, string][] = [],
  controls: string[] = PHI_CONTROLS,
  more: Record<string, unknown> = {},
): TokenizerSource {
  const tokens = [...BYTE_OF_CHARACTER.keys(), ...merges.map((pair) => pair.join(''))];
  const added = controls.map((content, i) => ({
    id: tokens.length + i,
    content,
    special: true,
    rstrip: false,
    lstrip: false,
    normalized: false,
  }));
  return {
    kind: 'tokenizer.json',
    json: {
      added_tokens: added,
      normalizer: null,
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: true },
      post_processor: null,
      decoder: { type: 'ByteLevel' },
      model: { type: 'BPE', vocab: Object.fromEntries(tokens.map((token, id) => [token, id])), merges },
      ...more,
    },
    config: { eos_token: controls[0], bos_token: { content: controls[0] } },
  };
}

/** SentencePiece in GGUF metadata: unknown, bos, eos, 256 bytes, the pieces by falling score, then the control tokens. */
export function tinySentencePiece(
  pieces: string[],
  controls: string[] = PHI_CONTROLS,
  more: [string, unknown][] = [],
): Map<string, unknown> {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
  const tokens = ['<unk>', '<s>', '</s>', ...bytes, ...pieces, ...controls];
  const type = (token: string, id: number) =>
    id === 0 ? 2 : id < 3 || controls.includes(token) ? 3 : id < 259 ? 6 : 1;
  return new Map<string, unknown>([
    ['tokenizer.ggml.model', 'llama'],
    ['tokenizer.ggml.pre', 'default'],
    ['tokenizer.ggml.tokens', tokens],
    ['tokenizer.ggml.token_type', Int32Array.from(tokens, type)],
    ['tokenizer.ggml.scores', Float32Array.from(tokens, (_, id) => (id < 259 ? 0 : 259 - id))],
    ['tokenizer.ggml.bos_token_id', 1],
    ['tokenizer.ggml.eos_token_id', 2],
    ['tokenizer.ggml.add_bos_token', false],
    ...more,
  ]);
}
