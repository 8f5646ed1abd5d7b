/** The result of a comparison, as it is stored, downloaded, shared and read back. Documented in docs/compare-schema.md. */
import * as v from 'valibot';
import { PhiError } from '../../workers/shared/errors.ts';
import { migrate } from './migrate.ts';

export const FORMAT = 'phi-in-a-tab/compare';
export const VERSION = 2;

/** The largest run that an address may ask for (`customMeasures`) stays within these limits; anything larger is refused. */
export const LIMITS = {
  text: 2_000,
  name: 200,
  rows: 64,
  lengths: 8,
  /** Of a reply: one for each token. */
  pieces: 4_096,
  tests: 32,
  /** Rounds of a test. */
  samples: 100,
  /** Every length in every round. */
  traces: 800,
  notes: 16,
} as const;

const Text = v.pipe(v.string(), v.maxLength(LIMITS.text));
const Name = v.pipe(v.string(), v.maxLength(LIMITS.name));
const Measure = v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(1e12));
const Count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1e12));
const Share = v.pipe(v.number(), v.minValue(0), v.maxValue(1));

const FigureSchema = v.object({ median: Measure, spread: Measure, rounds: v.pipe(Count, v.minValue(1)) });

const LengthSchema = v.object({
  promptTokens: Count,
  ttftMs: FigureSchema,
  prefillTokensPerSecond: FigureSchema,
  /** After that prompt; null when the model gave one token only. */
  decodeTokensPerSecond: v.nullable(FigureSchema),
});

const StepsSchema = v.object({ equal: Count, steps: Count, share: v.nullable(Share) });

const AgreementSchema = v.object({
  /** Steps at which the reference's best token leads by at least 0.7 nats. */
  atGap07: StepsSchema,
  all: StepsSchema,
  /**
   * The first step at which the row's best token is another one than the reference's: `step` counts from 1 over all steps of the reference, `gap` is
   * the reference's lead in nats. null: they agree throughout; absent: not recorded (version 1).
   */
  firstDisagreement: v.optional(
    v.nullable(v.object({ step: Count, expected: Count, got: Count, gap: v.pipe(v.number(), v.finite()) })),
  ),
  /** NLL of the built-in text, in nats a token. */
  meanNll: Measure,
});

/** `native`: a server; `browser`: the model that the browser has built in (`LanguageModel`). */
const Backend = v.picklist(['webnn', 'webgpu', 'wasm', 'native', 'browser']);

/** One test of llama-bench. `kind` pp: a prompt of `tokens` is read; tg: `tokens` are written; behind `depth` tokens of context. */
const TestSchema = v.object({
  kind: v.picklist(['pp', 'tg']),
  tokens: v.pipe(Count, v.minValue(1)),
  depth: Count,
  tokensPerSecond: FigureSchema,
  /** Of each round, in order. */
  samples: v.pipe(v.array(Measure), v.minLength(1), v.maxLength(LIMITS.samples)),
});

/** A kind of task with its usual lengths (tasks.ts). */
const TaskSchema = v.object({
  kind: v.picklist(['code', 'content', 'creative', 'summary-light', 'summary-moderate']),
  promptTokens: Count,
  replyTokens: Count,
  ttftMs: FigureSchema,
  decodeTokensPerSecond: v.nullable(FigureSchema),
});

/** The raw trace of one reply that counts. */
const TraceSchema = v.object({
  promptTokens: Count,
  /** Each arrival: ms since the request, tokens, characters. */
  arrivals: v.pipe(v.array(v.tuple([Measure, Count, Count])), v.maxLength(LIMITS.pieces)),
});

const AskedSchema = v.object({
  backend: Backend,
  device: v.nullable(v.picklist(['npu', 'gpu', 'cpu'])),
  threads: v.nullable(Count),
  form: Name,
});

const Common = {
  /** The label of the row: "WebNN, NPU". */
  label: Name,
  backend: Backend,
  asked: AskedSchema,
};

