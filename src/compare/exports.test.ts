import { describe, expect, it } from 'vitest';
import { toCsv, toMarkdown } from './exports.ts';
import { result, row } from './testing/results.ts';

const absent = {
  label: 'WebGPU',
  backend: 'webgpu' as const,
  asked: row().asked,
  form: 'auto',
  absent: 'no adapter,\n"none" at all',
};

describe('Markdown', () => {
  it('has a line for every row, and says how it was measured', () => {
    const text = toMarkdown(result([row(), absent]));
    expect(text).toContain(
      '| WASM threads | int8 | CPU, 8 threads | 2050 ± 50 | 250 ± 10 | 21.0 ± 1.0 | 18.9 ± 0.9 | 100.0 % |',
    );
    expect(text).toContain('absent: no adapter, "none" at all');
    expect(text).toContain('3 rounds');
  });

  it('names the versions, and has llama-bench’s tests with a line for every row', () => {
    const app = { version: '0.2.0', runtime: '1.31.0' };
    const deep = row({ tests: [{ ...row().tests[1]!, depth: 1024 }], otherModel: true, model: 'Tiny Phi' });
    const text = toMarkdown({ ...result([row(), deep]), app });
    expect(text).toContain('8 cores, Phi in a tab 0.2.0, ONNX Runtime 1.31.0, 2026-11-24T10:00Z');
    expect(text).toContain('| Tokens a second | pp512 | tg128 | tg128 @ d1024 |');
    expect(text).toContain('| WASM threads, int8 | 260 ± 4 | 21.0 ± 1.0 |  |');
    expect(text).toContain('| WASM threads, int8, Tiny Phi |  |  | 21.0 ± 1.0 |');
  });

  it('says where another model ran', () => {
    const other = row({ otherModel: true, model: 'Tiny Phi' });
    expect(toMarkdown(result([other]))).toContain('| CPU, 8 threads; another model: Tiny Phi |');
  });

  it('gives strangers’ text no markup', () => {
    expect(toMarkdown(result([row({ label: 'a|b <img> [x](y)' })]))).toContain('| a\\|b \\<img\\> \\[x\\](y) |');
  });
});

describe('CSV', () => {
  it('has as many cells in every line', () => {
    const lines = toCsv(result([row(), { ...absent, absent: 'none' }]))
      .trim()
      .split('\r\n');
    const cells = lines.map((line) => line.replaceAll(/"(?:[^"]|"")*"/g, 'text').split(',').length);
    expect(lines).toHaveLength(3);
    expect(new Set(cells).size).toBe(1);
  });

  it('quotes, and starts no formula', () => {
    const text = toCsv(result([row({ label: '=HYPERLINK("x")' }), absent]));
    expect(text).toContain(`"'=HYPERLINK(""x"")"`);
    expect(text).toContain('"no adapter,\n""none"" at all"');
  });
});
