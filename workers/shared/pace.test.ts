import { expect, it } from 'vitest';
import { Pace } from './pace.ts';

it('estimates from the pace since the first look, once there is one', () => {
  const pace = new Pace();
  expect(pace.secondsLeft(40, 100, 1000)).toBeNull();
  expect(pace.secondsLeft(45, 100, 1100)).toBeNull();
  expect(pace.secondsLeft(60, 100, 3000)).toBe(4);
  expect(pace.secondsLeft(60, 100, 5000)).toBe(8);
  expect(pace.secondsLeft(100, 100, 6000)).toBe(0);
});
