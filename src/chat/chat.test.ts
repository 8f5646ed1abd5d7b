import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Engine } from '../engine/engine.ts';
import { EngineClaim } from '../models/engine-claim.ts';
import { ModelSession } from '../models/model-session.svelte.ts';
import { Settings } from '../settings/settings.svelte.ts';
import type { FakeScript } from '../testing/fake-script.ts';
import { fakeThread } from '../testing/fake-engine.ts';
import { FAKE_MODEL, SECOND_FAKE } from '../testing/fake-models.ts';
import { JSON_ANSWER } from '../testing/fake-replies.ts';
import { MemoryRecords } from '../testing/memory-records.ts';
import { Chat } from './chat.svelte.ts';
import { pathTo } from './conversation.ts';
import { Conversations } from './conversations.svelte.ts';

const engines: Engine[] = [];

function setUp(script: FakeScript = {}) {
  const disk = { models: [FAKE_MODEL] };
  const engine = new Engine(() => fakeThread({ instant: true, ...script }, disk));
  engines.push(engine);
  const settings = new Settings(null);
  const models = new ModelSession(engine, settings, new EngineClaim(null));
  const records = new MemoryRecords();
  const conversations = new Conversations(records);
  const chat = new Chat(engine, models, settings, conversations);
  const path = () => pathTo(conversations.current!);
  return { engine, settings, models, records, conversations, chat, path, disk };
}

beforeEach(() => {
  vi.stubGlobal('requestAnimationFrame', (run: (now: number) => void) => setTimeout(() => run(performance.now()), 1));
  vi.stubGlobal('cancelAnimationFrame', clearTimeout);
});

afterEach(() => {
  for (const engine of engines.splice(0)) engine.terminate();
  vi.unstubAllGlobals();
});

