/** The rows of a run, their order, and an estimate of the time. */
import type { SpeedTest, Target } from '../../workers/shared/compare-protocol.ts';
import { PhiError } from '../../workers/shared/errors.ts';
import type { WeightFormat } from '../../workers/shared/protocol.ts';
import { TASKS } from './tasks.ts';

/** `custom` comes with the address: `?prompts=32,128&tokens=16&rounds=3&loads=1&pp=64&tg=16&depths=0,128&pause=5`, for labs and for slow machines. */
export type Setting = 'quick' | 'full' | 'custom';

export interface Measures {
  /** Prompt tokens, ascending; what the context does not hold is cut by `fitLengths`. */
  lengths: number[];
  decodeTokens: number;
  /** After one that is dropped. */
  rounds: number;
  loads: number;
  /** llama-bench's tests: tokens to read and to write, behind each depth that fits the context. null: none. */
  tests: { pp: number; tg: number; depths: number[] } | null;
  /** Also the kinds of task of tasks.ts. */
  tasks: boolean;
  /** Seconds that the machine cools between two rows, at the least. */
  pauseSeconds: number;
}

export const SETTINGS: Readonly<Record<Exclude<Setting, 'custom'>, Measures>> = {
  quick: {
    lengths: [32, 512],
    decodeTokens: 32,
    rounds: 3,
    loads: 1,
    tests: { pp: 512, tg: 128, depths: [0] },
    tasks: false,
    pauseSeconds: 2,
  },
  full: {
    lengths: [32, 512, 2048],
    decodeTokens: 64,
    rounds: 5,
    loads: 3,
    tests: { pp: 512, tg: 128, depths: [0, 1024, 4096] },
    tasks: false,
    pauseSeconds: 20,
  },
};

const FEWEST_ROUNDS = 3;

/**
 * The settings that an address requests. What it leaves out is as in `quick`. null: it requests none. Throws
 * `bad-request`.
 */
export function customMeasures(search: string): Measures | null {
  const asked = new URLSearchParams(search);
  const names = ['prompts', 'tokens', 'rounds', 'loads', 'pp', 'tg', 'depths', 'pause'] as const;
  if (!names.some((name) => asked.has(name))) return null;
  const numbers = (name: (typeof names)[number], least: number, most: number): number[] | null => {
    const text = asked.get(name);
    if (text === null) return null;
    const values = text.split(',').map(Number);
    const sound =
      values.length <= 8 && values.every((value) => Number.isInteger(value) && value >= least && value <= most);
    if (!sound)
      throw new PhiError('bad-request', `${name}=${text} is not valid. Give whole numbers from ${least} to ${most}.`);
    return values;
  };
  const { lengths, decodeTokens, rounds, loads } = SETTINGS.quick;
  const [pp, tg, depths] = [numbers('pp', 1, 131_072), numbers('tg', 2, 4096), numbers('depths', 0, 131_072)];
  return {
    lengths: [...(numbers('prompts', 1, 131_072) ?? lengths)].sort((a, b) => a - b),
    decodeTokens: numbers('tokens', 2, 4096)?.[0] ?? decodeTokens,
    rounds: numbers('rounds', FEWEST_ROUNDS, 100)?.[0] ?? rounds,
    loads: numbers('loads', 1, 20)?.[0] ?? loads,
    tests: pp || tg || depths ? { pp: pp?.[0] ?? 512, tg: tg?.[0] ?? 128, depths: depths ?? [0] } : null,
    tasks: false,
    pauseSeconds: numbers('pause', 0, 600)?.[0] ?? 0,
  };
}

/** The prompt that a row's own TTFT and prefill are quoted at. */
const HEADLINE_TOKENS = 512;

export const ROW_IDS = ['webnn-npu', 'webnn-gpu', 'webnn-cpu', 'webgpu', 'wasm-threads', 'wasm-single'] as const;
export type RowId = (typeof ROW_IDS)[number];

interface Kind {
  id: RowId;
  label: string;
  target: Omit<Target, 'form'>;
  /** Besides 'auto', where every form is asked for. */
  forms: readonly WeightFormat[];
}

const WEBNN_FORMS = ['float32', 'float16', 'int8', 'int8-blocks', 'int4', 'int4-columns', 'int4-groups'] as const;

/** Every way of running a model that a browser may have, the hoped-for fastest first. Labels are the same in every language. */
export const KINDS: readonly Kind[] = [
  {
    id: 'webnn-npu',
    label: 'WebNN NPU',
    target: { backend: 'webnn', device: 'npu', threads: null },
    forms: WEBNN_FORMS,
  },
  {
    id: 'webnn-gpu',
    label: 'WebNN GPU',
    target: { backend: 'webnn', device: 'gpu', threads: null },
    forms: WEBNN_FORMS,
  },
  {
    id: 'webnn-cpu',
    label: 'WebNN CPU',
    target: { backend: 'webnn', device: 'cpu', threads: null },
    forms: WEBNN_FORMS,
  },
  {
    id: 'webgpu',
    label: 'WebGPU',
    target: { backend: 'webgpu', device: null, threads: null },
    forms: ['int4', 'int8-blocks', 'float16', 'float32'],
  },
  {
    id: 'wasm-threads',
    label: 'WASM threads',
    target: { backend: 'wasm', device: null, threads: null },
    forms: ['int8', 'float32'],
  },
  {
    id: 'wasm-single',
    label: 'WASM single',
    target: { backend: 'wasm', device: null, threads: 1 },
    forms: ['int8', 'float32'],
  },
];

