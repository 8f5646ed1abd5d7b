// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Engine } from '../engine/engine.ts';
import { fakeThread } from '../testing/fake-engine.ts';
import { FAKE_MANIFEST, FAKE_MODEL } from '../testing/fake-models.ts';
import { PhiEngine, type GenerateOptions } from './engine.ts';
import { languageModel } from './index.ts';
import { fakePageEngine } from './testing/fake-page-engine.ts';

const SOURCE = { manifest: FAKE_MANIFEST };
const USER = [{ role: 'user' as const, content: 'hello' }];
let engine: PhiEngine;

async function drain(events: AsyncIterable<unknown>): Promise<void> {
  for await (const event of events) if (event === null) return;
}

beforeEach(() => {
  // jsdom has none; the scripted worker stores nothing in it.
  vi.stubGlobal('indexedDB', {});
  localStorage.clear();
  engine = fakePageEngine();
});
afterEach(() => {
  engine.dispose();
  vi.unstubAllGlobals();
});

describe('createEngine', () => {
  it('downloads once, loads, and says what runs', async () => {
    expect(await engine.find(SOURCE)).toBeNull();
    const phases = new Set<string>();
    const report = await engine.load(SOURCE, { onProgress: ({ phase }) => phases.add(phase) });
    expect(report).toMatchObject({ model: FAKE_MANIFEST.id, backend: 'wasm' });
    expect(engine.report).toEqual(report);
    expect([...phases]).toEqual(['download', 'prepare', 'compile', 'warm-up']);
    expect((await engine.find(SOURCE))?.id).toBe(FAKE_MANIFEST.id);
    phases.clear();
    expect(await engine.load(SOURCE, { onProgress: ({ phase }) => phases.add(phase) })).toBe(report);
    expect(phases.size).toBe(0);
  });

  it('finds what came from an address again, without asking a server', async () => {
    const disk = { models: [] };
    const source = { manifest: 'https://example.org/manifest.json' };
    await fakePageEngine({}, disk).install(source);
    expect((await fakePageEngine({}, disk).find(source))?.id).toBe(FAKE_MODEL.id);
  });

  it.each([
    [{ stored: 'nothing' }, 'no-model', /"nothing" is not stored/],
    [{ catalogue: 'phi-99' }, 'bad-request', /no "phi-99"/],
    [
      { address: 'owner/two-models' },
      'bad-request',
      /There are 2 models at owner\/two-models: a-Q4_K_M.gguf, a-Q8_0.gguf/,
    ],
  ])('refuses %j by name', async (source, code, message) => {
    await expect(engine.load(source)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
  });

  it('streams a reply and ends with figures', async () => {
    await engine.load(SOURCE);
    const events = [];
    for await (const event of engine.generate(USER, { maxTokens: 5 })) events.push(event);
    expect(events.at(-1)).toMatchObject({ type: 'end', reason: 'max-tokens' });
    expect(await engine.measure(USER)).toBeGreaterThan(0);
    expect(await engine.measure([{ role: 'user', content: 'x'.repeat(100_000) }])).toBe(Infinity);
  });

  it('asks for no kept cache, whatever its caller wants: the time would tell what other pages have read', async () => {
    const inner = new Engine(() => fakeThread({ instant: true }, { models: [FAKE_MODEL] }));
    const generate = vi.spyOn(inner, 'generate');
    const guest = new PhiEngine({}, inner);
    await guest.load({ stored: FAKE_MODEL.id });
    await drain(guest.generate(USER, { maxTokens: 2, keep: 'chat' } as GenerateOptions));
    expect(generate.mock.calls.map(([{ keep }]) => keep)).toEqual([undefined]);
    guest.dispose();
  });

  it('has nothing loaded after its worker died, and loads again', async () => {
    const dying = fakePageEngine({ 'keep-dying': true });
    await dying.load(SOURCE);
    await expect(drain(dying.generate(USER))).rejects.toMatchObject({ code: 'worker-died' });
    expect(dying.report).toBeNull();
    expect((await dying.load(SOURCE)).model).toBe(FAKE_MANIFEST.id);
    dying.dispose();
  });
});

describe('LanguageModel over the engine', () => {
  it('downloads with progress, answers, and is there for the next session', async () => {
    engine = fakePageEngine({ instant: false });
    const LanguageModel = languageModel(engine, SOURCE);
    expect(await LanguageModel.availability()).toBe('downloadable');
    const seen: number[] = [];
    const creating = LanguageModel.create({
      monitor: (monitor) =>
        monitor.addEventListener('downloadprogress', (event) => seen.push((event as ProgressEvent).loaded)),
    });
    await expect.poll(() => LanguageModel.availability(), { interval: 10 }).toBe('downloading');
    const session = await creating;
    expect(seen[0]).toBe(0);
    expect(seen.at(-1)).toBe(1);
    expect(seen.length).toBeGreaterThan(5);
    expect(await LanguageModel.availability()).toBe('available');
    const text = await session.prompt('hello');
    expect(text.length).toBeGreaterThan(10);
    expect(session.contextUsage).toBeGreaterThan(0);
    expect(await (await LanguageModel.create()).prompt('hello')).toBe(text);
  });

  it('aborts in the middle of a reply, and answers the next prompt', async () => {
    const session = await languageModel(engine, SOURCE).create();
    const controller = new AbortController();
    const reader = session.promptStreaming('a long one', { signal: controller.signal }).getReader();
    await reader.read();
    controller.abort();
    await expect(
      (async () => {
        for (;;) if ((await reader.read()).done) return;
      })(),
    ).rejects.toMatchObject({ name: 'AbortError' });
    expect(await session.prompt('hello')).not.toBe('');
  });
});

describe('tools', () => {
  const calculator = {
    name: 'calculator',
    description: 'Computes.',
    inputSchema: { type: 'object', properties: { expression: { type: 'string' } }, required: ['expression'] },
  };

  it('of a page are called by the model, and their results are answered with', async () => {
    const execute = vi.fn((args: unknown) => Promise.resolve(`about ${(args as { expression: string }).expression}`));
    const LanguageModel = languageModel(engine, SOURCE);
    const session = await LanguageModel.create({ tools: [{ ...calculator, execute }] });
    expect(await session.prompt('calculate 2+2')).toBe('The tool says about 2+2.');
    expect(execute.mock.calls).toEqual([[{ expression: '2+2' }]]);
  });

  it('are given to whoever runs the rounds without the Prompt API', async () => {
    await engine.load(SOURCE);
    const { name, description, inputSchema: parameters } = calculator;
    const messages = [{ role: 'user' as const, content: 'calculate 2+2' }];
    const calls: unknown[] = [];
    for await (const event of engine.generate(messages, { tools: [{ name, description, parameters }] }))
      if (event.type === 'calls') calls.push(...event.calls);
    expect(calls).toEqual([{ name: 'calculator', arguments: { expression: '2+2' } }]);
  });
});