describe('Chat', () => {
  it('sends, streams and stores a reply with its statistics', async () => {
    const { models, chat, path, records } = setUp();
    await models.start();
    const begun: string[] = [];
    await chat.send('Hello', (id) => begun.push(id));
    expect(path().map(({ role }) => role)).toEqual(['user', 'assistant']);
    expect(path()[1]).toMatchObject({ reply: { state: 'done', reason: 'end' } });
    expect(path()[1]?.content).toMatch(/^Of course\..*seen\.$/);
    expect(path()[1]?.reply?.stats?.generatedTokens).toBe(21);
    expect(records.records.get(begun[0]!)?.messages).toEqual(path());
    expect(chat.live).toBeNull();
  });

  it('stores and shows a message, and drops its draft, before the model is asked for anything', async () => {
    const { chat, path, records, conversations, engine } = setUp(); // The model is never started.
    const asked = [vi.spyOn(engine, 'fit'), vi.spyOn(engine, 'generate')];
    records.drafts.set(null, 'Hello');
    const sent = chat.send('Hello', () => undefined);
    expect(path().map(({ content }) => content)).toEqual(['Hello', '']);
    await vi.waitFor(() => expect(records.records.get(conversations.current!.id)?.messages).toHaveLength(2));
    expect(records.drafts.has(null)).toBe(false);
    for (const call of asked) expect(call).not.toHaveBeenCalled();
    chat.stop();
    await sent;
    const edited = chat.edit(path()[0]!.id, 'Goodbye');
    await vi.waitFor(() => expect(records.records.get(conversations.current!.id)?.messages).toHaveLength(4));
    chat.stop();
    await edited;
    for (const call of asked) expect(call).not.toHaveBeenCalled();
  });

  it('waits for a model that still loads', async () => {
    const { models, chat, path } = setUp();
    const started = models.start();
    await chat.send('Hello', () => undefined);
    await started;
    expect(path()[1]?.reply?.state).toBe('done');
  });

  it('loads the chat’s own model for its next reply, whatever was chosen meanwhile', async () => {
    const { models, chat, path, conversations, settings, disk } = setUp();
    disk.models.push(SECOND_FAKE);
    await models.start();
    await chat.send('Hello', () => undefined);
    await chat.model.choose(SECOND_FAKE.id);
    await chat.send('And you?', () => undefined);
    const { id } = conversations.current!;
    conversations.close();
    await chat.model.choose(FAKE_MODEL.id);
    expect(models.report?.model).toBe(FAKE_MODEL.id);
    await conversations.open(id);
    await chat.send('Still you?', () => undefined);
    expect(path().flatMap(({ reply }) => reply?.model ?? [])).toEqual([
      FAKE_MODEL.name,
      SECOND_FAKE.name,
      SECOND_FAKE.name,
    ]);
    expect([models.report?.model, settings.values.model]).toEqual([SECOND_FAKE.id, SECOND_FAKE.id]);
  });

  it('answers with the chosen model when the chat’s own is no longer stored', async () => {
    const { models, chat, path, disk } = setUp();
    disk.models.push(SECOND_FAKE);
    await models.start();
    await chat.model.choose(SECOND_FAKE.id);
    await chat.send('Hello', () => undefined);
    await models.remove(SECOND_FAKE.id);
    expect(chat.model.choice).toEqual({ stored: FAKE_MODEL.id });
    await chat.send('Who is there?', () => undefined);
    expect(path().at(-1)!.reply).toMatchObject({ model: FAKE_MODEL.name, state: 'done' });
  });

  it('sends no text of documents to a server that was not allowed to get it', async () => {
    const { models, chat, path } = setUp();
    await models.start();
    const server = { server: 'http://127.0.0.1:9/v1', model: 'far' };
    chat.model.chooseServer(server, { origin: 'http://127.0.0.1:9', history: 1, documents: null, tools: null });
    const document = { id: 'd1', name: 'secret.pdf', unit: 'page' as const, pageCount: 3 };
    await chat.send('What is in it?', () => undefined, [document]);
    expect(path()[0]).toMatchObject({ content: 'What is in it?', documents: [document] });
    expect(path()[1]?.reply?.error).toMatchObject({
      code: 'bad-request',
      message: expect.stringMatching(/^Nothing was sent, because this chat has documents/) as string,
    });
  });

  it('answers the next message though a document of the one before could not be read', async () => {
    const { models, chat, path } = setUp();
    await models.start();
    const gone = { id: 'gone', name: 'gone.pdf', unit: 'page' as const, pageCount: 3 };
    await chat.send('What is in it?', () => undefined, [gone]); // No worker here that could read it.
    expect(path()[1]!.reply).toMatchObject({ error: { code: expect.any(String) as string } });
    await chat.send('And without it?', () => undefined, []);
    expect(path()[2]).toMatchObject({ documents: [] });
    expect(path()[3]!.reply).toMatchObject({ state: 'done' });
  });

  it('sends nothing to a server without a consent for it: not a chat that was imported, copied, or agreed to for another', async () => {
    const { models, chat, path, conversations } = setUp();
    await models.start();
    const server = { server: 'http://127.0.0.1:9/v1', model: 'far' };
    const consent = { origin: 'http://127.0.0.1:9', history: 1, documents: null, tools: null };
    chat.model.chooseServer(server, { ...consent, origin: 'http://127.0.0.1:8' });
    await chat.send('Hello', () => undefined);
    expect(path()[1]!.reply).toMatchObject({
      model: 'far',
      server: 'http://127.0.0.1:9',
      error: { code: 'bad-request', message: expect.stringContaining('Nothing was sent') as string },
    });
    chat.model.chooseServer(server, consent);
    const sent = conversations.current!;
    expect(chat.model.server).toEqual(server);
    await chat.branch(path()[0]!.id);
    expect([chat.model.server, conversations.current!.consent]).toEqual([null, undefined]);
    await conversations.add([{ ...sent, id: 'imported', title: 'Brought' }]);
    await conversations.open('imported');
    expect([chat.model.server, conversations.current!.consent]).toEqual([null, undefined]);
    // A new chat begins here, also when one before it was given to a server and left empty.
    conversations.close();
    chat.model.chooseServer(server, consent);
    chat.model.leave();
    expect(chat.model.choice).toEqual({ stored: FAKE_MODEL.id });
  });

  it('samples with a chat’s own settings, and with those of all chats once it has none', async () => {
    const { models, chat, engine, settings } = setUp();
    await models.start();
    await chat.send('Hello', () => undefined);
    const generate = vi.spyOn(engine, 'generate');
    await chat.setSampling({ temperature: 1.5, maxTokens: 3, seed: 7 });
    settings.change({ temperature: 0.1, topK: 5 });
    await chat.send('Again', () => undefined);
    await chat.setSampling(null);
    await chat.send('And again', () => undefined);
    const asked = generate.mock.calls.map(([{ sampling, maxTokens }]) => ({ ...sampling, maxTokens }));
    expect(asked[0]).toMatchObject({ temperature: 1.5, topK: 5, seed: 7, maxTokens: 3 });
    expect(asked[1]).toMatchObject({ temperature: 0.1, topK: 5, maxTokens: 1024 });
  });

  it('goes on from a reply in a person’s own words, and keeps the model’s beside it', async () => {
    const { models, chat, path, engine, conversations } = setUp();
    await models.start();
    await chat.send('Hello', () => undefined);
    const first = path()[1]!;
    await chat.editReply(first.id, 'Well, hello.');
    expect(path()[1]).toMatchObject({ content: 'Well, hello.', reply: { state: 'done', edited: true } });
    expect(conversations.current!.messages).toContainEqual(first);
    const generate = vi.spyOn(engine, 'generate');
    await chat.send('And?', () => undefined);
    expect(generate.mock.calls[0]![0].messages.map(({ content }) => content)).toEqual([
      'Hello',
      'Well, hello.',
      'And?',
    ]);
  });

  it('has the cache of a chat that is opened restored, but not of one that is never stored', async () => {
    const { models, chat, conversations, engine } = setUp();
    const restore = vi.spyOn(engine, 'restoreCache');
    await models.start();
    await chat.send('Hello', () => undefined);
    const { id } = conversations.current!;
    conversations.close();
    await chat.restoreCache();
    await conversations.open(id);
    await chat.restoreCache();
    expect(restore.mock.calls.map(([{ keep, messages }]) => [keep, messages.length])).toEqual([[id, 2]]);
    conversations.close();
    await conversations.setTemporary(true);
    await chat.send('A secret', () => undefined);
    await chat.restoreCache();
    expect(restore).toHaveBeenCalledTimes(1);
  });

  it('stores nothing of a temporary chat: no record, no draft, no place in the list', async () => {
    const { models, chat, path, records, conversations, engine } = setUp();
    const generate = vi.spyOn(engine, 'generate');
    await models.start();
    await conversations.writeDraft(null, 'a secr');
    await conversations.setTemporary(true);
    await conversations.writeDraft(null, 'a secret');
    await chat.send('A secret', () => undefined);
    await conversations.writeDraft(conversations.current!.id, 'another');
    await chat.send('Another', () => undefined);
    expect(path()).toHaveLength(4);
    expect([
      records.records.size,
      records.drafts.get(null) ?? '',
      records.drafts.size,
      conversations.summaries,
    ]).toEqual([0, '', 1, []]);
    const { id } = conversations.current!;
    conversations.close();
    expect(conversations.temporary).toBe(false);
    await expect(conversations.open(id)).rejects.toMatchObject({ code: 'bad-request' });
    await chat.send('Kept', () => undefined);
    expect(records.records.size).toBe(1);
    // Nor what the model has read of it.
    expect(generate.mock.calls.map(([{ keep }]) => keep)).toEqual([undefined, undefined, conversations.current!.id]);
    await conversations.removeAll();
    expect([records.records.size, conversations.summaries, conversations.current]).toEqual([0, [], null]);
  });

  it('can be stopped while it waits for the model', async () => {
    const { chat, path } = setUp();
    const sent = chat.send('Hello', () => undefined); // The model is never started.
    await vi.waitFor(() => expect(chat.live?.phase.kind).toBe('waiting'));
    chat.stop();
    await sent;
    expect(path()[1]).toMatchObject({ content: '', reply: { state: 'partial', reason: 'cancelled' } });
    expect(path()[1]?.reply?.error).toBeUndefined();
  });

  it('stops, keeps what there is, and goes on with it', async () => {
    const { models, chat, path } = setUp();
    await models.start();
    const sent = chat.send('a long one', () => undefined);
    await vi.waitFor(() => expect(chat.live?.tokens).toBeGreaterThan(3));
    chat.stop();
    await sent;
    const partial = path()[1]!;
    expect(partial.reply).toMatchObject({ state: 'partial', reason: 'cancelled' });
    await chat.continueReply(partial.id);
    expect(path()).toHaveLength(2);
    expect(path()[1]?.content.startsWith(partial.content)).toBe(true);
    expect(path()[1]).toMatchObject({ id: partial.id, reply: { state: 'done' } });
    expect(path()[1]!.content.length).toBeGreaterThan(partial.content.length);
  });

  it('regenerates beside the old reply, with another seed', async () => {
    const { models, settings, chat, path, conversations } = setUp();
    settings.change({ seed: 7 });
    await models.start();
    await chat.send('Hello', () => undefined);
    const first = path()[1]!;
    await chat.regenerate(first.id);
    const second = path()[1]!;
    expect(second.id).not.toBe(first.id);
    expect([first.reply?.seed, second.reply?.seed]).toEqual([7, 8]);
    await chat.show(first.id);
    expect(path()[1]?.id).toBe(first.id);
    expect(conversations.current?.messages).toHaveLength(3);
  });

  it('edits a message as a new version, with a reply of its own', async () => {
    const { models, chat, path, conversations } = setUp();
    await models.start();
    await chat.send('Hello', () => undefined);
    const original = path()[0]!;
    await chat.edit(original.id, 'Goodbye');
    expect(path().map(({ content }) => content)[0]).toBe('Goodbye');
    expect(path()[1]?.reply?.state).toBe('done');
    await chat.show(original.id);
    expect(path()[0]?.content).toBe('Hello');
    expect(conversations.current?.messages).toHaveLength(4);
  });

  it('branches into a conversation of its own', async () => {
    const { models, chat, path, conversations, records } = setUp();
    await models.start();
    await chat.send('Hello', () => undefined);
    const before = conversations.current!;
    const id = await chat.branch(path()[1]!.id);
    expect(conversations.current?.id).toBe(id);
    await chat.send('And now?', () => undefined);
    expect(path()).toHaveLength(4);
    expect(records.records.get(before.id)?.messages).toHaveLength(2);
  });

  it('keeps a reply that fails half-way, with the error', async () => {
    const { models, chat, path } = setUp({ error: true });
    await models.start();
    await chat.send('Hello', () => undefined);
    expect(path()[1]).toMatchObject({ reply: { state: 'partial', error: { code: 'device-lost' } } });
    expect(path()[1]?.content.split(' ')).toHaveLength(8);
  });

  it('keeps the conversation when the worker keeps dying, and loads the model again once', async () => {
    const { models, chat, path } = setUp({ 'keep-dying': true });
    await models.start();
    await chat.send('Hello', () => undefined);
    expect(path()[1]).toMatchObject({ reply: { state: 'partial', error: { code: 'worker-died' } } });
    await vi.waitFor(() => expect(models.phase.kind).toBe('ready'));
  });

  it('goes on with the reply when the backend is lost, and says what happened', async () => {
    const { models, chat, path } = setUp({ lose: true });
    await models.start();
    expect(models.report?.candidate).toBe('WebGPU, int4');
    await chat.send('Hello', () => undefined);
    expect(path()[1]).toMatchObject({ reply: { state: 'done', reason: 'end', notices: [{ movedTo: 'WASM, int8' }] } });
    expect(path()[1]?.content).toMatch(/^Of course\..*seen\.$/);
    expect(models.report?.rejected[0]).toEqual({
      what: 'WebGPU, int4',
      why: 'WebGPU: the GPU device was lost (test).',
    });
  });

  it('gives up on a worker that dies again before it has answered', async () => {
    const { engine, models } = setUp();
    await models.start();
    engine.terminate();
    await vi.waitFor(() => expect(models.phase.kind).toBe('ready'));
    engine.terminate();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(models.phase).toMatchObject({ kind: 'failed', while: 'running' });
  });

  it('answers although nothing can be stored', async () => {
    const { models, chat, path, records, conversations } = setUp();
    records.failing = true;
    await models.start();
    await chat.send('Hello', () => undefined);
    expect(path()[1]?.reply?.state).toBe('done');
    expect(conversations.problem?.code).toBe('quota');
  });

  it('ends a reply although the database hangs', async () => {
    const { models, chat, path, records } = setUp();
    vi.spyOn(records, 'write').mockReturnValue(new Promise(() => undefined));
    await models.start();
    void chat.send('Hello', () => undefined);
    await vi.waitFor(() => expect(chat.live).not.toBeNull());
    await vi.waitFor(() => expect(chat.live).toBeNull());
    expect(path()[1]?.reply?.state).toBe('done');
  });

  it('says on the reply why the model could not be loaded', async () => {
    const { models, chat, path } = setUp({ 'load-error': true });
    await models.start();
    await chat.send('Hello', () => undefined);
    expect(path()[1]?.reply?.error?.code).toBe('out-of-memory');
  });

  it('gives the system prompt of the conversation, not of the settings', async () => {
    const { models, settings, chat, conversations, engine } = setUp();
    settings.change({ system: 'Old.' });
    await models.start();
    await chat.send('Hello', () => undefined);
    settings.change({ system: 'New.' });
    const generate = vi.spyOn(engine, 'generate');
    await chat.send('Again', () => undefined);
    expect(generate.mock.calls[0]?.[0].messages[0]).toEqual({ role: 'system', content: 'Old.' });
    await chat.setSystem('Other.');
    expect(conversations.current?.system).toBe('Other.');
  });

  it('says how many of the oldest messages a reply did without, and lets them back into a longer context', async () => {
    const { models, settings, chat, path } = setUp({ short: true });
    settings.change({ maxTokens: 20 });
    await models.start();
    for (const text of ['one', 'two', 'three', 'four', 'five']) await chat.send(text, () => undefined);
    expect(path().flatMap(({ reply }) => (reply ? [reply.dropped] : []))).toEqual([0, 0, 0, 0, 4]);
    settings.change({ contextLength: 8192 });
    await models.load();
    await chat.send('six', () => undefined);
    expect(path().at(-1)?.reply?.dropped).toBe(0);
  });

  it('stores a message that is too long alone, and says so in its reply', async () => {
    const { models, chat, path, records, conversations } = setUp({ short: true });
    await models.start();
    await chat.send('x'.repeat(1000), () => undefined);
    expect(path()[1]).toMatchObject({ content: '', reply: { state: 'partial', error: { code: 'context-full' } } });
    expect(records.records.get(conversations.current!.id)?.messages[0]?.content).toHaveLength(1000);
    expect(await chat.measure([], 'x')).toMatchObject({ over: 0 });
    expect(await chat.measure([], 'x'.repeat(1000))).toMatchObject({ tokens: 257, over: 130 });
  });

  it('times a thought', async () => {
    const { models, chat, path } = setUp({ instant: false });
    await models.start();
    await chat.send('reason', () => undefined);
    const { content, reply } = path()[1]!;
    expect(content).toMatch(/^<think>.*<\/think>/s);
    // 19 words at 12 ms; the answer's four are not counted.
    expect(reply?.thoughtMs).toBeGreaterThan(150);
    expect(reply?.thoughtMs).toBeLessThan(reply!.stats!.timeToFirstTokenMs + 20_000);
  });
});

