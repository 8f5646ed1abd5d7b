/**
 * The data that leaves the device after a run: a few figures and the candidates for the next token, at most 4 KB. WebNN has no TopK and no sort, so
 * a threshold is searched that some hundreds of tokens exceed, and these are packed. Everything above the threshold is there: whatever
 * choice looks at no more than the best `count` tokens can be made from it exactly (webnn/selection.ts).
 *
 * An NPU computes all of it in float16, which holds whole numbers up to 2,048 exactly and nothing above 65,504. So no token's id is computed here: a token
 * is a block of the vocabulary and a place in it.
 */
import type { Graph, Value } from '../graph/onnx.ts';

/** Places for candidates. */
const MOST = 336;
/** If more tokens exceed the threshold of the blocks, it is raised until about this many are left: frequent tokens lie side by side in a vocabulary. */
const WANTED_TOKENS = 300;
/** Number of blocks whose maximum must exceed the threshold. This is the least number of candidates; a vocabulary of fewer blocks is looked at whole. */
const WANTED_BLOCKS = 256;
/** Places for blocks above the threshold: the search ends before it is exact. */
const MOST_BLOCKS = 288;
/** Steps of one round of the threshold search. Five rounds narrow it to a millionth of the range. */
const STEPS = 16;
const ROUNDS = 5;
/** Blocks of the vocabulary at most: their numbers fit float16. Enough that the best tokens mostly lie in different ones. */
const BLOCKS = 2048;
/** Below any logit, and within float16. */
const LOWEST = -6e4;
/** In `ceiling`, of tokens that may be chosen: above any logit, and within float16. Of the others it is 0. */
export const CEILING = 6e4;

/** Places of the figures in the summary. */
export const SUMMARY = {
  /** Likeliest token by the raw logits: its block, and its place there. */
  bestBlock: 0,
  bestPlace: 1,
  /** ln of the sum of exp(logits). */
  logSum: 2,
  /** Raw logit of the target. */
  target: 3,
  /** Candidates, and blocks above the threshold: more than there are places for is an overflow. */
  count: 4,
  blocks: 5,
  /** Candidates, ascending by id: their scores, then their blocks, then their places there. */
  candidates: 6,
} as const;

export interface SummaryLayout {
  /** Numbers of the summary. */
  length: number;
  /** Places for candidates. */
  places: number;
  /** Tokens of a block. */
  size: number;
  /** Blocks of the vocabulary. */
  count: number;
  /** Places for blocks above the threshold. */
  mostBlocks: number;
}

export function summaryLayout(vocab: number): SummaryLayout {
  const size = Math.max(16, Math.ceil(vocab / BLOCKS / 8) * 8);
  const count = Math.ceil(vocab / size);
  const places = Math.min(MOST, vocab);
  return { length: SUMMARY.candidates + 3 * places, places, size, count, mostBlocks: Math.min(MOST_BLOCKS, count) };
}

/**
 * Logits `[1, vocab]` -> the summary. Declares the inputs `target` int32 [1], `seen` float32 [1, vocab] (1 where the token occurred),
 * `sampling` float32 [2]: repetition penalty and its reciprocal, and `ceiling` float32 [1, vocab]: CEILING where a token may be chosen, else 0.
 * What may not be chosen lies below everything else, at equal scores; the worker leaves it out when it chooses.
 */
