import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from '../scripts/build/app.ts';
import { compareJsonSchema } from '../scripts/make/json-schema.ts';

it('docs/compare.schema.json is what imports are checked against (tsx scripts/make/compare-schema.ts)', async () => {
  expect(JSON.parse(await readFile(join(ROOT, 'docs/compare.schema.json'), 'utf8'))).toEqual(
    JSON.parse(JSON.stringify(compareJsonSchema())),
  );
});
