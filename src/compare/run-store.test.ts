import 'fake-indexeddb/auto';
import { createStore, set } from 'idb-keyval';
import { expect, it } from 'vitest';
import { RunStore } from './run-store.ts';
import { entries, SETTINGS } from './plan.ts';
import type { CompareRequest } from './steps.ts';
import { result, row } from './testing/results.ts';

let count = 0;
const fresh = () => `compare-${++count}`;
const request: CompareRequest = {
  model: { id: 'starter', name: 'Starter', bytes: 98e6 },
  setting: 'quick',
  measures: SETTINGS.quick,
  entries: entries(['wasm-threads', 'wasm-single'], { everyForm: false }),
  servers: [{ label: 'Ollama', address: 'http://127.0.0.1:11434/v1', model: 'x' }],
  shuffled: true,
  standIn: true,
  builtIn: false,
};
const run = { order: [1, 0, 2], fingerprint: 'ab'.repeat(32) };
const scores = {
  sequences: [],
  text: { argmax: Int32Array.of(1), logprobs: Float32Array.of(-1), gaps: new Float32Array() },
};

it('gives back what was measured, row by row, after a new start', async () => {
  const name = fresh();
  const store = new RunStore(name);
  expect(await store.read()).toBeNull();
  await store.begin(request, run);
  await store.trying(1);
  await store.append({ index: 1, row: row(), scores });
  await store.keep(result());
  await store.trying(0);
  const read = await new RunStore(name).read();
  expect(read).toEqual({
    request,
    ...run,
    finished: false,
    done: [{ index: 1, row: row(), scores }],
    tries: new Map([[0, 1]]),
    result: result(),
  });
});

it('counts how often a row was begun, until it is over or a person stopped it', async () => {
  const store = new RunStore(fresh());
  await store.begin(request, run);
  await store.trying(0);
  await store.trying(0);
  expect((await store.read())!.tries).toEqual(new Map([[0, 2]]));
  await store.forgive();
  expect((await store.read())!.tries.size).toBe(0);
});

it('forgets the run before when one begins, and marks the end', async () => {
  const store = new RunStore(fresh());
  await store.begin(request, run);
  await store.append({ index: 1, row: row(), scores: null });
  await store.begin(request, run);
  expect((await store.read())!.done).toEqual([]);
  await store.finish();
  expect((await store.read())!.finished).toBe(true);
  await store.clear();
  expect(await store.read()).toBeNull();
});

it('measures a damaged row again, and trusts no damaged run', async () => {
  const name = fresh();
  const store = new RunStore(name);
  await store.begin(request, run);
  await store.append({ index: 1, row: row(), scores });
  const raw = createStore(name, 'values');
  await set('row:001', { index: 1, row: { ...row(), ttftMs: 'fast' }, scores }, raw);
  expect((await store.read())!.done).toEqual([]);
  await set('run', { ...run, request: { ...request, entries: 'all' }, finished: false }, raw);
  expect(await store.read()).toBeNull();
});
