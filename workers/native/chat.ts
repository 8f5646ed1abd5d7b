/** A streamed chat completion of a server that speaks the OpenAI API, as arrivals for the stopwatch. */
import * as v from 'valibot';
import { messagesOf } from '../compare/messages.ts';
import type { NativeServer, Prompt } from '../compare/protocol.ts';
import type { Arrival } from '../compare/stopwatch.ts';
import { PhiError } from '../errors.ts';
import { eventData } from './sse.ts';

const Text = v.nullish(v.string(), '');
const Count = v.pipe(v.number(), v.integer(), v.minValue(0));

const ChunkSchema = v.object({
  choices: v.optional(
    v.array(
      v.object({
        /** Models that think aloud send it under another name; it takes the same time. */
        delta: v.optional(v.object({ content: Text, reasoning_content: Text, reasoning: Text })),
        finish_reason: v.nullish(v.string()),
      }),
    ),
    [],
  ),
  usage: v.nullish(v.object({ prompt_tokens: Count, completion_tokens: Count })),
  error: v.optional(v.unknown()),
});

/** Rejects with `network` when the server cannot be reached, refuses, or answers something else; with its own words where it has some. */
export async function* chat(server: NativeServer, prompt: Prompt, tokens: number, fetcher: typeof fetch = fetch): AsyncGenerator<Arrival> {
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
    throw new PhiError('network', `${url} could not be reached, or it does not allow this page to ask.`, { refused: true }, { cause });
  }
  if (!response.ok || !response.body) {
    const said = (await response.text().catch(() => '')).slice(0, 300).trim();
    throw new PhiError('network', `${url} answered ${response.status}${said ? `: ${said}` : ''}`, { status: response.status });
  }
  let arrived = false;
  for await (const data of eventData(response.body)) {
    const chunk = parseChunk(data, url);
    const text = chunk.choices.map(({ delta }) => (delta ? delta.reasoning_content + delta.reasoning + delta.content : '')).join('');
    // Servers count in `usage`; where one does not, a chunk is taken for a token.
    yield {
      tokens: text === '' ? 0 : 1,
      text,
      ...(chunk.usage && { usage: { promptTokens: chunk.usage.prompt_tokens, tokens: chunk.usage.completion_tokens } }),
    };
    arrived ||= text !== '';
  }
  if (!arrived) throw new PhiError('network', `${url} ended its answer without any text.`);
}

function parseChunk(data: string, url: string): v.InferOutput<typeof ChunkSchema> {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    throw new PhiError('network', `${url} sent an event that is no JSON: ${data.slice(0, 100)}`);
  }
  const result = v.safeParse(ChunkSchema, value);
  if (!result.success) throw new PhiError('network', `${url} sent something that is no chunk of a chat completion: ${data.slice(0, 100)}`);
  if (result.output.error !== undefined) throw new PhiError('network', `${url} reported an error: ${JSON.stringify(result.output.error).slice(0, 300)}`);
  return result.output;
}
