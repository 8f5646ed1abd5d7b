/** One row, from an empty worker to its figures. */
import type { Remote } from 'comlink';
import type {
  ColdStart,
  CompareApi,
  ModelFacts,
  ModelPlace,
  OpenedRow,
  Prompt,
  Timing,
} from '../../workers/shared/compare-protocol.ts';
import type { EngineReport } from '../../workers/shared/protocol.ts';
import { PhiError } from '../../workers/shared/errors.ts';
import type { ReferenceSequence, RowScores } from './agreement.ts';
import { figure } from './figure.ts';
import { pageBytes, readBattery } from './machine.ts';
import type { Entry, Measures } from './plan.ts';
import { fitTests, headlineLength } from './plan.ts';
import type { Kind, Measured } from './result.ts';
import { ROW_DEFAULTS } from './row-defaults.ts';
import { fitTasks } from './tasks.ts';
import { callback, withCompareWorker } from './threads.ts';

type Phase = 'cool' | 'load' | 'warm-up' | 'measure' | 'tests' | 'tasks' | 'agreement';

export interface RowProgress {
  phase: Phase;
  /** 0 to 1, of this row. */
  share: number;
}

export interface RowJob {
  model: { place: ModelPlace; bytes: number; facts: ModelFacts; taskPrompts: Prompt[][] };
  measures: Measures;
  contextLength: number;
  /** The sequences of the reference, in addition to the built-in text. */
  sequences: ReferenceSequence[];
  /** No reference is recorded: gaps are needed, for this row may become it. */
  gaps: boolean;
  signal: AbortSignal;
  onProgress: (progress: RowProgress) => void;
}

/** Timings by prompt, the warm-up round left out. */
export type Rounds = Timing[][];

type Reply = (prompt: Prompt, tokens: number) => Promise<Timing>;

/** For workers: the text that streams in is not shown, because laying it out would take time from what is measured. */
export const unseen = () => callback(() => undefined);

/** Times every prompt once a round, so that each length sees the machine cold and warm alike; the first round is dropped. */
export async function timeRounds(
  prompts: Prompt[][],
  { rounds, decodeTokens }: Measures,
  reply: Reply,
  onProgress: (done: number, total: number, warmUp: boolean) => void,
): Promise<Rounds> {
  const timings: Rounds = prompts.map(() => []);
  const total = prompts.length * (rounds + 1);
  for (let round = 0; round <= rounds; round++) {
    for (const [length, byMark] of prompts.entries()) {
      onProgress(round * prompts.length + length, total, round === 0);
      const timing = await reply(byMark[round]!, decodeTokens);
      if (round > 0) timings[length]!.push(timing);
    }
  }
  return timings;
}

/** The figures that every row has, of the tab and of servers. */
export function speedFigures(rounds: Rounds, lengths: readonly number[]) {
  const perLength = rounds.map((timings) => {
    const decode = timings.map((timing) => timing.decodeTokensPerSecond).filter((rate) => rate !== null);
    return {
      promptTokens: timings[0]!.promptTokens,
      ttftMs: figure(timings.map(({ ttftMs }) => ttftMs))!,
      prefillTokensPerSecond: figure(timings.map((timing) => timing.prefillTokensPerSecond))!,
      decodeTokensPerSecond: figure(decode),
    };
  });
  const headline = perLength[lengths.indexOf(headlineLength(lengths))]!;
  return {
    ttftMs: headline.ttftMs,
    prefillTokensPerSecond: headline.prefillTokensPerSecond,
    decodeTokensPerSecond: perLength[0]!.decodeTokensPerSecond,
    decodeAtEndTokensPerSecond: perLength.length > 1 ? perLength.at(-1)!.decodeTokensPerSecond : null,
    lengths: perLength,
    reply: shorten(rounds[0]!.at(-1)!.pieces),
    traces: rounds.flatMap((timings) =>
      timings.map(({ promptTokens, arrivals }) => ({
        promptTokens,
        arrivals: arrivals.map(([ms, ...counts]) => [tenths(ms), ...counts] as [number, number, number]),
      })),
    ),
  };
}

