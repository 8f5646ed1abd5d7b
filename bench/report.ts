/** From samples to rows, ratios and a table. Pure. */
import type { Task } from './options.ts';
import type { BackendName, PeerName } from './peers/peer.ts';

export const METRICS = ['decode tok/s', 'prefill tok/s', 'ttft ms', 'load ms', 'drafted tok/s'] as const;
export type Metric = (typeof METRICS)[number];

export interface Sample {
  peer: PeerName;
  task: Task;
  metric: Metric;
  value: number;
}

export interface Row {
  peer: PeerName;
  backend: BackendName;
  model: string;
  task: Task;
  metric: Metric;
  median: number;
  /** Largest minus smallest, in the metric's unit. */
  spread: number;
  rounds: number;
}

export interface Ratio {
  what: string;
  value: number;
  /** At least so much (`atLeast`), or at most. */
  floor: number;
  aim: number;
  atLeast: boolean;
  reached: 'aim' | 'floor' | 'no';
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** One row for each peer, task and metric, in the order of first appearance. */
export function toRows(samples: readonly Sample[], backend: BackendName, model: string): Row[] {
  const groups = new Map<string, Sample[]>();
  for (const sample of samples) {
    const key = `${sample.peer}|${sample.task}|${sample.metric}`;
    groups.set(key, [...(groups.get(key) ?? []), sample]);
  }
  return [...groups.values()].map((group) => {
    const values = group.map(({ value }) => value);
    const { peer, task, metric } = group[0]!;
    return {
      peer,
      backend,
      model,
      task,
      metric,
      median: median(values),
      spread: Math.max(...values) - Math.min(...values),
      rounds: values.length,
    };
  });
}

interface Bar {
  backends: BackendName[];
  /** Ours over the other's, or over our own of another task. */
  peer: PeerName;
  task: Task;
  metric: Metric;
  overTask?: Task;
  overMetric?: Metric;
  floor: number;
  aim: number;
  atLeast: boolean;
  /** The other's over ours. */
  inverse?: boolean;
}

const BESIDE_TRANSFORMERS = { backends: ['webgpu'], peer: 'transformers.js', atLeast: true } satisfies Partial<Bar>;

const BARS: Bar[] = [
  { backends: ['wasm'], peer: 'wllama', task: '40', metric: 'decode tok/s', floor: 2, aim: 2.5, atLeast: true },
  { backends: ['wasm'], peer: 'wllama', task: '1500', metric: 'decode tok/s', floor: 1.5, aim: 2, atLeast: true },
  {
    backends: ['wasm'],
    peer: 'transformers.js',
    task: '40',
    metric: 'decode tok/s',
    floor: 12,
    aim: 12,
    atLeast: true,
  },
  ...(['40', '512', '1500'] as const).map((task): Bar => ({
    backends: ['wasm'],
    peer: 'wllama',
    task,
    metric: 'ttft ms',
    floor: 0.4,
    aim: 0.3,
    atLeast: false,
  })),
  {
    backends: ['wasm', 'webgpu'],
    peer: 'ours',
    task: 'second-turn',
    overTask: '1500',
    metric: 'ttft ms',
    floor: 0.1,
    aim: 0.1,
    atLeast: false,
  },
  { backends: ['wasm'], peer: 'wllama', task: 'load', metric: 'load ms', floor: 1.3, aim: 1, atLeast: false },
  // Prompt lookup beside the same engine without it.
  ...(['40', '512', '1500', 'rewrite'] as const).map((task): Bar => ({
    backends: ['wasm', 'webgpu', 'webnn'],
    peer: 'ours',
    task,
    metric: 'drafted tok/s',
    overMetric: 'decode tok/s',
    floor: task === 'rewrite' ? 1.5 : 0.97,
    aim: task === 'rewrite' ? 1.5 : 1,
    atLeast: true,
  })),
  ...(['40', '100', '512', '1500'] as const).flatMap((task): Bar[] => [
    { backends: ['webnn'], peer: 'padded-webnn', task, metric: 'decode tok/s', floor: 1.3, aim: 1.5, atLeast: true },
    {
      backends: ['webnn'],
      peer: 'padded-webnn',
      task,
      metric: 'ttft ms',
      floor: 5,
      aim: 10,
      atLeast: true,
      inverse: true,
    },
    {
      backends: ['webnn'],
      peer: 'matmuls-webnn',
      task,
      metric: 'decode tok/s',
      floor: 1 / 1.5,
      aim: 1 / 1.5,
      atLeast: true,
    },
  ]),
  ...(['40', '100', '512', '1500', '4096'] as const).flatMap((task): Bar[] => [
    { ...BESIDE_TRANSFORMERS, task, metric: 'decode tok/s', floor: 1.5, aim: 1.5 },
    { ...BESIDE_TRANSFORMERS, task, metric: 'prefill tok/s', floor: 1.2, aim: 1.2 },
  ]),
];

/** The targets, as far as the rows contain them. */
export function toRatios(rows: readonly Row[], backend: BackendName): Ratio[] {
  const find = (peer: PeerName, task: Task, metric: Metric) =>
    rows.find((row) => row.peer === peer && row.task === task && row.metric === metric);
  return BARS.filter((bar) => bar.backends.includes(backend)).flatMap((bar) => {
    const ours = find('ours', bar.task, bar.metric);
    const other = find(bar.peer, bar.overTask ?? bar.task, bar.overMetric ?? bar.metric);
    if (!ours || !other) return [];
    const value = bar.inverse ? other.median / ours.median : ours.median / other.median;
    const meets = (limit: number) => (bar.atLeast ? value >= limit : value <= limit);
    const sides = bar.overMetric
      ? [`ours, ${bar.task}`, bar.overMetric]
      : bar.overTask
        ? [`ours, ${bar.task}`, `ours, ${bar.overTask}`]
        : [`ours, ${bar.task}`, bar.peer];
    const what = `${bar.metric.replace(/ ms$/, '')}: ${(bar.inverse ? sides.toReversed() : sides).join(' / ')}`;
    const { floor, aim, atLeast } = bar;
    return [
      {
        what,
        value,
        floor,
        aim,
        atLeast,
        reached: meets(aim) ? ('aim' as const) : meets(floor) ? ('floor' as const) : ('no' as const),
      },
    ];
  });
}

const figure = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);

