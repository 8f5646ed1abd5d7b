/** Tokenizers from tokenizer.json and from GGUF metadata, over @huggingface/tokenizers. */
import { Tokenizer as Library } from '@huggingface/tokenizers';
import type { TokenizerSource } from '../checkpoint/types.ts';
import { PhiError } from '../../shared/errors.ts';
import { AddedTokens } from './added-tokens.ts';
import { byteLevelBytes, sentencePieceBytes, SPACE_MARK } from './bytes.ts';
import { tokenizerJsonFromGguf } from './gguf-vocabulary.ts';
import { createStreamDecoder } from './stream-decoder.ts';
import type { TokenizerParts } from './tokenizer-json.ts';
import { readTokenizerJson } from './tokenizer-json.ts';
export type { Tokenizer } from './types.ts';
import type { AddedToken, DecodeOptions, EncodeOptions, StreamDecoder, StreamOptions, Tokenizer } from './types.ts';

const utf8 = new TextEncoder();

/** Tokens after which a model says nothing more, by the names that its kin use. */
const ENDS = ['<|end|>', '<|im_end|>', '<|endoftext|>', '<|eot_id|>', '<|end_of_text|>', '</s>'];

/**
 * Builds a tokenizer; 200,000 tokens take about a second. Throws `bad-model` for damaged files, `unsupported-model` for a kind, step or
 * pre-tokenizer that would be done wrongly, and for a pattern that may never end (patterns.ts). What is left may take the square of a
 * text's length: run it in a worker that can be ended.
 */
export function createTokenizer(source: TokenizerSource): Tokenizer {
  const { json, config } = source.kind === 'gguf' ? tokenizerJsonFromGguf(source.metadata) : source;
  const parts = readTokenizerJson(json, config);
  try {
    return new BpeTokenizer(parts, new Library(parts.json, {}));
  } catch (cause) {
    throw new PhiError(
      'unsupported-model',
      `The tokenizer cannot be built: ${cause instanceof Error ? cause.message : String(cause)}`,
      undefined,
      { cause },
    );
  }
}

class BpeTokenizer implements Tokenizer {
  readonly vocabSize: number;
  readonly bos: number | null;
  readonly eos: number | null;
  readonly addBos: boolean;
  readonly addEos: boolean;
  readonly ends: readonly number[];
  readonly controlStarts: readonly string[];
  readonly stripsSpace: boolean;
  readonly #parts: TokenizerParts;
  readonly #library: Library;
  readonly #splitter: AddedTokens;
  readonly #added: ReadonlyMap<number, AddedToken>;
  readonly #addedIds: ReadonlyMap<string, number>;

  constructor(parts: TokenizerParts, library: Library) {
    this.#parts = parts;
    this.#library = library;
    this.#splitter = new AddedTokens(parts.added, parts.normalize);
    this.#added = new Map(parts.added.map((token) => [token.id, token]));
    this.#addedIds = new Map(parts.added.map((token) => [token.content, token.id]));
    this.stripsSpace = parts.stripsSpace;
    this.vocabSize = parts.tokens.length;
    const ends = parts.added.filter((token) => token.control && ENDS.includes(token.content)).map((token) => token.id);
    this.bos = parts.bos;
    this.eos = parts.eos ?? ends[0] ?? null;
    this.addBos = parts.addBos && this.bos !== null;
    this.addEos = parts.addEos && this.eos !== null;
    this.ends = [...new Set(this.eos === null ? ends : [this.eos, ...ends])];
    const starts = parts.added
      .filter((token) => (token.control || token.thought) && token.content !== '')
      .map((token) => String.fromCodePoint(token.content.codePointAt(0)!));
    this.controlStarts = [...new Set(starts)];
  }

  encode(text: string, options: EncodeOptions = {}): number[] {
    const { special = false, plain } = options;
    const ids: number[] = [];
    // Lone surrogates have no bytes; U+FFFD stands for them, as in any UTF-8 encoder.
    this.#splitter.split(text.toWellFormed(), special).forEach((part, i) => {
      if (typeof part !== 'string') ids.push(part.id);
      else for (const id of this.#encodeStretch(plain ? plain(part) : part, i === 0)) ids.push(id);
    });
    return ids;
  }

  #encodeStretch(text: string, first: boolean): number[] {
    const { metaspace } = this.#parts;
    if (text === '' || metaspace === null) return this.#encodePlain(text);
    const marked = text.replaceAll(' ', SPACE_MARK);
    const prefix = (metaspace === 'always' || (metaspace === 'first' && first)) && !marked.startsWith(SPACE_MARK);
    return this.#encodePlain(prefix ? SPACE_MARK + marked : marked);
  }

  #encodePlain(text: string): number[] {
    return text === '' ? [] : this.#library.encode(text, { add_special_tokens: false }).ids;
  }

  decode(ids: readonly number[], options: DecodeOptions = {}): string {
    const stream = this.streamDecoder(options);
    let text = '';
    for (const id of ids) text += stream.push(id);
    return text + stream.flush();
  }

  streamDecoder(options: StreamOptions = {}): StreamDecoder {
    const { skipSpecial = true, continues = false } = options;
    return createStreamDecoder((id) => this.#bytesOf(id, skipSpecial), this.stripsSpace && !continues);
  }

  textBytes(id: number): Uint8Array | null {
    return this.#bytesOf(id, true);
  }

  #bytesOf(id: number, skipSpecial: boolean): Uint8Array | null {
    const added = this.#added.get(id);
    if (added) return added.control && skipSpecial ? null : utf8.encode(added.content);
    const token = this.#parts.tokens[id];
    if (token === undefined) return null;
    return this.#parts.bytes === 'byte-level' ? byteLevelBytes(token) : sentencePieceBytes(token);
  }

  tokenId(text: string): number | undefined {
    return this.#addedIds.get(text) ?? this.#library.token_to_id(text);
  }

  idToken(id: number): string | undefined {
    return this.#parts.tokens[id];
  }

  isControl(id: number): boolean {
    return this.#added.get(id)?.control === true;
  }

  controlTokens(text: string): number[] {
    return this.#splitter
      .split(text, true)
      .flatMap((part) => (typeof part !== 'string' && (part.control || part.thought) ? [part.id] : []));
  }
}
