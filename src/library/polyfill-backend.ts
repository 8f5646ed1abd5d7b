/**
 * A back end for Google's prompt-api-polyfill (GoogleChromeLabs/web-ai-demos, prompt-api-polyfill/backends/base.js): its `LanguageModel` with a model of
 * this engine. Who needs only `LanguageModel` takes `languageModel` of this library, which does what the polyfill leaves out (tools, prefixes, order).
 */
import type { ChatMessage, Constraint } from '../../workers/shared/protocol.ts';
import { randomSeed } from '../../workers/shared/seed.ts';
import { notSupported } from './language-model/errors.ts';
import { progressEvent } from './language-model/ready.ts';
import type { LanguageModelHost } from './language-model/host.ts';
import type { Availability } from './language-model/types.ts';
import { MODES } from './sampling-modes.ts';

/** A message in the polyfill's form. */
export interface PolyfillContent {
  role: 'system' | 'user' | 'model';
  parts: { text?: string }[];
}

export interface PolyfillChunk {
  text(): string;
  usageMetadata: { totalTokenCount: number };
}

/** What the polyfill hands to `createSession` beside the options of the page. */
export interface PolyfillSessionParams {
  systemInstruction?: string;
  generationConfig?: { temperature?: number; topK?: number; responseSchema?: unknown };
}

export interface PolyfillBackend {
  readonly modelName: string;
  /** Loads the model. The polyfill calls it again for each `responseConstraint`, and does not wait for it then. */
  createSession(options: unknown, params?: PolyfillSessionParams, monitor?: EventTarget | null): Promise<this>;
  /** The polyfill converts schemas for Google's API unless a back end has a way of its own. */
  convertSchema(schema: unknown): unknown;
  generateContent(contents: readonly PolyfillContent[]): Promise<{ text: string; usage: number }>;
  /** Leaving the loop stops the reply; the last chunk is empty and has the tokens. */
  generateContentStream(contents: readonly PolyfillContent[]): Promise<AsyncGenerator<PolyfillChunk, void, void>>;
  /** Infinity where the context does not hold them, which the polyfill refuses. */
  countTokens(contents: readonly PolyfillContent[]): Promise<number>;
}

export interface PolyfillBackendConstructor {
  new (config?: unknown): PolyfillBackend;
  /** A model that must be downloaded first counts as available, as in the polyfill's own local back ends: its `create` refuses any other. */
  availability(options?: { expectedInputs?: readonly { type: string }[] }): Promise<Availability>;
}

const MAX_TOKENS = 1024;

/** The class that the polyfill makes an instance of for each session and each clone; all of them share the host's model. */
export function definePolyfillBackend(host: LanguageModelHost, modelName: string): PolyfillBackendConstructor {
  return class extends PhiBackend {
    constructor() {
      super(host, modelName);
    }

    static async availability(options: { expectedInputs?: readonly { type: string }[] } = {}): Promise<Availability> {
      if (options.expectedInputs?.some(({ type }) => type !== 'text')) return 'unavailable';
      return (await host.availability()) === 'unavailable' ? 'unavailable' : 'available';
    }
  };
}

class PhiBackend implements PolyfillBackend {
  readonly modelName: string;
  readonly #host: LanguageModelHost;
  #params: PolyfillSessionParams = {};
  #contextLength = MAX_TOKENS;

  constructor(host: LanguageModelHost, modelName: string) {
    this.#host = host;
    this.modelName = modelName;
  }

  createSession(_options: unknown, params: PolyfillSessionParams = {}, monitor?: EventTarget | null): Promise<this> {
    this.#params = params;
    let last = 0; // the polyfill itself reports 0 and 1
    const report = (loaded: number) => {
      if (loaded <= last || loaded >= 1) return;
      last = loaded;
      monitor?.dispatchEvent(progressEvent(loaded));
    };
    const ready = this.#host.ready(report, new AbortController().signal).then(({ contextLength }) => {
      this.#contextLength = contextLength;
      return this;
    });
    // Who does not wait for it has the same failure from the reply.
    ready.catch(() => undefined);
    return ready;
  }

  convertSchema(schema: unknown): unknown {
    return schema;
  }

  async generateContent(contents: readonly PolyfillContent[]): Promise<{ text: string; usage: number }> {
    let text = '';
    let usage = 0;
    for await (const chunk of this.#reply(contents)) {
      text += chunk.text();
      usage = chunk.usageMetadata.totalTokenCount;
    }
    return { text, usage };
  }

  generateContentStream(contents: readonly PolyfillContent[]): Promise<AsyncGenerator<PolyfillChunk, void, void>> {
    return Promise.resolve(this.#reply(contents));
  }

  countTokens(contents: readonly PolyfillContent[]): Promise<number> {
    return this.#host.measure(contents.map(toMessage));
  }

  async *#reply(contents: readonly PolyfillContent[]): AsyncGenerator<PolyfillChunk, void, void> {
    const { systemInstruction: system, generationConfig: config = {} } = this.#params;
    const messages = contents.map(toMessage);
    if (system && messages[0]?.role !== 'system') messages.unshift({ role: 'system', content: system });
    const { temperature = MODES.balanced.temperature, topK = 0, responseSchema } = config;
    const constraint: Constraint | null =
      responseSchema === undefined
        ? null
        : { kind: 'json', schema: plainSchema(JSON.parse(JSON.stringify(responseSchema))) };
    const stop = new AbortController();
    const sampling = { ...MODES.balanced, temperature, topK, seed: randomSeed() };
    const maxTokens = Math.min(MAX_TOKENS, Math.floor(this.#contextLength / 4));
    const pieces = this.#host.reply({ messages, sampling, maxTokens, prefix: false, constraint }, stop.signal);
    try {
      for (;;) {
        const { done, value } = await pieces.next();
        if (done) return yield chunk('', value.contextTokens);
        yield chunk(value, 0);
      }
    } finally {
      stop.abort();
    }
  }
}

const chunk = (text: string, totalTokenCount: number): PolyfillChunk => ({
  text: () => text,
  usageMetadata: { totalTokenCount },
});

const ROLES = { system: 'system', user: 'user', model: 'assistant' } as const;

/** Throws NotSupportedError for a picture or a sound. */
function toMessage({ role, parts }: PolyfillContent): ChatMessage {
  const content = parts.map(({ text }) => {
    if (typeof text !== 'string') throw notSupported('Only text can be given to this model.');
    return text;
  });
  return { role: ROLES[role], content: content.join('') };
}

/** JSON Schema of what versions of the polyfill without `convertSchema` give: Google's form of a schema has `nullable` for `null`. */
function plainSchema(schema: unknown): unknown {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return schema;
  const { nullable, properties, items, ...rest } = schema as Record<string, unknown>;
  const plain: Record<string, unknown> = rest;
  if (typeof properties === 'object' && properties !== null)
    plain['properties'] = Object.fromEntries(
      Object.entries(properties).map(([name, each]) => [name, plainSchema(each)]),
    );
  if (items !== undefined) plain['items'] = plainSchema(items);
  return nullable === true ? { anyOf: [plain, { type: 'null' }] } : plain;
}
