import { describe, expect, it } from 'vitest';
import type { Arrival } from '../shared/stopwatch.ts';
import { sharedCases } from '../engine/tokenizer/testing/shared-cases.ts';
import { chat } from './chat.ts';
import { cpuMs, expectWithin } from '../testing/timing.ts';

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
      message: expect.stringMatching(
        /stopped in the middle of its answer, after 2 pieces of text: network error/,
      ) as string,
    });
  });

  it.each<[string, typeof fetch, RegExp]>([
    [
      'is not there',
      () => Promise.reject(new TypeError('Failed to fetch')),
      /could not be reached, or does not allow requests from this page/,
    ],
    ['knows no such model', answering(['{"error":"model not found"}'], 404), /answered 404: model not found$/],
    [
      'answers in one piece',
      answering(['{"choices":[{"message":{"content":"Hi"}}]}'], 200, { 'Content-Type': 'application/json' }),
      /did not stream its answer/,
    ],
    [
      'wraps an error in a success',
      answering(['{"error":{"message":"busy"}}'], 200, { 'Content-Type': 'application/json; charset=utf-8' }),
      /error: busy$/,
    ],
    ['sends no JSON', answering(['data: hello\n\n']), /not JSON: hello/],
    ['sends something else', answering(['data: {"choices":"x"}\n\n']), /not a chunk of a chat completion/],
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

  const EXCEEDS = 'the request exceeds the available context size';
  it.each<[string, string[]]>([
    ['an error: line before any text', [`error: {"code":400,"message":"${EXCEEDS}"}\n\ndata: [DONE]\n\n`]],
    ['an error: line after text', [delta('a'), `error: {"code":400,"message":"${EXCEEDS}"}\n\ndata: [DONE]\n\n`]],
    ['an error: line of plain text', [delta('a'), `error: ${EXCEEDS}\n\n`]],
    ['an event named error', [delta('a'), `event: error\ndata: {"message":"${EXCEEDS}"}\n\n`]],
    ['an event named error with plain text', [delta('a'), `event:error\ndata:${EXCEEDS}\n\n`]],
    ['an event named error behind its data', [delta('a'), `data: {"message":"${EXCEEDS}"}\nevent: error\n\n`]],
    ['bare JSON without data:', [delta('a'), `{"error":{"message":"${EXCEEDS}"}}\n`]],
    ['an error that is a text', [`data: {"error":"${EXCEEDS}"}\n\n`]],
    ['a message and no error', [`data: {"object":"error","message":"${EXCEEDS}","code":400}\n\n`]],
    ['a detail', [`data: {"detail":"${EXCEEDS}"}\n\n`]],
    ['a list of details', [`data: {"detail":[{"loc":["body"],"msg":"${EXCEEDS}"}]}\n\n`]],
    ['errors', [`data: {"errors":[{"message":"${EXCEEDS}"}]}\n\n`]],
    ['an error inside a choice', [`data: {"choices":[{"delta":{"content":""},"error":{"message":"${EXCEEDS}"}}]}\n\n`]],
    ['an error beside empty choices', [delta('a'), `data: {"choices":[],"error":{"message":"${EXCEEDS}"}}\n\n`]],
    ['an error in an error', [`data: {"error":{"message":"{\\"error\\":{\\"message\\":\\"${EXCEEDS}\\"}}"}}\n\n`]],
  ])('fails with the server’s words: %s', async (_, parts) => {
    await expect(collect(answering(parts))).rejects.toMatchObject({
      code: 'network',
      message: `http://127.0.0.1:9/v1/chat/completions reported an error: ${EXCEEDS}`,
    });
  });

  it.each<[string, string]>([
    ['{"error":{"code":400,"message":"too long","type":"invalid_request_error"}}', 'too long'],
    ['{"error":{"type":"invalid_request_error","code":"model_not_found"}}', 'invalid_request_error'],
    ['{"detail":[{"msg":"Field required"}]}', 'Field required'],
    ['{"title":"Bad Request","status":400,"detail":"no such model"}', 'no such model'],
    ['{"message":"no such model"}', 'no such model'],
    ['[{"error":{"message":"no such model"}}]', 'no such model'],
    ['<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>', '502 Bad Gateway'],
    ['no such model\n', 'no such model'],
    ['', ''],
  ])('takes the words out of the body of a refusal: %s', async (body, words) => {
    await expect(collect(answering([body], 400))).rejects.toThrow(
      `http://127.0.0.1:9/v1/chat/completions answered 400${words && `: ${words}`}`,
    );
  });

  it('reads over empty data lines, events without lines between them, and values of several lines', async () => {
    const stream = [
      '\ufeffdata:\n\ndata: \n',
      delta('a').trimEnd() + '\n' + delta('b'),
      'id: 7\nretry: 10\ndata: {"choices":[{"delta":\ndata: {"content":"c"}}]}\n\n',
      'data: {"choices":[{"delta":{"content":[{"type":"text","text":"d"}]}}]}\n\ndata:[DONE]\n\n',
    ];
    expect((await collect(answering(stream))).map(({ text }) => text)).toEqual(['a', 'b', 'c', 'd']);
  });

  it.each<[string, string]>([
    ['an event named error without data', 'event: error\n\n'],
    ['an event named error at the end', 'event: error'],
    ['a choice that ends in an error', 'data: {"choices":[{"delta":{},"finish_reason":"error"}]}\n\n'],
  ])('fails without words: %s', async (_, end) => {
    await expect(collect(answering([delta('a'), end]))).rejects.toMatchObject({
      code: 'network',
      message: 'http://127.0.0.1:9/v1/chat/completions reported an error',
    });
  });

  it('takes a line end that comes in two pieces for one', async () => {
    const stream = ['data: {"choices":[{"delta":\r', '\ndata: {"content":"c"}}]}\r', '\n\r', '\n'];
    expect((await collect(answering(stream))).map(({ text }) => text)).toEqual(['c']);
  });

  it('leaves a server that goes on beyond what was asked', async () => {
    let cancelled = false;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new TextEncoder().encode(delta('x'))),
      cancel: () => void (cancelled = true),
    });
    const arrivals = await collect(() => Promise.resolve(new Response(body)));
    expect(arrivals.length).toBeGreaterThanOrEqual(8);
    expect(arrivals.length).toBeLessThan(40);
    expect(cancelled).toBe(true);
  });

  it.each<[string, string]>([
    ['events without text', 'data: {"choices":[]}\n\n'],
    ['comments', `: ${'x'.repeat(1000)}\n\n`],
    ['empty lines', '\n'.repeat(5000)],
  ])('gives up a server that sends %s for ever', async (_, part) => {
    const bytes = new TextEncoder().encode(part.repeat(100));
    const body = new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(bytes) });
    await expect(collect(() => Promise.resolve(new Response(body)))).rejects.toThrow(/sent more than/);
  });

  it('reads the start of a refusal that never ends', async () => {
    const bytes = new TextEncoder().encode('no '.repeat(10_000));
    const body = () => new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(bytes) });
    const json = { headers: { 'Content-Type': 'application/json' } };
    await expect(collect(() => Promise.resolve(new Response(body(), { status: 500 })))).rejects.toThrow(
      /answered 500: no/,
    );
    await expect(collect(() => Promise.resolve(new Response(body(), json)))).rejects.toThrow(/reported an error: no/);
  });

  it('reads a long line that comes byte by byte without going through it again and again', async () => {
    const line = new TextEncoder().encode(delta('y'.repeat(100_000)));
    let at = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (at === line.length) controller.close();
        else controller.enqueue(line.slice(at, ++at));
      },
    });
    const started = cpuMs();
    expect((await collect(() => Promise.resolve(new Response(body))))[0]!.text).toHaveLength(100_000);
    expectWithin(cpuMs() - started, 20_000);
  });

  it.each([
    ['http://127.0.0.1:9/v1', 'loopback'],
    ['http://localhost:13305/api/v1', 'loopback'],
    ['http://192.168.1.7:8080/v1', 'local'],
    ['http://nas.local/v1', 'local'],
    ['https://example.org/v1', undefined],
  ])('says to Chrome where %s is', async (address, space) => {
    let init: RequestInit = {};
    const fetcher = ((url: string, given: RequestInit) => {
      init = given;
      return answering([delta('x')])(url);
    }) as typeof fetch;
    for await (const { text } of chat({ address, model: 'm' }, PROMPT, 8, fetcher)) expect(text).toBe('x');
    expect((init as { targetAddressSpace?: string }).targetAddressSpace).toBe(space);
  });
});

describe('the streams beside the repository', () => {
  it.each(['a', 'b'])('%s.txt fails with the server’s words', async (name) => {
    const stream = sharedCases<string>(`streams/${name}.txt`);
    // Without it the same bodies are among those above.
    if (stream === null) return;
    await expect(collect(answering([stream]))).rejects.toThrow(/the request exceeds the available context size/);
  });
});
