/** Files of llama.cpp's `llama-bench -o json` (a list) and `-o jsonl` (a test a line): https://github.com/ggml-org/llama.cpp/tree/master/tools/llama-bench */
import * as v from 'valibot';
import { groupBy } from '../../../workers/shared/group-by.ts';
import { figure, type Figure } from '../figure.ts';
import { lastPart } from '../last-part.ts';
import { headlineLength } from '../plan.ts';
import { check, LIMITS, measuredRows, type CompareResult, type Measured, type SpeedFigure } from '../result.ts';
import { foreignResult, foreignRow, minuteOf, nameIn, timeOfRate } from './foreign.ts';

const Text = v.pipe(v.string(), v.maxLength(500));
const Count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1e12));
const Rate = v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(1e12));

/** One test. Versions differ in fields; these are what all of them have that this page shows. */
const TestSchema = v.object({
  build_commit: v.optional(Text, ''),
  build_number: v.optional(Count, 0),
  cpu_info: v.optional(Text, ''),
  gpu_info: v.optional(Text, ''),
  backends: v.optional(Text, ''),
  model_filename: v.optional(v.pipe(v.string(), v.maxLength(4_096)), ''),
  model_type: v.optional(Text, ''),
  model_size: v.optional(Count, 0),
  n_threads: v.optional(Count, 0),
  n_gpu_layers: v.optional(v.number(), 0),
  n_prompt: Count,
  n_gen: Count,
  n_depth: v.optional(Count, 0),
  test_time: v.optional(Text, ''),
  avg_ts: Rate,
  stddev_ts: v.optional(Rate, 0),
  samples_ts: v.optional(v.pipe(v.array(Rate), v.maxLength(10_000)), []),
});
type Test = v.InferOutput<typeof TestSchema>;

const FileSchema = v.pipe(v.array(TestSchema), v.minLength(1), v.maxLength(2_000));

/** The tests of a file, or null if it is none of llama-bench. */
export function readTests(json: string): unknown[] | null {
  if (!json.includes('"avg_ts"') || !json.includes('"n_prompt"')) return null;
  try {
    const whole: unknown = JSON.parse(json);
    return Array.isArray(whole) ? (whole as unknown[]) : [whole];
  } catch {
    try {
      return json
        .split('\n')
        .filter((line) => line.trim() !== '')
        .map((line) => JSON.parse(line) as unknown);
    } catch {
      return null;
    }
  }
}

/** Throws `bad-request` with what is wrong. */
export function fromLlamaBench(tests: unknown[]): CompareResult {
  const all = check(FileSchema, tests, 'This llama-bench file');
  const [first] = all as [Test, ...Test[]];
  const rows = groupBy(all, (test) =>
    JSON.stringify([test.model_filename, test.model_type, test.backends, test.n_threads, test.n_gpu_layers]),
  );
  const prompts = [...new Set(all.filter(isPrompt).map(({ n_prompt }) => n_prompt))].sort((a, b) => a - b);
  const { source, browser } = programOf(first);
  return foreignResult({
    source: source(first),
    date: minuteOf(first.test_time),
    machine: { browser: browser(first), adapter: nameIn(first.gpu_info || first.cpu_info) || null },
    bytes: new Map(all.map((test) => [modelOf(test), test.model_size])),
    rows: [...rows.values()].map((tests) =>
      foreignRow({ ...programOf(tests[0]!).row(tests[0]!), ...figuresOf(tests) }),
    ),
    promptTokens: prompts,
    decodeTokens: all.find(isReply)?.n_gen ?? 0,
    rounds: Math.max(1, first.samples_ts.length),
  });
}

/** Who measured a test, read from the test itself. */
interface Program {
  source: (test: Test) => { tool: string; version: string };
  browser: (test: Test) => string;
  /** What a row says besides its figures. */
  row: (test: Test) => Pick<Measured, 'label' | 'device' | 'kind' | 'form' | 'notes'>;
}

const LLAMA_CPP: Program = {
  source: (test) => ({
    tool: 'llama-bench',
    version: [test.build_number || '', test.build_commit].filter(Boolean).join(' '),
  }),
  browser: () => 'llama-bench',
  row(test) {
    // -1: as many layers as fit, the default of newer versions.
    const onGpu = test.n_gpu_layers !== 0 && test.backends !== 'CPU' && test.backends !== '';
    return {
      label: nameIn(`llama.cpp ${onGpu ? test.backends : 'CPU'}, ${test.n_threads} threads`),
      device: (onGpu ? test.gpu_info : test.cpu_info).trim() || 'llama.cpp',
      kind: onGpu ? 'gpu' : test.backends === 'CPU' || test.n_gpu_layers === 0 ? 'cpu' : null,
      form: formOf(test),
      notes: ['Imported from llama-bench, which measures without HTTP and without choosing tokens.'],
    };
  },
};

