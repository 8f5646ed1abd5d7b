/** Checks tokenizer.json and tokenizer_config.json, and adapts them to the library. */
import type { Normalizer } from './normalizer.ts';
import { readNormalizer } from './normalizer.ts';
import type { PreTokenizer } from './pre-tokenizers.ts';
import { repairPreTokenizer } from './pre-tokenizers.ts';
import { BYTE_OF_CHARACTER, SPACE_MARK } from './bytes.ts';
import { THINK_CLOSE, THINK_OPEN } from '../../shared/thoughts.ts';
import { damagedTokenizer as damaged, unsupportedTokenizer as unsupported } from './refusal.ts';
import type { AddedToken } from './types.ts';

const MAX_ID = 1 << 20;
/** The longest in use have about 40 characters; some models add thousands. */
const MAX_ADDED_LENGTH = 512;
const MAX_ADDED = 1 << 18;

type Json = Readonly<Record<string, unknown>>;

export interface TokenizerParts {
  /** For the library: no added tokens, no normaliser, nothing after the model. */
  json: { added_tokens: []; normalizer: null; post_processor: null } & Json;
  normalize: Normalizer | null;
  /** Raw token by id, with holes for ids that the vocabulary lacks. */
  tokens: (string | undefined)[];
  added: AddedToken[];
  bytes: 'byte-level' | 'byte-fallback';
  /** Decoding drops one leading space. */
  stripsSpace: boolean;
  /** A Metaspace: spaces become marks, and text gets one in front: everywhere, at its very start, or nowhere. */
  metaspace: 'always' | 'first' | 'never' | null;
  bos: number | null;
  eos: number | null;
  addBos: boolean;
  addEos: boolean;
}

export function readTokenizerJson(json: unknown, config: unknown): TokenizerParts {
  if (!isObject(json)) throw damaged('it is not a JSON object');
  const settings: Json = isObject(config) ? config : {};
  const model = readModel(json['model']);
  const tokens = readVocab(model['vocab']);
  const added = readAdded(json['added_tokens'], tokens);
  const normalize = readNormalizer(json['normalizer']);
  const { bytes, stripsSpace } = readDecoder(json['decoder']);
  const metaspace = readMetaspace(json['pre_tokenizer']);
  const marksSpaces = metaspace !== null || normalize?.(' ').includes(SPACE_MARK) === true;
  const steps = metaspace ? metaspace.steps : repairPreTokenizer(json['pre_tokenizer']);
  if (bytes === 'byte-fallback' && marksSpaces && steps.length === 0 && marksOnlyStartPieces(tokens)) steps.push(WORDS);
  if (bytes === 'byte-level') steps.push(...dropBytesWithoutToken(model));
  const idOf = (text: string | null) =>
    text === null ? null : (added.find((token) => token.content === text)?.id ?? vocabId(model, text));
  const ends = readTemplateEnds(json['post_processor']);
  return {
    json: {
      normalizer: null,
      pre_tokenizer: steps.length === 0 ? null : { type: 'Sequence', pretokenizers: steps },
      model,
      decoder: null,
      added_tokens: [],
      post_processor: null,
    },
    normalize,
    tokens,
    added,
    bytes,
    stripsSpace,
    metaspace: metaspace?.scheme ?? null,
    bos: idOf(tokenText(settings['bos_token'])) ?? idOf(ends.first),
    eos: idOf(tokenText(settings['eos_token'])) ?? idOf(ends.last),
    addBos: flag(settings['add_bos_token']) ?? ends.first !== null,
    addEos: flag(settings['add_eos_token']) ?? ends.last !== null,
  };
}

/**
 * Cuts at word starts. Where no piece of the vocabulary has a mark after another character, no merge crosses such a cut, and the ids
 * are those of the whole text: 100 KB become many short, cached words instead of one of 100,000 characters.
 */
