/** Dictionaries and enumerations of the Prompt API (https://webmachinelearning.github.io/prompt-api, "The API"), as of 22 June 2026. */

export type Availability = 'unavailable' | 'downloadable' | 'downloading' | 'available';
export type LanguageModelMessageRole = 'system' | 'user' | 'assistant';
export type LanguageModelMessageType = 'text' | 'image' | 'audio' | 'tool-call' | 'tool-response';

export const SAMPLING_MODES = ['most-predictable', 'predictable', 'balanced', 'creative', 'most-creative'] as const;
export type LanguageModelSamplingMode = (typeof SAMPLING_MODES)[number];

export interface LanguageModelMessageContent {
  type: LanguageModelMessageType;
  value: unknown;
}

export interface LanguageModelMessage {
  role: LanguageModelMessageRole;
  content: string | LanguageModelMessageContent[];
  /** The reply goes on behind this message. Only for the last message, of the role "assistant". */
  prefix?: boolean;
}

/** A string is short for one message of the role "user". */
export type LanguageModelPrompt = string | LanguageModelMessage[];

export interface LanguageModelExpected {
  type: LanguageModelMessageType;
  /** BCP 47. */
  languages?: string[];
}

export interface LanguageModelTool {
  name: string;
  description: string;
  /** JSON Schema of the one argument that `execute` gets. */
  inputSchema: object;
  execute: (...args: unknown[]) => Promise<string>;
}

export interface LanguageModelCreateCoreOptions {
  /** For extensions only (`rawSampling`); elsewhere without effect. */
  topK?: number;
  /** For extensions only (`rawSampling`); elsewhere without effect. */
  temperature?: number;
  samplingMode?: LanguageModelSamplingMode;
  expectedInputs?: LanguageModelExpected[];
  expectedOutputs?: LanguageModelExpected[];
  tools?: LanguageModelTool[];
}

/** Fires `downloadprogress`, a ProgressEvent whose `loaded` goes from 0 to 1. */
export type CreateMonitorCallback = (monitor: EventTarget) => void;

export interface LanguageModelCreateOptions extends LanguageModelCreateCoreOptions {
  /** Aborts the creation; later it destroys the session. */
  signal?: AbortSignal;
  monitor?: CreateMonitorCallback;
  initialPrompts?: LanguageModelMessage[];
}

export interface LanguageModelPromptOptions {
  /** A JSON Schema or a RegExp that the whole reply obeys. */
  responseConstraint?: object;
  /** The model is not told the constraint in words. */
  omitResponseConstraintInput?: boolean;
  signal?: AbortSignal;
}

export interface LanguageModelAppendOptions {
  signal?: AbortSignal;
}

export interface LanguageModelCloneOptions {
  signal?: AbortSignal;
}

export interface LanguageModelParams {
  readonly defaultTopK: number;
  readonly maxTopK: number;
  readonly defaultTemperature: number;
  readonly maxTemperature: number;
}

export type LanguageModelHandler = ((event: Event) => unknown) | null;

/** A session. */
export interface LanguageModel extends EventTarget {
  prompt(input: LanguageModelPrompt, options?: LanguageModelPromptOptions): Promise<string>;
  promptStreaming(input: LanguageModelPrompt, options?: LanguageModelPromptOptions): ReadableStream<string>;
  append(input: LanguageModelPrompt, options?: LanguageModelAppendOptions): Promise<undefined>;
  /** Tokens that the input would take of the context window. */
  measureContextUsage(input: LanguageModelPrompt, options?: LanguageModelPromptOptions): Promise<number>;
  /** In tokens. */
  readonly contextUsage: number;
  /** In tokens. */
  readonly contextWindow: number;
  oncontextoverflow: LanguageModelHandler;
  /** The name that `measureContextUsage` had before. */
  measureInputUsage(input: LanguageModelPrompt, options?: LanguageModelPromptOptions): Promise<number>;
  /** The name that `contextUsage` had before. */
  readonly inputUsage: number;
  /** The name that `contextWindow` had before. */
  readonly inputQuota: number;
  /** The name that `oncontextoverflow` had before. */
  onquotaoverflow: LanguageModelHandler;
  /** For extensions only (`rawSampling`); undefined elsewhere. */
  readonly topK: number | undefined;
  /** For extensions only (`rawSampling`); undefined elsewhere. */
  readonly temperature: number | undefined;
  readonly samplingMode: LanguageModelSamplingMode;
  /** Shares the loaded model; what is said in one session is not known to the other. */
  clone(options?: LanguageModelCloneOptions): Promise<LanguageModel>;
  /** Ends what is under way with an AbortError. The loaded model stays for other sessions. */
  destroy(): void;
}

/** The class of the specification; `new` throws. */
export interface LanguageModelConstructor {
  readonly prototype: LanguageModel;
  create(options?: LanguageModelCreateOptions): Promise<LanguageModel>;
  availability(options?: LanguageModelCreateCoreOptions): Promise<Availability>;
  /** For extensions only (`rawSampling`); null elsewhere. */
  params(): Promise<LanguageModelParams | null>;
}
