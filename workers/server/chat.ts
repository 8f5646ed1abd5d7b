/** A streamed chat completion of a server that speaks the OpenAI API, as arrivals for the stopwatch. */
import * as v from 'valibot';
import { messagesOf } from '../compare/messages.ts';
import type { NativeServer, Prompt } from '../shared/compare-protocol.ts';
import type { Arrival } from '../compare/stopwatch.ts';
import { PhiError } from '../shared/errors.ts';
import { addressSpace } from './address-space.ts';
import { readStart, type ServerEvent, serverEvents } from './sse.ts';
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

const ChunkSchema = v.object({
  model: v.nullish(v.string(), ''),
  choices: v.nullish(
    v.array(
      v.object({
        /** Models that think aloud send it under another name, some servers under both; it takes the same time. */
        delta: v.nullish(v.object({ content: Text, reasoning_content: Text, reasoning: Text })),
        /** Some servers fail in a choice. */
        error: v.nullish(v.unknown()),
      }),
    ),
    [],
  ),
  usage: v.nullish(v.object({ prompt_tokens: Count, completion_tokens: Count })),
});

/** A server may count a little differently, or send what it has when it is told to end. */
const BEYOND = 16;

/**
 * Rejects with `network` when the server cannot be reached, refuses, or answers something else; with its own words where it has some. A server
 * that goes on beyond `tokens` is left: what came until then counts.
 */
export async function* chat(
  server: NativeServer,
  prompt: Prompt,
  tokens: number,
  fetcher: typeof fetch = fetch,
): AsyncGenerator<Arrival> {
  const url = `${server.address}/chat/completions`;
  const body = await ask(url, server.model, prompt, tokens, fetcher);
  let pieces = 0;
  try {
    for await (const event of serverEvents(body)) {
      const { choices, usage, model } = parseChunk(event, url);
      const text = (choices ?? [])
        .map(({ delta }) => (delta ? (delta.reasoning_content || delta.reasoning) + delta.content : ''))
        .join('');
      if (text !== '') pieces++;
      // Servers count in `usage`, some with zeros until the end; where one does not count, a chunk is taken for a token.
      const counted = usage && usage.completion_tokens > 0;
      yield {
        tokens: text === '' ? 0 : 1,
        text,
        ...(model && { model }),
        ...(counted && {
          usage: { promptTokens: usage.prompt_tokens || prompt.tokens, tokens: usage.completion_tokens },
        }),
      };
      if (pieces >= tokens + BEYOND) return;
    }
  } catch (cause) {
    if (cause instanceof PhiError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new PhiError(
      'network',
      `${url} stopped in the middle of its answer, after ${pieces} pieces of text: ${why}.`,
      undefined,
      { cause },
    );
  }
  if (pieces === 0) throw new PhiError('network', `${url} ended its answer without any text.`);
}

/** The body of the server's stream. */
async function ask(
  url: string,
  model: string,
  prompt: Prompt,
  tokens: number,
  fetcher: typeof fetch,
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const body = {
    model,
    messages: messagesOf(prompt.content),
    max_tokens: tokens,
    temperature: 0,
    stream: true,
    stream_options: { include_usage: true },
  };
  let response: Response;
  try {
    // As "simple" as a request with JSON can be: no credentials, no referrer, no redirect to somewhere else.
    response = await fetcher(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
      credentials: 'omit',
      redirect: 'error',
      cache: 'no-store',
      ...addressSpace(url),
    });
  } catch (cause) {
    throw new PhiError(
      'network',
      `${url} could not be reached, or does not allow requests from this page.`,
      { refused: true },
      { cause },
    );
  }
  if (!response.ok || !response.body) {
    const said = wordsOf(await readStart(response.body).catch(() => ''));
    throw new PhiError('network', `${url} answered ${response.status}${said && `: ${said}`}`, {
      status: response.status,
    });
  }
  if (!/^application\/(?:[\w.-]+\+)?json\b/i.test(response.headers.get('Content-Type') ?? '')) return response.body;
  const said = await readStart(response.body);
  if (!/"choices"/.test(said)) throw new PhiError('network', `${url} reported an error: ${wordsOf(said)}`);
  throw new PhiError('network', `${url} did not stream its answer, so the time to its first token cannot be measured.`);
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
  for (const { error } of result.output.choices ?? []) {
    const inChoice = errorIn({ error });
    if (inChoice !== null) throw reported(url, inChoice);
  }
  return result.output;
}

const reported = (url: string, words: string): PhiError =>
  new PhiError('network', `${url} reported an error: ${words}`);
