/** The graph that packs the candidates, on ONNX Runtime's WASM provider. In float16: `npm run npu:check -- --device hexagon-v73`. */
import * as ort from 'onnxruntime-web/wasm';
import { describe, expect, it } from 'vitest';
import { Graph } from '../graph/onnx.ts';
import { candidates, CEILING, SUMMARY, summaryLayout } from './select-graph.ts';
import { likeliestOf, readCandidates } from './selection.ts';

ort.env.wasm.numThreads = 1;

const TARGET = 5;

/** `allowed`: null is all. */
async function summaryOf(logits: Float32Array, allowed: readonly number[] | null = null): Promise<Float32Array> {
  const vocab = logits.length;
  const g = new Graph('select');
  const { value, length } = candidates(g, g.input('x', 'float32', [1, vocab]), vocab);
  g.rename(value, 'summary');
  g.output('summary', 'float32', [length]);
  const session = await ort.InferenceSession.create(g.toModel(), { executionProviders: ['wasm'] });
  const ceiling = new Float32Array(vocab).fill(allowed ? 0 : CEILING);
  for (const id of allowed ?? []) ceiling[id] = CEILING;
  const { summary } = await session.run({
    x: new ort.Tensor('float32', logits, [1, vocab]),
    target: new ort.Tensor('int32', Int32Array.of(TARGET), [1]),
    sampling: new ort.Tensor('float32', Float32Array.of(1, 1), [2]),
    seen: new ort.Tensor('float32', new Float32Array(vocab), [1, vocab]),
    ceiling: new ort.Tensor('float32', ceiling, [1, vocab]),
  });
  return summary!.data as Float32Array;
}

/** Like logits: most are ordinary, one leads. In float16 many are equal. */
function logitsOf(vocab: number, best: number): Float32Array {
  let state = 7;
  const random = () => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
  const logits = Float32Array.from(
    { length: vocab },
    () => Math.round(64 * (random() + random() + random() - 1.5) * 5) / 64,
  );
  logits[best] = 16;
  return logits;
}

describe('the summary of a run', () => {
  it.each([300, 512, 2048, 5000, 49_152, 200_064])(
    'has the best of %i tokens, every one above its least',
    async (vocab) => {
      const best = Math.floor(vocab * 0.93) | 1;
      const logits = logitsOf(vocab, best);
      const summary = await summaryOf(logits);
      expect(likeliestOf(summary, vocab)).toBe(best);
      const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0);
      expect(summary[SUMMARY.logSum]).toBeCloseTo(Math.log(sum), 3);
      expect(summary[SUMMARY.target]).toBe(logits[TARGET]);
      const { ids, scores } = readCandidates(summary, vocab)!;
      expect([...scores]).toEqual(Array.from(ids, (id) => logits[id]));
      expect(ids.length).toBeGreaterThanOrEqual(Math.min(256, vocab));
      expect(ids.length).toBeLessThanOrEqual(summaryLayout(vocab).places);
      const least = scores.reduce((a, b) => Math.min(a, b));
      const above = [...logits.keys()].filter((id) => logits[id]! > least);
      expect(above.filter((id) => !ids.includes(id))).toEqual([]);
      expect([...ids]).toEqual([...new Set(ids)].sort((a, b) => a - b));
    },
  );

  it('has what a mask allows, though it be little, and the first of equal logits', async () => {
    const vocab = 49_152;
    const logits = logitsOf(vocab, 100);
    logits[40_000] = 16;
    const allowed = [3, 2049, 30_001, 49_151];
    const summary = await summaryOf(logits, allowed);
    expect(likeliestOf(summary, vocab)).toBe(100);
    expect([...readCandidates(summary, vocab)!.ids]).toEqual(allowed);
  });
});
