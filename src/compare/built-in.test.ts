import { afterEach, expect, it, vi } from 'vitest';
import { hasBuiltIn, measureBuiltIn } from './built-in.ts';
import { SETTINGS } from './plan.ts';
import { parseResult } from './result.ts';
import type { RowJob } from './measure.ts';
import { result } from './testing/results.ts';

afterEach(() => vi.unstubAllGlobals());

/** A model of a browser that answers `words` and counts its sessions. */
function stub(words: string[], availability = 'available') {
  const counts = { created: 0, destroyed: 0 };
  vi.stubGlobal('LanguageModel', {
    availability: () => Promise.resolve(availability),
    create: () => {
      counts.created++;
      return Promise.resolve({
        measureContextUsage: () => Promise.resolve(40),
        promptStreaming: () =>
          new ReadableStream<string>({
            start(controller) {
              for (const word of words) controller.enqueue(word);
              controller.close();
            },
          }),
        destroy: () => void counts.destroyed++,
      });
    },
  });
  return counts;
}

const job = {
  model: { facts: { prompts: [Array.from({ length: 4 }, () => ({ tokens: 32, content: 'Go on' }))] } },
  measures: { ...SETTINGS.quick, lengths: [32], decodeTokens: 3 },
  signal: new AbortController().signal,
  onProgress: () => undefined,
} as unknown as RowJob;

it('is a row of another model, and says so', async () => {
  const counts = stub(['', 'The', ' lamp', ' went', ' out']);
  const row = await measureBuiltIn(job);
  expect(row).toMatchObject({ backend: 'browser', otherModel: true, agreement: null, kind: null });
  expect(row.lengths).toMatchObject([{ promptTokens: 40, ttftMs: { rounds: 3 } }]);
  expect(row.reply.map(([, text]) => text).join('')).toBe('The lamp went');
  expect(counts).toEqual({ created: 4, destroyed: 4 });
  expect(parseResult(JSON.stringify(result([row]))).rows).toHaveLength(1);
});

it('is absent where the browser has no model, or would have to download one', async () => {
  expect(await hasBuiltIn()).toBe(false);
  const counts = stub(['x'], 'downloadable');
  expect(await hasBuiltIn()).toBe(false);
  await expect(measureBuiltIn(job)).rejects.toThrow(/no built-in language model that is ready/);
  expect(counts.created).toBe(0);
  stub([]);
  await expect(measureBuiltIn(job)).rejects.toThrow(/empty reply/);
});
