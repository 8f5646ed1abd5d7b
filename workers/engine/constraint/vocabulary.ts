/**
 * A model's tokens, ready to be held against an automaton. Most tokens are plain text, and most states either take all plain text (inside of a
 * string) or next to none; so the plain ones are kept apart, with the masks of those that are no longer than so many characters. Long tokens
 * are few, and kept apart as well.
 */
import type { Tokenizer } from '../tokenizer/types.ts';
import { buildTrie, type Trie } from './trie.ts';

/** Characters beyond which a token is long. */
export const SHORT = 16;
/** Trees of short plain tokens, by the most characters of their tokens. */
const LENGTHS = [1, 2, 4, 8, SHORT];

export interface PlainTokens {
  /** Most characters of its tokens. */
  length: number;
  trie: Trie;
}

export interface Vocabulary {
  /** Words of 32 tokens. */
  words: number;
  all: Trie;
  plain: readonly PlainTokens[];
  /** `[SHORT + 2]`: bits of the plain tokens of at most so many characters; the last one has the long ones too. */
  plainUpTo: readonly Uint32Array[];
  /** Short tokens that are not plain. */
  rest: Trie;
  long: Trie;
  /** Ids of tokens that end a reply. */
  ends: readonly number[];
  tokenizer: Tokenizer;
  bytesOf: (id: number) => Uint8Array | null;
  /** Bytes held. */
  bytes: number;
}

/** States between the bytes of plain text: 0 between characters; -1: not plain. Plain is all that a JSON string holds unescaped. */
export const PLAIN_STATES = 8;
export function plainStep(state: number, byte: number): number {
  const tail = byte >= 0x80 && byte <= 0xbf;
  switch (state) {
    case 0:
      if (byte < 0x20 || byte === 0x22 || byte === 0x5c || (byte >= 0x80 && byte < 0xc2) || byte > 0xf4) return -1;
      if (byte < 0x80) return 0;
      if (byte < 0xe0) return 1;
      if (byte < 0xf0) return byte === 0xe0 ? 4 : byte === 0xed ? 5 : 2;
      return byte === 0xf0 ? 6 : byte === 0xf4 ? 7 : 3;
    case 1:
      return tail ? 0 : -1;
    case 2:
      return tail ? 1 : -1;
    case 3:
      return tail ? 2 : -1;
    case 4:
      return tail && byte >= 0xa0 ? 1 : -1;
    case 5:
      return tail && byte < 0xa0 ? 1 : -1;
    case 6:
      return tail && byte >= 0x90 ? 2 : -1;
    default:
      return tail && byte < 0x90 ? 2 : -1;
  }
}

/** Characters of a token of whole plain characters; 0: it is not one. */
function plainLength(bytes: Uint8Array): number {
  let state = 0;
  let count = 0;
  for (const byte of bytes) {
    state = plainStep(state, byte);
    if (state < 0) return 0;
    if (state === 0) count++;
  }
  return state === 0 ? count : 0;
}

/** Most characters that a token can end: one may have begun before it. */
const mostCharacters = (bytes: Uint8Array): number =>
  bytes.reduce((count, byte, i) => count + (i === 0 || byte < 0x80 || byte > 0xbf ? 1 : 0), 0);

/**
 * @param vocab rows of the model's head: more than the tokenizer has tokens, where it is padded
 * @param ends tokens that end a reply
 */
export function buildVocabulary(tokenizer: Tokenizer, vocab: number, ends: readonly number[]): Vocabulary {
  const words = Math.ceil(vocab / 32);
  const all: { id: number; latin1: string }[] = [];
  const plain = LENGTHS.map((length) => ({ length, entries: [] as typeof all }));
  const plainUpTo = Array.from({ length: SHORT + 2 }, () => new Uint32Array(words));
  const rest: typeof all = [];
  const long: typeof all = [];
  for (let id = 0; id < Math.min(vocab, tokenizer.vocabSize); id++) {
    const bytes = ends.includes(id) ? null : tokenizer.textBytes(id);
    if (!bytes || bytes.length === 0) continue;
    const entry = { id, latin1: String.fromCharCode(...bytes) };
    all.push(entry);
    const length = plainLength(bytes);
    for (const mask of length > 0 ? plainUpTo.slice(Math.min(length, SHORT + 1)) : []) mask[id >> 5]! |= 1 << (id & 31);
    if (mostCharacters(bytes) > SHORT) long.push(entry);
    else if (length === 0) rest.push(entry);
    else plain.find((group) => length <= group.length)!.entries.push(entry);
  }
  const built = {
    all: buildTrie(all),
    plain: plain.map(({ length, entries }) => ({ length, trie: buildTrie(entries) })),
    plainUpTo,
    rest: buildTrie(rest),
    long: buildTrie(long),
  };
  const size = (trie: Trie) => trie.nodes * 11 + 4 * trie.ids.length;
  return {
    words,
    ...built,
    ends,
    tokenizer,
    bytesOf: (id) => tokenizer.textBytes(id),
    bytes: [built.all, built.rest, built.long, ...built.plain.map(({ trie }) => trie)].reduce(
      (sum, trie) => sum + size(trie),
      4 * words * plainUpTo.length,
    ),
  };
}
