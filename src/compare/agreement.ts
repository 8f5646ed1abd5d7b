/** Checks that a row computes correctly: a fast but wrong row must show as wrong. */
import type { StepScores } from '../../workers/shared/compare-protocol.ts';
import type { Agreement } from './result.ts';

/** Steps whose best token every sound form must find. */
const SURE_GAP = 0.7;

/** A sequence with what the reference says at positions `from` and on. */
export interface ReferenceSequence {
  ids: number[];
  from: number;
  /** `[ids.length - from]`: best next token. */
  argmax: number[];
  /** Best minus second best logit. */
  gaps: number[];
}

export interface Reference {
  kind: 'recorded' | 'row';
  name: string;
  sequences: ReferenceSequence[];
}

/** A row's results for each sequence of the reference, and for the built-in text. */
export interface RowScores {
  sequences: StepScores[];
  text: StepScores;
}

export function agreementWith(reference: Reference | null, scores: RowScores): Agreement {
  const all = { equal: 0, steps: 0 };
  const sure = { equal: 0, steps: 0 };
  // A row can be the reference only for the text that every row has read: the built-in text.
  const said = reference?.kind === 'row' ? [scores.text] : scores.sequences;
  let firstDisagreement: NonNullable<Agreement['firstDisagreement']> | null = null;
  reference?.sequences.forEach(({ argmax, gaps }, s) => {
    const ours = said[s]!.argmax;
    argmax.forEach((token, i) => {
      const equal = ours[i] === token ? 1 : 0;
      all.steps++;
      all.equal += equal;
      if (!equal) firstDisagreement ??= { step: all.steps, expected: token, got: ours[i] ?? 0, gap: gaps[i]! };
      if (gaps[i]! < SURE_GAP) return;
      sure.steps++;
      sure.equal += equal;
    });
  });
  const share = (count: { equal: number; steps: number }) => ({
    ...count,
    share: count.steps === 0 ? null : count.equal / count.steps,
  });
  const { logprobs } = scores.text;
  return {
    atGap07: share(sure),
    all: share(all),
    ...(reference && { firstDisagreement }),
    meanNll: -logprobs.reduce((sum, value) => sum + value, 0) / logprobs.length,
  };
}

/** Forms by what they lose, the most precise first. */
const PRECISION = ['float32', 'float16', 'int8', 'int8-blocks', 'int4', 'int4-groups', 'int4-columns'];

/** The row that the others are compared with; the earliest if several are equal. */
export function mostPrecise<T extends { form: string }>(rows: readonly T[]): T | null {
  return [...rows].sort((a, b) => PRECISION.indexOf(a.form) - PRECISION.indexOf(b.form))[0] ?? null;
}

/** A row's own scores of the built-in text as the reference for the others. */
export function referenceOf(name: string, ids: number[], { text }: RowScores): Reference {
  // The last position predicts what follows the text; it counts like the others.
  return { kind: 'row', name, sequences: [{ ids, from: 0, argmax: [...text.argmax], gaps: [...text.gaps] }] };
}
