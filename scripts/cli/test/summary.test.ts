import { describe, expect, it } from 'vitest';
import { summary, type TestRecord } from './summary.ts';

const test = (more: Partial<TestRecord>): TestRecord => ({
  file: 'e2e/a.test.ts',
  name: 'works',
  state: 'passed',
  ms: 1000,
  retries: 0,
  ...more,
});

describe('summary', () => {
  it('lists steps, and the slowest twenty tests first', () => {
    const lines = summary(
      [{ name: 'lint', ms: 12_345 }],
      Array.from({ length: 30 }, (_, i) => test({ name: `test ${i}`, ms: 1000 * i })),
    );
    expect(lines).toContain('     12.3 s  lint');
    expect(lines).toContain('The slowest 20 tests:');
    expect(lines.filter((line) => line.includes('> test '))).toHaveLength(20);
    expect(lines.indexOf('     29.0 s  e2e/a.test.ts > test 29')).toBeLessThan(
      lines.indexOf('     28.0 s  e2e/a.test.ts > test 28'),
    );
  });

  it('counts and names what needed another try', () => {
    const lines = summary([], [test({ retries: 1 }), test({ name: 'breaks', state: 'failed', retries: 1 })]);
    expect(lines).toContain('Needed more than one try: 2');
    expect(lines).toContain('  e2e/a.test.ts > works: passed at try 2');
    expect(lines).toContain('  e2e/a.test.ts > breaks: failed 2 times');
    expect(summary([], [test({})]).join('\n')).not.toContain('more than one try');
  });

  it('gives each reason for skipping once, and says when there is none', () => {
    const lines = summary(
      [],
      [
        test({ state: 'skipped', note: 'no GPU' }),
        test({ state: 'skipped', note: 'no GPU' }),
        test({ name: 'quiet', state: 'skipped' }),
      ],
    );
    expect(lines).toContain('  2 in e2e/a.test.ts: no GPU');
    expect(lines).toContain('  1 in e2e/a.test.ts: no reason given: e2e/a.test.ts > quiet');
  });
});
