import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CacheStore } from '../../store/kept-caches.ts';
import type { Model } from '../model.ts';
import { Keeper } from './keeper.ts';

/** Longer than the pause after which a cache is written. */
const PAUSE_MS = 60_000;

let saved: string[];
let dropped: string[];
let keeper: Keeper;
/** Runs while a cache is written. */
let meanwhile: () => Promise<void>;
let problems: unknown[];

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('location', { pathname: '/assets/engine.worker-1.js' });
  saved = [];
  dropped = [];
  problems = [];
  meanwhile = () => Promise.resolve();
  const store = {
    drop: (chat: string) => Promise.resolve(void dropped.push(chat)),
    keepOnly: () => Promise.resolve(),
  } as Partial<CacheStore> as CacheStore;
  const model = {
    report: { model: 'm', candidate: 'WASM, int8' },
    keepCache: async (_: unknown, chat: string, signal: AbortSignal) => {
      await meanwhile();
      if (!signal.aborted) saved.push(chat);
    },
  } as unknown as Model;
  keeper = new Keeper(store, (work) => work());
  keeper.begin(model, 'hash', (cause) => problems.push(cause));
});
afterEach(() => vi.useRealTimers());

const reply = (chat: string | undefined): void => {
  keeper.giveWay();
  keeper.answering(chat);
  keeper.answered();
};
const pause = () => vi.advanceTimersByTimeAsync(PAUSE_MS);

describe('a conversation', () => {
  it('is kept once, when nothing is asked for after its reply', async () => {
    reply('a');
    reply('a');
    expect(saved).toEqual([]);
    await pause();
    expect(saved).toEqual(['a']);
    await pause();
    expect(saved).toEqual(['a']);
  });

  it('of a guest, or one that is never stored, is not kept, nor is another one in its place', async () => {
    reply('a');
    reply(undefined);
    await pause();
    expect(saved).toEqual([]);
  });

  it('is not written while the next message is answered', async () => {
    reply('a');
    meanwhile = () => Promise.resolve(keeper.giveWay());
    await pause();
    expect(saved).toEqual([]);
    expect(problems).toEqual([]);
  });

  it('is not written between two replies that were asked for together', async () => {
    keeper.answering('a');
    keeper.answered();
    keeper.answering('b');
    await pause();
    expect(saved).toEqual([]);
    keeper.answered();
    await pause();
    expect(saved).toEqual(['b']);
  });

  it('that was deleted is not kept, and what was written meanwhile goes', async () => {
    reply('a');
    await keeper.keepOnly(new Set(['b']));
    await pause();
    expect(saved).toEqual([]);
    reply('a');
    meanwhile = async () => keeper.keepOnly(new Set(['b']));
    await pause();
    expect(dropped).toEqual(['a']);
  });

  it('that was deleted and brought back is kept again', async () => {
    reply('a');
    await keeper.keepOnly(new Set(['b']));
    reply('a');
    await keeper.keepOnly(new Set(['a', 'b']));
    await pause();
    expect(saved).toEqual(['a']);
  });

  it('is not kept without its model', async () => {
    reply('a');
    keeper.end();
    await pause();
    expect(saved).toEqual([]);
    expect(keeper.caches).toBeUndefined();
  });

  it('whose cache could not be written says so once', async () => {
    meanwhile = () => Promise.reject(new Error('The device was lost.'));
    reply('a');
    await pause();
    reply('a');
    await pause();
    expect(problems).toHaveLength(1);
  });
});
