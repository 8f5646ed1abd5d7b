import { beforeEach, expect, it, vi } from 'vitest';
import type { Done } from './findings.ts';
import { measureRow, type MeasuredRow } from './measure.ts';
import { entries, SETTINGS } from './plan.ts';
import { prepare } from './prepare.ts';
import { isMeasured } from './result.ts';
import { compare, type Earlier, type Observer } from './run.ts';
import type { CompareRequest } from './steps.ts';
import { result, row } from './testing/results.ts';

vi.mock(import('./prepare.ts'), async (real) => ({ ...(await real()), prepare: vi.fn<typeof prepare>() }));
vi.mock(import('./measure.ts'), async (real) => ({ ...(await real()), measureRow: vi.fn<typeof measureRow>() }));
vi.mock('./machine.ts', () => ({ describeMachine: () => Promise.resolve(result().machine) }));

const measures = { ...SETTINGS.quick, pauseSeconds: 0 };
const request: CompareRequest = {
  model: { id: 'm', name: 'M', bytes: 98e6 },
  setting: 'quick',
  measures,
  entries: entries(['wasm-threads', 'wasm-single'], { everyForm: false }),
  servers: [],
  shuffled: false,
  standIn: false,
  builtIn: false,
};
const fingerprint = 'ab'.repeat(32);
const steps = { argmax: Int32Array.of(2), logprobs: Float32Array.of(-1), gaps: Float32Array.of(1) };
const scores = { text: steps, sequences: [] };
const threads = row({ label: 'WASM threads' }, [10, 10, 10]);
const single = row({ label: 'WASM single', threads: 1 }, [20, 20, 20]);

let stored: Done[];
let done: number[][];
const observer: Observer = {
  signal: new AbortController().signal,
  onBegin: () => Promise.resolve(),
  onTrying: () => Promise.resolve(),
  onRow: () => undefined,
  onDone: (one) => Promise.resolve(void stored.push(one)),
  onResult: (_result, indices) => void done.push(indices),
};

beforeEach(() => {
  vi.stubGlobal('navigator', {});
  [stored, done] = [[], []];
  vi.mocked(measureRow).mockReset();
  vi.mocked(prepare).mockResolvedValue({
    model: request.model,
    facts: {
      ...result().model,
      name: 'M',
      fingerprint,
      context: 8192,
      shape: { layers: 1, hidden: 1, heads: 1, kvHeads: 1, headDim: 1, intermediate: 1 },
      vocab: 10,
      webgpuForms: [],
      prompts: [[{ tokens: 32, content: '' }]],
      textIds: [1],
    },
    taskPrompts: [],
    measures,
    recorded: null,
    contextLength: 544,
  });
});

const answer = (...rows: (MeasuredRow['row'] | Error)[]) => {
  for (const one of rows)
    if (one instanceof Error) vi.mocked(measureRow).mockRejectedValueOnce(one);
    else vi.mocked(measureRow).mockResolvedValueOnce({ row: one, scores });
};
const notesOf = (rows: Awaited<ReturnType<typeof compare>>['rows']) =>
  rows.map((one) => (isMeasured(one) ? one.notes : null));

it('says after each row which rows are over', async () => {
  answer(row({}, [20, 20, 20]), new Error('no memory'));
  const { rows } = await compare(request, observer);
  expect(done).toEqual([[0], [0, 1]]);
  expect(rows).toMatchObject([{ order: 1 }, { absent: 'no memory' }]);
});

it('measures rows again that contradict each other, and keeps a good row where that fails', async () => {
  answer(threads, single, new Error('The device was lost.'), row({ label: 'WASM single', threads: 1 }, [9, 9, 9]));
  const { rows } = await compare(request, observer);
  expect(notesOf(rows)).toEqual([
    ['A second measurement failed, so this is the first. The device was lost.'],
    [expect.stringMatching(/^Measured again: at first one thread wrote 20\.0/)],
  ]);
  expect(rows).toMatchObject([{ decodeTokensPerSecond: { median: 10 }, order: 1 }, { order: 2 }]);
  expect(stored.map(({ index }) => index)).toEqual([0, 1, 0, 1]);
});

it('gives up a second measurement that took the page down twice', async () => {
  const earlier: Earlier = {
    order: [0, 1],
    fingerprint,
    done: [
      { index: 0, row: threads, scores },
      { index: 1, row: single, scores },
    ],
    tries: new Map([[0, 2]]),
  };
  answer(row({ label: 'WASM single', threads: 1 }, [9, 9, 9]));
  const { rows } = await compare(request, observer, earlier);
  expect(measureRow).toHaveBeenCalledTimes(1);
  expect(notesOf(rows)[0]).toEqual([expect.stringMatching(/The page ended 2 times while this row was measured/)]);
});

it('goes on after an update that brought another reference', async () => {
  const other = { ...scores, text: { ...steps, argmax: Int32Array.of(1, 2) } };
  answer(row({}, [20, 20, 20]));
  const earlier: Earlier = {
    order: [1, 0],
    fingerprint,
    done: [
      { index: 0, row: threads, scores: other },
      { index: 1, row: row({ label: 'WASM single', threads: 1 }, [9, 9, 9]), scores },
    ],
    tries: new Map(),
  };
  const { rows } = await compare(request, observer, earlier);
  expect(measureRow).toHaveBeenCalledTimes(1);
  expect(rows).toMatchObject([{ decodeTokensPerSecond: { median: 20 }, order: 2 }, { label: 'WASM single' }]);
});
