/** Messages between page and engine worker. Types only. */
import type { ModelShape } from './advisor/weights.ts';
import type { ErrorShape } from './errors.ts';
import type { WeightFormat } from './weight-formats.ts';
import type { HubModel, ModelManifest, StoredModel } from './manifest-types.ts';
import type { ToolCall, ToolRound, ToolSpec } from './tools.ts';

export type { WeightFormat } from './weight-formats.ts';
export type { ModelFile, ModelManifest, Shard, StoredModel } from './manifest-types.ts';
export type { ToolCall, ToolRound, ToolSpec } from './tools.ts';

export type BackendId = 'wasm' | 'webgpu' | 'webnn';
export type DeviceType = 'npu' | 'gpu' | 'cpu';

/** A model among files or behind an address, before anything of it is copied. */
export interface FoundModel {
  format: 'gguf' | 'onnx' | 'openvino' | 'safetensors';
  name: string;
  /** Folder that it lies in: '' or ending in '/'. */
  root: string;
  /** All of its files. */
  paths: string[];
  bytes: number;
  /** "GGUF, Q4_K + Q6_K, Phi-4-mini"; null: not opened. */
  what: string | null;
  /** Its name and licence (SPDX), from a manifest or the weights, if the files' names do not show them. */
  label?: { name: string; licence?: string };
  /** Its measures, where it was opened and runs: for an estimate before it is downloaded. */
  shape?: ModelShape;
  /** Why it does not run here, which names its kind. */
  error: ErrorShape | null;
  /** The argument for `install`, if it was found at an address. */
  remote?: ModelManifest | HubModel;
}

/** Where to look: on the disk, or at a hub's "owner/name", its URL, or a file's. `only`: paths of the one to open. */
export type Place = { files: { path: string; file: Blob }[] } | { address: string; hub: string; only?: string[] };

export type Progress =
  /** Before the first byte of a download: the server gave no usable answer, and is asked again after a pause. */
  | { phase: 'retry' }
  | {
      phase: 'download' | 'import';
      bytesDone: number;
      bytesTotal: number;
      bytesPerSecond: number;
      secondsLeft: number | null;
    }
  | { phase: 'verify'; bytesDone: number; bytesTotal: number }
  | { phase: 'prepare'; done: number; total: number; secondsLeft: number | null; what: string }
  /** `what`: the candidate that is being tried ("WebGPU, int4"). */
  | { phase: 'compile'; what: string }
  | { phase: 'warm-up' };

export interface LoadRequest {
  model: string;
  /** 'auto' walks the chain of backends; anything else goes first, and the chain follows when it fails. */
  backend: BackendId | 'auto';
  device?: DeviceType;
  form?: WeightFormat | 'auto';
  /** KV slots; 0 = what the device and model allow. */
  contextLength: number;
  threads?: number;
  /** WASM: consecutive workers that the model is cut into; absent: as few as hold it. */
  stages?: number;
  power?: 'low-power' | 'high-performance';
  /** Candidates that failed in an earlier worker of this visit, by name, and why. */
  avoid?: { candidate: string; why: string }[];
  /** The last load was ended in order (a cancel, a closed tab): what it was trying then is not held against it. */
  forgive?: boolean;
}

/** How a model is loaded. */
export type LoadOptions = Omit<LoadRequest, 'model'>;

/** What really runs, as measured or reported, never assumed from the request. */
export interface EngineReport {
  model: string;
  name: string;
  /** What runs, as `rejected` and `LoadRequest.avoid` name it: "WebNN (NPU), int4". */
  candidate: string;
  backend: BackendId;
  asked: {
    backend: BackendId | 'auto';
    device: DeviceType | null;
    form?: WeightFormat | 'auto';
    power?: LoadRequest['power'];
  };
  /** "CPU, 2 threads", "NVIDIA ...", `MLGraph.devices`. */
  device: string;
  form: WeightFormat;
  /** The model's measures, by which estimates for NPUs are found. */
  shape: ModelShape;
  /** Relative error of weights requantised for the form; 0 or absent: it holds the source exactly. */
  weightError?: number;
  /** A format that this device measured to be so many times as fast; its weights take minutes to make: see `makeWeights`. */
  faster?: { form: WeightFormat; times: number };
  /** Graphs that one pass through the network is cut into; more than one on WebNN would mean that nodes run on WASM in between. */
  graphs: number;
  /** Tokens that a pass of each graph takes, where they are of fixed width (WebNN). */
  widths?: readonly number[];
  nodesOnWasm: number;
  contextLength: number;
  modelContext: number;
  bytesHeld: number;
  loadMs: number;
  prepareMs: number;
  compileMs: number;
  warmUpMs: number;
  threads: number;
  /** WASM with int8 weights: on how many threads at most our own kernels decode single tokens (the fastest number is measured meanwhile); or why ONNX Runtime decodes them. */
  singleTokens?: number | { slow: string };
  /** Every backend, device and form passed over, with the reason in words. */
  rejected: { what: string; why: string }[];
  /** Loss of the built-in sentence in nats a token, and what a model that knows the language stays below. */
  selfTest?: { nll: number; limit: number };
  /** Things worth telling a person about the model. */
  notes?: string[];
  /** A run (a chunk of a prompt, a few tokens of a reply) is expected to take at most this long. The watchdog uses it. */
  runMs?: number;
}

