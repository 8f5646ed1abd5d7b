import { describe, expect, it } from 'vitest';
import { headline } from './headline.ts';
import { headlineWords } from './words.ts';
import { gpuRow, npuRow, result, row } from './testing/results.ts';

const words = (...rows: Parameters<typeof result>[0] & object) => headlineWords(headline(result(rows)));

describe('headline', () => {
  it('sets the NPU against the GPU, with the ratio and its spread', () => {
    expect(words(gpuRow([38, 40, 42]), npuRow([19, 20, 21]), row())).toEqual([
      'The NPU (WebNN NPU, int8) writes 0.50 times (0.45 to 0.55) and reads 1.00 times (0.92 to 1.08) as fast as the GPU (WebGPU, int4).',
    ]);
  });

  it('never says NPU of a row that ran elsewhere or does not tell', () => {
    const asked = npuRow([90, 91, 92]);
    const [sentence, aside] = words({ ...asked, device: 'WebNN on CPU', kind: 'cpu' }, gpuRow());
    expect(sentence).toMatch(/^The GPU \(WebGPU, int4\) .* as fast as the CPU \(WebNN NPU, int8\)\.$/);
    expect(aside).toBe('No row gave evidence of running on an NPU.');
    expect(words({ ...asked, kind: null }, gpuRow())[0]).toMatch(/^Everything here ran on the GPU/);
  });

  it('has no place for a row that computes wrongly, nor for a server', () => {
    const wrong = npuRow([900, 901, 902]);
    wrong.agreement!.atGap07 = { equal: 1, steps: 100, share: 0.01 };
    expect(words(wrong, gpuRow(), row({ backend: 'native', kind: null, label: 'Ollama' }, [500]))[0]).toMatch(
      /ran on the GPU\. The fastest row, WebGPU, int4/,
    );
    expect(words(wrong)).toEqual(['No row computed correctly and steadily enough to be the fastest.']);
  });

  it('says when the rounds differ too much', () => {
    expect(words(npuRow([10, 20, 30]), gpuRow()).at(-1)).toMatch(/differ too much/);
  });
});
