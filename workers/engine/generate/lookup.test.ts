import { describe, expect, it } from 'vitest';
import type { Sampling } from '../../shared/protocol.ts';
import type { ChunkResult, Choice, Decoder } from '../decoder.ts';
import type { PhiConfig } from '../checkpoint/types.ts';
import { generateTokens } from './generate.ts';
import { findDraft, Lookup } from './lookup.ts';
import { Sequence } from './sequence.ts';

describe('findDraft', () => {
  it.each<[string, number[], number, number[]]>([
    ['nothing repeats', [1, 2, 3, 4, 5, 6], 4, []],
    ['one token is too few', [1, 9, 8, 7, 1], 4, []],
    ['two are enough', [1, 2, 7, 8, 9, 1, 2], 2, [7, 8]],
    ['the latest of equal ones', [1, 2, 3, 7, 1, 2, 3, 8, 1, 2, 3], 1, [8]],
    ['the longest of several', [5, 1, 2, 3, 7, 6, 1, 2, 3, 8, 5, 1, 2, 3], 1, [7]],
    ['one that runs into itself', [4, 4, 4], 5, [4]],
    ['too short a text', [1, 1], 5, []],
    ['none wanted', [1, 2, 3, 7, 1, 2, 3], 0, []],
  ])('%s', (_, tokens, most, draft) => {
    expect(findDraft(tokens, most)).toEqual(draft);
  });
});

describe('Lookup', () => {
  const repeating = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 1, 2, 3];

  it('drafts more after right drafts', () => {
    const lookup = new Lookup({ tokenMs: 25, rowMs: 5 });
    const first = lookup.draft(repeating, 100);
    lookup.checked(first.length, first.length, 25 + 5 * first.length);
    expect(lookup.draft(repeating, 100).length).toBeGreaterThan(first.length);
    expect(lookup.draft(repeating, 3)).toEqual([4, 5]);
  });

  it('asks for single steps near a draft that was right, and for no others', () => {
    const lookup = new Lookup({ tokenMs: 25, rowMs: 5 });
    expect(lookup.run).toBe(Infinity);
    lookup.checked(3, 0, 40);
    expect(lookup.run).toBe(Infinity);
    lookup.checked(3, 1, 40);
    expect(lookup.run).toBe(1);
    lookup.stepped(10, 250);
    expect(lookup.run).toBe(1);
    lookup.checked(3, 0, 40);
    lookup.stepped(2, 50);
    expect(lookup.run).toBe(Infinity);
  });

  it('makes none where a row costs as much as a step', () => {
    expect(new Lookup({ tokenMs: 25, rowMs: 25 }).draft(repeating, 100)).toEqual([]);
  });

  it.each([1, 5, 12])('costs at most 3 % of a long reply when every draft is wrong (%d ms a row)', (rowMs) => {
    const lookup = new Lookup({ tokenMs: 25, rowMs });
    let ms = 0;
    let tokens = 0;
    while (tokens < 128) {
      const draft = lookup.draft(repeating, 100);
      const spent = draft.length > 0 ? 25 + rowMs * draft.length : 6 * 25;
      const made = draft.length > 0 ? 1 : 6;
      if (draft.length > 0) lookup.checked(draft.length, 0, spent);
      else lookup.stepped(made, spent);
      ms += spent;
      tokens += made;
    }
    expect(ms).toBeLessThan(1.03 * tokens * 25);
  });
});