export interface Sampling {
  /** 0 = greedy. */
  temperature: number;
  /** 0 = off. */
  topK: number;
  /** 1 = off. */
  topP: number;
  /** 0 = off. */
  minP: number;
  /** 1 = off. */
  repetitionPenalty: number;
  seed: number;
}

export interface ChatMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
  /**
   * Of a reply: the tools that it called before `content`. If it is the last message and its content is empty, the reply goes on behind the results.
   */
  rounds?: readonly ToolRound[];
}

/**
 * The form that the text of a reply must have. A part of it that cannot be enforced is refused by name (`bad-request`).
 */
export type Constraint =
  /** JSON that is valid for a schema: JSON Schema 2020-12, the subset in docs/structured.md. */
  | { kind: 'json'; schema: unknown }
  /** A regular expression for the whole text. */
  | { kind: 'regex'; pattern: string }
  /** A grammar whose rule `root` is the whole text. */
  | { kind: 'ebnf'; grammar: string };

export interface GenerateRequest {
  messages: ChatMessage[];
  sampling: Sampling;
  maxTokens: number;
  stop?: string[];
  /** The last message is an unfinished reply to go on with. */
  continueLast?: boolean;
  /** What the reply before left out of its context, see `ContextFit.dropped`. */
  droppedBefore?: number;
  /**
   * Tokens of this very reply that were generated before its backend was lost, in order: the reply continues behind
   * them. Their text is not sent again.
   */
  resume?: number[];
  /** false: no prompt lookup (generate/lookup.ts), which changes the speed only. */
  drafts?: boolean;
  /** The form of the reply, guaranteed token by token. */
  constraint?: Constraint;
  /** Id of the conversation whose KV cache is kept on the disk. Absent: none is read and none is written, as for guests and for chats that are never stored. */
  keep?: string;
  /** What the reply may call instead of answering, in a guaranteed form. A `calls` event gives the calls; nothing is run here. */
  tools?: readonly ToolSpec[];
  /** false: the model is told of the tools but must answer now. */
  mayCall?: boolean;
  /** false: neither form nor calls are guaranteed; to measure what a model does by itself. */
  enforce?: boolean;
}

/** The part of a request that the context is measured by. */
export type FitRequest = Pick<GenerateRequest, 'messages' | 'maxTokens' | 'continueLast' | 'droppedBefore' | 'tools'>;

/** A conversation whose cache is kept, up to its last message. */
export type RestoreRequest = FitRequest & { keep: string };

/** How a conversation lies in the context of the loaded model. */
export interface ContextFit {
  /** Of the prompt that is (or would be) sent; of the last turn alone where even that is too long. */
  tokens: number;
  /** Oldest messages left out of it, a system message not counted. */
  dropped: number;
  /** Tokens of the last turn beyond what fits: a reply is refused. 0 otherwise. */
  over: number;
}

export type StopReason = 'end' | 'stop-string' | 'max-tokens' | 'context-full' | 'cancelled';

export interface GenerateStats {
  /** Tokens of the whole prompt, and those that the kept cache did not already hold. */
  promptTokens: number;
  prefilledTokens: number;
  generatedTokens: number;
  contextTokens: number;
  timeToFirstTokenMs: number;
  prefillTokensPerSecond: number;
  /** First token excluded. */
  decodeTokensPerSecond: number;
  /** Cost of holding the reply to its form. */
  constraint?: ConstraintStats;
}

export interface ConstraintStats {
  /** From the request to the first mask: the schema, and the model's vocabulary where it was not ready. */
  compileMs: number;
  /** Masks of tokens that were made or looked up. */
  masks: number;
  maskMs: number;
  /** Tokens that were certain and not chosen. */
  forced: number;
}

/** The reply goes on with this candidate after the error. */
export interface Moved {
  movedTo: string;
  error: ErrorShape;
}

/** 'rope-switch': LongRoPE took its long factors and read everything again. */
export type Notice = 'rope-switch' | Moved;