const MeasuredSchema = v.object({
  ...Common,
  /** The device that ran, as the browser reports it; for a server, its name. */
  device: Text,
  /** What that device is, by evidence; null where there is none. */
  kind: v.nullable(v.picklist(['npu', 'gpu', 'cpu'])),
  form: Name,
  model: Name,
  graphs: v.nullable(Count),
  nodesOnWasm: v.nullable(Count),
  threads: v.nullable(Count),
  contextLength: v.nullable(Count),
  weightError: v.nullable(Measure),
  loadMs: v.nullable(FigureSchema),
  compileMs: v.nullable(FigureSchema),
  /** For the first load, if the weights had to be converted; null if they were stored in this format. */
  prepareMs: v.nullable(Measure),
  /** At `settings.headlineTokens`; null where an imported file has none. */
  ttftMs: v.nullable(FigureSchema),
  prefillTokensPerSecond: v.nullable(FigureSchema),
  /** At the start of the context: after the shortest prompt. */
  decodeTokensPerSecond: v.nullable(FigureSchema),
  /** At its end: after the longest prompt. */
  decodeAtEndTokensPerSecond: v.nullable(FigureSchema),
  lengths: v.pipe(v.array(LengthSchema), v.maxLength(LIMITS.lengths)),
  tests: v.pipe(v.array(TestSchema), v.maxLength(LIMITS.tests)),
  tasks: v.pipe(v.array(TaskSchema), v.maxLength(LIMITS.tests)),
  /** From an empty worker to the first token, `fetchedBytes` of it over the network, `storedBytes` the model's own size. */
  coldStart: v.nullable(v.object({ ms: Measure, fetchedBytes: Measure, storedBytes: Measure })),
  /** Charge of the battery before and after the row, 0 to 1, where the browser tells. */
  battery: v.nullable(v.object({ charging: v.boolean(), before: Share, after: Share })),
  /** Place of the row in the order in which rows ran, from 1, and how long the machine cooled before it. */
  order: v.nullable(Count),
  pausedMs: v.nullable(Measure),
  /** The row ran another model than `model.name`: its speed says nothing of that one. */
  otherModel: v.boolean(),
  /** What has to be said of this row, in English. */
  notes: v.pipe(v.array(Text), v.maxLength(LIMITS.notes)),
  traces: v.pipe(v.array(TraceSchema), v.maxLength(LIMITS.traces)),
  memory: v.object({ engineBytes: v.nullable(Measure), pageBytes: v.nullable(Measure) }),
  agreement: v.nullable(AgreementSchema),
  /** One reply for the race: ms since the request, text. */
  reply: v.pipe(v.array(v.tuple([Measure, Name])), v.maxLength(LIMITS.pieces)),
});

const AbsentSchema = v.object({
  ...Common,
  form: Name,
  absent: Text,
  /** A server was not reached, or the browser kept its answer from the page: the page says what to switch on. */
  refused: v.optional(v.boolean()),
});

export const RowSchema = v.union([MeasuredSchema, AbsentSchema]);

export const ResultSchema = v.object({
  format: v.literal(FORMAT),
  version: v.literal(VERSION),
  /** ISO 8601, to the minute. */
  date: v.pipe(v.string(), v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\dZ$/)),
  /** The program that measured, if it was not this page: "llama-bench", with its version. */
  source: v.nullable(v.object({ tool: Name, version: Name })),
  /** Version of this app, and of ONNX Runtime in it; absent where another program measured, and in results of older pages. */
  app: v.optional(v.object({ version: Name, runtime: Name })),
  model: v.object({
    name: Name,
    bytes: Count,
    /** null: another program measured, and the file does not say. So too for the context. */
    fingerprint: v.nullable(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/))),
    context: v.nullable(Count),
    /** Its measures, by which estimates for NPUs are found; absent in results of older pages. */
    shape: v.optional(
      v.object({
        layers: Count,
        hidden: Count,
        heads: Count,
        kvHeads: Count,
        headDim: Count,
        intermediate: Count,
      }),
    ),
  }),
  machine: v.object({
    browser: Name,
    system: Name,
    adapter: v.nullable(Name),
    cores: v.nullable(Count),
    /** `navigator.deviceMemory`: rounded, and cut off at 8 or 32, by the browser. */
    memoryGigabytes: v.nullable(Measure),
    isolated: v.boolean(),
  }),
  settings: v.object({
    setting: v.picklist(['quick', 'full', 'custom', 'imported']),
    promptTokens: v.pipe(v.array(Count), v.maxLength(LIMITS.lengths)),
    headlineTokens: Count,
    decodeTokens: Count,
    rounds: Count,
    loads: Count,
    contextLength: Count,
    shuffled: v.boolean(),
    /** The person stopped it: rows are missing. */
    cancelled: v.boolean(),
  }),
  /** The reference of the agreement; null if there was none. */
  reference: v.nullable(v.object({ kind: v.picklist(['recorded', 'row']), name: Name, steps: Count })),
  rows: v.pipe(v.array(RowSchema), v.maxLength(LIMITS.rows)),
});