export function candidates(g: Graph, logits: Value, vocab: number): { value: Value; length: number } {
  const layout = summaryLayout(vocab);
  const flat = (x: Value) => g.op('Reshape', [x, g.int64([-1])]);
  const sampling = g.input('sampling', 'float32', [2]);
  const [penalty, reciprocal] = [0, 1].map((i) => slice(g, sampling, i, i + 1)) as [Value, Value];

  const best = likeliest(g, inBlocks(g, logits, vocab, layout), layout);
  const logSum = g.op('Add', [
    best.logit,
    g.op('Log', [reduce(g, 'ReduceSum', g.op('Exp', [g.op('Sub', [logits, best.logit])]), 1)]),
  ]);
  const target = g.op('Gather', [flat(logits), g.input('target', 'int32', [1])]);

  // Positive logits of tokens that occurred are divided by the penalty, negative ones multiplied.
  const seen = g.input('seen', 'float32', [1, vocab]);
  const weight = (factor: Value) => g.op('Add', [g.op('Mul', [seen, g.op('Sub', [factor, g.float(1)])]), g.float(1)]);
  const part = (op: string, factor: Value) => g.op('Mul', [g.op(op, [logits, g.float([0])]), weight(factor)]);
  const penalised = g.op('Add', [part('Max', reciprocal), part('Min', penalty)]);
  const least = g.op('Sub', [reduce(g, 'ReduceMin', penalised, 1), g.float([1])]); // [1, 1]
  const scores = g.op('Min', [penalised, g.op('Add', [least, g.input('ceiling', 'float32', [1, vocab])])]);

  const packed = pack(g, inBlocks(g, scores, vocab, layout), g.op('Add', [least, g.float([0.5])]), layout);
  const figures = [best.block, best.place, logSum, target, packed.count, packed.blocks].map(flat);
  return { value: g.op('Concat', [...figures, packed.candidates], { axis: { int: 0 } }), length: layout.length };
}

/** `[1, vocab]` -> `[count, size]`. */
function inBlocks(g: Graph, x: Value, vocab: number, { size, count }: SummaryLayout): Value {
  const missing = size * count - vocab;
  const lowest = () => g.tensor(g.fresh('lowest'), 'float32', [1, missing], new Float32Array(missing).fill(LOWEST));
  const padded = missing > 0 ? g.op('Concat', [x, lowest()], { axis: { int: 1 } }) : x;
  return g.op('Reshape', [padded, g.int64([count, size])]);
}

/** The largest logit `[1, 1]`, and where it is: of equal ones the first. */
function likeliest(g: Graph, blocks: Value, { count }: SummaryLayout): { logit: Value; block: Value; place: Value } {
  const first = (x: Value) => g.op('ArgMax', [x], { axis: { int: 1 }, keepdims: { int: 0 } }); // [1]
  const float = (x: Value) => g.op('Cast', [x], { to: { int: 1 } });
  const maxima = g.op('Reshape', [reduce(g, 'ReduceMax', blocks, 1), g.int64([1, count])]);
  const block = first(maxima);
  const place = first(g.op('Gather', [blocks, int32(g, block)]));
  return { logit: reduce(g, 'ReduceMax', maxima, 1), block: float(block), place: float(place) };
}

interface Packed {
  count: Value;
  blocks: Value;
  /** `[3 places]` */
  candidates: Value;
}

/** `least` [1, 1]: what may be chosen lies above it. */
function pack(g: Graph, blocks: Value, least: Value, { places, size, count, mostBlocks }: SummaryLayout): Packed {
  const maxima = reduce(g, 'ReduceMax', blocks, 1); // [count, 1]
  // Beside a mask there may be fewer blocks than are wanted: then all that hold something.
  const threshold = count <= WANTED_BLOCKS ? least : g.op('Max', [search(g, maxima, WANTED_BLOCKS, least), least]); // [1, 1]

  const above = above1(g, maxima, threshold); // [count, 1]
  const blockIds = compact(g, above, iota(g, [count, 1]), mostBlocks, 1); // [mostBlocks, 1]
  const found = sum(g, above);
  const real = step(g, g.op('Sub', [g.op('Sub', [found, g.float(0.5)]), iota(g, [mostBlocks, 1])]));
  const values = g.op('Gather', [blocks, int32(g, g.op('Reshape', [blockIds, g.int64([mostBlocks])]))]); // [mostBlocks, size]
  // How far each lies above the threshold; 0 in places for blocks that hold none.
  const column = (x: Value) => g.op('Reshape', [x, g.int64([mostBlocks * size, 1])]);
  const excess = column(g.op('Mul', [g.op('Sub', [values, threshold]), real]));
  const raised = g.op('Max', [
    search(g, excess, WANTED_TOKENS, g.tensor(g.fresh('zero'), 'float32', [1, 1], Float32Array.of(0))),
    g.float([0]),
  ]);
  const chosen = above1(g, excess, raised);
  const spread = (x: Value) => column(g.op('Expand', [x, g.int64([mostBlocks, size])]));
  const tokens = g.op('Concat', [column(values), spread(blockIds), spread(iota(g, [1, size]))], { axis: { int: 1 } });
  const columns = g.op('Transpose', [compact(g, chosen, tokens, places, 3)], { perm: { ints: [1, 0] } });
  return { count: sum(g, chosen), blocks: found, candidates: g.op('Reshape', [columns, g.int64([3 * places])]) };
}

