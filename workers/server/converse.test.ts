import { describe, expect, it } from 'vitest';
import type { GenerateEvent } from '../shared/protocol.ts';
import type { ServerReplyRequest } from '../shared/server-protocol.ts';
import { converse, listModels } from './converse.ts';

const SERVER = { address: 'http://127.0.0.1:9/v1', model: 'm' };
const SAMPLING = { temperature: 0.3, topK: 40, topP: 0.9, minP: 0.05, repetitionPenalty: 1.05, seed: 7 };
const REQUEST: ServerReplyRequest = {
  messages: [{ role: 'user', content: 'Hello' }],
  sampling: SAMPLING,
  maxTokens: 8,
};

const event = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ choices: [{ delta, finish_reason: finish }] })}\n\n`;

const streaming =
  (parts: string[], init: ResponseInit = {}): typeof fetch =>
  () =>
    Promise.resolve(new Response(new Blob(parts).stream(), init));

/** Everything that happens, with the time going on by 100 ms at each look at the clock. */
async function collect(
  fetcher: typeof fetch,
  { request = REQUEST, signal = new AbortController().signal, key = undefined as string | undefined } = {},
): Promise<{ text: string; end: Extract<GenerateEvent, { type: 'end' }> }> {
  const events: GenerateEvent[] = [];
  let time = 0;
  await converse(SERVER, request, (one) => events.push(one), { signal, key, fetcher, now: () => (time += 100) });
  const end = events.at(-1)!;
  if (end.type !== 'end') throw new Error('no end');
  return { text: events.flatMap((one) => (one.type === 'text' ? one.text : [])).join(''), end };
}

describe('converse', () => {
  it('sends what every server knows, and the key in its header alone', async () => {
    let asked: [string, RequestInit] | undefined;
    const fetcher = ((url: string, init: RequestInit) => {
      asked = [url, init];
      return streaming([event({ content: 'x' })])(url);
    }) as typeof fetch;
    await collect(fetcher, { key: 'sk-1' });
    expect(asked![0]).toBe('http://127.0.0.1:9/v1/chat/completions');
    expect(asked![1]).toMatchObject({
      credentials: 'omit',
      redirect: 'error',
      headers: { Authorization: 'Bearer sk-1', 'Content-Type': 'application/json' },
    });
    expect(JSON.parse(asked![1].body as string)).toEqual({
      model: 'm',
      messages: REQUEST.messages,
      max_tokens: 8,
      temperature: 0.3,
      top_p: 0.9,
      seed: 7,
      stream: true,
      stream_options: { include_usage: true },
    });
    const schema = { type: 'object' };
    await collect(fetcher, { request: { ...REQUEST, constraint: { kind: 'json', schema } } });
    expect(JSON.parse(asked![1].body as string)).toMatchObject({
      response_format: { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema } },
    });
    await collect(fetcher);
    expect(asked![1].headers).not.toHaveProperty('Authorization');
  });

  it('gives the text, why it ended, and figures by the server’s own count', async () => {
    const usage = { prompt_tokens: 30, completion_tokens: 5, prompt_tokens_details: { cached_tokens: 10 } };
    const { text, end } = await collect(
      streaming([
        event({ content: 'a' }),
        event({ content: 'b' }),
        event({ content: 'c' }, 'length'),
        `data: ${JSON.stringify({ choices: [], usage })}\n\n`,
      ]),
    );
    expect(text).toBe('abc');
    expect(end).toEqual({
      type: 'end',
      reason: 'max-tokens',
      stats: {
        promptTokens: 30,
        prefilledTokens: 20,
        generatedTokens: 5,
        contextTokens: 35,
        timeToFirstTokenMs: 100,
        prefillTokensPerSecond: 200,
        decodeTokensPerSecond: 20,
      },
    });
  });

  it('marks what was thought, whichever name it has, and goes on with a thought that was cut off', async () => {
    const stream = [event({ reasoning: 'hm ' }), event({ reasoning_content: 'so' }), event({ content: 'Yes.' })];
    expect((await collect(streaming(stream))).text).toBe('<think>\nhm so\n</think>\n\nYes.');
    const request: ServerReplyRequest = {
      ...REQUEST,
      continueLast: true,
      messages: [...REQUEST.messages, { role: 'assistant', content: '<think>\nhm' }],
    };
    let messages: unknown;
    const fetcher = ((_url: string, init: RequestInit) => {
      ({ messages } = JSON.parse(init.body as string) as { messages: unknown });
      return streaming(stream)('');
    }) as typeof fetch;
    expect((await collect(fetcher, { request })).text).toBe('hm so\n</think>\n\nYes.');
    expect(messages, 'without the thought').toEqual(REQUEST.messages);
  });

  it('takes an answer in one piece, and without any count', async () => {
    const whole = JSON.stringify({ choices: [{ message: { content: 'Hi there' }, finish_reason: 'stop' }] });
    const { text, end } = await collect(streaming([whole], { headers: { 'Content-Type': 'application/json' } }));
    expect([text, end.reason, end.stats.promptTokens, end.stats.generatedTokens]).toEqual(['Hi there', 'end', 0, 1]);
    expect(Object.values(end.stats).every(Number.isFinite)).toBe(true);
  });

  it('ends at a stop, with what came until then', async () => {
    const controller = new AbortController();
    const body = new ReadableStream<Uint8Array>({
      start: (stream) => stream.enqueue(new TextEncoder().encode(event({ content: 'a' }))),
      pull: (stream) => {
        controller.abort();
        stream.error(new DOMException('aborted', 'AbortError'));
      },
    });
    const { text, end } = await collect(() => Promise.resolve(new Response(body)), { signal: controller.signal });
    expect([text, end.reason]).toEqual(['a', 'cancelled']);
  });

  it('leaves a server that goes on beyond the limit of a reply', async () => {
    const { end } = await collect(streaming(Array.from({ length: 100 }, () => event({ content: 'x' }))));
    expect([end.reason, end.stats.generatedTokens]).toEqual(['max-tokens', 24]);
  });
});

describe('listModels', () => {
  const list = (body: string, status = 200) =>
    listModels(SERVER.address, { signal: new AbortController().signal, fetcher: streaming([body], { status }) });

  it('reads the names that servers give', async () => {
    expect(await list('{"object":"list","data":[{"id":"a"},{"id":"b"},{"id":"a"}]}')).toEqual(['a', 'b']);
    expect(await list('{"models":[{"name":"c"},{}]}')).toEqual(['c']);
  });

  it.each([
    ['{"error":"no"}', 403, /answered 403: no$/],
    ['<html>', 200, /did not answer with JSON/],
    ['[]', 200, /no list|did not answer with a list/],
  ])('says what is wrong with %s', async (body, status, message) => {
    await expect(list(body, status)).rejects.toThrow(message);
  });
});
