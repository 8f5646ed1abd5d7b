/** OpenAI's shape over the engine: `chat.completions.create`, for code that was written for it. */
import { newId } from '../../../workers/shared/new-id.ts';
import { PhiError } from '../../../workers/shared/errors.ts';
import type { ChatMessage, Constraint, GenerateStats, StopReason } from '../../../workers/shared/protocol.ts';
import type { GenerateOptions, PhiEngine } from '../engine.ts';
import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionMessage,
  ChatCompletionParams,
  CompletionUsage,
  FinishReason,
  RequestOptions,
} from './types.ts';

/** A request that this engine does not serve, or one that failed; the fields are those of OpenAI's errors. */
export class OpenAIError extends Error {
  readonly status: number;
  readonly type: 'invalid_request_error' | 'server_error';
  readonly code: string;
  readonly param: string | null;

  constructor(
    message: string,
    { code, param = null, status = 400 }: { code: string; param?: string | null; status?: number },
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'OpenAIError';
    this.status = status;
    this.type = status < 500 ? 'invalid_request_error' : 'server_error';
    this.code = code;
    this.param = param;
  }
}

/** The parameters that are read. Any other is refused by name, so that none is ignored silently. */
const KNOWN: readonly string[] = [
  'model',
  'messages',
  'stream',
  'stream_options',
  'max_tokens',
  'max_completion_tokens',
  'temperature',
  'top_p',
  'seed',
  'stop',
  'response_format',
  'n',
  'user',
  'metadata',
  'store',
] satisfies (keyof ChatCompletionParams | 'user' | 'metadata' | 'store')[];

const refuse = (param: string, message: string): never => {
  throw new OpenAIError(message, { code: 'unsupported_parameter', param });
};

function toMessage({ role, content }: ChatCompletionMessage, index: number): ChatMessage {
  const param = `messages[${index}]`;
  if (!['system', 'developer', 'user', 'assistant'].includes(role))
    refuse(`${param}.role`, `Messages of the role "${String(role)}" are not supported.`);
  const parts = typeof content === 'string' ? [{ type: 'text' as const, text: content }] : content;
  for (const { type } of parts)
    if (type !== 'text')
      refuse(`${param}.content`, `Content of the type "${String(type)}" is not supported: text only.`);
  return { role: role === 'developer' ? 'system' : role, content: parts.map(({ text }) => text).join('') };
}

function toConstraint(format: ChatCompletionParams['response_format']): Constraint | null {
  if (!format || format.type === 'text') return null;
  if (format.type === 'json_object') return { kind: 'json', schema: { type: 'object' } };
  return { kind: 'json', schema: format.json_schema.schema };
}

function toOptions(params: ChatCompletionParams, signal: AbortSignal): GenerateOptions {
  const given = Object.entries(params).filter(([, value]) => value !== undefined && value !== null);
  const unknown = given.find(([name]) => !KNOWN.includes(name));
  if (unknown) refuse(unknown[0], `"${unknown[0]}" is not supported by this engine.`);
  if ((params.n ?? 1) !== 1) refuse('n', 'Only n = 1 is supported.');
  const maxTokens = params.max_completion_tokens ?? params.max_tokens;
  const constraint = toConstraint(params.response_format);
  return {
    signal,
    sampling: {
      ...(params.temperature === undefined ? {} : { temperature: params.temperature }),
      ...(params.top_p === undefined ? {} : { topP: params.top_p }),
      ...(params.seed === undefined ? {} : { seed: params.seed }),
    },
    ...(maxTokens === undefined ? {} : { maxTokens }),
    ...(params.stop === undefined ? {} : { stop: [params.stop].flat() }),
    ...(constraint ? { constraint } : {}),
  };
}

const usageOf = ({ promptTokens, generatedTokens }: GenerateStats): CompletionUsage => ({
  prompt_tokens: promptTokens,
  completion_tokens: generatedTokens,
  total_tokens: promptTokens + generatedTokens,
});

const finishOf = (reason: StopReason): FinishReason =>
  reason === 'max-tokens' || reason === 'context-full' ? 'length' : 'stop';