/**
 * The largest of many thresholds that `wanted` values of `[n, 1]` exceed, `[1, 1]`; something below `least` when fewer exceed that.
 * Plain arithmetic: comparisons would leave XNNPACK's graph.
 */
function search(g: Graph, values: Value, wanted: number, least: Value): Value {
  const scale = (x: Value, factor: number) => g.op('Mul', [x, g.float(factor)]);
  let low = least;
  let high = g.op('ReduceMax', [values, g.int64([0])], { keepdims: { int: 1 } });
  const fractions = g.tensor(
    g.fresh('fractions'),
    'float32',
    [1, STEPS],
    Float32Array.from({ length: STEPS }, (_, i) => i / STEPS),
  );
  for (let round = 0; round < ROUNDS; round++) {
    const range = g.op('Sub', [high, low]);
    const steps = g.op('Add', [low, g.op('Mul', [range, fractions])]); // [1, STEPS], ascending
    const counts = g.op('ReduceSum', [step(g, g.op('Sub', [values, steps])), g.int64([0])], { keepdims: { int: 1 } }); // [1, STEPS]
    const enough = g.op('ReduceSum', [step(g, g.op('Sub', [counts, g.float(wanted - 0.5)])), g.int64([1])], {
      keepdims: { int: 1 },
    }); // of STEPS
    const next = g.op('Add', [low, g.op('Mul', [range, scale(enough, 1 / STEPS)])]);
    low = g.op('Add', [low, g.op('Mul', [range, scale(g.op('Sub', [enough, g.float(1)]), 1 / STEPS)])]);
    high = next;
  }
  return low;
}

/** 1 where x > 0 (from 1 / STEEP on, where it matters for a count alone), else 0. Infinity times 0 would be NaN, so the factor fits float16. */
const STEEP = 6e4;
const step = (g: Graph, x: Value) => g.op('Clip', [g.op('Mul', [x, g.float(STEEP)]), g.float(0), g.float(1)]);

/** 1 where x > threshold, however little, else 0. */
const above1 = (g: Graph, x: Value, threshold: Value) =>
  step(g, g.op('Mul', [g.op('Sub', [x, threshold]), g.float(STEEP)]));

/** Rows of `[n, width]` where `mask` `[n, 1]` is 1, in order, at the front of `[places, width]`; the rest is 0. What finds no place is dropped. */
function compact(g: Graph, mask: Value, rows: Value, places: number, width: number): Value {
  // Place 0 takes what is not wanted, the last one what is too much.
  const rank = g.op('Min', [g.op('CumSum', [mask, g.int64(0)]), g.float([places + 1])]);
  const empty = g.tensor(g.fresh('empty'), 'float32', [places + 2, width], new Float32Array((places + 2) * width));
  const at = g.op('Cast', [g.op('Mul', [rank, mask])], { to: { int: 7 } }); // ScatterND wants int64
  const filled = g.op('ScatterND', [empty, at, rows]); // LiteRT's scatterElements takes constant indices only
  return slice(g, filled, 1, places + 1);
}

const reduce = (g: Graph, op: string, x: Value, axis: number) =>
  g.op(op, [x, g.int64([axis])], { keepdims: { int: 1 } });

const slice = (g: Graph, x: Value, from: number, to: number) =>
  g.op('Slice', [x, g.int64([from]), g.int64([to]), g.int64([0])]);
const int32 = (g: Graph, x: Value) => g.op('Cast', [x], { to: { int: 6 } });
const sum = (g: Graph, x: Value) =>
  g.op('ReduceSum', [g.op('Reshape', [x, g.int64([-1])]), g.int64([0])], { keepdims: { int: 1 } });
/** 0, 1, 2, … in the one long dimension of `dims`. */
const iota = (g: Graph, dims: [number, number]) =>
  g.tensor(
    g.fresh('iota'),
    'float32',
    dims,
    Float32Array.from({ length: dims[0] * dims[1] }, (_, i) => i),
  );
