import { expect, it } from 'vitest';
import { seeded } from '../../store/testing/random.ts';
import type { PhiConfig } from '../checkpoint/types.ts';
import { emptyRows } from '../decoder.ts';
import { KvCache } from './kv-cache.ts';

const CONFIG = { layers: 2, kvHeads: 2, headDim: 4 } as Partial<PhiConfig> as PhiConfig;
const TOKENS = 200;

const arena = () => ({ memory: new WebAssembly.Memory({ initial: 1, maximum: 8, shared: true }), start: 256 });

it.each([
  ['arrays', null],
  ['an arena', arena()],
])('gives back rows that were put into %s, where runs find them and after it has grown', (_, place) => {
  const random = seeded(5);
  const rows = emptyRows(CONFIG.kvHeads, TOKENS, CONFIG.headDim);
  for (let i = 0; i < rows.keys.length; i++) {
    rows.keys[i] = random();
    rows.values[i] = random();
  }
  const cache = new KvCache(CONFIG, 1000, place);
  cache.reserve(TOKENS);
  cache.fill(1, TOKENS, rows);
  // Keys [kvHeads, 1, headDim, slots], values [kvHeads, 1, slots, headDim].
  const { slots } = cache;
  expect(cache.keys[1]![(1 * CONFIG.headDim + 3) * slots + 77]).toBe(rows.keys[(TOKENS + 77) * CONFIG.headDim + 3]);
  expect(cache.values[1]![(slots + 77) * CONFIG.headDim + 3]).toBe(rows.values[(TOKENS + 77) * CONFIG.headDim + 3]);
  cache.reserve(600);
  expect(cache.rows(1, 0, TOKENS)).toEqual(rows);
  const part = cache.rows(1, 50, 60);
  expect(part.keys.subarray(40)).toEqual(
    rows.keys.subarray((TOKENS + 50) * CONFIG.headDim, (TOKENS + 60) * CONFIG.headDim),
  );
  cache.reserve(TOKENS);
  expect(cache.rows(1, 0, TOKENS)).toEqual(rows);
});
