/**
 * `npm run npu:check`: compiles every graph of bench/npu/table.json that was taken whole again; fails when one no longer is, or when a simulator no longer keeps
 * every sure token of a text. Takes minutes; `-- --model NAME --device NAME` takes a part.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from '../../scripts/build/app.ts';
import { labWeights } from './graphs.ts';
import { openLabs, shapeOf, tryOn } from './judge.ts';
import { labModel } from './models.ts';
import type { NpuTable } from './table.ts';

const SECONDS = 1800;

const { rows } = JSON.parse(await readFile(join(ROOT, 'bench/npu/table.json'), 'utf8')) as NpuTable;
const { values: only } = parseArgs({ options: { model: { type: 'string' }, device: { type: 'string' } } });
const taken = rows.filter(
  ({ whole, model, device }) => whole && model === (only.model ?? model) && device === (only.device ?? device),
);
if (taken.length === 0) throw new Error('bench/npu/table.json has no row for this model and device.');
const labs = await openLabs([...new Set(taken.map(({ device }) => device))]);
const started = performance.now();
let broken = 0;
for (const { model: name, form, width, slots, device, estimatedMs } of taken) {
  const model = await labModel(name, form);
  const shape = shapeOf(width, slots, form, model.head);
  const verdict = await tryOn(device, labs, await labWeights(model, form, 'npu'), shape, SECONDS);
  const what = `${name} ${form}, ${width} tokens over ${slots} slots, ${device}`;
  if (!verdict) {
    console.error(`${what}: not checked, its compiler is missing`);
    broken++;
  } else if (!verdict.whole) {
    console.error(`${what}: the compiler accepted it before and refuses it now: ${verdict.refused.join('; ')}`);
    broken++;
  } else if (verdict.text && verdict.text.kept < verdict.text.sure) {
    console.error(`${what}: keeps only ${verdict.text.kept} of ${verdict.text.sure} sure tokens`);
    broken++;
  } else console.log(`${what}: whole, estimated ${verdict.estimatedMs ?? '-'} ms (${estimatedMs ?? '-'} in the table)`);
}
const minutes = ((performance.now() - started) / 60_000).toFixed(1);
console.log(`${taken.length - broken} of ${taken.length} graphs are as they were, after ${minutes} minutes.`);
process.exitCode = broken ? 1 : 0;
