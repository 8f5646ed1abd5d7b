import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Engine } from '../engine/engine.ts';
import type { EngineThread } from '../engine/engine-thread.ts';
import { fakeThread } from '../testing/fake-engine.ts';
import { FAKE_MODEL } from '../testing/fake-models.ts';
import type { FakeDisk, FakeScript } from '../testing/fake-script.ts';
import { FasterWeights } from './faster-weights.svelte.ts';

const engines: Engine[] = [];

/** An engine that has loaded the model, and how many of its workers live. */
async function setUp(script: FakeScript = {}) {
  const disk: FakeDisk = { models: [FAKE_MODEL] };
  const threads: EngineThread[] = [];
  const alive = { count: 0 };
  const engine = new Engine(() => {
    const thread = fakeThread({ instant: true, npu: true, unmade: true, ...script }, disk);
    threads.push(thread);
    alive.count++;
    return {
      ...thread,
      terminate() {
        alive.count--;
        thread.terminate();
      },
    };
  });
  engines.push(engine);
  const report = await engine.load({ model: FAKE_MODEL.id, backend: 'auto', contextLength: 0 });
  return { engine, report, alive, faster: new FasterWeights(engine) };
}

beforeEach(() => {
  vi.stubGlobal('navigator', {});
});

afterEach(() => {
  for (const engine of engines.splice(0)) engine.terminate();
  vi.unstubAllGlobals();
});

describe('faster weights', () => {
  it('are made in a worker of their own, with progress, and the next load takes them', async () => {
    const { engine, report, alive, faster } = await setUp();
    expect(report.faster).toEqual({ form: 'int4-columns', times: 1.6 });
    const making = faster.make(FAKE_MODEL.id);
    expect(faster.making).toEqual({ model: FAKE_MODEL.id, progress: null });
    expect(alive.count).toBe(2);
    expect((await engine.report())?.form).toBe('int8'); // the loaded model answers meanwhile
    await vi.waitFor(() => expect(faster.making?.progress).toMatchObject({ phase: 'prepare' }));
    expect(await making).toBe(true);
    expect([faster.making, faster.isMade(FAKE_MODEL.id), alive.count]).toEqual([null, true, 1]);
    const next = await engine.load({ model: FAKE_MODEL.id, backend: 'auto', contextLength: 0 });
    expect([next.form, next.faster]).toEqual(['int4-columns', undefined]);
  });

  it('can be cancelled: nothing is kept, and the worker is gone', async () => {
    const { alive, faster } = await setUp({ instant: false });
    const making = faster.make(FAKE_MODEL.id);
    await vi.waitFor(() => expect(faster.making?.progress).not.toBeNull());
    faster.cancel();
    expect(await making).toBeNull();
    expect([faster.making, faster.isMade(FAKE_MODEL.id), alive.count]).toEqual([null, false, 1]);
  });

  it('without room say so and are not counted as made', async () => {
    const { faster } = await setUp({ quota: true });
    expect(await faster.make(FAKE_MODEL.id)).toBe(false);
    expect(faster.isMade(FAKE_MODEL.id)).toBe(false);
  });
});
