import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { GREEDY } from '../../shared/greedy.ts';
import type { GenerateRequest, RestoreRequest } from '../../shared/protocol.ts';
import type { CacheStore } from '../../store/kept-caches.ts';
import type { Model } from '../model.ts';
import { Keeper } from './keeper.ts';

/** Longer than the pause after which a cache is written. */
const PAUSE_MS = 60_000;

let saved: string[];
let restored: string[];
let dropped: string[];
let keeper: Keeper;
/** Runs while a cache is written or restored. */
let meanwhile: () => Promise<void>;
let problems: unknown[];

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('location', { pathname: '/assets/engine.worker-1.js' });
  saved = [];
  restored = [];
  dropped = [];
  problems = [];
  meanwhile = () => Promise.resolve();
  const store = {
    dropChat: (chat: string) => Promise.resolve(void dropped.push(chat)),
    keepOnly: () => Promise.resolve(),
  } as Partial<CacheStore> as CacheStore;
  const model = {
    report: { model: 'm', candidate: 'WASM, int8' },
    keepCache: async (_: unknown, { keep }: RestoreRequest, signal: AbortSignal) => {
      await meanwhile();
      if (!signal.aborted) saved.push(keep);
    },
    restoreCache: async (_: unknown, { keep }: RestoreRequest, signal: AbortSignal) => {
      await meanwhile();
      if (!signal.aborted) restored.push(keep);
    },
  } as unknown as Model;
  let queue = Promise.resolve();
  keeper = new Keeper(store, (work) => (queue = queue.then(work)));
  keeper.begin(model, 'hash', (cause) => problems.push(cause));
});
afterEach(() => vi.useRealTimers());

const request = (keep?: string): GenerateRequest => ({ messages: [], maxTokens: 1, sampling: GREEDY, keep });
const open = (keep: string): Promise<void> => keeper.restore({ messages: [], maxTokens: 1, keep });
const reply = (chat: string | undefined): void => {
  keeper.giveWay(chat);
  keeper.answering(request(chat));
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
    keeper.answering(request('a'));
    keeper.answered();
    keeper.answering(request('b'));
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

describe('a conversation that is opened', () => {
  it('is restored, after the one before was kept', async () => {
    reply('a');
    await open('b');
    expect([saved, restored]).toEqual([['a'], ['b']]);
    await pause();
    expect(saved).toEqual(['a']);
  });

  it('is not restored where the model holds it, or holds one that could not be restored itself', async () => {
    reply('a');
    await pause();
    await open('a');
    reply(undefined);
    await open('b');
    expect(restored).toEqual([]);
  });

  it('gives way to a reply in another one, and not to one in its own', async () => {
    meanwhile = () => Promise.resolve(keeper.giveWay('c'));
    await open('b');
    expect(restored).toEqual([]);
    meanwhile = () => Promise.resolve(keeper.giveWay('b'));
    await open('b');
    expect(restored).toEqual(['b']);
  });

  it('gives way to the one that is opened next, to a load, and where it is deleted', async () => {
    await Promise.all([open('b'), open('c')]);
    expect(restored).toEqual(['c']);
    meanwhile = () => Promise.resolve(keeper.giveWay());
    await open('d');
    meanwhile = () => keeper.keepOnly(new Set(['d']));
    await open('e');
    expect(restored).toEqual(['c']);
  });

  it('and could not be restored is read again, which is told once', async () => {
    meanwhile = () => Promise.reject(new Error('The device was lost.'));
    await open('b');
    await open('c');
    expect([restored, problems.length]).toEqual([[], 1]);
  });
});
