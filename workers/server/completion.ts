/** A chat completion of a server that speaks the OpenAI API, piece by piece as it is streamed. */
import * as v from 'valibot';
import { PhiError } from '../shared/errors.ts';
import { addressSpace } from './address-space.ts';
import { LONGEST_BODY, readStart, type ServerEvent, serverEvents } from './sse.ts';
import { errorIn, wordsOf } from './words.ts';

/** A text, or the parts that some servers send it in. */
const Text = v.nullish(
  v.union([
    v.string(),
    v.pipe(
      v.array(v.looseObject({ text: v.nullish(v.string(), '') })),
      v.transform((parts) => parts.map(({ text }) => text).join('')),
    ),
  ]),
  '',
);
const Count = v.nullish(v.pipe(v.number(), v.integer(), v.minValue(0)), 0);
/** Models that think aloud send it under another name, some servers under both. */
const Words = v.nullish(v.object({ content: Text, reasoning_content: Text, reasoning: Text }));

const ChunkSchema = v.object({
  model: v.nullish(v.string(), ''),
  choices: v.nullish(
    v.array(
      v.object({
        delta: Words,
        /** Field of an answer that was not streamed. */
        message: Words,
        finish_reason: v.nullish(v.string(), ''),
        /** Some servers fail in a choice. */
        error: v.nullish(v.unknown()),
      }),
    ),
    [],
  ),
  usage: v.nullish(
    v.object({
      prompt_tokens: Count,
      completion_tokens: Count,
      prompt_tokens_details: v.fallback(v.nullish(v.object({ cached_tokens: Count })), undefined),
    }),
  ),
});

export interface CompletionPiece {
  /** Of the answer. */
  text: string;
  /** The model's thoughts, if the server sends them separately. */
  thought: string;
  /** Name of the model that answers, by the server's own word; '' where it does not say. */
  model: string;
  /** Why the reply ended: "stop", "length"; '' until it is known. */
  finish: string;
  /** Tokens by the server's count, once it has counted. `prompt`: 0 where it does not say. */
  usage: { prompt: number; cached: number; completion: number } | null;
}

export interface CompletionRequest {
  /** "http://127.0.0.1:8080/v1/chat/completions" */
  url: string;
  body: object;
  /** Sent as a bearer token. */
  key?: string;
  signal?: AbortSignal;
  /** Also takes an answer that the server did not stream. */
  takesWhole?: boolean;
  /** Characters after which a server that does not end is given up. */
  longest?: number;
}

/**
 * Rejects with `network` if the server cannot be reached, refuses, or answers something else. The message holds the
 * server's own words, if it sent any. Rejects with `cancelled` when `signal` aborts.
 */