const WORDS: PreTokenizer = {
  type: 'Split',
  pattern: { Regex: `${SPACE_MARK}*[^${SPACE_MARK}]+|${SPACE_MARK}+` },
  behavior: 'Isolated',
  invert: false,
};

function marksOnlyStartPieces(tokens: readonly (string | undefined)[]): boolean {
  return !tokens.some((token) => token !== undefined && /[^▁]▁/.test(token));
}

/**
 * A byte that has no token of its own (the starter lacks some control characters) vanishes before the merges, as in the Rust crate;
 * the library would let it stand between its neighbours and drop it afterwards.
 */
function dropBytesWithoutToken(model: Json): PreTokenizer[] {
  const missing = [...BYTE_OF_CHARACTER.keys()].filter((character) => vocabId(model, character) === null);
  if (missing.length === 0 || model['unk_token']) return [];
  const codes = missing.map((character) => `\\x{${character.charCodeAt(0).toString(16)}}`);
  return [{ type: 'Replace', pattern: { Regex: `[${codes.join('')}]` }, content: '' }];
}

function vocabId(model: Json, token: string): number | null {
  const vocab = model['vocab'] as Readonly<Record<string, number>>;
  return Object.hasOwn(vocab, token) ? (vocab[token] ?? null) : null;
}

function readModel(value: unknown): Json {
  if (!isObject(value)) throw damaged('"model" is missing');
  const { type, merges, vocab } = value;
  const kind = type ?? (Array.isArray(merges) ? 'BPE' : 'unnamed');
  if (kind !== 'BPE') throw unsupported(`the model ${JSON.stringify(kind)}; Phi's tokenizers are BPE`);
  for (const key of ['continuing_subword_prefix', 'end_of_word_suffix'])
    if (value[key]) throw unsupported(`a BPE model with "${key}"`);
  if (!isObject(vocab) || !Array.isArray(merges)) throw damaged('"vocab" or "merges" is missing');
  const pairs = (merges as unknown[]).map((merge, i): [string, string] => {
    if (typeof merge === 'string') {
      const space = merge.indexOf(' ', 1);
      if (space > 0) return [merge.slice(0, space), merge.slice(space + 1)];
    } else if (
      Array.isArray(merge) &&
      merge.length === 2 &&
      typeof merge[0] === 'string' &&
      typeof merge[1] === 'string'
    ) {
      return merge as [string, string];
    }
    throw damaged(`merge ${i} is not a pair of tokens`);
  });
  return { ...value, type: 'BPE', vocab, merges: pairs };
}

function readVocab(vocab: unknown): (string | undefined)[] {
  const tokens: (string | undefined)[] = [];
  for (const [token, id] of Object.entries(vocab as Json)) {
    checkId(id, token);
    tokens[id] = token;
  }
  if (tokens.length === 0) throw damaged('its vocabulary is empty');
  return tokens;
}

function checkId(id: unknown, token: string): asserts id is number {
  if (!Number.isInteger(id) || (id as number) < 0 || (id as number) >= MAX_ID) {
    throw damaged(`token ${JSON.stringify(token.slice(0, 40))} has the id ${String(id)}`);
  }
}

/** Tokens that look like this steer the model even where a file calls them ordinary (Phi-4-mini's `<|tool|>` in tokenizer_config.json). */
const CONTROL_SHAPE = /^(<\|[^<>]*\|>|<\/?(s|unk|pad|bos|eos)>)$/;

