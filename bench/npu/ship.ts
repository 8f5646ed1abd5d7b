/** `npm run npu:ship`: writes the copy of bench/npu/table.json that the page ships. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from '../../scripts/build/app.ts';
import { SHIPPED, shippedEstimates } from './estimates.ts';
import type { NpuTable } from './table.ts';

const table = JSON.parse(await readFile(join(ROOT, 'bench/npu/table.json'), 'utf8')) as NpuTable;
await writeFile(join(ROOT, SHIPPED), `${JSON.stringify(await shippedEstimates(table), null, 2)}\n`);
