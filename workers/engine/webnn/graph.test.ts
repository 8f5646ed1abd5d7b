/** Both dialects compute the reference, in runs of several widths. */
import { describe, expect, it } from 'vitest';
import { referencePhi } from '../choose/testing/reference-phi.ts';
import { TINY_PROMPT, TINY_SIZE, tinyPhi, type TinySize } from '../choose/tiny-phi.ts';
import type { WeightFormat } from '../../shared/protocol.ts';
import type { WebnnShape } from './graph.ts';
import { GraphRun } from './testing/run-graph.ts';
import { webnnPlan } from './weights.ts';

/** More layers and columns than a product of an NPU takes at once, heads without groups, everything rotated. */
const WIDE: TinySize = { ...TINY_SIZE, kvHeads: 4, headDim: 32, rotaryDim: 32, intermediate: 4160, layers: 1 };

const BASE = { slots: 128, visible: 64, recent: 32, head: true, scales: 'before' } as const;

/** Logits behind the last token of each run of the prompt. */
async function runAll(
  size: TinySize,
  form: WeightFormat,
  shape: WebnnShape,
  checkpoint = tinyPhi(size),
): Promise<Float32Array[]> {
  const graph = await GraphRun.create(checkpoint, webnnPlan(checkpoint, form, null, shape.dialect), shape);
  const all: Float32Array[] = [];
  for (let at = 0; at < TINY_PROMPT.length; at += shape.width)
    all.push(await graph.run(TINY_PROMPT.slice(at, at + shape.width)));
  await graph.release();
  return all;
}

const references = new Map<TinySize, Promise<Float64Array[]>>();
function reference(size: TinySize): Promise<Float64Array[]> {
  const known = references.get(size) ?? referencePhi(tinyPhi(size)).then((start) => TINY_PROMPT.map(start()));
  references.set(size, known);
  return known;
}

function difference(got: readonly Float32Array[], wanted: readonly ArrayLike<number>[], width: number): number {
  let largest = 0;
  got.forEach((logits, run) => {
    const last = Math.min((run + 1) * width, TINY_PROMPT.length) - 1;
    logits.forEach((value, i) => (largest = Math.max(largest, Math.abs(value - wanted[last]![i]!))));
  });
  return largest;
}

describe.each(['litert', 'npu'] as const)('the dialect %s', (dialect) => {
  it.each([1, 8] as const)('equals the reference in float32, %i tokens a run', { timeout: 120_000 }, async (width) => {
    // float16 caches and attention cost the third digit
    const limit = dialect === 'npu' ? 0.03 : 0.001;
    for (const size of [TINY_SIZE, WIDE]) {
      const got = await runAll(size, 'float32', { ...BASE, dialect, width, weights: 'constants' });
      expect(difference(got, await reference(size), width)).toBeLessThan(limit);
    }
  });
});

describe('integers by column for NPUs', () => {
  it(
    'computes what the other layout computes, weights as constants or fed, scales before or after',
    { timeout: 120_000 },
    async () => {
      const wanted = await runAll(WIDE, 'int8', { ...BASE, dialect: 'litert', width: 1, weights: 'constants' });
      for (const weights of ['constants', 'inputs'] as const)
        for (const scales of ['before', 'after'] as const) {
          const got = await runAll(WIDE, 'int8', { ...BASE, dialect: 'npu', width: 8, weights, scales });
          expect(difference(got, wanted, 8)).toBeLessThan(0.03);
        }
      // Wide runs compute the activation in the parts of columns that the next product takes.
      const wide = { ...BASE, recent: 160, dialect: 'npu', width: 128, weights: 'inputs' } as const;
      expect(difference(await runAll(WIDE, 'int8', wide), wanted, 128)).toBeLessThan(0.03);
    },
  );

  it.each(['int4-columns', 'int4-groups'] as const)('%s computes what the other layout computes', async (form) => {
    const checkpoint = tinyPhi(WIDE, 16, form === 'int4-columns' ? 'rows' : 'blocks');
    const run = (dialect: 'litert' | 'npu', width: number, weights: 'constants' | 'inputs') =>
      runAll(WIDE, form, { ...BASE, dialect, width, weights }, checkpoint);
    const wanted = await run('litert', 1, 'constants');
    for (const weights of ['constants', 'inputs'] as const)
      expect(difference(await run('npu', 8, weights), wanted, 8)).toBeLessThan(0.03);
  });

  it('cuts what has more columns than a product takes', () => {
    const plan = webnnPlan(tinyPhi(WIDE), 'int8', null, 'npu');
    expect(plan.matrices.get('layers.0.down')!.columns).toEqual([2112, 2048]);
    expect(plan.matrices.get('layers.0.qkv')!.columns).toEqual([256]);
  });
});
