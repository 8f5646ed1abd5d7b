import { describe, expect, it } from 'vitest';
import { agreementWith, mostPrecise, referenceOf } from './agreement.ts';

const scores = (argmax: number[], gaps: number[] = []) => ({
  argmax: Int32Array.from(argmax),
  gaps: Float32Array.from(gaps),
  logprobs: Float32Array.of(-1, -3),
});

describe('agreement', () => {
  it('counts sure steps and all steps, and takes the mean of the text', () => {
    const reference = {
      kind: 'recorded' as const,
      name: 'x',
      sequences: [{ ids: [1, 2, 3, 4], from: 0, argmax: [5, 6, 7, 8], gaps: [0.7, 0.69, 3, 3] }],
    };
    expect(agreementWith(reference, { sequences: [scores([5, 9, 9, 8])], text: scores([]) })).toEqual({
      atGap07: { equal: 2, steps: 3, share: 2 / 3 },
      all: { equal: 2, steps: 4, share: 0.5 },
      firstDisagreement: { step: 2, expected: 6, got: 9, gap: 0.69 },
      meanNll: 2,
    });
  });

  it('counts the first disagreement over all sequences, and says when there is none', () => {
    const sequence = { ids: [1, 2], from: 0, argmax: [5, 6], gaps: [1, 2] };
    const reference = { kind: 'recorded' as const, name: 'x', sequences: [sequence, sequence] };
    const of = (...second: number[]) =>
      agreementWith(reference, { sequences: [scores([5, 6]), scores(second)], text: scores([]) }).firstDisagreement;
    expect(of(5, 7)).toEqual({ step: 4, expected: 6, got: 7, gap: 2 });
    expect(of(5, 6)).toBeNull();
    expect(agreementWith(null, { sequences: [], text: scores([]) })).not.toHaveProperty('firstDisagreement');
  });

  it('is against the most precise row where nothing is recorded', () => {
    const rows = [{ form: 'int4' }, { form: 'float16' }, { form: 'int8' }];
    expect(mostPrecise(rows)).toEqual({ form: 'float16' });
    expect(mostPrecise([])).toBeNull();
    const reference = referenceOf('WASM, float32', [1, 2], { sequences: [], text: scores([4, 5], [1, 1]) });
    expect(agreementWith(reference, { sequences: [], text: scores([4, 6]) }).all.share).toBe(0.5);
  });
});
