/** Writes docs/compare.schema.json from the schema that imports are checked against: `tsx scripts/make/compare-schema.ts`. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from '../build/app.ts';
import { compareJsonSchema } from './json-schema.ts';

await writeFile(join(ROOT, 'docs/compare.schema.json'), `${JSON.stringify(compareJsonSchema(), null, 2)}\n`);
