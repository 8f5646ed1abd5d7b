import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { defaultModel, fitsEverywhere, needsStandIn } from './tiny.ts';

const laptop = { memoryGiB: 16, phone: false, ios: false, webnn: 'cpu' as const };
const phone = { memoryGiB: null, phone: true, ios: true, webnn: null };
const starter = { id: 'starter', bytes: 98e6 };
const mini = { id: 'mini', bytes: 2.5e9 };
const half = { id: 'half', bytes: 400e6 };

it('takes the stored model that fits all backends', () => {
  expect(defaultModel([mini, starter, half], 'mini', laptop)).toBe(half);
  expect(defaultModel([mini, starter, half], 'starter', laptop)).toBe(starter);
  // Without WebNN there is no backend that holds three copies in float32.
  expect(defaultModel([mini, starter], 'mini', { ...laptop, webnn: null })).toBe(mini);
  expect(defaultModel([mini, half], 'mini', phone)).toBe(half);
  expect(defaultModel([], 'mini', laptop)).toBeUndefined();
  expect(fitsEverywhere(starter.bytes, phone)).toBe(true);
});

it('takes the smallest where none fits', () => {
  expect(defaultModel([mini, half], 'mini', { ...laptop, memoryGiB: 2 })).toBe(half);
});

it('knows the size of the model that ships, which needs no other in its place', () => {
  const path = join(import.meta.dirname, '../../public/models/tiny-phi/manifest.json');
  const { bytes, files } = JSON.parse(readFileSync(path, 'utf8')) as { bytes: number; files: { path: string }[] };
  const source = readFileSync(join(import.meta.dirname, 'tiny.ts'), 'utf8');
  expect(source.replaceAll('_', '')).toContain(`bytes: ${bytes}`);
  expect(source).toContain(files[0]!.path);
  expect(needsStandIn({ bytes })).toBe(false);
  expect(needsStandIn(starter)).toBe(true);
});