export async function* complete(
  request: CompletionRequest,
  fetcher: typeof fetch = fetch,
): AsyncGenerator<CompletionPiece> {
  const { url, signal, longest = LONGEST_BODY } = request;
  let pieces = 0;
  try {
    const answer = await ask(request, fetcher);
    const events =
      answer.whole === undefined ? serverEvents(answer.body, longest) : [{ failed: false, data: answer.whole }];
    for await (const event of events) {
      const piece = pieceOf(parseChunk(event, url));
      if (piece.text !== '' || piece.thought !== '') pieces++;
      yield piece;
    }
  } catch (cause) {
    if (signal?.aborted) throw new PhiError('cancelled', 'Cancelled.');
    if (cause instanceof PhiError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new PhiError(
      'network',
      `${url} stopped in the middle of its answer, after ${pieces} pieces of text: ${why}.`,
      undefined,
      {
        cause,
      },
    );
  }
  if (pieces === 0) throw new PhiError('network', `${url} ended its answer without any text.`);
}

function pieceOf({ choices, usage, model }: v.InferOutput<typeof ChunkSchema>): CompletionPiece {
  const words = (choices ?? [])
    .map(({ delta, message }) => delta ?? message)
    .filter((one) => one !== null && one !== undefined);
  return {
    text: words.map(({ content }) => content).join(''),
    thought: words.map(({ reasoning_content, reasoning }) => reasoning_content || reasoning).join(''),
    model,
    finish: (choices ?? []).map(({ finish_reason }) => finish_reason).join(''),
    // Some servers send zeros until the end.
    usage:
      usage && usage.completion_tokens > 0
        ? {
            prompt: usage.prompt_tokens,
            cached: usage.prompt_tokens_details?.cached_tokens ?? 0,
            completion: usage.completion_tokens,
          }
        : null,
  };
}

type Answer = { body: ReadableStream<Uint8Array<ArrayBuffer>>; whole?: undefined } | { whole: string };

/** The body of the server's stream, or the JSON of an answer in one piece. */
async function ask(
  { url, body, key, signal, takesWhole, longest }: CompletionRequest,
  fetcher: typeof fetch,
): Promise<Answer> {
  const response = await request(url, { method: 'POST', body: JSON.stringify(body), key, signal }, fetcher);
  if (!response.ok || !response.body) throw await refusal(url, response);
  if (!/^application\/(?:[\w.-]+\+)?json\b/i.test(response.headers.get('Content-Type') ?? ''))
    return { body: response.body };
  const said = await readStart(response.body, takesWhole ? longest : undefined);
  if (!/"choices"/.test(said)) throw reported(url, wordsOf(said));
  if (takesWhole) return { whole: said };
  throw new PhiError('network', `${url} did not stream its answer, so the time to its first token cannot be measured.`);
}

/** Sends a request as simple as one with JSON can be: no credentials, no referrer, no redirect to another place. */
export async function request(
  url: string,
  { key, ...init }: Pick<RequestInit, 'method' | 'body' | 'signal'> & { key?: string | undefined },
  fetcher: typeof fetch,
): Promise<Response> {
  try {
    return await fetcher(url, {
      ...init,
      headers: {
        ...(init.body !== undefined && { 'Content-Type': 'application/json' }),
        ...(key !== undefined && { Authorization: `Bearer ${key}` }),
      },
      credentials: 'omit',
      redirect: 'error',
      cache: 'no-store',
      ...addressSpace(url),
    });
  } catch (cause) {
    if (isTimeout(init.signal)) throw new PhiError('network', `${url} did not answer in time.`);
    if (init.signal?.aborted) throw new PhiError('cancelled', 'Cancelled.');
    throw new PhiError(
      'network',
      `${url} could not be reached, or does not allow requests from this page.`,
      { refused: true },
      { cause },
    );
  }
}

const isTimeout = (signal: AbortSignal | null | undefined): boolean =>
  signal?.reason instanceof DOMException && signal.reason.name === 'TimeoutError';

/** The error for a refused request, in the server's own words. */
export async function refusal(url: string, response: Response): Promise<PhiError> {
  const said = wordsOf(await readStart(response.body).catch(() => ''));
  return new PhiError('network', `${url} answered ${response.status}${said && `: ${said}`}`, {
    status: response.status,
  });
}

function parseChunk({ failed, data }: ServerEvent, url: string): v.InferOutput<typeof ChunkSchema> {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    if (failed) throw reported(url, wordsOf(data));
    throw new PhiError('network', `${url} sent an event that is not JSON: ${data.slice(0, 100)}`);
  }
  const words = failed ? wordsOf(data) : errorIn(value);
  if (words !== null) throw reported(url, words);
  const result = v.safeParse(ChunkSchema, value);
  if (!result.success)
    throw new PhiError(
      'network',
      `${url} sent an event that is not a chunk of a chat completion: ${data.slice(0, 100)}`,
    );
  for (const { error, finish_reason } of result.output.choices ?? []) {
    const inChoice = errorIn({ error }) ?? (finish_reason === 'error' ? '' : null);
    if (inChoice !== null) throw reported(url, inChoice);
  }
  return result.output;
}

const reported = (url: string, words: string): PhiError =>
  new PhiError('network', `${url} reported an error${words && `: ${words}`}`);
