/** Text to token ids and back: the interface of a tokenizer for the rest of the engine. */

export interface EncodeOptions {
  /**
   * True: control tokens written in the text (`<|end|>`) become those tokens. Off by default, so that nobody's text can close a turn;
   * what is not a control token but was added to the vocabulary is always found, as the reference does.
   */
  special?: boolean;
  /** Applied to each normalised stretch of text between added tokens before it is encoded. */
  plain?: (stretch: string) => string;
}

export interface DecodeOptions {
  /** Leave control tokens out. On by default: the result is for people. */
  skipSpecial?: boolean;
}

export interface StreamOptions extends DecodeOptions {
  /** The text goes on from earlier text, so that a SentencePiece's leading space belongs to it. Off by default. */
  continues?: boolean;
}

/** Turns ids into text one at a time; a character that several tokens make up appears with the last of them. */
export interface StreamDecoder {
  push(id: number): string;
  /** The bytes held back; U+FFFD if they are not a whole character. */
  flush(): string;
}

export interface Tokenizer {
  /** Highest id + 1. The model's embedding may have more rows (padding). */
  readonly vocabSize: number;
  readonly bos: number | null;
  readonly eos: number | null;
  /** The files ask for bos before, or eos after, plain text. A chat template writes its own. */
  readonly addBos: boolean;
  readonly addEos: boolean;
  /** Tokens that end a reply: eos and the end-of-turn tokens known by name. */
  readonly ends: readonly number[];
  encode(text: string, options?: EncodeOptions): number[];
  decode(ids: readonly number[], options?: DecodeOptions): string;
  streamDecoder(options?: StreamOptions): StreamDecoder;
  tokenId(text: string): number | undefined;
  idToken(id: number): string | undefined;
  isControl(id: number): boolean;
  /** The bytes that the token adds to a reply's text, in UTF-8; null for control tokens and ids without a token. */
  textBytes(id: number): Uint8Array | null;
  /** A reply's text loses one leading space (SentencePiece). */
  readonly stripsSpace: boolean;
  /** Ids of the control tokens written in `text`, and of marks of thoughts that are tokens, in order. */
  controlTokens(text: string): number[];
  /** First characters of these tokens. */
  readonly controlStarts: readonly string[];
}

/** A token that is found in text before anything else is done with the text. */
export interface AddedToken {
  id: number;
  content: string;
  /** Steers the model (`<|end|>`), and must not come out of a person's text. */
  control: boolean;
  /** Begins or ends a thought: text for people, but not to be written by a person either. */
  thought: boolean;
  /** Looked for in what the normaliser makes of a text, and not in the text itself. */
  normalized: boolean;
  /** Takes the white space before it along. */
  lstrip: boolean;
  /** Takes the white space after it along. */
  rstrip: boolean;
  /** Only where no word character touches it. */
  singleWord: boolean;
}
