/** Between the compare page and its workers (compare.worker.ts, server.worker.ts). Types only; rejections are `PhiError`s. */
import type { ModelShape } from './advisor/weights.ts';
import type { BackendId, DeviceType, EngineReport, WeightFormat } from './protocol.ts';

/** One way to run the model, pinned: what does not work is an error, not a reason to take another. */
export interface Target {
  backend: BackendId;
  device: DeviceType | null;
  form: WeightFormat | 'auto';
  /** Threads of WebAssembly; null: as many as there are. */
  threads: number | null;
}

/** A prompt that is the same for every row: `content` is one user message. */
export interface Prompt {
  /** Tokens of the whole prompt in the model's own tokenizer and template. */
  tokens: number;
  content: string;
}

/** Facts about a model before anything runs it. */
export interface ModelFacts {
  name: string;
  /** Hash of the largest file. The same bytes give the same hash, however they were cut and wherever they came from. */
  fingerprint: string;
  context: number;
  shape: Omit<ModelShape, 'vocab' | 'context'>;
  vocab: number;
  /** Every form that WebGPU would take for it, the fastest first. */
  webgpuForms: WeightFormat[];
  /** `[lengths][rounds]` */
  prompts: Prompt[][];
  /** The built-in text (text.ts), for agreement. */
  textIds: number[];
}

/** Sent as the text comes, so that the page shows that something happens and anyone can time it from outside. */
export interface Piece {
  /** Tokens so far. */
  tokens: number;
  text: string;
}

export interface OpenedRow {
  report: EngineReport;
  /** Weights were made at this load; a later one finds them. */
  madeForm: boolean;
}

export interface Timing {
  model: string | null;
  promptTokens: number;
  tokens: number;
  ttftMs: number;
  /** Prompt tokens over the time to the first token: what a person waits for, tokenising and all. */
  prefillTokensPerSecond: number;
  /** What came with or before the first arrival excluded; null when nothing followed it. */
  decodeTokensPerSecond: number | null;
  /** Arrivals for the race: ms since the request, and text. */
  pieces: [number, string][];
}

/** Of positions `from` to the last: best token, log-probability of the true next token (one fewer), gap of the two best logits. */
export interface StepScores {
  argmax: Int32Array;
  logprobs: Float32Array;
  /** Empty unless asked for. */
  gaps: Float32Array;
}

/** A sequence to be scored: positions `from` and on. */
export interface ScoreRequest {
  ids: number[];
  from: number;
  /** Also the gap between the two best logits (a reference is being made). */
  gaps: boolean;
}

/** The worker that holds one model. It is made for one row and ended with it. */
export interface CompareApi {
  /** Reads the model's header and makes the prompts; loads nothing. Each prompt begins with a nonce of its own: no server's cache knows its head. */
  describe(model: string, lengths: number[], nonces: string[][]): Promise<ModelFacts>;
  open(
    model: string,
    target: Target,
    contextLength: number,
    onPrepare: (done: number, total: number) => void,
  ): Promise<OpenedRow>;
  /** Streams a greedy reply of exactly `tokens` tokens. */
  reply(prompt: Prompt, tokens: number, onPiece: (piece: Piece) => void): Promise<Timing>;
  score(request: ScoreRequest): Promise<StepScores>;
}

export interface NativeServer {
  /** With the path of the API, without a slash at the end: "http://127.0.0.1:8080/v1". */
  address: string;
  model: string;
}

/** The worker that talks to a server on this machine. */
export interface NativeApi {
  reply(server: NativeServer, prompt: Prompt, tokens: number, onPiece: (piece: Piece) => void): Promise<Timing>;
}
