/** Masks against llguidance's, token for token, on recorded replies: scripts/make/mask-vectors.py. */
import { describe, expect, it } from 'vitest';
import { referenceJson } from '../../testing/references.ts';
import { createTokenizer } from '../tokenizer/tokenizer.ts';
import { hasBit } from './masks.ts';
import { automatonOf, matcherOf } from './testing/forms.ts';
import vectors from './testing/mask-vectors.json' with { type: 'json' };
import { buildVocabulary } from './vocabulary.ts';

const DELETE = 0x7f;
const PLENTY = 1_000_000;

const tokenizer = createTokenizer({
  kind: 'tokenizer.json',
  json: referenceJson('starter/tokenizer.json'),
  config: {},
});
const vocabulary = buildVocabulary(tokenizer, tokenizer.vocabSize, tokenizer.ends);

function fnv(ids: readonly number[]): number {
  let value = 0x811c9dc5;
  for (const id of ids)
    for (let shift = 0; shift < 32; shift += 8) value = Math.imul(value ^ ((id >>> shift) & 255), 0x01000193) >>> 0;
  return value;
}

describe('masks agree with llguidance', () => {
  it.each(vectors.cases)('$text', ({ schema, ids, masks }) => {
    const matcher = matcherOf(automatonOf({ kind: 'json', schema }), vocabulary);
    let compared = 0;
    ids.forEach((id, i) => {
      const bits = matcher.mask(PLENTY);
      const ours = [...Array(tokenizer.vocabSize).keys()].filter(
        (one) => hasBit(bits, one) && !tokenizer.ends.includes(one) && !vocabulary.bytesOf(one)?.includes(DELETE),
      );
      const [count, known] = masks[i]!;
      // Of text that is certain, llguidance takes one cutting into tokens alone.
      if (count === 1) expect(ours).toContain(known);
      else {
        expect({ position: i, count: ours.length, hash: fnv(ours) }).toEqual({ position: i, count, hash: known });
        compared++;
      }
      matcher.push([id]);
    });
    expect(compared).toBeGreaterThan(0);
    expect(matcher.mask(PLENTY).some((word) => word !== 0)).toBe(true);
  });
});