/** Columns padded to their widest cell; those in `left` are left-aligned. */
export function table(lines: string[][], left: number[] = [0]): string {
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => (left.includes(column) ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** One line for each task and metric, one column for each peer: median and, in brackets, half the spread. */
export function rowTable(rows: readonly Row[]): string {
  const peers = [...new Set(rows.map((row) => row.peer))];
  const keys = [...new Set(rows.map((row) => `${row.task}|${row.metric}`))];
  const cell = (row: Row | undefined) => (row ? `${figure(row.median)} (±${figure(row.spread / 2)})` : '-');
  const body = keys.map((key) => {
    const [task, metric] = key.split('|');
    return [
      `${task}: ${metric}`,
      ...peers.map((peer) => cell(rows.find((row) => row.peer === peer && `${row.task}|${row.metric}` === key))),
    ];
  });
  return table([['', ...peers], ...body]);
}

export function ratioTable(ratios: readonly Ratio[]): string {
  const mark = ({ reached }: Ratio) => (reached === 'no' ? 'not reached' : `${reached} reached`);
  const bound = ({ atLeast }: Ratio, limit: number) => `${atLeast ? '>=' : '<='} ${Math.round(100 * limit) / 100}`;
  const body = ratios.map((ratio) => [
    ratio.what,
    `${figure(ratio.value)}x`,
    bound(ratio, ratio.floor),
    bound(ratio, ratio.aim),
    mark(ratio),
  ]);
  return table([['ratio', 'value', 'floor', 'aim', ''], ...body]);
}
