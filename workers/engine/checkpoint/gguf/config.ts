/** Hyperparameters and end tokens out of GGUF metadata. */
import { PhiError } from '../../../shared/errors.ts';
import { adapterError } from '../adapter.ts';
import { checkConfig, EXPERTS_PER_TOKEN } from '../family.ts';
import { Keys, type Metadata } from './metadata.ts';
import type { GgufValue } from './parse.ts';
import { normalWindow } from '../hf-config.ts';
import { knownKind, WHAT_RUNS } from '../kinds.ts';
import type { ExpertsConfig, PhiConfig } from '../types.ts';

export type Architecture = 'phi3' | 'phimoe' | 'llama';

/** The architecture, or `unsupported-model` that names what the file is. */
export function readArchitecture(file: string, metadata: Metadata): Architecture {
  const architecture = metadata.get('general.architecture');
  if (typeof architecture !== 'string')
    throw new PhiError(
      'bad-model',
      `${file}: the metadata has no "general.architecture". The file is damaged, or it is not a model.`,
    );
  const reject = (kind: string) =>
    new PhiError('unsupported-model', `${file}: this is ${kind}. ${WHAT_RUNS}`, { kind: architecture });
  const type = metadata.get('general.type');
  if (architecture !== 'phi3' && architecture !== 'phimoe' && architecture !== 'llama') {
    const known = knownKind(architecture);
    throw reject(known ? `${known} ("${architecture}")` : `a model of the kind "${architecture}"`);
  }
  if (type === 'adapter' || typeof metadata.get('adapter.type') === 'string') {
    const base = metadata.get('general.base_model.0.name') ?? metadata.get('general.basename');
    const kind = metadata.get('adapter.type') ?? 'lora';
    throw adapterError(file, kind === 'lora' ? 'LoRA' : String(kind), typeof base === 'string' ? base : null);
  }
  if (typeof type === 'string' && type !== 'model') throw reject(`a GGUF of the type "${type}", not a whole model`);
  if (architecture !== 'phimoe' && Number(metadata.get(`${architecture}.expert_count`) ?? 0) > 0)
    throw reject(`a mixture of experts ("${architecture}" with experts)`);
  return architecture;
}

/** Facts from the shapes of tensors: rows of the embedding, and rows of q if q is a separate tensor. */
export interface TensorRows {
  vocab: number;
  query: number | null;
}

/** Hyperparameters, checked for sense; `ropeScaling` is null yet (see gguf/rope.ts). */
export function readConfig(
  file: string,
  architecture: Architecture,
  metadata: Metadata,
  { vocab, query }: TensorRows,
): PhiConfig {
  const keys = new Keys(file, metadata, `${architecture}.`);
  const hidden = keys.count('embedding_length');
  const heads = keys.count('attention.head_count');
  // Phi-tiny-MoE's heads are larger than hidden / heads. Converters that assume hidden / heads write no length.
  const ownDim = architecture === 'phimoe' && query !== null ? query / heads : null;
  const headDim = keys.whole('attention.key_length') ?? ownDim ?? hidden / heads;
  const valueDim = keys.whole('attention.value_length') ?? headDim;
  if (!Number.isInteger(headDim))
    throw keys.damaged('attention.head_count', `${heads} heads do not divide ${hidden} features`);
  if (valueDim !== headDim) {
    throw new PhiError(
      'unsupported-model',
      `${file}: keys have ${headDim} dimensions and values ${valueDim}. In Phi models they are equal.`,
    );
  }
  const normEps = keys.positive('attention.layer_norm_rms_epsilon');
  if (normEps === null) throw keys.damaged('attention.layer_norm_rms_epsilon', 'missing');
  const layers = keys.count('block_count');
  const context = keys.count('context_length');
  const config: PhiConfig = {
    name: metadata.get('general.name')?.toString() || architecture,
    layers,
    hidden,
    heads,
    kvHeads: keys.whole('attention.head_count_kv') ?? heads,
    headDim,
    intermediate:
      (architecture === 'phimoe' ? keys.whole('expert_feed_forward_length') : null) ??
      keys.count('feed_forward_length'),
    ...(architecture === 'phimoe' && { experts: readExperts(keys) }),
    vocab,
    normEps,
    ropeTheta: keys.positive('rope.freq_base') ?? 10_000,
    rotaryDim: architecture === 'phimoe' ? headDim : (keys.whole('rope.dimension_count') ?? headDim),
    ropeScaling: null,
    context,
    slidingWindow: normalWindow(
      keys.whole('attention.sliding_window') ?? unwrittenWindow(architecture, layers, context),
      context,
    ),
    bos: tokenId(metadata.get('tokenizer.ggml.bos_token_id'), vocab),
    eos: readEndTokens(architecture, metadata, vocab),
  };
  return checkConfig(config, file);
}

/** A GGUF does not hold the router's jitter; every published Phi MoE has this one. */
const JITTER = 0.01;

function readExperts(keys: Keys): ExpertsConfig {
  const active = keys.whole('expert_used_count') ?? EXPERTS_PER_TOKEN;
  if (active !== EXPERTS_PER_TOKEN)
    throw keys.damaged('expert_used_count', `${active}; the router of Phi MoE chooses ${EXPERTS_PER_TOKEN}`);
  return { count: keys.count('expert_count'), jitter: JITTER };
}

/** Files from before llama.cpp wrote the window (pull request 8627, July 2024): Phi-3-mini-4k and -medium-4k have 2,047 in their config.json. */
function unwrittenWindow(architecture: Architecture, layers: number, context: number): number | null {
  return architecture === 'phi3' && context === 4096 && (layers === 32 || layers === 40) ? 2047 : null;
}

/** Names that end a reply wherever they are special tokens: those that Phi and Llama use of llama.cpp's end-of-generation list. */
const END_TOKENS = ['<|end|>', '<|im_end|>', '<|endoftext|>', '<|eot_id|>'];
const CONTROL = 3;
const USER_DEFINED = 4;

function readEndTokens(architecture: Architecture, metadata: Metadata, vocab: number): number[] {
  const named = ['eos', 'eot', 'eom'].map((kind) => tokenId(metadata.get(`tokenizer.ggml.${kind}_token_id`), vocab));
  const ids = new Set(named.filter((id) => id !== null));
  const tokens = metadata.get('tokenizer.ggml.tokens');
  const types = metadata.get('tokenizer.ggml.token_type');
  if (!Array.isArray(tokens)) return [...ids];
  // Phi-3's generation_config.json also stops at <|assistant|>; of the phi3 files, only Phi-3's have a SentencePiece vocabulary.
  const phi3 = architecture !== 'llama' && metadata.get('tokenizer.ggml.model') === 'llama';
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
