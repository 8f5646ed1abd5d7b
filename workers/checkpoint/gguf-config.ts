/** Hyperparameters and end tokens out of GGUF metadata. */
import { PhiError } from '../errors.ts';
import type { GgufValue } from './gguf-parse.ts';
import type { PhiConfig, RopeScaling } from './types.ts';

type Metadata = ReadonlyMap<string, GgufValue>;

/** Architectures that are this decoder, and whether the rows of q and k are interleaved (see weights/permute.ts). */
export const ARCHITECTURES: Readonly<Record<string, { interleaved: boolean } | undefined>> = { phi3: { interleaved: false }, llama: { interleaved: true } };

/** What people call the kinds that are most likely to be tried. */
const OTHER_KINDS: Readonly<Record<string, string | undefined>> = {
  phi2: 'Phi-1, Phi-1.5 or Phi-2',
  phimoe: 'Phi-3.5-MoE, a mixture of experts',
  clip: 'a vision or audio projector (mmproj), which is one part of a multimodal model',
  gpt2: 'GPT-2',
};

/** The architecture, or `unsupported-model` that names what the file is. */
export function readArchitecture(file: string, metadata: Metadata): string {
  const architecture = metadata.get('general.architecture');
  if (typeof architecture !== 'string') throw new PhiError('bad-model', `${file}: no "general.architecture" in the metadata: not a model, or damaged.`);
  const reject = (kind: string) =>
    new PhiError('unsupported-model', `${file}: this is ${kind}. Phi-3, Phi-3.5, Phi-4-mini, Phi-4 and Llama models run.`, { architecture });
  const type = metadata.get('general.type');
  if (typeof type === 'string' && type !== 'model') throw reject(`a GGUF of the type "${type}", not a model`);
  if (!Object.hasOwn(ARCHITECTURES, architecture)) {
    const kind = Object.hasOwn(OTHER_KINDS, architecture) ? `${OTHER_KINDS[architecture]} ("${architecture}")` : `a model of the kind "${architecture}"`;
    throw reject(kind);
  }
  if (Number(metadata.get(`${architecture}.expert_count`) ?? 0) > 0) throw reject('a mixture of experts');
  return architecture;
}

/** Hyperparameters; `ropeScaling` is filled in by the caller, who has the tensors. */
export function readConfig(file: string, architecture: string, metadata: Metadata, vocab: number): PhiConfig {
  const read = reader(file, metadata, `${architecture}.`);
  const layers = read.count('block_count', 1024);
  const hidden = read.count('embedding_length', 65_536);
  const heads = read.count('attention.head_count', 1024);
  const kvHeads = read.optional('attention.head_count_kv', 1024) ?? heads;
  const intermediate = read.count('feed_forward_length', 1 << 20);
  const context = read.count('context_length', 1 << 28);
  const headDim = read.optional('attention.key_length', 1024) ?? hidden / heads;
  const valueDim = read.optional('attention.value_length', 1024) ?? headDim;
  if (!Number.isInteger(headDim)) throw read.damaged('attention.head_count', `${heads} heads do not divide ${hidden} features`);
  if (valueDim !== headDim)
    throw new PhiError('unsupported-model', `${file}: keys of ${headDim} and values of ${valueDim} dimensions a head; Phi has equal ones.`);
  if (heads % kvHeads !== 0) throw read.damaged('attention.head_count_kv', `${heads} heads are no multiple of ${kvHeads}`);
  const rotaryDim = read.optional('rope.dimension_count', 1024) ?? headDim;
  if (rotaryDim > headDim || rotaryDim % 2 !== 0) throw read.damaged('rope.dimension_count', `${rotaryDim} of ${headDim} dimensions`);
  const name = metadata.get('general.name');
  return {
    name: typeof name === 'string' && name !== '' ? name : architecture,
    layers,
    hidden,
    heads,
    kvHeads,
    headDim,
    intermediate,
    vocab,
    normEps: read.positive('attention.layer_norm_rms_epsilon') ?? read.missing('attention.layer_norm_rms_epsilon'),
    ropeTheta: read.positive('rope.freq_base') ?? 10_000,
    rotaryDim,
    ropeScaling: null,
    context,
    slidingWindow: readWindow(architecture, read, layers, context),
    bos: tokenId(metadata.get('tokenizer.ggml.bos_token_id'), vocab),
    eos: readEndTokens(architecture, metadata, vocab),
  };
}

/**
 * Files made before llama.cpp wrote the window (pull request 8627, July 2024) have none; Phi-3-mini-4k and Phi-3-medium-4k were made
 * with 2,047, as their config.json says. A window that the context cannot reach is none.
 */
function readWindow(architecture: string, read: Reader, layers: number, context: number): number | null {
  const written = read.whole('attention.sliding_window');
  const window = written ?? (architecture === 'phi3' && context === 4096 && (layers === 32 || layers === 40) ? 2047 : 0);
  return window > 0 && window < context ? window : null;
}

/**
 * How positions are stretched: LongRoPE by its two tensors, Llama 3's factors, or linear. `factors` are the tensors' values.
 * Sets that never switch have the whole context as their original one.
 */
