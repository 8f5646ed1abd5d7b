import { describe, expect, it } from 'vitest';
import { RandomNumbers, uniforms } from './random.ts';

describe('RandomNumbers', () => {
  it('shows the next numbers until they are used, in the order of the seed', () => {
    const draw = uniforms(7);
    const expected = Float32Array.from({ length: 9 }, draw);
    const random = new RandomNumbers(7);
    expect(random.next(4)).toEqual(expected.subarray(0, 4));
    random.use(2);
    expect(random.next(5)).toEqual(expected.subarray(2, 7));
    random.use(6); // more than were looked at
    expect(random.next(1)).toEqual(expected.subarray(8, 9));
  });
});
