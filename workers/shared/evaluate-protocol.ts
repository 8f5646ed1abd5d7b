/**
 * Between `npm run evaluate` (through scripts/cli/evaluate/page) and workers/evaluate.worker.ts. Types only. Logits stay in the worker where they
 * can; rejections are `PhiError`s as in protocol.ts.
 */
import type {
  BackendId,
  DeviceType,
  EngineReport,
  GenerateRequest,
  GenerateStats,
  Sampling,
  StopReason,
  ToolCall,
  WeightFormat,
} from './protocol.ts';

/** A file of the model, served with Range by the same origin; read lazily (workers/store/http-source.ts), it may have gigabytes. */
export interface RemoteFile {
  /** Relative to the model's folder, forward slashes. */
  path: string;
  url: string;
  bytes: number;
}

export interface EvaluateOptions {
  /** Pinned, unless `fallback` is true: a backend that does not work is an error, not a reason to take another. */
  backend: BackendId | 'auto';
  form: WeightFormat | 'auto';
  /** A candidate that fails or computes wrongly is skipped, as in the app. */
  fallback?: boolean;
  device?: DeviceType;
  /** WebGPU: computes in float32 on a device that has float16. */
  activations?: 'float32';
  /** WebGPU: false runs every step without graph capture. */
  capture?: boolean;
  /** KV slots; absent: what the model and device allow. */
  contextLength?: number;
  threads?: number;
  /** WASM: consecutive workers that the model is cut into; absent: as few as hold it. */
  stages?: number;
  /** WebNN, 4 bits by column or group: rounding makes up for itself. Takes minutes. */
  calibrate?: boolean;
  /** WebNN: another spelling of the graph than the one that the device gets. */
  webnnDialect?: 'litert' | 'npu';
}

export interface GreedyResult {
  /** The `count` tokens after the prompt; end tokens do not stop it. */
  ids: number[];
  /** At each step, best logit minus second best. */
  gaps: number[];
  prefillMs: number;
  /** Time of the `count - 1` tokens after the first. */
  decodeMs: number;
}

export interface ArgmaxResult {
  /** `[ids.length]`: best next token at every position. */
  argmax: Int32Array;
  /** `[ids.length]`: best logit minus second best. */
  gaps: Float32Array;
}

export interface NllResult {
  /** `[ids.length - 1]`: -ln p(ids[i + 1] | ids[0..i]), in nats. */
  nll: Float32Array;
  /** `[ids.length - 1]`: best next token at position i. */
  argmax: Int32Array;
}

/** A reply checked once more by drafts; see workers/engine/generate/testing/replay.ts. */
export interface ReplayResult {
  /** Choices that were compared with the reply's. */
  checked: number;
  /** Choices that differ because the draw lies between what the chunk's logits and what the step's logits say. */
  explained: number;
  /** Places in the reply of those that nothing explains. */
  unexplained: number[];
  /** Largest difference between a chunk's and a step's logits, where a choice differed. */
  largestDifference: number;
}

/** See workers/engine/kept/testing/kept-replay.ts. */
export interface KeptReplay {
  /** Tokens after the same prompt: read, with its cache restored from the kept form, and with an exact copy of its cache. */
  plain: number[];
  kept: number[];
  exact: number[];
}

/** A reply to a chat, with everything that a request may ask for. */
export interface ReplyResult {
  text: string;
  ids: number[];
  reason: StopReason;
  stats: GenerateStats;
  /** Tools that it called instead of answering. */
  calls: ToolCall[];
}

/** Each call stands alone: it starts from an empty KV cache. */
export interface EvaluateApi {
  open(files: RemoteFile[], options: EvaluateOptions): Promise<EngineReport>;
  /** `[vocab]`: logits after the last of `ids`. */
  lastLogits(ids: number[]): Promise<Float32Array>;
  argmaxAll(ids: number[]): Promise<ArgmaxResult>;
  greedy(ids: number[], count: number): Promise<GreedyResult>;
  /** The `count` tokens after the prompt as the generation loop gives them, end tokens ignored. */
  sample(ids: number[], count: number, sampling: Sampling): Promise<number[]>;
  /** Checks in drafts of `length` tokens what `sample` gave. */
  replay(prompt: number[], reply: number[], sampling: Sampling, length: number): Promise<ReplayResult>;
  /** The `count` tokens after the prompt, with and without a kept cache. */
  kept(prompt: number[], count: number): Promise<KeptReplay>;
  nll(ids: number[]): Promise<NllResult>;
  /** As the chat gets it, but all at once. The KV cache goes on from the reply before. */
  reply(request: GenerateRequest): Promise<ReplyResult>;
  /** Plain text, without special tokens parsed or added. */
  tokenize(text: string): Promise<number[]>;
}