function toError(cause: unknown): unknown {
  if (!(cause instanceof PhiError)) return cause;
  const { code, message } = cause;
  if (code === 'cancelled') return new DOMException(message, 'AbortError');
  if (code === 'context-full')
    return new OpenAIError(message, { code: 'context_length_exceeded', param: 'messages' }, { cause });
  return new OpenAIError(message, { code, status: code === 'bad-request' ? 400 : 500 }, { cause });
}

/** Chunks that end by themselves; `controller.abort()` ends them before. */
export interface CompletionStream extends AsyncIterable<ChatCompletionChunk> {
  readonly controller: AbortController;
}

class Completions {
  readonly #engine: PhiEngine;

  constructor(engine: PhiEngine) {
    this.#engine = engine;
  }

  /**
   * Answers with the loaded model (`engine.load` first).
   * @throws OpenAIError, for a parameter that is not supported by its name; an AbortError where `signal` ends it
   */
  create(params: ChatCompletionParams & { stream: true }, options?: RequestOptions): Promise<CompletionStream>;
  create(params: ChatCompletionParams & { stream?: false }, options?: RequestOptions): Promise<ChatCompletion>;
  create(params: ChatCompletionParams, options?: RequestOptions): Promise<ChatCompletion | CompletionStream>;
  async create(
    params: ChatCompletionParams,
    { signal }: RequestOptions = {},
  ): Promise<ChatCompletion | CompletionStream> {
    signal?.throwIfAborted();
    const controller = new AbortController();
    signal?.addEventListener('abort', () => controller.abort(signal.reason), { once: true, signal: controller.signal });
    const options = toOptions(params, controller.signal);
    const messages = params.messages.map(toMessage);
    const { report } = this.#engine;
    if (!report) throw new OpenAIError('No model is loaded: call engine.load() first.', { code: 'no-model' });
    const head = { id: `chatcmpl-${newId()}`, created: Math.floor(Date.now() / 1000), model: report.name };
    if (!params.stream) return this.#whole(head, messages, options);
    const withUsage = params.stream_options?.include_usage ?? false;
    const chunks = this.#chunks(head, messages, options, withUsage);
    return { controller, [Symbol.asyncIterator]: () => chunks };
  }

  async #whole(head: Head, messages: ChatMessage[], options: GenerateOptions): Promise<ChatCompletion> {
    let content = '';
    let finish: FinishReason | null = null;
    let usage: CompletionUsage | null = null;
    for await (const chunk of this.#chunks(head, messages, options, true)) {
      const [choice] = chunk.choices;
      content += choice?.delta.content ?? '';
      finish = choice?.finish_reason ?? finish;
      usage = chunk.usage ?? usage;
    }
    const choices: ChatCompletion['choices'] = [
      { index: 0, message: { role: 'assistant', content }, finish_reason: finish ?? 'stop' },
    ];
    return { ...head, object: 'chat.completion', choices, usage: usage! };
  }

  async *#chunks(
    head: Head,
    messages: ChatMessage[],
    options: GenerateOptions,
    withUsage: boolean,
  ): AsyncGenerator<ChatCompletionChunk, void, void> {
    const chunk = (choices: ChatCompletionChunk['choices'], usage?: CompletionUsage): ChatCompletionChunk => ({
      ...head,
      object: 'chat.completion.chunk',
      choices,
      ...(withUsage ? { usage: usage ?? null } : {}),
    });
    try {
      yield chunk([{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }]);
      for await (const event of this.#engine.generate(messages, options)) {
        if (event.type === 'text') yield chunk([{ index: 0, delta: { content: event.text }, finish_reason: null }]);
        if (event.type !== 'end') continue;
        options.signal?.throwIfAborted();
        yield chunk([{ index: 0, delta: {}, finish_reason: finishOf(event.reason) }]);
        if (withUsage) yield chunk([], usageOf(event.stats));
      }
    } catch (cause) {
      throw toError(cause);
    }
  }
}

type Head = Pick<ChatCompletion, 'id' | 'created' | 'model'>;

/** `createOpenAI(engine).chat.completions.create(...)` */
export function createOpenAI(engine: PhiEngine): { chat: { completions: Completions } } {
  return { chat: { completions: new Completions(engine) } };
}
