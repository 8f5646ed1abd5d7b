import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EngineReport } from '../../../workers/shared/protocol.ts';
import { findReferences, judgeModel, modelLine, modelOf } from './all.ts';
import type { EngineHost } from './engine.ts';
import { parseAllOptions } from './options.ts';

let folder: string;
const reference = { cases: [{ input_ids: [1, 2, 3], last_logits: [0, 1, 5], argmax_all: [0, 0, 2], greedy: [2, 1] }] };
const options = parseAllOptions(['folder'])!;

/** A browser whose engine answers with these logits and greedy ids. */
const hostWith = (report: Partial<EngineReport>, lastLogits: number[], ids: number[]): EngineHost =>
  ({
    open: () =>
      Promise.resolve({
        report: { form: 'float32', device: 'CPU', ...report },
        call: (method: string) =>
          Promise.resolve({ lastLogits, greedy: { ids, gaps: [1, 1], prefillMs: 1, decodeMs: 1 } }[method]),
      }),
  }) as unknown as EngineHost;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'phi-all-'));
  await mkdir(join(folder, 'onnx'));
  for (const name of ['a.gguf', 'onnx/model.onnx', 'notes.json']) await writeFile(join(folder, name), '');
  for (const name of ['a.expected.json', 'onnx/expected.json'])
    await writeFile(join(folder, name), JSON.stringify(reference));
});
afterAll(() => rm(folder, { recursive: true }));

describe('findReferences', () => {
  it('finds both kinds, each once, and the model of each', async () => {
    const found = await findReferences([folder, join(folder, 'onnx')]);
    expect(found.map(modelOf)).toEqual([join(folder, 'a.gguf'), join(folder, 'onnx')]);
    expect(await findReferences([join(folder, 'a.expected.json')])).toHaveLength(1);
  });

  it('names a folder that is absent or holds none', async () => {
    await expect(findReferences([folder, join(folder, 'absent')])).rejects.toThrow('absent');
    await mkdir(join(folder, 'empty'));
    await expect(findReferences([join(folder, 'empty')])).rejects.toThrow(/empty contains no reference/);
  });
});

describe('judgeModel', () => {
  const judge = (host: EngineHost) => judgeModel(host, join(folder, 'a.expected.json'), null, options);

  it('holds an exact form to the tolerance and to every greedy token', async () => {
    expect(await judge(hostWith({}, [0, 1, 5.04], [2, 1]))).toMatchObject({ verdict: 'ok', exact: true, problems: [] });
    const off = await judge(hostWith({}, [0, 1.1, 5], [2, 0]));
    expect(off).toMatchObject({
      verdict: 'wrong',
      problems: [expect.stringContaining('3 tokens: the last logits'), expect.stringContaining('greedy')],
    });
    expect(modelLine('a', off)).toMatch(
      /^WRONG {2}a: float32 on CPU, largest difference 0\.1000, greedy 1\/2, .*\n {7}3 tokens: /,
    );
  });

  it.each([{ weightError: 0.07 }, { form: 'int8' }] as const)(
    'holds an approximate form (%o) to best tokens that are clearly ahead',
    async (report) => {
      expect(await judge(hostWith(report, [0, 1.9, 4], [2, 0]))).toMatchObject({
        verdict: 'ok',
        exact: false,
        largest: 1,
      });
      expect(await judge(hostWith(report, [0, 5.1, 5], [2, 1]))).toMatchObject({
        verdict: 'wrong',
        problems: [expect.stringContaining('leads by 4.00')],
      });
      expect(await judge(hostWith(report, [0, NaN, 5], [2, 1]))).toMatchObject({ verdict: 'wrong', largest: null });
    },
  );

  it('says when no prompt has the length that was asked for', async () => {
    await expect(judgeModel(hostWith({}, [], []), join(folder, 'a.expected.json'), [7], options)).rejects.toThrow(
      'no prompt of 7 tokens',
    );
  });
});
