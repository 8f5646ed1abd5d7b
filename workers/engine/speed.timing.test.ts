/** Speed of what runs while a model loads, on one thread in Node: `npm run test:timing`, on an idle machine. */
import { describe, expect, it } from 'vitest';
import { cpuMs } from '../testing/timing.ts';
import { parseGguf } from './checkpoint/gguf/parse.ts';
import { memorySource } from './checkpoint/testing/fixtures.ts';
import { TOKENIZERS, tokenizerReference, vocabularyFile } from './tokenizer/testing/references.ts';
import { createTokenizer } from './tokenizer/tokenizer.ts';
import { GGML_TYPES } from './weights/ggml.ts';

const PROSE = 'The quick brown fox (it is 42 years old) jumps over Größe, naïveté and 日本語。\n\n'.repeat(1300);

describe('speed', { timeout: 180_000 }, () => {
  it('decodes 135M weights of Q4_1 in well under a second', () => {
    const type = GGML_TYPES.get(3)!;
    const [rows, cols] = [4096, 4096];
    const bytes = new Uint8Array((rows * cols * type.bytes) / type.elements);
    const times = Array.from({ length: 6 }, () => {
      const start = performance.now();
      type.decode(bytes, rows, cols);
      return performance.now() - start;
    });
    const seconds = Math.min(...times) / 1000; // The others are the compiler's and other programs'.
    expect((seconds * 135e6) / (rows * cols)).toBeLessThan(1);
  });

  it.each(TOKENIZERS)('builds the tokenizer %s in 4 s and encodes 100,000 characters in 2 s', async (name) => {
    expect(PROSE.length).toBeGreaterThan(100_000);
    for (const form of ['tokenizer.json', 'vocab.gguf'] as const) {
      const { source } = await tokenizerReference(name, form);
      const start = cpuMs();
      const tokenizer = createTokenizer(source);
      const built = cpuMs();
      tokenizer.encode(PROSE);
      expect(built - start, `${form}, built`).toBeLessThan(4000);
      expect(cpuMs() - built, `${form}, encoded`).toBeLessThan(2000);
    }
  });

  it.each(TOKENIZERS)('reads the vocabulary %s from a GGUF in 5 s', async (name) => {
    const file = memorySource('vocab.gguf', vocabularyFile(name));
    const start = cpuMs();
    await parseGguf(file);
    expect(cpuMs() - start).toBeLessThan(5000);
  });
});