/** To a tenth of a millisecond: no more is known, and files are smaller for it. */
const tenths = (ms: number): number => Math.round(ms * 10) / 10;

const LONGEST_PIECE = 200;
const shorten = (pieces: Timing['pieces']): Timing['pieces'] =>
  pieces.map(([ms, text]) => [tenths(ms), text.slice(0, LONGEST_PIECE)]);

export interface MeasuredRow {
  row: Measured;
  scores: RowScores;
}

/** Shares of a row's time: loading, replies, llama-bench's tests, tasks, agreement. */
const SHARES = { load: 0.1, replies: 0.4, tests: 0.3, tasks: 0.1, agreement: 0.1 };

/** Loads, measures and scores. Rejects with what made it impossible; `cancelled` when a person stopped it. */
export async function measureRow(entry: Entry, job: RowJob): Promise<MeasuredRow> {
  const { model, measures, signal } = job;
  const battery = await readBattery();
  const opened: OpenedRow[] = [];
  let cold = null as ColdStart | null;
  // The first worker of a row finds nothing prepared, so its start is the cold one.
  const start = async (api: Remote<CompareApi>) => {
    opened.push(await open(api, entry, job));
    cold ??= await api.firstAnswer(model.facts.prompts[0]![0]!);
  };
  // Each load has a worker of its own, because a second load in the same worker would find the runtime there. The last one measures.
  for (let load = 1; load < measures.loads; load++) await withCompareWorker(signal, start);
  const measured = await withCompareWorker(signal, async (api) => {
    await start(api);
    return measureOpened(api, entry, job, opened);
  });
  const after = battery && (await readBattery());
  return {
    ...measured,
    row: {
      ...measured.row,
      coldStart: cold && { ...cold, storedBytes: model.bytes },
      battery: battery && after && { charging: after.charging, before: battery.level, after: after.level },
    },
  };
}

async function measureOpened(
  api: Remote<CompareApi>,
  entry: Entry,
  job: RowJob,
  opened: OpenedRow[],
): Promise<MeasuredRow> {
  const { model, measures, contextLength, onProgress } = job;
  const { report } = opened.at(-1)!;
  const memory = { engineBytes: report.bytesHeld, pageBytes: await pageBytes() };
  const reply: Reply = (prompt, tokens) => api.reply(prompt, tokens, unseen());
  const rounds = await timeRounds(model.facts.prompts, measures, reply, (done, total, warmUp) =>
    onProgress({ phase: warmUp ? 'warm-up' : 'measure', share: SHARES.load + (SHARES.replies * done) / total }),
  );
  const tests = await testSpeed(api, job);
  const tasks = await timeTasks(reply, job);
  const scores = await score(api, job);
  const lengths = model.facts.prompts.map(([prompt]) => prompt!.tokens);
  return {
    row: {
      ...ROW_DEFAULTS,
      ...describe(entry, opened, contextLength),
      ...speedFigures(rounds, lengths),
      tests,
      tasks,
      memory,
      agreement: null,
    },
    scores,
  };
}

/** llama-bench's tests, one after the other. */
async function testSpeed(
  api: Remote<CompareApi>,
  { model, measures, contextLength, onProgress }: RowJob,
): Promise<Measured['tests']> {
  const tests = fitTests(measures, contextLength);
  const found: Measured['tests'] = [];
  for (const [at, test] of tests.entries()) {
    const onRound = callback((round: number) => {
      const done = (at + round / (measures.rounds + 1)) / tests.length;
      onProgress({ phase: 'tests', share: SHARES.load + SHARES.replies + SHARES.tests * done });
    });
    const samples = await api.speedTest(test, model.facts.textIds, measures.rounds, onRound);
    found.push({ ...test, tokensPerSecond: figure(samples)!, samples: samples.map(tenths) });
  }
  return found;
}

