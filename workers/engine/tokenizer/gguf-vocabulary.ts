/** The tokenizer inside a GGUF, written as the tokenizer.json and tokenizer_config.json that it stands for. */
import { PhiError } from '../../shared/errors.ts';
import { namedPreTokenizer } from './pre-tokenizers.ts';
import { mergesFromScores } from './spm-merges.ts';
import { SPACE_MARK } from './bytes.ts';

type Metadata = ReadonlyMap<string, unknown>;

// tokenizer.ggml.token_type
const NORMAL = 1;
const UNKNOWN = 2;
const CONTROL = 3;
const USER_DEFINED = 4;
const UNUSED = 5;

/** End-of-turn tokens that some files list as ordinary ones. */
const ALWAYS_CONTROL = /^<\|(end|user|assistant|system|endoftext|im_start|im_end|im_sep|eot_id)\|>$/;

/** Throws `bad-model` when arrays are missing or disagree, `unsupported-model` for a kind or pre-tokenizer that is not known. */
export function tokenizerJsonFromGguf(metadata: Metadata): { json: unknown; config: unknown } {
  const kind = metadata.get('tokenizer.ggml.model');
  if (kind !== 'llama' && kind !== 'gpt2') {
    if (kind === undefined) throw damaged('"tokenizer.ggml.model" is missing');
    throw new PhiError(
      'unsupported-model',
      `The GGUF has a tokenizer of the kind ${JSON.stringify(kind)}, which is not supported. This app reads "llama" (SentencePiece) and "gpt2" (byte-level BPE).`,
    );
  }
  const tokens = strings(metadata, 'tokenizer.ggml.tokens') ?? missing('tokenizer.ggml.tokens');
  const types = numbers(metadata, 'tokenizer.ggml.token_type');
  if (types && types.length !== tokens.length)
    throw damaged(`${tokens.length} tokens, but ${types.length} types of tokens`);
  const typeOf = (id: number) => (ALWAYS_CONTROL.test(tokens[id]!) ? CONTROL : (types?.[id] ?? NORMAL));
  const added: { id: number; content: string; special: boolean; lstrip: boolean; rstrip: boolean }[] = [];
  const plain: [string, number][] = [];
  const strips = stripRule(kind, tokens);
  tokens.forEach((content, id) => {
    const type = typeOf(id);
    if (type === CONTROL || type === UNKNOWN || type === USER_DEFINED)
      added.push({ id, content, special: type !== USER_DEFINED, ...strips(content) });
    else if (type !== UNUSED) plain.push([content, id]);
  });
  const token = (key: string) => tokens[Number(metadata.get(`tokenizer.ggml.${key}`) ?? -1)];
  const config = {
    bos_token: token('bos_token_id'),
    eos_token: token('eos_token_id'),
    add_bos_token: metadata.get('tokenizer.ggml.add_bos_token') ?? kind === 'llama',
    add_eos_token: metadata.get('tokenizer.ggml.add_eos_token') ?? false,
  };
  const parts = kind === 'llama' ? sentencePiece(metadata, tokens, plain, typeOf) : byteLevel(metadata, plain);
  return { json: { ...parts, added_tokens: added, post_processor: null }, config };
}

function sentencePiece(
  metadata: Metadata,
  tokens: readonly string[],
  plain: [string, number][],
  typeOf: (id: number) => number,
) {
  const scores = numbers(metadata, 'tokenizer.ggml.scores') ?? missing('tokenizer.ggml.scores');
  if (scores.length !== tokens.length) throw damaged(`${tokens.length} tokens, but ${scores.length} scores`);
  const prefix = metadata.get('tokenizer.ggml.add_space_prefix') !== false;
  const unknown = tokens.findIndex((_, id) => typeOf(id) === UNKNOWN);
  const pieces = new Map(plain.filter(([, id]) => typeOf(id) === NORMAL));
  const mark = { type: 'Replace', pattern: { String: ' ' }, content: SPACE_MARK };
  return {
    normalizer: { type: 'Sequence', normalizers: prefix ? [{ type: 'Prepend', prepend: SPACE_MARK }, mark] : [mark] },
    pre_tokenizer: null,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: prefix ? 1 : 0, stop: 0 },
      ],
    },
    model: {
      type: 'BPE',
      unk_token: tokens[unknown] ?? null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab: Object.fromEntries(unknown < 0 ? plain : [...plain, [tokens[unknown]!, unknown]]),
      merges: mergesFromScores(pieces, scores),
    },
  };
}

function byteLevel(metadata: Metadata, plain: [string, number][]) {
  const pre = metadata.get('tokenizer.ggml.pre') ?? 'default';
  const { preTokenizer, ignoreMerges } = namedPreTokenizer(typeof pre === 'string' ? pre : JSON.stringify(pre));
  return {
    normalizer: null,
    pre_tokenizer: preTokenizer,
    decoder: { type: 'ByteLevel' },
    model: {
      type: 'BPE',
      unk_token: null,
      byte_fallback: false,
      ignore_merges: ignoreMerges,
      vocab: Object.fromEntries(plain),
      merges: strings(metadata, 'tokenizer.ggml.merges') ?? missing('tokenizer.ggml.merges'),
    },
  };
}

/**
 * White space that added tokens take along is not in a GGUF. The rules are those of the families' own tokenizer.json: Phi-3 and 3.5
 * (SentencePiece), Phi-4-mini (o200k) and Phi-4 (`<|im_sep|>`).
 */
function stripRule(
  kind: 'llama' | 'gpt2',
  tokens: readonly string[],
): (content: string) => { lstrip: boolean; rstrip: boolean } {
  const has = (content: string) => tokens.includes(content);
  const never = { lstrip: false, rstrip: false };
  const right = { lstrip: false, rstrip: true };
  const isMarker = (content: string) => content.startsWith('<|') && content.endsWith('|>');
  if (kind === 'llama' && has('<|assistant|>') && has('<|placeholder1|>')) {
    const keep = ['<|endoftext|>', '<|system|>', '<|user|>', '<|end|>'];
    return (content) => (content === '</s>' || (isMarker(content) && !keep.includes(content)) ? right : never);
  }
  if (kind === 'gpt2' && has('<|assistant|>') && has('<|endofprompt|>')) {
    const keep = ['<|endoftext|>', '<|endofprompt|>'];
    return (content) => (isMarker(content) && !keep.includes(content) ? right : never);
  }
  if (kind === 'gpt2' && has('<|im_sep|>'))
    return (content) => (isMarker(content) ? { lstrip: true, rstrip: true } : never);
  return () => never;
}

function strings(metadata: Metadata, key: string): readonly string[] | null {
  const value = metadata.get(key);
  if (value === undefined) return null;
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw damaged(`"${key}" is not a list of texts`);
}

function numbers(metadata: Metadata, key: string): ArrayLike<number> | null {
  const value = metadata.get(key);
  if (value === undefined) return null;
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return value as unknown as ArrayLike<number>;
  if (Array.isArray(value) && value.every((item) => typeof item === 'number')) return value;
  throw damaged(`"${key}" is not a list of numbers`);
}

function missing(key: string): never {
  throw damaged(`"${key}" is missing`);
}

function damaged(what: string): PhiError {
  return new PhiError('bad-model', `The GGUF's tokenizer is damaged: ${what}. Download the file again.`);
}