/** Exports of this page. */
const OURS: Program = {
  source: () => ({ tool: 'Phi in a tab', version: 'as llama-bench' }),
  browser: (test) => browserAndRow(test)[0],
  row: (test) => ({
    label: browserAndRow(test)[1],
    device: test.gpu_info.trim() || test.cpu_info.trim() || test.backends,
    kind: test.n_gpu_layers === 0 ? 'cpu' : null, // the file does not tell a GPU from an NPU
    form: nameIn(test.model_type),
    notes: [],
  }),
};

/** Stands in place of a commit in exports of this page. */
const OUR_COMMIT = 'phi-in-a-tab';
const programOf = (test: Test): Program => (test.build_commit === OUR_COMMIT ? OURS : LLAMA_CPP);

/** "Chrome 156, WebNN NPU" -> ["Chrome 156", "WebNN NPU"] */
function browserAndRow({ backends }: Test): [string, string] {
  const [browser, ...label] = backends.split(', ');
  return [nameIn(browser!) || 'unknown', nameIn(label.join(', ')) || 'unknown'];
}

const isPrompt = ({ n_prompt, n_gen }: Test): boolean => n_prompt > 0 && n_gen === 0;
const isReply = ({ n_prompt, n_gen }: Test): boolean => n_prompt === 0 && n_gen > 0;
const modelOf = (test: Test): string => lastPart(test.model_filename) || test.model_type || 'unknown';

/** "llama 256M Q4_K - Medium" -> "Q4_K - Medium". */
const formOf = ({ model_type: type }: Test): string =>
  /\b(?:I?Q\d\S*.*|B?F16|F32|all F32|(?:MX|NV)FP4.*)$/.exec(type)?.[0] ?? 'auto';

/** A file of an old version has no samples: then the deviation stands for them. */
const rateOf = ({ samples_ts: samples, avg_ts: mean, stddev_ts: deviation }: Test): Figure =>
  figure(samples) ?? { median: mean, spread: 2 * deviation, rounds: 1 };

/** The figures of a row's tests. */
function figuresOf(tests: readonly Test[]) {
  const first = tests[0]!;
  const shallow = tests.filter(({ n_depth }) => n_depth === 0);
  const headline = headlineLength(shallow.filter(isPrompt).map(({ n_prompt }) => n_prompt));
  const read = shallow.find((test) => isPrompt(test) && test.n_prompt === headline);
  const write = shallow.find((test) => isReply(test) && test.n_gen === 128) ?? shallow.find(isReply);
  // A test of prompt and reply at once has no name here; the others have.
  const named = tests.filter((test) => isPrompt(test) || isReply(test)).slice(0, LIMITS.tests);
  return {
    model: modelOf(first),
    threads: first.n_threads || null,
    ttftMs: read ? timeOfRate(read.n_prompt, rateOf(read)) : null,
    prefillTokensPerSecond: read ? rateOf(read) : null,
    decodeTokensPerSecond: write ? rateOf(write) : null,
    tests: named.map((test): SpeedFigure => ({
      kind: isPrompt(test) ? 'pp' : 'tg',
      tokens: isPrompt(test) ? test.n_prompt : test.n_gen,
      depth: test.n_depth,
      tokensPerSecond: rateOf(test),
      samples: (test.samples_ts.length > 0 ? test.samples_ts : [test.avg_ts]).slice(0, LIMITS.samples),
    })),
  };
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const deviation = (values: readonly number[]): number => {
  const middle = mean(values);
  return values.length < 2
    ? 0
    : Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
};

/** Every test of every row, as `llama-bench -o json` writes it. Fields that only llama.cpp has are left out. */
export function toLlamaBench(result: CompareResult): object[] {
  const { machine, model, date } = result;
  return measuredRows(result).flatMap((row) =>
    row.tests.map(({ kind, tokens, depth, samples }) => {
      const times = samples.map((rate) => Math.round((1e9 * tokens) / rate));
      return {
        build_commit: OUR_COMMIT,
        build_number: 0,
        cpu_info: row.kind === 'cpu' ? `${machine.cores ?? '?'} cores` : '',
        gpu_info: row.kind === 'gpu' || row.kind === 'npu' ? row.device : '',
        backends: `${machine.browser}, ${row.label}`,
        model_filename: row.otherModel ? row.model : model.name,
        model_type: row.form,
        model_size: row.otherModel ? 0 : model.bytes,
        n_threads: row.threads ?? 0,
        n_gpu_layers: row.kind === 'cpu' ? 0 : 99,
        n_prompt: kind === 'pp' ? tokens : 0,
        n_gen: kind === 'tg' ? tokens : 0,
        n_depth: depth,
        test_time: date,
        avg_ns: Math.round(mean(times)),
        stddev_ns: Math.round(deviation(times)),
        avg_ts: mean(samples),
        stddev_ts: deviation(samples),
        samples_ns: times,
        samples_ts: samples,
      };
    }),
  );
}
