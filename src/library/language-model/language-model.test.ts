// @vitest-environment jsdom
/** Written from the text and the interface definition of https://webmachinelearning.github.io/prompt-api, 22 June 2026; its sections are named. */
import { describe, expect, it } from 'vitest';
import { PhiError } from '../../../workers/shared/errors.ts';
import { FakeHost } from '../testing/fake-host.ts';
import { defineLanguageModel } from './language-model.ts';
import type { LanguageModelMessage, LanguageModelPrompt, LanguageModelTool } from './types.ts';

function setUp(change: Partial<FakeHost> = {}) {
  const host = Object.assign(new FakeHost(), change);
  return { host, LanguageModel: defineLanguageModel(host) };
}

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no failure',
    (cause: unknown) => cause,
  );
const nameOf = async (promise: Promise<unknown>): Promise<string> => ((await failure(promise)) as Error).name;

/** Opens when `open` is called. */
function gate(): { closed: Promise<void>; open: () => void } {
  let open = (): void => undefined;
  const closed = new Promise<void>((resolve) => (open = resolve));
  return { closed, open };
}

async function readAll(stream: ReadableStream<string>): Promise<string[]> {
  const reader = stream.getReader();
  const pieces: string[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return pieces;
    pieces.push(value);
  }
}

describe('availability(), section "Availability"', () => {
  it.each(['unavailable', 'downloadable', 'downloading', 'available'] as const)(
    'is %s as the model is',
    async (state) => {
      expect(await setUp({ state }).LanguageModel.availability()).toBe(state);
    },
  );

  it.each([
    [{ expectedInputs: [{ type: 'image' as const }] }],
    [{ expectedInputs: [{ type: 'audio' as const }] }],
    [{ expectedOutputs: [{ type: 'image' as const }] }],
  ])('is unavailable for what no Phi of text does: %j', async (options) => {
    const { LanguageModel } = setUp({ state: 'available' });
    expect(await LanguageModel.availability(options)).toBe('unavailable');
    expect(await nameOf(LanguageModel.create(options))).toBe('NotSupportedError');
  });

  it('takes languages, and refuses what is no BCP 47 tag', async () => {
    const { LanguageModel } = setUp({ state: 'available' });
    const languages = (...tags: string[]) => ({ expectedInputs: [{ type: 'text' as const, languages: tags }] });
    expect(await LanguageModel.availability(languages('en', 'ja', 'sr-Cyrl'))).toBe('available');
    expect(await nameOf(LanguageModel.availability(languages('not a tag')))).toBe('RangeError');
  });
});

