/**
 * The run of this browser in IndexedDB, row by row as it is measured: a closed tab or a crash keeps what was done, and the run can go on.
 *
 *   run         request, order, fingerprint, and whether it came to its end
 *   row:NNN     a step that is over
 *   try:NNN     how often a step was begun that never came to its end
 *   result      what the page showed last
 */
import * as v from 'valibot';
import { Table } from '../../workers/shared/database.ts';
import { WEIGHT_FORMATS } from '../../workers/shared/weight-formats.ts';
import type { Done } from './findings.ts';
import { ROW_IDS } from './plan.ts';
import { ResultSchema, RowSchema, type CompareResult } from './result.ts';
import type { Earlier } from './run.ts';
import type { CompareRequest } from './steps.ts';

const DATABASE = 'phi-compare';

const Count = v.pipe(v.number(), v.integer(), v.minValue(0));
const Text = v.pipe(v.string(), v.maxLength(2_000));
const RequestSchema = v.object({
  model: v.object({ id: Text, name: Text, bytes: Count, url: v.optional(Text) }),
  setting: v.picklist(['quick', 'full', 'custom']),
  measures: v.object({
    lengths: v.pipe(v.array(Count), v.minLength(1)),
    decodeTokens: Count,
    rounds: Count,
    loads: Count,
    tests: v.nullable(v.object({ pp: Count, tg: Count, depths: v.array(Count) })),
    tasks: v.boolean(),
    pauseSeconds: v.number(),
  }),
  entries: v.array(
    v.object({
      id: v.picklist(ROW_IDS),
      label: Text,
      target: v.object({
        backend: v.picklist(['webnn', 'webgpu', 'wasm']),
        device: v.nullable(v.picklist(['npu', 'gpu', 'cpu'])),
        threads: v.nullable(Count),
        form: v.picklist(['auto', ...WEIGHT_FORMATS]),
      }),
    }),
  ),
  servers: v.array(v.object({ label: Text, address: Text, model: Text })),
  shuffled: v.boolean(),
  standIn: v.boolean(),
  builtIn: v.boolean(),
});
const RunSchema = v.object({
  request: RequestSchema,
  order: v.array(Count),
  fingerprint: v.string(),
  finished: v.boolean(),
});

const StepScoresSchema = v.object({
  argmax: v.instance(Int32Array),
  logprobs: v.instance(Float32Array),
  gaps: v.instance(Float32Array),
});
const DoneSchema = v.object({
  index: Count,
  row: RowSchema,
  scores: v.nullable(v.object({ sequences: v.array(StepScoresSchema), text: StepScoresSchema })),
});

export interface StoredRun extends Earlier {
  request: CompareRequest;
  finished: boolean;
  /** null: no row was over yet. */
  result: CompareResult | null;
}

const number = (index: number): string => String(index).padStart(3, '0');

export class RunStore {
  readonly #table: Table<unknown>;

  constructor(name = DATABASE) {
    this.#table = new Table(name);
  }

  /** The last run with the rows that it has; null where there is none, or none that can be read. */
  async read(): Promise<StoredRun | null> {
    const run = v.safeParse(RunSchema, await this.#table.get('run'));
    if (!run.success) return null;
    const rows = (await this.#table.entries('row:')).map(([, value]) => v.safeParse(DoneSchema, value));
    const tries = (await this.#table.entries('try:')).flatMap(([key, value]): [number, number][] =>
      typeof value === 'number' ? [[Number(key.slice(4)), value]] : [],
    );
    const result = v.safeParse(ResultSchema, await this.#table.get('result'));
    const { request, ...rest } = run.output;
    const { url, ...model } = request.model;
    return {
      ...rest,
      request: { ...request, model: { ...model, ...(url !== undefined && { url }) } },
      // A damaged row is measured again.
      done: rows.flatMap((row): Done[] => (row.success ? [row.output] : [])),
      tries: new Map(tries),
      result: result.success ? result.output : null,
    };
  }

  /** Forgets the run before, and begins this one. */
  async begin(request: CompareRequest, { order, fingerprint }: Pick<Earlier, 'order' | 'fingerprint'>): Promise<void> {
    await this.clear();
    await this.#table.set('run', { request, order, fingerprint, finished: false });
  }

  async trying(index: number): Promise<void> {
    const key = `try:${number(index)}`;
    const before = await this.#table.get(key);
    await this.#table.set(key, (typeof before === 'number' ? before : 0) + 1);
  }

  async append(done: Done): Promise<void> {
    await this.#table.set(`row:${number(done.index)}`, done);
    await this.#table.delete([`try:${number(done.index)}`]);
  }

  async keep(result: CompareResult): Promise<void> {
    await this.#table.set('result', result);
  }

  /** A person stopped it: what was begun is not to blame. */
  async forgive(): Promise<void> {
    await this.#table.deleteAll('try:');
  }

  async finish(): Promise<void> {
    const run = v.safeParse(RunSchema, await this.#table.get('run'));
    if (run.success) await this.#table.set('run', { ...run.output, finished: true });
  }

  async clear(): Promise<void> {
    await this.#table.deleteAll('');
  }
}
