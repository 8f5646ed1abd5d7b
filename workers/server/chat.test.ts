import { describe, expect, it } from 'vitest';
import type { Arrival } from '../compare/stopwatch.ts';
import { chat } from './chat.ts';

const SERVER = { address: 'http://127.0.0.1:9/v1', model: 'm' };
const PROMPT = { tokens: 32, content: 'Hello' };

/** A server that answers with `parts` as they are cut. */
const answering =
  (parts: string[], status = 200, headers: Record<string, string> = {}): typeof fetch =>
  () =>
    Promise.resolve(
      new Response(
        new ReadableStream<Uint8Array>({
          start(controller) {
            for (const part of parts) controller.enqueue(new TextEncoder().encode(part));
            controller.close();
          },
        }),
        { status, headers },
      ),
    );

async function collect(fetcher: typeof fetch): Promise<Arrival[]> {
  const arrivals = [];
  for await (const arrival of chat(SERVER, PROMPT, 8, fetcher)) arrivals.push(arrival);
  return arrivals;
}

const delta = (content: string) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`;

describe('chat', () => {
  it('asks for a greedy stream with usage, and for nothing else', async () => {
    let asked: [string, RequestInit] | undefined;
    const fetcher = ((url: string, init: RequestInit) => {
      asked = [url, init];
      return answering([delta('x')])(url);
    }) as typeof fetch;
    await collect(fetcher);
    expect(asked![0]).toBe('http://127.0.0.1:9/v1/chat/completions');
    expect(asked![1]).toMatchObject({ method: 'POST', credentials: 'omit', redirect: 'error' });
    expect(JSON.parse(asked![1].body as string)).toEqual({
      model: 'm',
      messages: [
        { role: 'system', content: 'You tell stories.' },
        { role: 'user', content: 'Hello' },
      ],
      max_tokens: 8,
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  it('reads events however they are cut, with any line ends and comments', async () => {
    const stream = [
      'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\r\n\r\n: keep-alive\r\n',
      ...delta('Grüße').match(/.{1,7}/gs)!,
      delta(' 🙂'),
      'data: {"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":3}}\n\ndata: [DONE]\n\n',
      delta('after the end'),
    ];
    const arrivals = await collect(answering(stream));
    expect(arrivals.map(({ text }) => text)).toEqual(['', 'Grüße', ' 🙂', '']);
    expect(arrivals.map(({ tokens }) => tokens)).toEqual([0, 1, 1, 0]);
    expect(arrivals.at(-1)!.usage).toEqual({ promptTokens: 12, tokens: 3 });
  });

  it('counts what a model thinks aloud', async () => {
    const thought = '{"choices":[{"delta":{"reasoning_content":"hm","reasoning":"hm","content":null}}],"error":null}';
    expect(await collect(answering([`data: ${thought}\n\n`]))).toEqual([{ tokens: 1, text: 'hm' }]);
  });

  it('takes no zeros for a count, and the server’s word for what answers', async () => {
    const [arrival] = await collect(
      answering([
        'data: {"model":"loaded","choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":0,"completion_tokens":0}}\n\n',
      ]),
    );
    expect(arrival).toEqual({ tokens: 1, text: 'a', model: 'loaded' });
    const last = await collect(answering([delta('a'), 'data: {"choices":null,"usage":{"completion_tokens":4}}']));
    expect(last.at(-1)!.usage).toEqual({ promptTokens: PROMPT.tokens, tokens: 4 });
  });

  it('says after how much a stream broke off', async () => {
    const parts = [delta('a'), delta('b')];
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        const part = parts.shift();
        if (part === undefined) controller.error(new TypeError('network error'));
        else controller.enqueue(new TextEncoder().encode(part));
      },
    });
    const cut = () => Promise.resolve(new Response(body));
    await expect(collect(cut)).rejects.toMatchObject({
      code: 'network',
      message: expect.stringMatching(/broke off in the middle, after 2 pieces of text: network error/) as string,
    });
  });

  it.each<[string, typeof fetch, RegExp]>([
    [
      'is not there',
      () => Promise.reject(new TypeError('Failed to fetch')),
      /could not be reached, or it does not allow this page/,
    ],
    ['knows no such model', answering(['{"error":"model not found"}'], 404), /answered 404: model not found$/],
    [
      'answers in one piece',
      answering(['{"choices":[{"message":{"content":"Hi"}}]}'], 200, { 'Content-Type': 'application/json' }),
      /in one piece/,
    ],
    [
      'wraps an error in a success',
      answering(['{"error":{"message":"busy"}}'], 200, { 'Content-Type': 'application/json; charset=utf-8' }),
      /error: busy$/,
    ],
    ['sends no JSON', answering(['data: hello\n\n']), /no JSON: hello/],
    ['sends something else', answering(['data: {"choices":"x"}\n\n']), /no chunk of a chat completion/],
    [
      'fails in the middle',
      answering([delta('a'), 'data: {"error":{"message":"out of memory"}}\n\n']),
      /out of memory/,
    ],
    ['says nothing', answering(['data: [DONE]\n\n']), /without any text/],
    [
      'sends a line without end',
      answering(['data: ', ...Array.from({ length: 40 }, () => 'x'.repeat(65_536))]),
      /more than/,
    ],
  ])('says what is wrong with a server that %s', async (_what, fetcher, message) => {
    await expect(collect(fetcher)).rejects.toThrow(message);
  });
});