describe('create(), section "Creation"', () => {
  it('reports progress from 0 to 1, never twice the same and never back', async () => {
    const { LanguageModel } = setUp();
    const seen: [number, number][] = [];
    await LanguageModel.create({
      monitor: (monitor) =>
        monitor.addEventListener('downloadprogress', (event) => {
          const { loaded, total } = event as ProgressEvent;
          seen.push([loaded, total]);
        }),
    });
    expect(seen).toEqual([
      [0, 1],
      [0.25, 1],
      [0.5, 1],
      [1, 1],
    ]);
  });

  it('cannot be called as a constructor', () => {
    const { LanguageModel } = setUp();
    expect(() => new (LanguageModel as unknown as new () => unknown)()).toThrow(TypeError);
  });

  it.each([
    [new PhiError('network', 'no server'), 'NetworkError'],
    [new PhiError('out-of-memory', 'too large'), 'OperationError'],
    [new PhiError('bad-model', 'damaged'), 'OperationError'],
    [new PhiError('unsupported-model', 'vision'), 'NotSupportedError'],
  ])('fails by name: %s', async (cause, name) => {
    const { LanguageModel } = setUp({ failure: cause });
    const error = (await failure(LanguageModel.create())) as DOMException;
    expect([error.name, error.message]).toEqual([name, cause.message]);
  });

  it('is NotSupportedError where there is no model', async () => {
    expect(await nameOf(setUp({ state: 'unavailable' }).LanguageModel.create())).toBe('NotSupportedError');
  });

  it('rejects with the reason of its signal, before and during', async () => {
    const { LanguageModel } = setUp();
    const reason = new Error('enough');
    expect(await failure(LanguageModel.create({ signal: AbortSignal.abort(reason) }))).toBe(reason);
    const controller = new AbortController();
    const creating = failure(LanguageModel.create({ signal: controller.signal }));
    controller.abort(reason);
    expect(await creating).toBe(reason);
  });

  it('destroys the session when its signal is aborted later', async () => {
    const { LanguageModel } = setUp();
    const controller = new AbortController();
    const session = await LanguageModel.create({ signal: controller.signal });
    controller.abort(new Error('closed'));
    expect(((await failure(session.prompt('hello'))) as Error).message).toBe('closed');
  });

  it('counts initial prompts, and refuses those that do not fit with figures', async () => {
    const initialPrompts: LanguageModelMessage[] = [{ role: 'system', content: 'one two three' }];
    const { LanguageModel } = setUp();
    expect((await LanguageModel.create({ initialPrompts })).contextUsage).toBe(4);
    const small = setUp({ contextLength: 4 }).LanguageModel;
    const error = (await failure(small.create({ initialPrompts }))) as DOMException & Record<string, unknown>;
    expect([error.name, error['requested'], error['quota']]).toEqual(['QuotaExceededError', 4, 3]);
    expect(error).toBeInstanceOf(DOMException);
  });

  it('has the sampling mode that was asked for, "balanced" by default, and refuses another word', async () => {
    const { LanguageModel, host } = setUp();
    expect((await LanguageModel.create()).samplingMode).toBe('balanced');
    const session = await LanguageModel.create({ samplingMode: 'most-predictable' });
    expect(session.samplingMode).toBe('most-predictable');
    await session.prompt('x');
    expect(host.requests.at(-1)!.sampling.temperature).toBe(0);
    expect(await nameOf(LanguageModel.create({ samplingMode: 'wild' as 'creative' }))).toBe('TypeError');
  });

  it('leaves topK and temperature to extensions', async () => {
    const host = new FakeHost();
    const page = await defineLanguageModel(host).create({ topK: 3, temperature: 2 });
    expect([page.topK, page.temperature]).toEqual([undefined, undefined]);
    expect(await defineLanguageModel(host).params()).toBeNull();
    const Extension = defineLanguageModel(host, { rawSampling: true });
    const session = await Extension.create({ topK: 3, temperature: 1.5 });
    expect([session.topK, session.temperature]).toEqual([3, 1.5]);
    const { maxTopK, maxTemperature } = (await Extension.params())!;
    const most = await Extension.create({ topK: Infinity, temperature: Infinity });
    expect([most.topK, most.temperature]).toEqual([maxTopK, maxTemperature]);
    expect(await nameOf(Extension.create({ topK: 3, temperature: 1, samplingMode: 'creative' }))).toBe('TypeError');
    expect(await nameOf(Extension.create({ topK: 3 }))).toBe('TypeError');
    expect(await nameOf(Extension.create({ topK: 0, temperature: 1 }))).toBe('RangeError');
  });
});

describe('a prompt, section "Options" (validate and canonicalize a prompt)', () => {
  const text = (value: unknown) => [{ type: 'text' as const, value }];
  it.each<[LanguageModelPrompt, { role: string; content: string }[]]>([
    ['hi', [{ role: 'user', content: 'hi' }]],
    [[], [{ role: 'user', content: '' }]],
    [[{ role: 'user', content: [] }], [{ role: 'user', content: '' }]],
    [[{ role: 'user', content: [...text('foo'), ...text('bar')] }], [{ role: 'user', content: 'foobar' }]],
    [
      [
        { role: 'system', content: 's' },
        { role: 'assistant', content: 'a' },
      ],
      [
        { role: 'system', content: 's' },
        { role: 'assistant', content: 'a' },
      ],
    ],
  ])('%j', async (input, messages) => {
    const { LanguageModel, host } = setUp();
    await (await LanguageModel.create()).prompt(input);
    expect(host.requests[0]!.messages).toEqual(messages);
  });

  it.each<[string, LanguageModelMessage[]]>([
    ['TypeError', [{ role: 'user', content: text(3) }]],
    ['TypeError', [{ role: 'robot' as 'user', content: 'x' }]],
    [
      'TypeError',
      [
        { role: 'user', content: 'x' },
        { role: 'system', content: 'y' },
      ],
    ],
    ['NotSupportedError', [{ role: 'user', content: [{ type: 'image', value: new Blob([]) }] }]],
    ['NotSupportedError', [{ role: 'user', content: [{ type: 'audio', value: new Blob([]) }] }]],
    ['NotSupportedError', [{ role: 'assistant', content: [{ type: 'image', value: new Blob([]) }] }]],
    ['SyntaxError', [{ role: 'user', content: 'x', prefix: true }]],
    [
      'SyntaxError',
      [
        { role: 'assistant', content: 'x', prefix: true },
        { role: 'user', content: 'y' },
      ],
    ],
  ])('%s: %j', async (name, input) => {
    const { LanguageModel } = setUp();
    const session = await LanguageModel.create();
    expect(await nameOf(session.prompt(input))).toBe(name);
    expect(await nameOf(session.append(input))).toBe(name);
    expect(await nameOf(session.measureContextUsage(input))).toBe(name);
    expect(session.contextUsage).toBe(0);
    // The session is as good as before.
    expect(await session.prompt('still there')).toBe('You said: still there');
  });

  it('takes a system message at the start of a session only', async () => {
    const { LanguageModel } = setUp();
    const session = await LanguageModel.create();
    await session.append([{ role: 'system', content: 'Be brief.' }]);
    expect(await nameOf(session.append([{ role: 'system', content: 'Be long.' }]))).toBe('TypeError');
  });
});