/** Rows that this browser lacks what they need for. What is there may still turn out not to run the model. */
export function absentRows(here: { ml: boolean; gpu: boolean; isolated: boolean }): RowId[] {
  const has = (id: RowId): boolean => {
    if (id === 'webgpu') return here.gpu;
    return id === 'wasm-threads' ? here.isolated : id === 'wasm-single' || here.ml;
  };
  return ROW_IDS.filter((id) => !has(id));
}

export interface Entry {
  id: RowId;
  label: string;
  target: Target;
}

/** The rows in their order: each kind with its own form, or with every form that it computes with. */
export function entries(ids: readonly RowId[], { everyForm }: { everyForm: boolean }): Entry[] {
  return KINDS.filter(({ id }) => ids.includes(id)).flatMap(({ id, label, target, forms }) =>
    (everyForm ? forms : (['auto'] as const)).map((form) => ({ id, label, target: { ...target, form } })),
  );
}

/** Lengths that fit into the context together with the reply; where one does not, the longest that does takes its place. */
export function fitLengths({ lengths, decodeTokens }: Measures, context: number): number[] {
  const longest = Math.max(1, context - decodeTokens);
  return [...new Set(lengths.map((length) => Math.min(length, longest)))];
}

/** llama-bench's tests that fit into the context, the shallowest first. */
export function fitTests({ tests }: Pick<Measures, 'tests'>, context: number): SpeedTest[] {
  if (!tests) return [];
  const { pp, tg, depths } = tests;
  return [...depths]
    .sort((a, b) => a - b)
    .flatMap((depth): SpeedTest[] => [
      { kind: 'pp', tokens: pp, depth },
      { kind: 'tg', tokens: tg, depth },
    ])
    .filter((test) => slotsOf(test) <= context);
}

/** Tokens of context that a test fills, with the one that it begins with. */
export const slotsOf = ({ tokens, depth }: SpeedTest): number => depth + tokens + 1;

/** As llama-bench writes it: "pp512", "tg128 @ d1024". */
export const testName = ({ kind, tokens, depth }: SpeedTest): string =>
  `${kind}${tokens}${depth > 0 ? ` @ d${depth}` : ''}`;

/** The length whose figures a row is quoted at: 512 tokens, or the nearest below that was measured, or the least; 0 of none. */
export function headlineLength(lengths: readonly number[]): number {
  const below = lengths.filter((length) => length <= HEADLINE_TOKENS);
  if (below.length > 0) return Math.max(...below);
  return lengths.length > 0 ? Math.min(...lengths) : 0;
}

/** A random order, so that the cool machine does not always go to the same row. Fisher-Yates; `random` in [0, 1). */
export function shuffle<T>(items: readonly T[], random: () => number = Math.random): T[] {
  const order = [...items];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** Estimates for a laptop, in bytes of weights read per second while decoding. Measured values replace them during the run. */
const DECODE_BYTES_PER_SECOND: Readonly<Record<RowId | 'native', number>> = {
  'webnn-npu': 10e9,
  'webnn-gpu': 10e9,
  'webnn-cpu': 2e9,
  webgpu: 20e9,
  'wasm-threads': 2e9,
  'wasm-single': 1e9,
  native: 20e9,
};
/** Cost of a prompt token, as a share of a decoded token's. */
const PREFILL_SHARE = 0.1;
const LOAD_BYTES_PER_SECOND = 50e6;
const LOAD_SECONDS = 2;
/** Tokens that agreement is measured on, one by one on some backends. */
const AGREEMENT_TOKENS = 500;

/** Seconds that a row takes, about. */
export function estimateRow(
  id: RowId | 'native',
  modelBytes: number,
  { lengths, decodeTokens, rounds, loads, tests, tasks }: Measures,
): number {
  const perToken = modelBytes / DECODE_BYTES_PER_SECOND[id];
  const prompts = lengths.reduce((sum, length) => sum + length * PREFILL_SHARE + decodeTokens, 0);
  const load = id === 'native' ? 0 : loads * (LOAD_SECONDS + modelBytes / LOAD_BYTES_PER_SECOND);
  const agreement = id === 'native' ? 0 : AGREEMENT_TOKENS * perToken;
  const perRound = tests ? tests.depths.length * (tests.pp * PREFILL_SHARE + tests.tg) : 0;
  const filling = (tests?.depths ?? []).reduce((sum, depth) => sum + 2 * depth * PREFILL_SHARE, 0);
  const kinds = tasks ? TASKS.reduce((sum, task) => sum + task.prompt * PREFILL_SHARE + task.reply, 0) : 0;
  const tested = id === 'native' ? 0 : (rounds + 1) * perRound + filling;
  return load + agreement + ((rounds + 1) * (prompts + kinds) + tested) * perToken;
}
