import 'fake-indexeddb/auto';
import { IDBFactory } from 'fake-indexeddb';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Table } from '../../shared/database.ts';
import { PhiError } from '../../shared/errors.ts';
import { createContext } from '../../store/context.ts';
import { cacheStore, keepCachesOf, reportCaches, type CacheStore } from '../../store/kept-caches.ts';
import type { CacheEntry, CacheValue } from '../../store/tables.ts';
import { beforePut } from '../../store/testing/databases.ts';
import type { PhiConfig } from '../checkpoint/types.ts';
import { emptyRows, type ChunkRequest, type Decoder, type KvRows } from '../decoder.ts';
import { greedyChoice } from '../generate/greedy.ts';
import { Sequence } from '../generate/sequence.ts';
import { keptBytes } from './codec.ts';
import { KeptCaches } from './kept-caches.ts';

const CONFIG = { layers: 2, kvHeads: 2, headDim: 4, vocab: 4096, ropeScaling: null } as Partial<PhiConfig> as PhiConfig;
const LONG = {
  ...CONFIG,
  ropeScaling: { short: new Float32Array(2), long: new Float32Array(2), attentionFactor: 1, originalContext: 700 },
} as PhiConfig;
const SIGNAL = new AbortController().signal;
/** A tokenizer in which ids of the same tens are one text. */
const tokenizer = { idToken: (id: number) => `${id},`, isControl: (id: number) => id < 3 };

/** A decoder whose keys and values say which token lies in which slot; it counts the tokens that it reads. */
class SlotDecoder implements Partial<Decoder> {
  readonly slots: number;
  readonly chunkTokens = 256;
  read = 0;
  /** Token of each slot. */
  held: number[] = [];
  readonly kv = {
    read: (layer: number, from: number, to: number) => Promise.resolve(rowsOf(this.held.slice(from, to), layer)),
    fill: async (count: number, rows: (layer: number) => Promise<KvRows>) => {
      this.held = [];
      // As a device does: whatever goes wrong is told as an error of its own.
      try {
        await this.fill(count, rows);
      } catch (cause) {
        throw PhiError.from(cause, 'backend');
      }
    },
  };

  constructor(slots: number) {
    this.slots = slots;
  }

  async fill(count: number, rows: (layer: number) => Promise<KvRows>): Promise<void> {
    for (let layer = 0; layer < CONFIG.layers; layer++) this.held = tokensOf(await rows(layer), count, layer);
  }

  chunk({ ids, past }: ChunkRequest) {
    this.read += ids.length;
    this.held = [...this.held.slice(0, past), ...ids];
    return Promise.resolve({ chosen: [7], argmax: new Int32Array(0), logprobs: new Float32Array(0), logits: null });
  }
}

/** A value that holds a token: the fourth dimension makes 127 the largest of each row and channel, so that 8 bits are exact. */
function rowsOf(ids: readonly number[], layer: number): KvRows {
  const rows = emptyRows(CONFIG.kvHeads, ids.length, CONFIG.headDim);
  for (let head = 0; head < CONFIG.kvHeads; head++)
    ids.forEach((id, token) => {
      const at = (head * ids.length + token) * CONFIG.headDim;
      rows.values.set([Math.floor(id / 100), id % 100, layer, 127], at);
      rows.keys.set([127, -127, 127, 127], at);
    });
  return rows;
}

function tokensOf(rows: KvRows, count: number, layer: number): number[] {
  return Array.from({ length: count }, (_, token) => {
    const [hundreds, rest, own] = rows.values.subarray(token * CONFIG.headDim, token * CONFIG.headDim + 3);
    expect(own).toBeCloseTo(layer, 4);
    return Math.round(hundreds!) * 100 + Math.round(rest!);
  });
}

let context: ReturnType<typeof createContext>;
let store: CacheStore;

beforeEach(() => {
  globalThis.indexedDB = new IDBFactory();
  vi.stubGlobal('navigator', { storage: { estimate: () => Promise.resolve({ usage: 0, quota: 1e9 }) } });
  context = createContext();
  store = cacheStore(context);
});

