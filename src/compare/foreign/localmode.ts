/**
 * Run files of LocalMode Bench (https://github.com/LocalMode-AI/LocalMode-Bench, SCHEMA.md): cells of runtime, model and workload, each with raw traces. Its
 * traces count characters, so a token rate is as good as the provider's own count of tokens.
 */
import * as v from 'valibot';
import { groupBy } from '../../../workers/shared/group-by.ts';
import { figure } from '../figure.ts';
import { headlineLength } from '../plan.ts';
import { check, isMeasured, LIMITS, type CompareResult, type Kind, type Measured, type Row } from '../result.ts';
import { askedOf } from '../row-defaults.ts';
import { foreignResult, foreignRow, minuteOf, nameIn } from './foreign.ts';

const Text = v.pipe(v.string(), v.maxLength(2_000));
const Time = v.pipe(v.number(), v.finite());
const ChunksSchema = v.pipe(v.array(v.object({ t: Time, c: v.pipe(Time, v.minValue(0)) })), v.maxLength(20_000));
const IterationSchema = v.object({
  startT: Time,
  endT: Time,
  chunks: v.optional(ChunksSchema, []),
  text: v.optional(v.pipe(v.string(), v.maxLength(200_000)), ''),
  providerUsage: v.optional(
    v.object({ inputTokens: Time, outputTokens: Time, fidelity: v.optional(Text, 'estimated') }),
  ),
  gates: v.optional(v.array(v.unknown()), []),
});
type Iteration = v.InferOutput<typeof IterationSchema>;

const CellSchema = v.object({
  runtimeId: Text,
  workloadId: Text,
  workloadKind: v.optional(Text, ''),
  resolvedBackend: v.optional(Text, ''),
  model: v.object({
    benchModelId: Text,
    providerModelId: Text,
    displayName: v.optional(Text, ''),
    quantization: v.optional(Text),
    sizeBytes: v.optional(v.pipe(v.number(), v.minValue(0))),
  }),
  load: v.optional(v.nullable(v.object({ startT: Time, endT: Time }))),
  iterations: v.pipe(v.array(IterationSchema), v.maxLength(1_000)),
  status: v.picklist(['ok', 'invalid', 'error', 'skipped']),
  invalidReasons: v.optional(v.array(Text), []),
  error: v.optional(v.object({ message: v.optional(v.string(), '') })),
});
type Cell = v.InferOutput<typeof CellSchema>;

const RunSchema = v.object({
  protocol: v.pipe(v.string(), v.regex(/^localmode-bench\/\d+$/)),
  createdAt: Text,
  harness: v.object({ version: Text }),
  environment: v.object({
    browser: v.object({ name: Text, version: v.optional(Text, '') }),
    os: v.object({ platform: Text }),
    hardware: v.optional(v.object({ cores: v.optional(v.number()), deviceMemoryGB: v.optional(v.number()) })),
    gpuModel: v.optional(Text),
    webgl: v.optional(v.object({ softwareRenderer: v.optional(v.boolean()) })),
  }),
  cells: v.pipe(v.array(CellSchema), v.minLength(1), v.maxLength(500)),
});
type Run = v.InferOutput<typeof RunSchema>;

export const looksLikeLocalMode = (json: string): boolean =>
  /"protocol"\s*:\s*"localmode-bench\//.test(json.slice(0, 65_536));

/** Throws `bad-request` with what is wrong. */
export function fromLocalMode(value: unknown): CompareResult {
  const { protocol, createdAt, harness, environment, cells } = check(RunSchema, value, 'This LocalMode Bench file');
  const groups = groupBy(
    cells.filter(({ workloadKind }) => workloadKind === 'llm-generate'),
    ({ runtimeId, model }) => JSON.stringify([runtimeId, model.providerModelId]),
  );
  const rows = [...groups.values()].map((group) => rowOf(group, environment));
  const lengths = rows.flatMap((row) => (isMeasured(row) ? row.lengths.map(({ promptTokens }) => promptTokens) : []));
  return foreignResult({
    source: { tool: 'LocalMode Bench', version: nameIn(`${protocol}, ${harness.version}`) },
    date: minuteOf(createdAt),
    machine: {
      browser: nameIn(`${environment.browser.name} ${environment.browser.version.split('.')[0]}`),
      system: nameIn(environment.os.platform),
      adapter: environment.gpuModel === undefined ? null : nameIn(environment.gpuModel),
      cores: environment.hardware?.cores ?? null,
      memoryGigabytes: environment.hardware?.deviceMemoryGB ?? null,
    },
    bytes: new Map(cells.map(({ model }) => [nameOf(model), Math.round(model.sizeBytes ?? 0)])),
    rows,
    promptTokens: [...new Set(lengths)].sort((a, b) => a - b),
    decodeTokens: Math.max(
      0,
      ...cells.flatMap(({ iterations }) => iterations.map((one) => Math.round(one.providerUsage?.outputTokens ?? 0))),
    ),
    rounds: Math.max(1, ...cells.map(({ iterations }) => iterations.length)),
  });
}

