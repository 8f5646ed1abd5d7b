/** Sums up the trace that ONNX Runtime's profiler writes: one JSON object a line, times in microseconds. Pure. */

export interface OpTotals {
  /** Time of the runs as ONNX Runtime sees them, ms. */
  runMs: number;
  /** Milliseconds and number of nodes (of a GPU: kernels) by kind, over all runs. */
  kinds: Record<string, { ms: number; nodes: number; ops: Record<string, number> }>;
  /** The times are the GPU's own: the session does not see the work that a node only queues. */
  onGpu: boolean;
}

interface TraceEvent {
  cat: string;
  name: string;
  ts: number;
  dur: number;
  args: { op_name?: string; parameter_size?: string };
}

const KINDS: [string, string[]][] = [
  [
    'matmul',
    [
      'MatMulInteger',
      'MatMulIntegerToFloat',
      'DynamicQuantizeMatMul',
      'MatMulNBits',
      'MatMulNBitsMlp',
      'Gemm',
      'FusedMatMul',
    ],
  ],
  [
    'attention',
    ['Softmax', 'RotaryEmbedding', 'GroupQueryAttention', 'MultiHeadAttention', 'Concat', 'Where', 'ScatterND'],
  ],
  [
    'quantising activations',
    [
      'QuantizeLinear',
      'DequantizeLinear',
      'DynamicQuantizeLinear',
      'Abs',
      'ReduceMax',
      'ReduceMin',
      'Max',
      'Min',
      'Round',
      'Clip',
    ],
  ],
  [
    'norms and activation',
    ['SimplifiedLayerNormalization', 'SkipSimplifiedLayerNormalization', 'QuickGelu', 'Sigmoid', 'Erf'],
  ],
  [
    'choosing the token',
    [
      'TopK',
      'CumSum',
      'ArgMax',
      'ScatterElements',
      'GatherElements',
      'ReduceLogSumExp',
      'LessOrEqual',
      'GreaterOrEqual',
    ],
  ],
  [
    'reshaping',
    ['Reshape', 'Transpose', 'Split', 'Unsqueeze', 'Squeeze', 'Identity', 'Shape', 'Expand', 'Slice', 'Gather', 'Cast'],
  ],
];
const KIND_OF = new Map(KINDS.flatMap(([kind, ops]) => ops.map((op) => [op, kind] as const)));
/** Category of a kernel as a GPU with timestamp queries reports it, "node&operator&program". */
const GPU_KERNEL = 'Api';
/** These hold other nodes: their time is counted there. */
const CONTAINERS = ['If', 'Loop'];

function kindOf(op: string, parameterBytes: number): string {
  // A MatMul with constants is the model's, or a rotation; one without is attention's.
  if (op === 'MatMul') return parameterBytes > 0 ? 'matmul' : 'attention';
  return KIND_OF.get(op) ?? 'elementwise and other';
}

/** The last `runs` runs of the trace. */
export function sumEvents(lines: readonly string[], runs: number): OpTotals {
  const events = lines.map((line) => JSON.parse(line) as TraceEvent);
  const measured = events.filter(({ name }) => name === 'model_run').slice(-runs);
  const runMs = measured.reduce((sum, { dur }) => sum + dur, 0) / 1000;
  const kernels = lastRuns(
    events.filter(({ cat }) => cat === GPU_KERNEL),
    runs,
  );
  const nodes = events.filter(
    ({ cat, name, ts }) => cat === 'Node' && ts >= (measured[0]?.ts ?? Infinity) && name.endsWith('_kernel_time'),
  );
  const onGpu = kernels.length > 0;
  const kinds: OpTotals['kinds'] = {};
  for (const { name, dur, args } of onGpu ? kernels : nodes) {
    const op = onGpu ? name.split('&')[1]! : (args.op_name ?? name);
    if (CONTAINERS.includes(op)) continue;
    const kind = (kinds[kindOf(op, Number(args.parameter_size ?? 0))] ??= { ms: 0, nodes: 0, ops: {} });
    kind.ms += dur / 1000;
    kind.nodes++;
    kind.ops[op] = (kind.ops[op] ?? 0) + dur / 1000;
  }
  return { runMs, kinds, onGpu };
}

/** Kernels are written without a mark of their run, on a clock of their own. But a run ends with the node that no other place of the graph has. */
function lastRuns(kernels: TraceEvent[], runs: number): TraceEvent[] {
  const last = kernels.at(-1)?.name;
  const ends = kernels.flatMap(({ name }, i) => (name === last ? [i] : []));
  return kernels.slice((ends.at(-runs - 1) ?? -1) + 1);
}
