/** A streamed chat completion of a server, as arrivals for the stopwatch of a comparison. */
import { messagesOf } from '../compare/messages.ts';
import type { NativeServer, Prompt } from '../shared/compare-protocol.ts';
import type { Arrival } from '../shared/stopwatch.ts';
import { complete } from './completion.ts';

/** A server may count a little differently, or send what it has when it is told to end. */
export const BEYOND = 16;

/**
 * Rejects as `complete` does. If a server goes on beyond `tokens`, the request is ended. The text until then counts.
 */
export async function* chat(
  server: NativeServer,
  prompt: Prompt,
  tokens: number,
  fetcher: typeof fetch = fetch,
): AsyncGenerator<Arrival> {
  const body = {
    model: server.model,
    messages: messagesOf(prompt.content),
    max_tokens: tokens,
    temperature: 0,
    stream: true,
    stream_options: { include_usage: true },
  };
  let pieces = 0;
  for await (const piece of complete({ url: `${server.address}/chat/completions`, body }, fetcher)) {
    const { model, usage } = piece;
    // Thinking aloud takes the same time.
    const text = piece.thought + piece.text;
    if (text !== '') pieces++;
    yield {
      // If a server does not count its tokens, each chunk counts as one.
      tokens: text === '' ? 0 : 1,
      text,
      ...(model && { model }),
      ...(usage && { usage: { promptTokens: usage.prompt || prompt.tokens, tokens: usage.completion } }),
    };
    if (pieces >= tokens + BEYOND) return;
  }
}