describe('an answer as JSON', () => {
  it('goes on in a new worker, held to its form, when the worker ends in the middle of it', async () => {
    const { models, chat, path, engine } = setUp({ die: true });
    await models.start();
    chat.form.schema = '{"type": "array"}';
    const generate = vi.spyOn(engine, 'generate');
    await chat.send('Two films', () => undefined);
    expect(generate.mock.calls[0]![0].constraint).toEqual({ kind: 'json', schema: { type: 'array' } });
    const reply = path().at(-1)!;
    expect(reply.content).toBe(JSON_ANSWER);
    expect(reply.reply).toMatchObject({ state: 'done', json: true, notices: [{ movedTo: 'WASM, int8' }] });
  });
});

describe('a chat with tools', () => {
  const ROUND = {
    text: '',
    calls: [{ name: 'calculator', arguments: { expression: '2+2' }, result: '{"result":"4"}' }],
  };

  it('has none at first, keeps those that it is given, and stores calls with results', async () => {
    const { models, chat, path, records, conversations, engine } = setUp();
    await models.start();
    const fit = vi.spyOn(engine, 'fit');
    await chat.send('calculate 2+2', () => undefined);
    expect(path().at(-1)).toMatchObject({ content: expect.stringMatching(/^Of course/) as string });
    expect(path().at(-1)!.reply!.rounds).toBeUndefined();
    conversations.close();
    chat.tools.set('calculator', true);
    await chat.measure([], 'calculate');
    expect(fit.mock.lastCall![0].tools?.map(({ name }) => name)).toEqual(['calculator']);
    await chat.send('calculate 2+2', () => undefined);
    const { id } = conversations.current!;
    expect(records.records.get(id)).toMatchObject({ tools: ['calculator'] });
    expect(records.records.get(id)!.messages.at(-1)).toMatchObject({
      content: 'The tool says {"result":"4"}.',
      reply: { state: 'done', rounds: [ROUND] },
    });
    conversations.close();
    expect(chat.tools.names).toEqual([]);
    await conversations.open(id);
    chat.tools.set('calculator', false);
    expect(conversations.current!.tools).toBeUndefined();
  });

  it('regenerates from the question, answers after five rounds, and keeps the calls of a reply that was edited', async () => {
    const { models, chat, path } = setUp();
    await models.start();
    chat.tools.set('calculator', true);
    await chat.send('calculate again 2+2', () => undefined);
    const first = path().at(-1)!;
    expect(first.reply).toMatchObject({ state: 'done', rounds: Array.from({ length: 5 }, () => ROUND) });
    await chat.regenerate(first.id);
    expect(path()).toHaveLength(2);
    expect(path().at(-1)).toMatchObject({ reply: { rounds: Array.from({ length: 5 }, () => ROUND) } });
    await chat.editReply(first.id, 'Four.');
    expect(path().at(-1)).toMatchObject({ content: 'Four.', reply: { edited: true, rounds: first.reply!.rounds } });
  });

  it('goes on with what its tools gave when it was stopped behind them', async () => {
    const { models, chat, path, engine } = setUp();
    await models.start();
    chat.tools.set('calculator', true);
    const answer = engine.generate.bind(engine);
    vi.spyOn(engine, 'generate').mockImplementation((...call) => {
      if (call[0].mayCall !== undefined && call[0].messages.at(-1)!.rounds) chat.stop();
      return answer(...call);
    });
    await chat.send('calculate 2+2', () => undefined);
    vi.restoreAllMocks();
    const reply = path().at(-1)!;
    expect(reply.reply).toMatchObject({ state: 'partial', reason: 'cancelled', rounds: [ROUND] });
    const generate = vi.spyOn(engine, 'generate');
    await chat.continueReply(reply.id);
    expect(generate.mock.calls[0]![0].messages.at(-1)).toMatchObject({ role: 'assistant', rounds: [ROUND] });
    expect(path().at(-1)!.reply).toMatchObject({ state: 'done', rounds: [ROUND] });
  });
});