describe('prompt() and promptStreaming(), section "Prefilling and generating"', () => {
  it('know what was said before', async () => {
    const { LanguageModel, host } = setUp();
    const session = await LanguageModel.create({ initialPrompts: [{ role: 'system', content: 'Be brief.' }] });
    await session.prompt('one');
    await session.append('two');
    await session.prompt('three');
    expect(host.requests.at(-1)!.messages.map(({ role, content }) => `${role}: ${content}`)).toEqual([
      'system: Be brief.',
      'user: one',
      'assistant: You said: one',
      'user: two',
      'user: three',
    ]);
  });

  it('stream pieces, and the whole is what prompt() gives', async () => {
    const { LanguageModel } = setUp();
    const session = await LanguageModel.create();
    expect(await readAll(session.promptStreaming('hello'))).toEqual(['You said: ', 'hello']);
  });

  it('run in the order of their calls, streams that nobody reads yet included', async () => {
    const { LanguageModel, host } = setUp();
    const session = await LanguageModel.create();
    const first = session.prompt('1');
    const second = session.promptStreaming('2');
    const third = session.prompt('3');
    expect(await first).toBe('You said: 1');
    expect((await readAll(second)).join('')).toBe('You said: 2');
    expect(await third).toBe('You said: 3');
    expect(host.requests.map(({ messages }) => messages.at(-1)!.content)).toEqual(['1', '2', '3']);
    expect(host.requests[2]!.messages).toHaveLength(5);
  });

  it('go on behind a prefix, which is one message with the reply', async () => {
    const { LanguageModel, host } = setUp({ answer: () => ['[section]'] });
    const session = await LanguageModel.create();
    const prefix: LanguageModelMessage[] = [
      { role: 'user', content: 'TOML, please' },
      { role: 'assistant', content: '```toml\n', prefix: true },
    ];
    expect(await session.prompt(prefix)).toBe('[section]');
    expect(host.requests[0]!.prefix).toBe(true);
    await session.prompt('and now?');
    expect(host.requests[1]!.messages[1]).toEqual({ role: 'assistant', content: '```toml\n[section]' });
  });

  it.each([
    [new PhiError('device-lost', 'gone'), 'UnknownError'],
    [new PhiError('bad-request', 'schema'), 'NotSupportedError'],
  ])('fail by name, and nothing of the prompt stays: %s', async (cause, name) => {
    const { LanguageModel, host } = setUp();
    const session = await LanguageModel.create();
    host.failure = cause;
    expect(await nameOf(session.prompt('x'))).toBe(name);
    expect(await nameOf(readAll(session.promptStreaming('x')))).toBe(name);
    expect(session.contextUsage).toBe(0);
    host.failure = null;
    expect(await session.prompt('y')).toBe('You said: y');
    expect(host.requests.at(-1)!.messages).toHaveLength(1);
  });
});