function readAdded(value: unknown, tokens: (string | undefined)[]): AddedToken[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw damaged('"added_tokens" is not a list');
  if (value.length > MAX_ADDED) throw damaged(`it adds ${value.length} tokens, more than ${MAX_ADDED}`);
  return (value as unknown[]).map((entry) => {
    if (!isObject(entry) || typeof entry['content'] !== 'string') throw damaged('an added token has no "content"');
    const { content, id } = entry;
    checkId(id, content);
    if (content.length > MAX_ADDED_LENGTH)
      throw damaged(`the added token ${id} has ${content.length} characters, more than ${MAX_ADDED_LENGTH}`);
    tokens[id] = content;
    // Phi-4-reasoning marks its thoughts with special tokens; for people and for us they are text that folds.
    const thought = content === THINK_OPEN || content === THINK_CLOSE;
    return {
      id,
      content,
      control: !thought && (entry['special'] === true || CONTROL_SHAPE.test(content)),
      thought,
      normalized: entry['normalized'] === true,
      lstrip: entry['lstrip'] === true,
      rstrip: entry['rstrip'] === true,
      singleWord: entry['single_word'] === true,
    };
  });
}

/** Metaspace is done by the caller: the library's does not know which stretch is the text's first. */
function readMetaspace(node: unknown): { scheme: 'always' | 'first' | 'never'; steps: PreTokenizer[] } | null {
  if (!isObject(node)) return null;
  const list =
    node['type'] === 'Sequence' && Array.isArray(node['pretokenizers']) ? (node['pretokenizers'] as unknown[]) : [node];
  const step = list.find((each) => isObject(each) && each['type'] === 'Metaspace') as Json | undefined;
  if (!step) return null;
  if (list.length > 1) throw unsupported('Metaspace together with other pre-tokenizers');
  if ((step['replacement'] ?? SPACE_MARK) !== SPACE_MARK)
    throw unsupported(`Metaspace with the mark ${JSON.stringify(step['replacement'])}`);
  const scheme = step['prepend_scheme'] ?? (step['add_prefix_space'] === false ? 'never' : 'always');
  if (scheme !== 'always' && scheme !== 'first' && scheme !== 'never')
    throw unsupported(`Metaspace with the scheme ${JSON.stringify(scheme)}`);
  const words = { ...WORDS, pattern: { Regex: `${SPACE_MARK}[^${SPACE_MARK}]*|[^${SPACE_MARK}]+` } };
  return { scheme, steps: step['split'] === false ? [] : [words] };
}

function readDecoder(node: unknown): { bytes: TokenizerParts['bytes']; stripsSpace: boolean } {
  const list = (isObject(node) && Array.isArray(node['decoders']) ? (node['decoders'] as unknown[]) : [node]).filter(
    isObject,
  );
  const find = (type: string) => list.find((step) => step['type'] === type);
  if (find('ByteLevel')) return { bytes: 'byte-level', stripsSpace: false };
  const strip = find('Strip');
  const metaspace = find('Metaspace');
  const stripsSpace = metaspace
    ? metaspace['prepend_scheme'] !== 'never' && metaspace['add_prefix_space'] !== false
    : Number(strip?.['start'] ?? 0) > 0;
  if (find('ByteFallback') || metaspace) return { bytes: 'byte-fallback', stripsSpace };
  throw unsupported(`the decoder ${JSON.stringify(list.map((step) => step['type']))}; Phi's decode bytes`);
}

/** Special tokens that a TemplateProcessing puts before and after text. */
function readTemplateEnds(node: unknown): { first: string | null; last: string | null } {
  const list = isObject(node) && Array.isArray(node['processors']) ? (node['processors'] as unknown[]) : [node];
  const template = list.find((step) => isObject(step) && step['type'] === 'TemplateProcessing') as Json | undefined;
  const single = Array.isArray(template?.['single']) ? (template['single'] as unknown[]) : [];
  const special = (item: unknown) =>
    tokenText(isObject(item) && isObject(item['SpecialToken']) ? item['SpecialToken']['id'] : null);
  return single.length < 2 ? { first: null, last: null } : { first: special(single[0]), last: special(single.at(-1)) };
}

/** tokenizer_config.json has tokens as text or as `{content}`. */
function tokenText(value: unknown): string | null {
  const text = isObject(value) ? value['content'] : value;
  return typeof text === 'string' ? text : null;
}

function flag(value: unknown): boolean | null {
  return typeof value === 'boolean' ? value : null;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
