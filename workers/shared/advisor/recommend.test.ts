import { describe, expect, it } from 'vitest';
import { rankAll, recommend, suitsOf, type Choosable } from './recommend.ts';
import { LAPTOP } from './testing/laptop.ts';
import { PHI_4, PHI_4_MINI, Q4_K_M, Q8_0 } from './testing/planned.ts';

const choosable = (id: string, bits: number, more: Partial<Choosable> = {}): Choosable => ({
  id,
  shape: PHI_4_MINI,
  mix: bits <= 4 ? Q4_K_M : Q8_0,
  bits,
  sourceBytes: (3.84e9 * bits) / 8,
  suits: suitsOf(bits),
  rank: 1,
  order: 0,
  hashed: true,
  ...more,
});

const four = choosable('four', 4);
const six = choosable('six', 6, { order: 1 });
const eight = choosable('eight', 8);
const better = choosable('better', 4, { shape: PHI_4, rank: 5, sourceBytes: 9e9 });

describe('suitsOf', () => {
  it('gives 4 bits to chat, 6 and 8 to code, nothing to the rest', () => {
    expect([2, 3, 4, 5, 6, 8, 16].map(suitsOf)).toEqual([[], [], ['chat'], ['chat'], ['code'], ['code'], []]);
  });
});

describe('recommend', () => {
  it('takes 4 bits for chat and 8 for code', () => {
    const all = [better, eight, six, four];
    expect(recommend(all, LAPTOP, 'chat', 4096)?.candidate.id).toBe('four');
    expect(recommend(all, LAPTOP, 'code', 4096)?.candidate.id).toBe('eight');
  });

  it('takes what fits before what suits', () => {
    const room = { ...LAPTOP, freeStorageBytes: 2e9 };
    expect(recommend([eight, six, four], room, 'code', 4096)?.candidate.id).toBe('four');
  });

  it('takes what surely fits before the better model that may not', () => {
    const surely = choosable('plain', 4, { rank: 9 });
    expect(recommend([better, surely], { ...LAPTOP, memoryGiB: 8 }, 'chat', 4096)?.candidate.id).toBe('plain');
  });

  it('takes a model that has the context before one that ends short of it', () => {
    const short = choosable('short', 4, { shape: { ...PHI_4_MINI, context: 4096 }, rank: 0 });
    expect(recommend([short, four], LAPTOP, 'chat', 4096)?.candidate.id).toBe('short');
    const best = recommend([short, four], LAPTOP, 'chat', 8192);
    expect(best?.candidate.id).toBe('four');
    expect(recommend([short], LAPTOP, 'chat', 8192)?.reasons).toEqual([{ key: 'own-context', tokens: 4096 }]);
  });

  it('takes what is not slow before what suits, where only the processor is left', () => {
    const processor = { ...LAPTOP, gpu: null };
    const small = choosable('small', 8, { shape: { ...PHI_4_MINI, layers: 8 }, rank: 9 });
    expect(recommend([four, small], { ...processor, cores: 4 }, 'chat', 4096)?.candidate.id).toBe('small');
  });

  it('takes a published hash, then less memory, between equals', () => {
    const bare = choosable('bare', 4, { hashed: false });
    expect(recommend([bare, four], LAPTOP, 'chat', 4096)?.candidate.id).toBe('four');
    const lean = choosable('lean', 4, { mix: { ...Q4_K_M, qkv: 4 } });
    expect(recommend([four, lean], LAPTOP, 'chat', 4096)?.candidate.id).toBe('lean');
  });

  it('has nothing for a device that holds none', () => {
    expect(recommend([four, eight], { ...LAPTOP, gpu: null, memoryGiB: 4 }, 'chat', 4096)).toBeNull();
    expect(recommend([], LAPTOP, 'chat', 4096)).toBeNull();
  });

  it('ranks all, also what does not fit', () => {
    const ranked = rankAll([better, eight, four], { ...LAPTOP, freeStorageBytes: 8e9 }, 'chat', 4096);
    expect(ranked.map(({ candidate, verdict }) => [candidate.id, verdict])).toEqual([
      ['four', 'fits'],
      ['eight', 'fits'],
      ['better', 'no'],
    ]);
  });
});