const visit = (config = CONFIG, identity = 'model A', slots = 4096) => {
  const decoder = new SlotDecoder(slots);
  const sequence = new Sequence(decoder as Partial<Decoder> as Decoder, config);
  const caches = new KeptCaches(store, { model: 'a', identity });
  let restored = 0;
  return {
    decoder,
    sequence,
    save: (chat = 'one', signal = SIGNAL, shared: readonly number[] = []) =>
      caches.save(sequence, chat, shared, signal),
    /** Tokens that were brought back by the last answer. */
    restored: () => restored,
    /** Brings back what there is, reads the rest, and says how many tokens that was. */
    answer: async (prompt: readonly number[], signal = SIGNAL): Promise<number> => {
      await caches.restore(sequence, tokenizer, prompt, 0, signal);
      restored = sequence.length;
      const before = decoder.read;
      await sequence.prefill(prompt, greedyChoice(CONFIG.vocab));
      expect(decoder.held).toEqual(prompt);
      return decoder.read - before;
    },
  };
};
const tokens = (count: number, from = 100) => Array.from({ length: count }, (_, i) => from + i);
const table = () => new Table<CacheValue>('phi-caches');

describe('a kept cache', () => {
  it('brings back what an earlier visit has read', async () => {
    const first = visit();
    expect(await first.answer(tokens(1500))).toBe(1500);
    await first.save();
    const next = visit();
    expect(await next.answer(tokens(1510))).toBe(10);
    expect(await reportCaches(context)).toMatchObject({ chats: 1 });
  });

  it('grows by what is new, and writes the rest once', async () => {
    const { answer, save } = visit();
    await answer(tokens(600));
    await save();
    const written: unknown[] = [];
    const end = beforePut((_database, _value, key) => void written.push(key));
    await answer(tokens(1200));
    await save();
    await save();
    end();
    // The segment of 512 tokens stays; the short one behind it is written again with what follows.
    expect(written).toEqual(['s/one/1', 's/one/2', 'h/one']);
    expect(await visit().answer(tokens(1201))).toBe(1);
  });

  it('follows an edit, and keeps no segment of what was before', async () => {
    const { answer, save } = visit();
    await answer(tokens(1500));
    await save();
    const edited = [...tokens(600), ...tokens(100, 3000)];
    await answer(edited);
    await save();
    expect(await table().keys()).toEqual(['h/one', 's/one/0', 's/one/1']);
    expect(await visit().answer([...edited, 9])).toBe(1);
  });

  it('gives another chat the beginning that both have', async () => {
    const { answer, save } = visit();
    await answer(tokens(400));
    await save();
    const other = visit();
    expect(await other.answer([...tokens(300), ...tokens(50, 2000)])).toBe(50);
  });

  it('is not kept of a short chat, and not looked for where little is to be read', async () => {
    const { answer, save } = visit();
    await answer(tokens(100));
    await save();
    expect(await table().keys()).toEqual([]);
    await answer(tokens(400));
    await save();
    const next = visit();
    await next.sequence.prefill(tokens(390), greedyChoice(CONFIG.vocab));
    expect(await next.answer(tokens(400))).toBe(10);
  });

  it('of another model, weight format or version is not used', async () => {
    const { answer, save } = visit();
    await answer(tokens(400));
    await save();
    expect(await visit(CONFIG, 'model B').answer(tokens(400))).toBe(400);
  });

  it('of other rope factors is not used', async () => {
    const { answer, save } = visit(LONG);
    await answer(tokens(600));
    await save();
    expect(await visit(LONG).answer(tokens(900))).toBe(900);
    expect(await visit(LONG).answer(tokens(610))).toBe(10);
  });

  it('that has more tokens than the context has now is not used', async () => {
    const { answer, save } = visit();
    await answer(tokens(700));
    await save();
    expect(await visit(CONFIG, 'model A', 650).answer(tokens(600))).toBe(600);
    expect(await visit(CONFIG, 'model A', 700).answer(tokens(600))).toBe(1);
  });

  it('is never used with a flipped byte, wherever it is', async () => {
    const { answer, save } = visit();
    await answer(tokens(700));
    await save();
    const whole = await table().entries();
    for (const [key, value] of whole) {
      const size = value instanceof Blob ? value.size : value.json.length;
      for (const at of [0, 1, Math.floor(size / 3), size >> 1, size - 1]) {
        await table().write(whole);
        await table().set(key, await flipped(value, at));
        expect(await visit().answer(tokens(700)), `${key}, byte ${at}`).toBe(700);
      }
    }
    await table().write(whole);
    expect(await visit().answer(tokens(700))).toBe(1);
  });

  it('with segments of another chat, a missing or a short one is not used', async () => {
    const { answer, save } = visit();
    await answer(tokens(700));
    await save();
    await answer(tokens(700, 2000));
    await save('two');
    const whole = await table().entries();
    const blobs = new Map(whole);
    for (const change of [
      () => table().set('s/one/0', blobs.get('s/two/0')!),
      () => table().delete(['s/one/1']),
      () => table().set('s/one/1', (blobs.get('s/one/1') as Blob).slice(0, 100)),
    ]) {
      await table().write(whole);
      await change();
      expect(await visit().answer(tokens(700))).toBe(700);
    }
  });

  it('is left as it was when a message comes while it is written', async () => {
    const { answer, save, decoder } = visit();
    await answer(tokens(300));
    await save();
    await answer(tokens(900));
    const controller = new AbortController();
    vi.spyOn(decoder.kv, 'read').mockImplementationOnce((layer, from, to) => {
      controller.abort();
      return Promise.resolve(rowsOf(decoder.held.slice(from, to), layer));
    });
    await save('one', controller.signal);
    expect(await visit().answer(tokens(900))).toBe(600);
  });

  it('that is stopped while it is brought back leaves nothing behind', async () => {
    const { answer, save } = visit();
    await answer(tokens(300));
    await save();
    const controller = new AbortController();
    controller.abort();
    expect(await visit().answer(tokens(300), controller.signal)).toBe(300);
    expect(await visit().answer(tokens(300))).toBe(1);
  });

  it('of values that are not numbers is not written', async () => {
    const { answer, save, decoder } = visit();
    await answer(tokens(300));
    decoder.kv.read = () => Promise.resolve({ keys: new Float32Array(2400).fill(NaN), values: new Float32Array(2400) });
    await save();
    expect(await table().keys()).toEqual([]);
  });

  it('dies with its chat', async () => {
    const { answer, save } = visit();
    await answer(tokens(300));
    for (const chat of ['a', 'ab', 'a/b', 'チャット']) await save(chat);
    await keepCachesOf(context, new Set(['a', 'チャット']));
    const kept = (await table().keys()).filter((key) => key.startsWith('h/'));
    expect(kept.map((key) => decodeURIComponent(key.slice(2)))).toEqual(['チャット', 'a']);
    expect(await table().keys()).toHaveLength(4);
  });

  it('that the disk has no room for costs the older one nothing', async () => {
    const { answer, save } = visit();
    await answer(tokens(300));
    await save();
    await answer(tokens(900));
    const end = beforePut(() => {
      throw new DOMException('full', 'QuotaExceededError');
    });
    await save();
    end();
    expect(await visit().answer(tokens(300))).toBe(1);
  });

  it('answers all the same when the database takes or gives nothing', async () => {
    const { answer, save } = visit();
    await answer(tokens(300));
    await save();
    const end = beforePut(() => {
      throw new DOMException('full', 'QuotaExceededError');
    });
    expect(await visit().answer(tokens(300))).toBe(1);
    end();
    const refuse = () => Promise.reject(new PhiError('storage', 'The database failed.'));
    store.openSegment = refuse;
    expect(await visit().answer(tokens(300))).toBe(300);
    store.find = refuse;
    expect(await visit().answer(tokens(300))).toBe(300);
  });

  it('takes at most a quarter of the free room', async () => {
    const { answer, save } = visit();
    await answer(tokens(300));
    vi.stubGlobal('navigator', { storage: { estimate: () => Promise.resolve({ usage: 0, quota: 1e4 }) } });
    await save();
    expect(await table().keys()).toEqual([]);
  });

  it('that was not used for the longest time makes room', async () => {
    const { answer, save } = visit();
    for (const [i, chat] of ['old', 'new'].entries()) {
      await answer(tokens(300, 200 + 1000 * i));
      await save(chat);
      const entry = (await table().get(`h/${chat}`)) as CacheEntry;
      await table().set(`h/${chat}`, { ...entry, bytes: 2 ** 30, usedAt: i });
    }
    await answer(tokens(300, 3000));
    await save('newest');
    expect((await table().keys()).filter((key) => key.startsWith('h/'))).toEqual(['h/new', 'h/newest']);
  });

  it('counts as a whole where all caches together would take too much', async () => {
    const { answer, save } = visit();
    await answer(tokens(300, 2000));
    await save('other');
    const entry = (await table().get('h/other')) as CacheEntry;
    const [whole, fresh] = [keptBytes(CONFIG, 700), keptBytes(CONFIG, 700 - 512)];
    await table().set('h/other', { ...entry, bytes: 2 ** 31 - (whole + fresh) / 2 });
    await answer(tokens(600));
    await save();
    await answer(tokens(700));
    await save();
    expect((await table().keys()).filter((key) => key.startsWith('h/'))).toEqual(['h/one']);
  });
});