describe('an abort', () => {
  it('before the call rejects with its reason', async () => {
    const { LanguageModel } = setUp();
    const session = await LanguageModel.create();
    const signal = AbortSignal.abort('reason');
    for (const call of [
      session.prompt('x', { signal }),
      session.append('x', { signal }),
      session.measureContextUsage('x', { signal }),
      session.clone({ signal }),
      readAll(session.promptStreaming('x', { signal })),
    ])
      expect(await failure(call)).toBe('reason');
  });

  it('in the middle takes prompt and reply out of the session', async () => {
    const held = gate();
    const { LanguageModel, host } = setUp({ gate: held.closed });
    const session = await LanguageModel.create();
    const controller = new AbortController();
    const reply = failure(session.prompt('x', { signal: controller.signal }));
    await expect.poll(() => host.requests.length).toBe(1);
    controller.abort();
    expect(((await reply) as Error).name).toBe('AbortError');
    held.open();
    expect(await session.prompt('y')).toBe('You said: y');
    expect(host.requests.at(-1)!.messages).toHaveLength(1);
  });

  it('in the queue leaves it, and those behind go on', async () => {
    const held = gate();
    const { LanguageModel, host } = setUp({ gate: held.closed });
    const session = await LanguageModel.create();
    const controller = new AbortController();
    const first = session.prompt('1');
    const second = failure(session.prompt('2', { signal: controller.signal }));
    const third = session.prompt('3');
    controller.abort();
    expect(((await second) as Error).name).toBe('AbortError');
    held.open();
    expect([await first, await third]).toEqual(['You said: 1', 'You said: 3']);
    expect(host.requests).toHaveLength(2);
  });

  it('by leaving a stream stops the reply', async () => {
    const { LanguageModel, host } = setUp({ answer: () => ['a', 'b', 'c'] });
    const session = await LanguageModel.create();
    const reader = session.promptStreaming('x').getReader();
    expect((await reader.read()).value).toBe('a');
    await reader.cancel();
    host.answer = () => ['fine'];
    expect(await session.prompt('y')).toBe('fine');
    expect(host.requests.at(-1)!.messages).toHaveLength(1);
  });

  it('after the end does nothing', async () => {
    const { LanguageModel } = setUp();
    const session = await LanguageModel.create();
    const controller = new AbortController();
    await session.prompt('x', { signal: controller.signal });
    const usage = session.contextUsage;
    controller.abort();
    expect(session.contextUsage).toBe(usage);
    expect(await session.prompt('y')).toBe('You said: y');
  });

  it('by destroy() ends what runs, and refuses what comes', async () => {
    const held = gate();
    const { LanguageModel } = setUp({ gate: held.closed });
    const session = await LanguageModel.create();
    const running = failure(session.prompt('x'));
    const streaming = failure(readAll(session.promptStreaming('y')));
    session.destroy();
    session.destroy();
    for (const error of [await running, await streaming, await failure(session.prompt('z'))])
      expect((error as Error).name).toBe('AbortError');
    expect(await nameOf(session.clone())).toBe('AbortError');
    held.open();
  });
});

describe('the context window, section "Usage"', () => {
  it('is measured without being filled', async () => {
    const { LanguageModel, host } = setUp();
    const session = await LanguageModel.create();
    await session.prompt('one two');
    const before = session.contextUsage;
    expect(await session.measureContextUsage('three four five')).toBe(4);
    expect(session.contextUsage).toBe(before);
    expect(host.requests).toHaveLength(1);
  });

  it('loses the oldest turns when it is full, never the initial prompts, and says so', async () => {
    const { LanguageModel, host } = setUp({ contextLength: 40, answer: () => ['ok'] });
    const session = await LanguageModel.create({ initialPrompts: [{ role: 'system', content: 'system words' }] });
    expect(session.contextWindow).toBe(30);
    let overflows = 0;
    session.oncontextoverflow = () => overflows++;
    session.addEventListener('quotaoverflow', () => overflows++);
    await session.prompt('a b c d e f g h');
    await session.prompt('i j k l m n');
    expect(overflows).toBe(0);
    await session.prompt('o p q r s t u');
    expect(overflows).toBe(2);
    const contents = host.requests.at(-1)!.messages.map(({ content }) => content);
    expect(contents).toEqual(['system words', 'i j k l m n', 'ok', 'o p q r s t u']);
    expect(session.contextUsage).toBeLessThanOrEqual(session.contextWindow);
  });

  it('refuses what does not fit at all, with figures, and removes nothing', async () => {
    const { LanguageModel } = setUp({ contextLength: 40, answer: () => ['ok'] });
    const session = await LanguageModel.create();
    await session.prompt('keep me');
    const usage = session.contextUsage;
    const error = (await failure(session.prompt('w '.repeat(50)))) as DOMException & Record<string, unknown>;
    expect([error.name, error['requested'], error['quota']]).toEqual(['QuotaExceededError', 51, 30]);
    expect(session.contextUsage).toBe(usage);
  });

  it('goes by its older names too', async () => {
    const { LanguageModel } = setUp();
    const session = await LanguageModel.create();
    await session.prompt('x');
    expect([session.inputUsage, session.inputQuota]).toEqual([session.contextUsage, session.contextWindow]);
    expect(await session.measureInputUsage('x')).toBe(2);
    const handler = (): void => undefined;
    session.onquotaoverflow = handler;
    expect(session.onquotaoverflow).toBe(handler);
    session.onquotaoverflow = null;
    expect(session.onquotaoverflow).toBeNull();
  });
});

