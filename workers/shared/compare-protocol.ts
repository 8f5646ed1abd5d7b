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

/** A model to measure: one that is stored, or a single file that lies beside the app (`url`, absolute; nothing is stored). */
export interface ModelPlace {
  id: string;
  url?: string;
}

/**
 * A measurement of llama-bench: `pp` reads a prompt of `tokens`, `tg` writes `tokens` one after the other, both behind `depth` tokens that are in
 * the cache already.
 */
export interface SpeedTest {
  kind: 'pp' | 'tg';
  tokens: number;
  depth: number;
}

/** From the start of an empty worker to the first token of its first reply. */
export interface ColdStart {
  ms: number;
  /** Bytes that came over the network meanwhile (`transferSize`): the runtime, where no cache holds it. */
  fetchedBytes: number;
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
  /** The raw trace: ms since the request, tokens and characters of each arrival. */
  arrivals: [number, number, number][];
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
  describe(model: ModelPlace, lengths: number[], nonces: string[][]): Promise<ModelFacts>;
  open(
    model: ModelPlace,
    target: Target,
    contextLength: number,
    onPrepare: (done: number, total: number) => void,
  ): Promise<OpenedRow>;
  /** Streams a greedy reply of exactly `tokens` tokens. */
  reply(prompt: Prompt, tokens: number, onPiece: (piece: Piece) => void): Promise<Timing>;
  /** The first reply of this worker, cut after its first token. */
  firstAnswer(prompt: Prompt): Promise<ColdStart>;
  /** Tokens a second of `rounds` rounds, after one that does not count. `text`: ids to read, repeated as needed. */
  speedTest(
    test: SpeedTest,
    text: readonly number[],
    rounds: number,
    onRound: (done: number) => void,
  ): Promise<number[]>;
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