/** Every kind of task that fits: one reply that does not count, and one for each round. */
async function timeTasks(
  reply: Reply,
  { model, measures, contextLength, onProgress }: RowJob,
): Promise<Measured['tasks']> {
  const found: Measured['tasks'] = [];
  const kinds = measures.tasks ? fitTasks(contextLength) : [];
  for (const [at, task] of kinds.entries()) {
    const prompts = model.taskPrompts[at]!;
    const timings: Timing[] = [];
    for (const [round, prompt] of prompts.entries()) {
      const done = (at + round / prompts.length) / kinds.length;
      onProgress({ phase: 'tasks', share: SHARES.load + SHARES.replies + SHARES.tests + SHARES.tasks * done });
      const timing = await reply(prompt, task.reply);
      if (round > 0) timings.push(timing);
    }
    found.push({
      kind: task.kind,
      promptTokens: prompts[0]!.tokens,
      replyTokens: task.reply,
      ttftMs: figure(timings.map(({ ttftMs }) => ttftMs))!,
      decodeTokensPerSecond: figure(
        timings.map(({ decodeTokensPerSecond }) => decodeTokensPerSecond).filter((rate) => rate !== null),
      ),
    });
  }
  return found;
}

async function open(
  api: Remote<CompareApi>,
  { target }: Entry,
  { model, contextLength, onProgress }: RowJob,
): Promise<OpenedRow> {
  onProgress({ phase: 'load', share: 0 });
  const onPrepare = callback((done: number, total: number) =>
    onProgress({ phase: 'load', share: (SHARES.load * done) / total }),
  );
  return api.open(model.place, target, contextLength, onPrepare);
}

async function score(api: Remote<CompareApi>, { sequences, model, gaps, onProgress }: RowJob): Promise<RowScores> {
  const step = (done: number) =>
    onProgress({ phase: 'agreement', share: 1 - SHARES.agreement * (1 - done / (1 + sequences.length)) });
  step(0);
  const text = await api.score({ ids: model.facts.textIds, from: 0, gaps });
  if (!text.logprobs.every(Number.isFinite))
    throw new PhiError('backend', 'This backend produced NaN or infinite logits, so its speed is meaningless.');
  const scored = [];
  for (const [i, { ids, from }] of sequences.entries()) {
    step(1 + i);
    scored.push(await api.score({ ids, from, gaps: false }));
  }
  return { text, sequences: scored };
}

function describe({ label, target }: Entry, opened: OpenedRow[], contextLength: number) {
  const { report } = opened.at(-1)!;
  // A load that makes the weights cannot be compared with one that finds them.
  const found = opened.filter(({ madeForm }) => !madeForm);
  const loads = found.length > 0 ? found : opened;
  return {
    label,
    backend: report.backend,
    asked: target,
    device: report.device,
    kind: kindOf(report),
    form: report.form,
    model: report.name,
    graphs: report.graphs,
    nodesOnWasm: report.nodesOnWasm,
    threads: report.threads,
    contextLength,
    weightError: report.weightError ?? null,
    loadMs: figure(loads.map(({ report }) => report.loadMs)),
    compileMs: figure(loads.map(({ report }) => report.compileMs)),
    prepareMs: opened[0]!.madeForm ? opened[0]!.report.prepareMs : null,
  };
}

/** The kind of device by evidence (`MLGraph.devices` or the adapter), never by what was requested. */
export function kindOf({ backend, device }: Pick<EngineReport, 'backend' | 'device'>): Kind | null {
  if (backend === 'wasm') return 'cpu';
  if (backend === 'webgpu') return device.includes('(software)') ? 'cpu' : 'gpu';
  const found = (['npu', 'gpu', 'cpu'] as const).filter((kind) => new RegExp(`\\b${kind}\\b`, 'i').test(device));
  return found.length === 1 ? found[0]! : null;
}
