import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../../scripts/build/app.ts';
import { SHIPPED, shippedEstimates } from './estimates.ts';
import type { NpuTable } from './table.ts';

const read = async (path: string) => JSON.parse(await readFile(join(ROOT, path), 'utf8')) as unknown;

describe('the estimates that the page ships', () => {
  it('are what the table comes to (npm run npu:ship writes them)', async () => {
    const table = (await read('bench/npu/table.json')) as NpuTable;
    expect(await read(SHIPPED)).toEqual(await shippedEstimates(table));
  });

  it('call a form refused when one of its graphs is, and give no figure for a graph that is refused or missing', async () => {
    const row = { model: 'phi4-mini-piece', form: 'int8', slots: 1024, device: 'intel-4000', pieces: 33 } as const;
    const taken = { whole: true, refused: [], blobBytes: 1, compileMs: 1 };
    const table: NpuTable = {
      date: '2026-11-30',
      versions: {},
      rows: [
        { ...row, ...taken, width: 1, estimatedMs: 2 },
        { ...row, ...taken, width: 128, estimatedMs: null, whole: false },
        { ...row, ...taken, form: 'float16', width: 1, estimatedMs: 2 },
        { ...row, ...taken, form: 'float16', width: 128, estimatedMs: 4 },
        { ...row, ...taken, form: 'int4-columns', width: 1, estimatedMs: 2 },
        { ...row, ...taken, form: 'int4-groups', width: 16, estimatedMs: 2 },
      ],
    };
    const [model] = (await shippedEstimates(table)).models;
    expect(model!.rows).toEqual([
      { form: 'int8', generation: 'intel-4000', whole: false, decode: null, firstMs: null },
      { form: 'float16', generation: 'intel-4000', whole: true, decode: 15.15, firstMs: 594 },
      { form: 'int4-columns', generation: 'intel-4000', whole: true, decode: 15.15, firstMs: null },
      { form: 'int4-groups', generation: 'intel-4000', whole: true, decode: null, firstMs: null },
    ]);
  });
});