describe('clone()', () => {
  it('knows what was said before it, and nothing of what is said after', async () => {
    const { LanguageModel, host } = setUp();
    const session = await LanguageModel.create({ samplingMode: 'creative' });
    await session.prompt('shared');
    const clone = await session.clone();
    expect([clone.contextUsage, clone.samplingMode]).toEqual([session.contextUsage, 'creative']);
    await clone.prompt('of the clone');
    await session.prompt('of the first');
    expect(host.requests.at(-1)!.messages.map(({ content }) => content)).not.toContain('of the clone');
    session.destroy();
    expect(await clone.prompt('alive')).toBe('You said: alive');
  });
});

describe('responseConstraint', () => {
  const schema = { type: 'object', required: ['rating'], properties: { rating: { type: 'number' } } };

  it('goes to the engine as a schema or a pattern, and to the model in words', async () => {
    const { LanguageModel, host } = setUp();
    const session = await LanguageModel.create();
    await session.prompt('Rate it.', { responseConstraint: schema });
    expect(host.requests[0]!.constraint).toEqual({ kind: 'json', schema });
    expect(host.requests[0]!.messages.at(-1)!.content).toContain('"rating"');
    await session.prompt('A word.', { responseConstraint: /^[a-z]+$/, omitResponseConstraintInput: true });
    expect(host.requests[1]!.constraint).toEqual({ kind: 'regex', pattern: '^[a-z]+$' });
    expect(host.requests[1]!.messages.at(-1)!.content).toBe('A word.');
  });

  it('is counted where it is told', async () => {
    const { LanguageModel } = setUp();
    const session = await LanguageModel.create();
    const bare = await session.measureContextUsage('Rate it.');
    expect(await session.measureContextUsage('Rate it.', { responseConstraint: schema })).toBeGreaterThan(bare);
    const omitted = { responseConstraint: schema, omitResponseConstraintInput: true };
    expect(await session.measureContextUsage('Rate it.', omitted)).toBe(bare);
  });

  it.each([
    [{ omitResponseConstraintInput: true }, 'TypeError'],
    [{ responseConstraint: 'a string' as unknown as object }, 'TypeError'],
    [{ responseConstraint: [1] }, 'TypeError'],
    [{ responseConstraint: /a/i }, 'NotSupportedError'],
  ])('%j: %s', async (options, name) => {
    const { LanguageModel } = setUp();
    const session = await LanguageModel.create();
    expect(await nameOf(session.prompt('x', options))).toBe(name);
    expect(await nameOf(readAll(session.promptStreaming('x', options)))).toBe(name);
  });
});

describe('tools', () => {
  const weather: LanguageModelTool = {
    name: 'weather',
    description: 'The weather in a city.',
    inputSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    execute: (args) => Promise.resolve(`Sunny in ${(args as { city: string }).city}`),
  };

  it('go to the host as those of the app, are measured, and what they gave stays in the session', async () => {
    const { LanguageModel, host } = setUp();
    const session = await LanguageModel.create({ tools: [weather] });
    const rounds = [{ text: '', calls: [{ name: 'weather', arguments: { city: 'Oslo' }, result: 'Sunny in Oslo' }] }];
    host.called = { rounds, answer: 'Sunny.' };
    host.answer = () => ['Let me see. ', 'Sunny.'];
    await session.prompt('Oslo?');
    const [tool] = host.requests[0]!.tools!;
    expect(tool).toMatchObject({ name: 'weather', parameters: weather.inputSchema });
    const context = { signal: new AbortController().signal };
    expect(await tool!.run({ city: 'Oslo' }, context)).toBe('Sunny in Oslo');
    await session.prompt('Sure?');
    expect(host.requests[1]!.messages[1]).toEqual({ role: 'assistant', content: 'Sunny.', rounds });
    expect(await (await session.clone()).prompt('And you?')).toBeTruthy();
    expect(host.requests[2]!.tools).toHaveLength(1);
  });

  it.each<[object, string]>([
    [{ ...weather, name: 'a b' }, 'TypeError'],
    [{ ...weather, description: undefined }, 'TypeError'],
    [{ ...weather, inputSchema: 'x' }, 'TypeError'],
    [{ ...weather, execute: 1 }, 'TypeError'],
  ])('%j: %s', async (tool, name) => {
    const { LanguageModel } = setUp();
    expect(await nameOf(LanguageModel.create({ tools: [tool as LanguageModelTool] }))).toBe(name);
  });

  it('are refused twice under one name, and by a model that is lent', async () => {
    const { LanguageModel, host } = setUp();
    expect(await nameOf(LanguageModel.create({ tools: [weather, weather] }))).toBe('TypeError');
    host.takesTools = false;
    expect(await nameOf(LanguageModel.create({ tools: [weather] }))).toBe('NotSupportedError');
  });
});