describe('drafts in generateTokens', () => {
  const config = { vocab: 64, ropeScaling: null } as Partial<PhiConfig> as PhiConfig;
  const GREEDY = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, seed: 1 };

  /**
   * The next token depends on the two before it, so that a wrong cache or a wrong join shows; `period` decides how often the text repeats. By chance it is
   * another one in a tenth of the cases, so that a number that went to the wrong position shows.
   */
  function fakeDecoder(period: number) {
    const slots: number[] = [];
    const calls = { chunk: 0, decode: 0 };
    const after = (at: number, chance: number): number =>
      slots[at - 1] === undefined ? 1 : (slots[at]! * 3 + slots[at - 1]! + 1 + (chance > 0.9 ? 1 : 0)) % period;
    /** `randoms`: of the last rows. */
    const feed = (
      ids: readonly number[],
      past: number,
      { randoms, sampling }: Pick<Choice, 'randoms' | 'sampling'>,
    ) => {
      slots.length = past;
      return ids.map((id, i) =>
        after(slots.push(id) - 1, sampling.temperature > 0 ? (randoms[i - ids.length + randoms.length] ?? 0) : 0),
      );
    };
    const decoder = {
      slots: 4096,
      chunkTokens: 8,
      maxSteps: 4,
      chunk({ ids, past, rows, choice }) {
        calls.chunk++;
        const next = feed(ids, past, choice ?? { randoms: new Float32Array(0), sampling: GREEDY });
        return Promise.resolve({
          chosen: choice ? next.slice(-choice.randoms.length) : [],
          argmax: Int32Array.from(rows === 'all' ? next : next.slice(-1)),
        } as Partial<ChunkResult> as ChunkResult);
      },
      decode(id, past, _, { randoms, stop, sampling }) {
        calls.decode++;
        const chosen: number[] = [];
        let last = id;
        for (let i = 0; i < randoms.length; i++) {
          [last] = feed([last], past + i, { randoms: randoms.subarray(i, i + 1), sampling }) as [number];
          chosen.push(last);
          if (stop.includes(last)) break;
        }
        return Promise.resolve(chosen);
      },
    } as Partial<Decoder> as Decoder;
    return { decoder, calls };
  }

  async function reply(
    period: number,
    costs: { tokenMs: number; rowMs: number } | null,
    sampling: Partial<Sampling> = {},
    eos: number[] = [],
  ) {
    const { decoder, calls } = fakeDecoder(period);
    const sequence = new Sequence(decoder, config, costs);
    const ids: number[] = [];
    for await (const event of generateTokens(sequence, [1, 2, 3], {
      sampling: { ...GREEDY, ...sampling },
      maxTokens: 90,
      eos,
    })) {
      if (event.type === 'first') ids.push(event.id);
      else if (event.type === 'tokens') ids.push(...event.ids);
    }
    return { ids, calls, cached: sequence.length };
  }

  const COSTS = { tokenMs: 1000, rowMs: 0 };

  it.each([5, 7, 11, 31, 61])('gives the same tokens, and the same number in the cache (period %d)', async (period) => {
    const plain = await reply(period, null);
    const drafted = await reply(period, COSTS);
    expect(drafted.ids).toEqual(plain.ids);
    expect(drafted.cached).toBe(plain.cached);
    expect(drafted.ids).toHaveLength(90);
  });

  it('takes fewer runs where the text repeats', async () => {
    const plain = await reply(5, null);
    const drafted = await reply(5, COSTS);
    expect(drafted.calls.chunk).toBeGreaterThan(1);
    expect(drafted.calls.chunk + 4 * drafted.calls.decode).toBeLessThan(plain.calls.chunk + 4 * plain.calls.decode);
  });

  it('ends with an end token inside a draft', async () => {
    const { ids } = await reply(11, null);
    for (const end of new Set(ids)) {
      const plain = await reply(11, null, {}, [end]);
      expect((await reply(11, COSTS, {}, [end])).ids).toEqual(plain.ids);
    }
  });

  it.each([5, 7, 11])('gives the same tokens by chance, each by its own random number (period %d)', async (period) => {
    for (const seed of [1, 2, 3, 4]) {
      const sampling = { temperature: 0.8, seed };
      const plain = await reply(period, null, sampling);
      const drafted = await reply(period, COSTS, sampling);
      expect(drafted.ids).toEqual(plain.ids);
      expect(drafted.cached).toBe(plain.cached);
      expect(drafted.calls.chunk, 'chunks that checked drafts').toBeGreaterThan(1);
      for (const end of new Set(plain.ids)) {
        const ended = await reply(period, null, sampling, [end]);
        expect((await reply(period, COSTS, sampling, [end])).ids).toEqual(ended.ids);
      }
    }
  });

  it('drafts with a repetition penalty: what a draft says has been seen', async () => {
    const sampling = { repetitionPenalty: 1.1 };
    const drafted = await reply(5, COSTS, sampling);
    expect(drafted.ids).toEqual((await reply(5, null, sampling)).ids);
    expect(drafted.calls.chunk).toBeGreaterThan(1);
  });
});
