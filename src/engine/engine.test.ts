import { afterEach, describe, expect, it, vi } from 'vitest';
import { PhiError } from '../../workers/shared/errors.ts';
import type { GenerateRequest, LoadRequest, Notice } from '../../workers/shared/protocol.ts';
import { Engine, type Recovery } from './engine.ts';
import type { FakeScript } from '../testing/fake-script.ts';
import { fakeThread } from '../testing/fake-engine.ts';
import { FAKE_MANIFEST } from '../testing/fake-models.ts';

const LOAD: LoadRequest = { model: FAKE_MANIFEST.id, backend: 'auto', contextLength: 0 };
const REQUEST: GenerateRequest = {
  messages: [{ role: 'user', content: 'a long one' }],
  sampling: { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 1 },
  maxTokens: 1000,
};

const engines: Engine[] = [];
function engineWith(script: FakeScript): { engine: Engine; spawned: () => number } {
  const disk = { models: [] };
  let count = 0;
  const engine = new Engine(() => {
    count++;
    return fakeThread({ instant: true, ...script }, disk);
  });
  engines.push(engine);
  return { engine, spawned: () => count };
}

afterEach(() => {
  vi.useRealTimers();
  for (const engine of engines.splice(0)) engine.terminate();
});

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => null,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(PhiError);
  return (error as PhiError).code;
}

async function reply(engine: Engine): Promise<{ text: string; notices: Notice[] }> {
  let text = '';
  const notices: Notice[] = [];
  for await (const event of engine.generate({ ...REQUEST, maxTokens: 40 })) {
    if (event.type === 'text') text += event.text;
    if (event.type === 'notice') notices.push(event.notice);
  }
  return { text, notices };
}