const nameOf = ({ displayName, providerModelId }: Cell['model']): string => nameIn(displayName || providerModelId);

function kindOf({ resolvedBackend }: Cell, environment: Run['environment']): Kind | null {
  if (/wasm|cpu/i.test(resolvedBackend)) return 'cpu';
  if (!/gpu/i.test(resolvedBackend)) return null;
  return environment.webgl?.softwareRenderer ? 'cpu' : 'gpu';
}

/** The workloads of one model on one runtime as a row; why not, where none was sound. */
function rowOf(cells: Cell[], environment: Run['environment']): Row {
  const [first] = cells as [Cell, ...Cell[]];
  const backend = first.runtimeId === 'chrome-ai' ? ('browser' as const) : ('native' as const);
  const common = {
    label: nameIn(first.runtimeId),
    backend,
    asked: askedOf(backend),
    form: nameIn(first.model.quantization ?? 'auto'),
  };
  const lengths = cells
    .flatMap(lengthOf)
    .sort((a, b) => a.promptTokens - b.promptTokens)
    .slice(0, LIMITS.lengths);
  if (lengths.length === 0) {
    const why = cells.map(({ error, invalidReasons, status }) => error?.message || invalidReasons.join('; ') || status);
    return { ...common, absent: why[0]!.slice(0, 1_000) };
  }
  const at = headlineLength(lengths.map(({ promptTokens }) => promptTokens));
  const headline = lengths.find(({ promptTokens }) => promptTokens === at)!;
  const loads = cells.flatMap(({ load }) => (load ? [load.endT - load.startT] : [])).filter((ms) => ms >= 0);
  const sound = cells.flatMap(soundIterations);
  return foreignRow({
    ...common,
    device: first.resolvedBackend || first.runtimeId,
    kind: kindOf(first, environment),
    model: nameOf(first.model),
    loadMs: figure(loads),
    ttftMs: headline.ttftMs,
    prefillTokensPerSecond: headline.prefillTokensPerSecond,
    decodeTokensPerSecond: lengths[0]!.decodeTokensPerSecond,
    decodeAtEndTokensPerSecond: lengths.length > 1 ? lengths.at(-1)!.decodeTokensPerSecond : null,
    lengths,
    reply: replyOf(sound.at(-1)!),
    notes: [
      'Imported from LocalMode Bench. Token rates rest on the runtime’s own count of tokens, which may be an estimate.',
    ],
  });
}

/** Iterations in which text came, and in which nothing disturbed the tab. */
const soundIterations = ({ iterations, status }: Cell): Iteration[] =>
  status === 'ok' ? iterations.filter(({ chunks, gates }) => gates.length === 0 && chunks.some(({ c }) => c > 0)) : [];

function lengthOf(cell: Cell): Measured['lengths'] {
  const timings = soundIterations(cell).map(({ startT, chunks, providerUsage }) => {
    const visible = chunks.filter(({ c }) => c > 0);
    const [first, last] = [visible[0]!.t - startT, visible.at(-1)!.t - startT];
    const tokens = providerUsage?.outputTokens ?? visible.length;
    return {
      ttftMs: Math.max(first, 0),
      promptTokens: Math.round(providerUsage?.inputTokens ?? Number(/pp(\d+)/.exec(cell.workloadId)?.[1] ?? 0)),
      decode: last > first && tokens > 1 ? (1000 * (tokens - 1)) / (last - first) : null,
    };
  });
  const promptTokens = timings[0]?.promptTokens;
  if (promptTokens === undefined) return [];
  const prefill = figure(
    timings.filter(({ ttftMs }) => ttftMs > 0).map(({ ttftMs }) => (1000 * promptTokens) / ttftMs),
  );
  return prefill
    ? [
        {
          promptTokens,
          ttftMs: figure(timings.map(({ ttftMs }) => ttftMs))!,
          prefillTokensPerSecond: prefill,
          decodeTokensPerSecond: figure(timings.map(({ decode }) => decode).filter((rate) => rate !== null)),
        },
      ]
    : [];
}

/** The text by the sizes of its pieces. */
function replyOf({ startT, chunks, text }: Iteration): Measured['reply'] {
  let from = 0;
  return chunks.slice(0, LIMITS.pieces).map(({ t, c }): [number, string] => {
    const piece = text.slice(from, (from += c));
    return [Math.max(0, Math.round(10 * (t - startT)) / 10), piece.slice(0, LIMITS.name)];
  });
}
