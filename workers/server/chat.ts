/** A streamed chat completion of a server that speaks the OpenAI API, as arrivals for the stopwatch. */
import * as v from 'valibot';
import { messagesOf } from '../compare/messages.ts';
import type { NativeServer, Prompt } from '../shared/compare-protocol.ts';
import type { Arrival } from '../compare/stopwatch.ts';
import { PhiError } from '../shared/errors.ts';
import { eventData } from './sse.ts';

const Text = v.nullish(v.string(), '');
const Count = v.nullish(v.pipe(v.number(), v.integer(), v.minValue(0)), 0);

const ChunkSchema = v.object({
  model: Text,
  choices: v.nullish(
    v.array(
      v.object({
        /** Models that think aloud send it under another name, some servers under both; it takes the same time. */
        delta: v.nullish(v.object({ content: Text, reasoning_content: Text, reasoning: Text })),
      }),
    ),
    [],
  ),
  usage: v.nullish(v.object({ prompt_tokens: Count, completion_tokens: Count })),
  error: v.nullish(v.unknown()),
});

/** Rejects with `network` when the server cannot be reached, refuses, or answers something else; with its own words where it has some. */
export async function* chat(
  server: NativeServer,
  prompt: Prompt,
  tokens: number,
  fetcher: typeof fetch = fetch,
): AsyncGenerator<Arrival> {
  const url = `${server.address}/chat/completions`;
  const body = {
    model: server.model,
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
    });
  } catch (cause) {
    throw new PhiError(
      'network',
      `${url} could not be reached, or it does not allow this page to ask.`,
      { refused: true },
      { cause },
    );
  }
  if (!response.ok || !response.body) {
    const said = wordsOf(await response.text().catch(() => ''));
    throw new PhiError('network', `${url} answered ${response.status}${said && `: ${said}`}`, {
      status: response.status,
    });
  }
  if (/^application\/json\b/i.test(response.headers.get('Content-Type') ?? '')) {
    const said = await response.text();
    if (!/"choices"/.test(said)) throw new PhiError('network', `${url} reported an error: ${wordsOf(said)}`);
    throw new PhiError(
      'network',
      `${url} answered in one piece, though a stream was asked for: nobody can tell when its first token came.`,
    );
  }
  let pieces = 0;
  try {
    for await (const data of eventData(response.body)) {
      const { choices, usage, model } = parseChunk(data, url);
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
    }
  } catch (cause) {
    if (cause instanceof PhiError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new PhiError(
      'network',
      `${url} broke off in the middle, after ${pieces} pieces of text: ${why}.`,
      undefined,
      { cause },
    );
  }
  if (pieces === 0) throw new PhiError('network', `${url} ended its answer without any text.`);
}

/** What a server says of its error, out of the JSON that it may be wrapped in. */
function wordsOf(said: string): string {
  const Message = v.union([
    v.object({ error: v.object({ message: v.string() }) }),
    v.object({ error: v.string() }),
    v.object({ message: v.string() }),
  ]);
  let value: unknown = null;
  try {
    value = JSON.parse(said);
  } catch {
    // Plain text is shown as it is.
  }
  const { success, output } = v.safeParse(Message, value);
  const words = !success
    ? said
    : 'message' in output
      ? output.message
      : typeof output.error === 'string'
        ? output.error
        : output.error.message;
  return words.slice(0, 300).trim();
}

function parseChunk(data: string, url: string): v.InferOutput<typeof ChunkSchema> {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    throw new PhiError('network', `${url} sent an event that is no JSON: ${data.slice(0, 100)}`);
  }
  const result = v.safeParse(ChunkSchema, value);
  if (!result.success)
    throw new PhiError('network', `${url} sent something that is no chunk of a chat completion: ${data.slice(0, 100)}`);
  if (result.output.error !== null && result.output.error !== undefined)
    throw new PhiError('network', `${url} reported an error: ${wordsOf(data)}`);
  return result.output;
}