export type CompareResult = v.InferOutput<typeof ResultSchema>;
export type Measured = v.InferOutput<typeof MeasuredSchema>;
export type Absent = v.InferOutput<typeof AbsentSchema>;
export type Row = Measured | Absent;
export type Agreement = v.InferOutput<typeof AgreementSchema>;
export type SpeedFigure = v.InferOutput<typeof TestSchema>;
export type TaskFigure = v.InferOutput<typeof TaskSchema>;
export type Kind = NonNullable<Measured['kind']>;

/** What measured: "Phi in a tab 0.2.0, ONNX Runtime 1.30.0", "llama-bench b7000". */
export function programLine({ source, app }: CompareResult): string | null {
  if (source) return `${source.tool} ${source.version}`;
  return app ? `Phi in a tab ${app.version}, ONNX Runtime ${app.runtime}` : null;
}

export const isMeasured = (row: Row): row is Measured => !('absent' in row);
export const measuredRows = ({ rows }: CompareResult): Measured[] => rows.filter(isMeasured);

/** No result is larger; a larger file is not even parsed. */
export const LARGEST_BYTES = 16e6;

/** Reads somebody's JSON. Throws `bad-request` with the reason in words; what the schema does not name is dropped. */
export const parseResult = (json: string): CompareResult => checkResult(parseJson(json));

/** Throws `bad-request`; `what`: "The file". */
export function parseJson(json: string, what = 'This file'): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new PhiError('bad-request', `${what} is not JSON. It is damaged, cut off, or of another kind.`);
  }
}

export function checkResult(value: unknown): CompareResult {
  const head = v.safeParse(v.object({ format: v.literal(FORMAT), version: v.number() }), value);
  if (!head.success)
    throw new PhiError('bad-request', `This JSON file is not a result of this page: its "format" is not "${FORMAT}".`);
  if (head.output.version !== VERSION && head.output.version !== 1) {
    throw new PhiError(
      'bad-request',
      `This result has version ${head.output.version} of the format, but this page reads versions 1 and ${VERSION}. Reload the page, or use the page that made the result.`,
    );
  }
  return check(ResultSchema, migrate(value), 'This result');
}

/** `value` as the schema has it. Throws `bad-request` that names the first thing that is wrong; `what`: "This result". */
export function check<T extends v.GenericSchema>(schema: T, value: unknown, what: string): v.InferOutput<T> {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const { path, message } = whereAndWhy(result.issues[0]);
  throw new PhiError('bad-request', `${what} is damaged at "${path}": ${message}`);
}

/** If a row fits neither kind, the reason lies below the union, with a path that begins there. */
function whereAndWhy(issue: v.BaseIssue<unknown>): { path: string; message: string } {
  const at = v.getDotPath(issue);
  const inner = issue.issues?.[0];
  if (!inner) return { path: at ?? '', message: issue.message };
  const below = whereAndWhy(inner);
  return { ...below, path: [at, below.path].filter(Boolean).join('.') };
}