export function readRopeScaling(
  file: string,
  architecture: string,
  metadata: Metadata,
  config: PhiConfig,
  factors: { long: Float32Array; short: Float32Array } | null,
): { scaling: RopeScaling | null; notes: string[] } {
  const read = reader(file, metadata, `${architecture}.rope.scaling.`);
  const type = metadata.get(`${architecture}.rope.scaling.type`) ?? (factors ? 'longrope' : 'none');
  const written = read.positive('attn_factor');
  if (factors && (type === 'longrope' || type === 'none' || type === 'linear')) {
    const switches = factors.long !== factors.short;
    const original = read.optional('original_context_length', 1 << 28);
    const notes = switches && original === null ? ['The file does not say where LongRoPE switches; the short factors are used throughout.'] : [];
    const originalContext = switches ? (original ?? config.context) : config.context;
    const stretch = switches ? config.context / originalContext : 1;
    const computed = stretch > 1 ? Math.sqrt(1 + Math.log(stretch) / Math.log(originalContext)) : 1;
    return { scaling: { ...factors, attentionFactor: written ?? computed, originalContext }, notes };
  }
  const linear = type === 'linear' || type === 'none' ? (read.positive('factor') ?? 1) : 1;
  if (type === 'none' || (type === 'linear' && linear === 1)) {
    if (written !== null && written !== 1)
      throw new PhiError(
        'unsupported-model',
        `${file}: an attention factor of ${written} without rope factors: a kind of context extension that does not run here.`,
      );
    return { scaling: null, notes: [] };
  }
  if (type === 'linear') {
    const even = new Float32Array(config.rotaryDim / 2).fill(linear);
    return { scaling: { long: even, short: even, attentionFactor: written ?? 1, originalContext: config.context }, notes: [] };
  }
  throw new PhiError(
    'unsupported-model',
    `${file}: its context is extended by "${String(type)}"${factors ? ' with rope factors' : ''}, which does not run here. LongRoPE, linear and plain rope do.`,
  );
}

/** Names that end a reply wherever they are special tokens (llama.cpp's list of end-of-generation tokens, those that Phi and Llama use). */
const END_TOKENS = ['<|end|>', '<|im_end|>', '<|endoftext|>', '<|eot_id|>'];
const CONTROL = 3;
const USER_DEFINED = 4;

function readEndTokens(architecture: string, metadata: Metadata, vocab: number): number[] {
  const named = ['eos', 'eot', 'eom'].map((kind) => tokenId(metadata.get(`tokenizer.ggml.${kind}_token_id`), vocab));
  const ids = new Set(named.filter((id) => id !== null));
  const tokens = metadata.get('tokenizer.ggml.tokens');
  const types = metadata.get('tokenizer.ggml.token_type');
  if (!Array.isArray(tokens)) return [...ids];
  // Phi-3's generation_config.json also stops at <|assistant|>; its vocabulary is SentencePiece, Phi-4's is not.
  const phi3 = architecture === 'phi3' && metadata.get('tokenizer.ggml.model') === 'llama';
  for (const name of phi3 ? [...END_TOKENS, '<|assistant|>'] : END_TOKENS) {
    const id = (tokens as unknown[]).indexOf(name);
    const type = types instanceof Int32Array || types instanceof Uint32Array ? types[id] : CONTROL;
    if (id >= 0 && id < vocab && (type === CONTROL || type === USER_DEFINED)) ids.add(id);
  }
  return [...ids];
}

function tokenId(value: GgufValue | undefined, vocab: number): number | null {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < vocab ? value : null;
}

type Reader = ReturnType<typeof reader>;

function reader(file: string, metadata: Metadata, prefix: string) {
  const damaged = (key: string, why: string) => new PhiError('bad-model', `${file}: metadata "${prefix}${key}": ${why}.`, { key: prefix + key });
  const missing = (key: string): never => {
    throw damaged(key, 'missing');
  };
  const whole = (key: string): number | null => {
    const value = sameForAll(metadata.get(prefix + key));
    if (value === undefined) return null;
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw damaged(key, `${String(value)} is no count, the same for every layer`);
    return value;
  };
  const optional = (key: string, max: number): number | null => {
    const value = whole(key);
    if (value !== null && (value < 1 || value > max)) throw damaged(key, `${value} is not between 1 and ${max}`);
    return value;
  };
  return {
    damaged,
    missing,
    whole,
    optional,
    count: (key: string, max: number): number => optional(key, max) ?? missing(key),
    positive(key: string): number | null {
      const value = metadata.get(prefix + key);
      if (value === undefined) return null;
      if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) throw damaged(key, `${String(value)} is no positive number`);
      return value;
    },
  };
}

/** Some converters write one number a layer; equal ones are the number. */
function sameForAll(value: GgufValue | undefined): GgufValue | undefined {
  const list = value instanceof Int32Array || value instanceof Uint32Array ? value : null;
  const first = list?.[0];
  return list && first !== undefined && list.every((item) => item === first) ? first : value;
}
