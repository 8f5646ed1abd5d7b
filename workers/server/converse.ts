/** A reply of a server in a chat, as the events that the engine gives too. */
import * as v from 'valibot';
import { PhiError } from '../shared/errors.ts';
import type { ChatMessage, GenerateEvent, GenerateStats, StopReason } from '../shared/protocol.ts';
import type { ChatServer, ServerReplyRequest } from '../shared/server-protocol.ts';
import { splitThought, THINK_CLOSE, THINK_OPEN, withoutThought } from '../shared/thoughts.ts';
import { BEYOND } from './chat.ts';
import { complete, refusal, request as askServer, type CompletionPiece } from './completion.ts';
import { LONGEST_BODY, readStart } from './sse.ts';

/** Most that a token's event takes: its JSON around a few letters. */
const CHARACTERS_PER_TOKEN = 2_048;
const MOST_MODELS = 1_000;

export interface Call {
  key?: string | undefined;
  signal: AbortSignal;
  fetcher?: typeof fetch;
  /** ms */
  now?: () => number;
}

/**
 * Resolves after the `end` event; a stop by `signal` is one too. Rejects with `network`, in the server's own words where it has some. Where a server
 * refuses the key, the error's detail says so (`status` 401 or 403).
 */
export async function converse(
  server: ChatServer,
  request: ServerReplyRequest,
  onEvent: (event: GenerateEvent) => void,
  { key, signal, fetcher = fetch, now = () => performance.now() }: Call,
): Promise<void> {
  const url = `${server.address}/chat/completions`;
  const progress = new Progress(now(), openThoughtOf(request));
  let reason: StopReason = 'end';
  try {
    const longest = Math.max(LONGEST_BODY, request.maxTokens * CHARACTERS_PER_TOKEN);
    const pieces = complete({ url, body: bodyOf(server, request), key, signal, takesWhole: true, longest }, fetcher);
    for await (const piece of pieces) {
      const text = progress.take(piece, now());
      if (text !== '') onEvent({ type: 'text', text, tokens: progress.pieces, ids: [] });
      if (piece.finish.includes('length')) reason = 'max-tokens';
      if (progress.pieces >= request.maxTokens + BEYOND) {
        reason = 'max-tokens';
        break;
      }
    }
  } catch (cause) {
    const error = PhiError.from(cause, 'network');
    if (error.code !== 'cancelled' || !signal.aborted) throw error;
    reason = 'cancelled';
  }
  onEvent({ type: 'end', reason, stats: progress.stats() });
}

/** Only what every server knows: some refuse a request with a field that is not in OpenAI's own interface. */
function bodyOf(server: ChatServer, request: ServerReplyRequest): object {
  const { messages, sampling, maxTokens, continueLast, constraint } = request;
  return {
    model: server.model,
    messages: messagesOf(messages, continueLast === true),
    max_tokens: maxTokens,
    temperature: sampling.temperature,
    top_p: sampling.topP,
    seed: sampling.seed,
    stream: true,
    stream_options: { include_usage: true },
    ...(constraint?.kind === 'json' && {
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'answer', strict: true, schema: constraint.schema },
      },
    }),
  };
}

/** Without what models thought aloud. An unfinished reply stays last: most servers go on with it. */
function messagesOf(messages: readonly ChatMessage[], continueLast: boolean): ChatMessage[] {
  const sent = messages.map(({ role, content }) => ({
    role,
    content: role === 'assistant' ? withoutThought(content) : content,
  }));
  const last = sent.at(-1);
  return continueLast && last?.content === '' ? sent.slice(0, -1) : sent;
}

const openThoughtOf = ({ messages, continueLast }: ServerReplyRequest): boolean =>
  continueLast === true && splitThought(messages.at(-1)?.content ?? '').open;

/** Joins thoughts and answer into one text, and keeps the time. */
class Progress {
  /** Pieces of text so far; where the server does not count, each is taken for a token. */
  pieces = 0;
  readonly #started: number;
  #thinking: boolean;
  #first: number | null = null;
  #last = 0;
  #usage: CompletionPiece['usage'] = null;

  constructor(started: number, thinking: boolean) {
    this.#started = started;
    this.#thinking = thinking;
  }

  /** Text to show, with the marks of a thought around what was thought. */
  take({ text, thought, usage }: CompletionPiece, at: number): string {
    this.#usage = usage ?? this.#usage;
    if (text === '' && thought === '') return '';
    this.pieces++;
    this.#first ??= at;
    this.#last = at;
    let shown = '';
    if (thought !== '') {
      // A thought behind the start of an answer is not folded anywhere, and not shown twice.
      if (!this.#thinking && this.pieces === 1) {
        shown += `${THINK_OPEN}\n`;
        this.#thinking = true;
      }
      if (this.#thinking) shown += thought;
    }
    if (text !== '') {
      if (this.#thinking) shown += `\n${THINK_CLOSE}\n\n`;
      this.#thinking = false;
      shown += text;
    }
    return shown;
  }

  stats(): GenerateStats {
    const { prompt, cached, completion } = this.#usage ?? { prompt: 0, cached: 0, completion: this.pieces };
    const waitedMs = (this.#first ?? this.#last) - this.#started;
    const timeToFirstTokenMs = this.#first === null ? 0 : waitedMs;
    const decodeMs = this.#first === null ? 0 : this.#last - this.#first;
    const prefilled = Math.max(0, prompt - cached);
    return {
      promptTokens: prompt,
      prefilledTokens: prefilled,
      generatedTokens: completion,
      contextTokens: prompt + completion,
      timeToFirstTokenMs,
      prefillTokensPerSecond: timeToFirstTokenMs > 0 ? (1000 * prefilled) / timeToFirstTokenMs : 0,
      decodeTokensPerSecond: decodeMs > 0 ? (1000 * Math.max(0, completion - 1)) / decodeMs : 0,
    };
  }
}

const Named = v.array(v.looseObject({ id: v.optional(v.string()), name: v.optional(v.string()) }));
const ModelsSchema = v.union([v.looseObject({ data: Named }), v.looseObject({ models: Named })]);

/** Names of the models that a server offers. Rejects with `network` where it does not say, in its own words where it has some. */
export async function listModels(address: string, { key, signal, fetcher = fetch }: Call): Promise<string[]> {
  const url = `${address}/models`;
  const response = await askServer(url, { key, signal }, fetcher);
  if (!response.ok) throw await refusal(url, response);
  const said = await readStart(response.body, 1024 * 1024);
  let value: unknown;
  try {
    value = JSON.parse(said);
  } catch {
    throw new PhiError('network', `${url} did not answer with JSON: ${said.slice(0, 100)}`);
  }
  const result = v.safeParse(ModelsSchema, value);
  if (!result.success) throw new PhiError('network', `${url} did not answer with a list of models.`);
  const named = 'data' in result.output ? (result.output.data as v.InferOutput<typeof Named>) : result.output.models;
  const names = named.map(({ id, name }) => id ?? name ?? '').filter((name) => name !== '');
  return [...new Set(names)].slice(0, MOST_MODELS);
}
