/** `npm run build [-- --out FOLDER]`: makes the app in `dist/` or FOLDER, which any static server can serve. The same sources give the same bytes. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildApp, DIST } from '../build/app.ts';

const { values } = parseArgs({ options: { out: { type: 'string' } } });
await buildApp(values.out === undefined ? DIST : resolve(values.out));
