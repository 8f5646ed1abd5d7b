/** A tokenizer.json as llama.cpp's converter writes it into a GGUF: the vocabulary alone, in a model without weights. For tests. */
import type { GgufValue } from '../../checkpoint/gguf/parse.ts';
import { writeGguf } from '../../checkpoint/testing/gguf-writer.ts';

/** The fields of tokenizer.json and tokenizer_config.json that are written. */
export interface WrittenTokenizer {
  json: {
    added_tokens: { id: number; content: string; special: boolean }[];
    model: { vocab: Record<string, number>; merges: string[]; byte_fallback: boolean };
  };
  config: { bos_token: string; eos_token: string; chat_template: string };
}

// tokenizer.ggml.token_type
const NORMAL = 1;
const UNKNOWN = 2;
const CONTROL = 3;
const USER_DEFINED = 4;
const UNUSED = 5;
const BYTE = 6;
/** Unknown, beginning, end and 256 bytes come first, in SentencePiece's order; the pieces after them are sorted by score. */
const FIRST_PIECE = 259;
const ADDED_SCORE = -1000;

/** What llama.cpp needs of the network to open the file. */
const NETWORK: [string, GgufValue][] = [
  ['general.architecture', 'phi3'],
  ['general.name', 'vocabulary only'],
  ['phi3.context_length', 512],
  ['phi3.embedding_length', 32],
  ['phi3.feed_forward_length', 32],
  ['phi3.block_count', 1],
  ['phi3.attention.head_count', 1],
  ['phi3.attention.head_count_kv', 1],
  ['phi3.attention.layer_norm_rms_epsilon', 1e-5],
  ['phi3.rope.dimension_count', 32],
];

/** The `tokenizer.*` keys. Byte-level BPE is written as o200k's, anything with byte fallback as SentencePiece. */
function vocabularyMetadata({ json, config }: WrittenTokenizer): [string, GgufValue][] {
  const tokens: string[] = [];
  const types: number[] = [];
  for (const [content, id] of Object.entries(json.model.vocab)) [tokens[id], types[id]] = [content, NORMAL];
  for (const { id, content, special } of json.added_tokens)
    [tokens[id], types[id]] = [content, special ? CONTROL : USER_DEFINED];
  const spm = json.model.byte_fallback;
  if (spm) {
    types[0] = UNKNOWN;
    types.fill(BYTE, FIRST_PIECE - 256, FIRST_PIECE);
  }
  const idOf = (content: string) => tokens.indexOf(content);
  const score = (_: number, id: number) =>
    id < FIRST_PIECE ? 0 : json.model.vocab[tokens[id]!] === undefined ? ADDED_SCORE : FIRST_PIECE - id;
  return [
    ['tokenizer.ggml.model', spm ? 'llama' : 'gpt2'],
    ['tokenizer.ggml.pre', spm ? 'default' : 'gpt-4o'],
    ['tokenizer.ggml.tokens', Array.from(tokens, (token, id) => token ?? `[PAD${id}]`)],
    ['tokenizer.ggml.token_type', Int32Array.from(types, (type) => type ?? UNUSED)],
    spm ? ['tokenizer.ggml.scores', Float32Array.from(types, score)] : ['tokenizer.ggml.merges', json.model.merges],
    ['tokenizer.ggml.bos_token_id', idOf(config.bos_token)],
    ['tokenizer.ggml.eos_token_id', idOf(config.eos_token)],
    ['tokenizer.ggml.add_bos_token', false],
    ['tokenizer.chat_template', config.chat_template],
  ];
}

/** The file's bytes. */
export const vocabularyGguf = (tokenizer: WrittenTokenizer): Uint8Array<ArrayBuffer> =>
  writeGguf({ metadata: [...NETWORK, ...vocabularyMetadata(tokenizer)], tensors: [] });