describe('Engine', () => {
  it('starts the worker at the first call, and once', async () => {
    const { engine, spawned } = engineWith({});
    expect(spawned()).toBe(0);
    await Promise.all([engine.storage(), engine.report()]);
    expect(spawned()).toBe(1);
  });

  it('keeps code and detail of an error across the port', async () => {
    const { engine } = engineWith({ quota: true });
    const error = await engine.install(FAKE_MANIFEST).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(PhiError);
    expect(error).toMatchObject({ code: 'quota', detail: { missing: 41e6 } });
  });

  it('streams text and ends with statistics', async () => {
    const { engine } = engineWith({});
    await engine.load(LOAD);
    let text = '';
    let last = '';
    for await (const event of engine.generate({ ...REQUEST, maxTokens: 5 })) {
      if (event.type === 'text') text += event.text;
      last = event.type === 'end' ? event.reason : '';
    }
    expect(text).toBe('Paragraph 1 of a long');
    expect(last).toBe('max-tokens');
  });

  it('throws the error that ends a stream, after the text before it', async () => {
    const { engine } = engineWith({ error: true });
    await engine.load(LOAD);
    let pieces = 0;
    const run = async () => {
      for await (const event of engine.generate(REQUEST)) if (event.type === 'text') pieces++;
    };
    expect(await codeOf(run())).toBe('device-lost');
    expect(pieces).toBe(8);
  });

  it('stops softly: the stream ends with the reason "cancelled"', async () => {
    const { engine } = engineWith({});
    await engine.load(LOAD);
    const controller = new AbortController();
    let reason = '';
    for await (const event of engine.generate(REQUEST, controller.signal)) {
      if (event.type === 'text') controller.abort();
      if (event.type === 'end') reason = event.reason;
    }
    expect(reason).toBe('cancelled');
  });

  it('stops the reply when the consumer leaves the loop, and is free for the next', async () => {
    const { engine } = engineWith({});
    await engine.load(LOAD);
    for await (const event of engine.generate(REQUEST)) if (event.type === 'text') break;
    const reasons = [];
    for await (const event of engine.generate({ ...REQUEST, maxTokens: 2 }))
      if (event.type === 'end') reasons.push(event.reason);
    expect(reasons).toEqual(['max-tokens']);
  });

  it('settles every pending call when the worker dies, and starts a new one at the next call', async () => {
    const { engine, spawned } = engineWith({ 'keep-dying': true });
    await engine.load(LOAD);
    const deaths: string[] = [];
    engine.onDeath((error) => deaths.push(error.code));
    expect(await codeOf(reply(engine))).toBe('worker-died');
    expect(deaths).toEqual(['worker-died']);
    expect(await engine.report()).toBeNull();
    expect(spawned()).toBe(3); // one that died, one that died again, one for the report
  });

  it.each([
    ['a dead worker', { die: true }, 'WASM, int8'],
    ['a lost device', { lose: true }, 'WASM, int8'],
  ] as [string, FakeScript, string][])(
    'goes on with a reply behind %s, token by token, and says so',
    async (_what, script, candidate) => {
      const whole = engineWith({});
      await whole.engine.load(LOAD);
      const { text: expected } = await reply(whole.engine);

      const { engine, spawned } = engineWith(script);
      await engine.load(LOAD);
      const steps: Recovery[] = [];
      const deaths: string[] = [];
      engine.onRecovery((step) => steps.push(step));
      engine.onDeath((error) => deaths.push(error.code));
      const { text, notices } = await reply(engine);
      expect(text).toBe(expected);
      expect(notices).toMatchObject([{ movedTo: candidate }]);
      expect(deaths).toEqual([]);
      expect(steps[0]).toEqual({ kind: 'loading', progress: null });
      const last = steps.at(-1)!;
      expect(last).toMatchObject({ kind: 'ready', report: { candidate } });
      expect(last.kind === 'ready' && last.report.rejected.map(({ why }) => why).join()).toMatch(
        /worker ended|device was lost/,
      );
      expect(spawned()).toBe(2);
    },
  );

  it('loads with the next candidate when one fails, in a fresh worker', async () => {
    const { engine, spawned } = engineWith({ 'fail-first': true });
    const report = await engine.load(LOAD);
    expect(report.rejected[0]).toEqual({ what: 'WASM, int8', why: 'The first candidate fails.' });
    expect(spawned()).toBe(2);
  });

  it('settles calls that are under way when it is terminated', async () => {
    const { engine } = engineWith({ instant: false, slow: true });
    const pending = [engine.install(FAKE_MANIFEST), engine.storage()].map(codeOf);
    engine.terminate();
    expect(await Promise.all(pending)).toEqual(['worker-died', 'worker-died']);
  });

  it('refuses a job whose signal is already aborted, without starting a worker', async () => {
    const { engine, spawned } = engineWith({});
    expect(await codeOf(engine.load(LOAD, { signal: AbortSignal.abort() }))).toBe('cancelled');
    expect(spawned()).toBe(0);
  });

  it('terminates a worker that ignores an abort', async () => {
    const { engine } = engineWith({ instant: false, slow: true, deaf: true });
    const controller = new AbortController();
    const pending = codeOf(engine.load(LOAD, { signal: controller.signal }));
    vi.useFakeTimers();
    controller.abort();
    vi.advanceTimersByTime(10_001);
    expect(await pending).toBe('worker-died');
  });

  it.each([
    ['fit', (engine: Engine) => engine.fit(REQUEST)],
    ['generate', (engine: Engine) => reply(engine)],
  ] as [string, (engine: Engine) => Promise<unknown>][])(
    'ends a worker whose chat template never ends, and names the model: %s',
    async (call, start) => {
      const { engine, spawned } = engineWith({ 'hang-template': true });
      await engine.load(LOAD);
      const told: PhiError[] = [];
      engine.onDeath((error) => told.push(error));
      engine.onRecovery((step) => step.kind === 'failed' && told.push(step.error));
      vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
      const error = start(engine).catch((cause: unknown) => cause);
      for (let second = 0; second < 15; second++) {
        await new Promise((resolve) => setTimeout(resolve, 5)); // messages of ports come between tasks
        vi.advanceTimersByTime(1000);
      }
      const expected = {
        code: 'bad-model',
        message: expect.stringMatching(/^SmolLM2 135M.*its chat template did not finish within 10 s/) as string,
      };
      expect(await error).toMatchObject(expected);
      expect(told).toMatchObject([expected]);
      expect(spawned(), call).toBe(1); // not tried again
    },
  );

  it('takes a silent worker for dead', async () => {
    vi.useFakeTimers();
    const { port1 } = new MessageChannel();
    const engine = new Engine(() => ({
      endpoint: port1,
      terminate: () => port1.close(),
      died: new Promise<string>(() => undefined),
    }));
    const pending = codeOf(engine.storage());
    vi.advanceTimersByTime(59_000);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(20_000);
    expect(await pending).toBe('worker-died');
    expect(vi.getTimerCount()).toBe(0);
  });
});
