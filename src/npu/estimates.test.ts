import { describe, expect, it } from 'vitest';
import { chosenRows, ESTIMATES, estimatesFor, type EstimateRow } from './estimates.ts';
import { GENERATIONS } from './generations.ts';

const rows: EstimateRow[] = (['int8', 'float16'] as const).flatMap((form) =>
  GENERATIONS.map((generation) => ({ form, generation, whole: true, decode: 10, firstMs: 100 })),
);

describe('estimates for NPUs', () => {
  it('are found by the measures of a model, and for no other model', () => {
    const [model] = ESTIMATES.models;
    expect(estimatesFor(model!.shape)).toBe(model!.rows);
    expect(estimatesFor({ ...model!.shape, layers: model!.shape.layers + 1 })).toEqual([]);
  });

  it('are shown for the generation that a person names, and for the forms that ran', () => {
    expect(chosenRows(rows, 'all', ['int8'])).toHaveLength(GENERATIONS.length);
    expect(chosenRows(rows, 'intel-4000', ['int8', 'float32'])).toEqual([rows[1]]);
    // A form that no compiler was asked about says nothing: then all are shown.
    expect(chosenRows(rows, 'intel-4000', ['float32'])).toHaveLength(2);
    expect(chosenRows(rows, 'intel-4000', [])).toHaveLength(2);
  });
});