describe("a system prompt's cache", () => {
  const system = tokens(300);
  const first = [...system, ...tokens(300, 1000)];
  const second = [...system, ...tokens(50, 2000)];
  const headers = async () => (await table().keys()).filter((key) => key.startsWith('h/'));

  it('is kept by itself, and new chats begin with it', async () => {
    const { answer, save } = visit();
    await answer(first);
    await save('one', SIGNAL, system);
    const [shared, own] = await headers();
    expect([shared?.slice(0, 3), own]).toEqual(['h/:', 'h/one']);
    const other = visit();
    expect(await other.answer(second)).toBe(50);
    expect(other.restored(), 'no token of the other chat is read').toBe(300);
    expect(await reportCaches(context)).toMatchObject({ chats: 1 });
  });

  it('that is damaged costs its tokens once: the cache of a chat that begins with it takes its place', async () => {
    const { answer, save } = visit();
    await answer(first);
    await save('one', SIGNAL, system);
    const key = (await table().keys()).find((one) => one.startsWith('s/:'))!;
    await table().set(key, await flipped((await table().get(key))!, 0));
    expect(await visit().answer(second)).toBe(50);
    expect(await headers()).toEqual(['h/one']);
  });

  it('is written once', async () => {
    const { answer, save } = visit();
    await answer(first);
    await save('one', SIGNAL, system);
    await answer(second);
    const written: unknown[] = [];
    const end = beforePut((_database, _value, key) => void written.push(key));
    await save('two', SIGNAL, system);
    end();
    expect(written).toEqual(['s/two/0', 'h/two']);
  });

  it('goes with the last chat that begins with it', async () => {
    const { answer, save } = visit();
    await answer(first);
    await save('one', SIGNAL, system);
    await answer(second);
    await save('two', SIGNAL, system);
    await keepCachesOf(context, new Set(['two', 'three']));
    expect(await headers()).toHaveLength(2);
    await store.dropChat('two');
    expect(await table().keys()).toEqual([]);
  });

  it('that is short, or not how the chat begins, is not kept', async () => {
    const { answer, save } = visit();
    await answer(first);
    await save('one', SIGNAL, tokens(100));
    await save('one', SIGNAL, tokens(200, 1000));
    expect(await headers()).toEqual(['h/one']);
  });
});

/** The value with one byte changed. */
async function flipped(value: CacheValue, at: number): Promise<CacheValue> {
  const bytes =
    value instanceof Blob ? new Uint8Array(await value.arrayBuffer()) : new TextEncoder().encode(value.json);
  bytes[at]! ^= 1;
  return value instanceof Blob ? new Blob([bytes]) : { ...value, json: new TextDecoder().decode(bytes) };
}