export type GenerateEvent =
  /** First: what of the conversation the reply is made from. */
  | { type: 'context'; fit: ContextFit }
  | { type: 'prefill'; done: number; total: number }
  /** `tokens`: how many the reply has by now. `ids`: those since the last event; the text of the last of them may still be held back. */
  | { type: 'text'; text: string; tokens: number; ids: number[] }
  | { type: 'notice'; notice: Notice }
  /** Before `end`: the reply called tools. Their text is in no `text` event. */
  | { type: 'calls'; calls: ToolCall[] }
  | { type: 'end'; reason: StopReason; stats: GenerateStats }
  | { type: 'error'; error: ErrorShape };

/** A model of which something is stored but not all of it: `install` goes on with it, `remove` drops it. */
export interface PartialModel {
  id: string;
  /** The model and its source; null if only its shards are left (the browser evicted the manifest). */
  manifest: ModelManifest | null;
  bytesStored: number;
}

/** Weights in another form, made from a stored model. */
export interface StoredForm {
  model: string;
  form: string;
  bytes: number;
}

/** What models have read of conversations, kept so that they need not read it again. */
export interface KeptCaches {
  chats: number;
  bytes: number;
}

export interface StorageReport {
  persisted: boolean;
  /** The browser refuses to store Blobs (a private window): models take more memory. */
  withoutBlobs?: boolean;
  /** The browser's own estimates, in bytes: hints only. */
  usage: number | null;
  quota: number | null;
  models: StoredModel[];
  partial: PartialModel[];
  forms: StoredForm[];
  caches: KeptCaches;
}

/** A job that may be cancelled carries an id chosen by the page; `abort(id)` stops it softly. */
export type JobId = string;

/** The engine worker's surface, exposed with comlink. Callbacks are comlink proxies; rejections are `PhiError`s. */
export interface EngineApi {
  storage(): Promise<StorageReport>;
  /** Downloads (or resumes) a model: by its manifest, the manifest's URL, or out of a hub's repository. Resolves at once when it is stored and whole. */
  install(
    job: JobId,
    model: ModelManifest | HubModel | string,
    onProgress: (progress: Progress) => void,
    /** How it will be loaded next: what can be is prepared during the download. */
    next?: LoadOptions,
  ): Promise<StoredModel>;
  /** Finds models, and opens their headers to see what they are. */
  inspect(job: JobId, place: Place): Promise<FoundModel[]>;
  /** Copies files from the disk into the store. `path` is relative to the chosen folder. */
  importFiles(
    job: JobId,
    files: { path: string; file: Blob }[],
    onProgress: (progress: Progress) => void,
  ): Promise<StoredModel>;
  /** Re-reads and re-hashes every shard; resolves with the paths and indexes of damaged ones, which are dropped from the store. */
  verify(
    job: JobId,
    model: string,
    onProgress: (progress: Progress) => void,
  ): Promise<{ damaged: { path: string; shard: number }[] }>;
  remove(model: string): Promise<void>;
  /** A file of a stored model, checked, for saving to the disk. */
  exportFile(model: string, path: string): Promise<Blob>;
  /** Deletes what was made of a model's weights; it is made again at the next load. */
  removeForms(model: string): Promise<void>;
  /**
   * Makes the weights of the format that a report names in `faster`, and keeps them: the next load takes them. It computes for minutes, so it needs a
   * worker of its own. False: there is no room to keep them.
   */
  makeWeights(job: JobId, model: string, onProgress: (progress: Progress) => void): Promise<boolean>;
  load(job: JobId, request: LoadRequest, onProgress: (progress: Progress) => void): Promise<EngineReport>;
  unload(): Promise<void>;
  report(): Promise<EngineReport | null>;
  /** Streams events; resolves after `end` or `error`. */
  generate(job: JobId, request: GenerateRequest, onEvent: (event: GenerateEvent) => void): Promise<void>;
  /** How `generate` would fit the request into the context. */
  fit(request: FitRequest): Promise<ContextFit>;
  /** Rejects with `bad-request` where a reply cannot be held to the form. Needs no model. */
  checkForm(constraint: Constraint): Promise<void>;
  abort(job: JobId): Promise<void>;
  /**
   * A conversation was opened: its kept cache is restored while nothing else is asked for, so that the next message is answered at once. Resolves when
   * that is done or was given up.
   */
  restoreCache(request: RestoreRequest): Promise<void>;
  /** Drops the kept caches of all conversations but these. */
  keepCachesOf(chats: string[]): Promise<void>;
  /** Forgets the results for backends and weight formats on this device. The next load tries everything again. */
  forgetProbes(): Promise<void>;
}
