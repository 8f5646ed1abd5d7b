import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../scripts/build/app.ts';

const text = await readFile(join(ROOT, 'docs/reliability.md'), 'utf8');
const rows = text.split('\n').filter((line) => /^\|/.test(line) && !/^\| (Fault|Input)|^\| -/.test(line));

describe('docs/reliability.md', () => {
  it('has rows', () => {
    expect(rows.length).toBeGreaterThan(20);
  });

  it.for(rows.map((row) => [row.split('|')[1]!.trim(), row.split('|').at(-2)!] as const))(
    '%s: the tests that prove it exist',
    async ([, proof]) => {
      const proofs = [...proof.matchAll(/`([^`]+\.test\.ts)`: ([^;|]+)/g)].map(
        ([, file, title]) => [file!, title!.trim()] as const,
      );
      expect(proofs.length).toBeGreaterThan(0);
      for (const [file, title] of proofs) {
        const source = await readFile(join(ROOT, file), 'utf8');
        // Titles may be filled in by the test: their fixed parts count.
        expect(source.includes(title), `${file} has no test "${title}"`).toBe(true);
      }
    },
  );
});
