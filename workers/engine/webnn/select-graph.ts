/**
 * The data that leaves the device after a run: a few figures and the candidates for the next token, at most 4 KB. WebNN has no TopK and no sort, so
 * a threshold is searched that some hundreds of tokens exceed, and these are packed. Everything above the threshold is there: whatever
 * choice looks at no more than the best `count` tokens can be made from it exactly (webnn/selection.ts).
 */
import type { Graph, Value } from '../graph/onnx.ts';

/** Places for candidates. */
const MOST = 448;
/** If more tokens exceed the threshold of the blocks, it is raised until about this many are left: frequent tokens lie side by side in a vocabulary. */
const WANTED_TOKENS = 400;
/** Number of blocks whose maximum must exceed the threshold. This is the least number of candidates. */
const WANTED_BLOCKS = 256;
/** Places for blocks above the threshold: the search ends before it is exact. */
const MOST_BLOCKS = 288;
/** Steps of one round of the threshold search. Four rounds narrow it to a millionth of the range. */
const STEPS = 32;
const ROUNDS = 4;
/** Blocks of the vocabulary, about: enough that the best tokens mostly lie in different ones. */
const BLOCKS = 3072;
const LOWEST = -3e38;
/** In `ceiling`, of tokens that may be chosen: above any logit, and within float16. Of the others it is 0. */
export const CEILING = 6e4;

/** Places of the figures in the summary. */
export const SUMMARY = {
  /** From the raw logits. */
  argmax: 0,
  /** ln of the sum of exp(logits). */
  logSum: 1,
  /** Raw logit of the target. */
  target: 2,
  /** Candidates, and blocks above the threshold: more than there are places for is an overflow. */
  count: 3,
  blocks: 4,
  /** Scores of the candidates, then their ids, ascending. */
  candidates: 5,
} as const;

/** The layout for a vocabulary: places for candidates and for blocks (0: there are no blocks, everything is a candidate). */
export function summaryLayout(vocab: number): { places: number; mostBlocks: number } {
  return vocab <= MOST
    ? { places: vocab, mostBlocks: 0 }
    : { places: MOST, mostBlocks: Math.min(MOST_BLOCKS, blocking(vocab).count) };
}

function blocking(vocab: number): { size: number; count: number } {
  const size = Math.max(16, Math.ceil(vocab / BLOCKS / 16) * 16);
  return { size, count: Math.ceil(vocab / size) };
}

/**
 * Logits `[1, vocab]` -> the summary. Declares the inputs `target` int32 [1], `seen` float32 [1, vocab] (1 where the token occurred),
 * `sampling` float32 [2]: repetition penalty and its reciprocal, and `ceiling` float32 [1, vocab]: CEILING where a token may be chosen, else 0.
 * What may not be chosen lies below everything else, at equal scores; the worker leaves it out when it chooses.
 */
export function candidates(g: Graph, logits: Value, vocab: number): { value: Value; length: number } {
  const { places } = summaryLayout(vocab);
  const reduce = (op: string, x: Value, axis: number) => g.op(op, [x, g.int64([axis])], { keepdims: { int: 1 } });
  const flat = (x: Value) => g.op('Reshape', [x, g.int64([-1])]);
  const sampling = g.input('sampling', 'float32', [2]);
  const [penalty, reciprocal] = [0, 1].map((i) => slice(g, sampling, i, i + 1)) as [Value, Value];

  const most = reduce('ReduceMax', logits, 1); // [1, 1]
  const logSum = g.op('Add', [most, g.op('Log', [reduce('ReduceSum', g.op('Exp', [g.op('Sub', [logits, most])]), 1)])]);
  const argmax = g.op('Cast', [g.op('ArgMax', [logits], { axis: { int: 1 }, keepdims: { int: 0 } })], {
    to: { int: 1 },
  });
  const target = g.op('Gather', [flat(logits), g.input('target', 'int32', [1])]);

  // Positive logits of tokens that occurred are divided by the penalty, negative ones multiplied.
  const seen = g.input('seen', 'float32', [1, vocab]);
  const weight = (factor: Value) => g.op('Add', [g.op('Mul', [seen, g.op('Sub', [factor, g.float(1)])]), g.float(1)]);
  const part = (op: string, factor: Value) => g.op('Mul', [g.op(op, [logits, g.float([0])]), weight(factor)]);
  const penalised = g.op('Add', [part('Max', reciprocal), part('Min', penalty)]);
  const least = g.op('Sub', [reduce('ReduceMin', penalised, 1), g.float([1])]); // [1, 1]
  const scores = g.op('Min', [penalised, g.op('Add', [least, g.input('ceiling', 'float32', [1, vocab])])]);

  const packed =
    vocab <= MOST ? everything(g, flat(scores), vocab) : pack(g, scores, g.op('Add', [least, g.float([0.5])]), vocab);
  const figures = [argmax, logSum, target, packed.count, packed.blocks].map(flat);
  return {
    value: g.op('Concat', [...figures, packed.scores, packed.ids], { axis: { int: 0 } }),
    length: SUMMARY.candidates + 2 * places,
  };
}

interface Packed {
  count: Value;
  blocks: Value;
  scores: Value;
  ids: Value;
}

function everything(g: Graph, scores: Value, vocab: number): Packed {
  return { count: g.float([vocab]), blocks: g.float([0]), scores, ids: iota(g, vocab) };
}

/** `least` [1, 1]: what may be chosen lies above it. */
function pack(g: Graph, scores: Value, least: Value, vocab: number): Packed {
  const { size, count } = blocking(vocab);
  const { places, mostBlocks } = summaryLayout(vocab);
  const missing = size * count - vocab;
  const padded =
    missing > 0
      ? g.op(
          'Concat',
          [scores, g.tensor(g.fresh('lowest'), 'float32', [1, missing], new Float32Array(missing).fill(LOWEST))],
          { axis: { int: 1 } },
        )
      : scores;
  const blocks = g.op('Reshape', [padded, g.int64([count, size])]);
  const maxima = g.op('ReduceMax', [blocks, g.int64([1])], { keepdims: { int: 1 } }); // [count, 1]
  // Beside a mask there may be fewer blocks than are wanted: then all that hold something.
  const threshold = g.op('Max', [search(g, maxima, Math.min(WANTED_BLOCKS, count), least), least]); // [1, 1]

  const above = above1(g, maxima, threshold); // [count, 1]
  const blockIds = compact(g, g.op('Reshape', [above, g.int64([count])]), iota(g, count), mostBlocks); // [mostBlocks]
  const found = sum(g, above);
  const real = g.op('Reshape', [
    step(g, g.op('Sub', [g.op('Sub', [found, g.float(0.5)]), iota(g, mostBlocks)])),
    g.int64([mostBlocks, 1]),
  ]);
  const values = g.op('Gather', [blocks, int32(g, blockIds)]); // [mostBlocks, size]
  // How far each lies above the threshold; 0 in places for blocks that hold none.
  const excess = g.op('Reshape', [
    g.op('Mul', [g.op('Sub', [values, threshold]), real]),
    g.int64([mostBlocks * size, 1]),
  ]);
  const raised = g.op('Max', [
    search(g, excess, WANTED_TOKENS, g.tensor(g.fresh('zero'), 'float32', [1, 1], Float32Array.of(0))),
    g.float([0]),
  ]);
  const chosen = g.op('Reshape', [above1(g, excess, raised), g.int64([mostBlocks * size])]);
  const first = g.op('Reshape', [g.op('Mul', [blockIds, g.float(size)]), g.int64([mostBlocks, 1])]);
  const tokens = g.op('Reshape', [g.op('Add', [first, iota(g, size)]), g.int64([mostBlocks * size])]);
  const ids = compact(g, chosen, tokens, places);
  return {
    count: sum(g, chosen),
    blocks: found,
    ids,
    scores: g.op('Gather', [g.op('Reshape', [padded, g.int64([-1])]), int32(g, ids)]),
  };
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

/** 1 where x > 0, else 0. */
function step(g: Graph, x: Value): Value {
  return g.op('Clip', [g.op('Mul', [x, g.float(1e30)]), g.float(0), g.float(1)]);
}

const above1 = (g: Graph, x: Value, threshold: Value) => step(g, g.op('Sub', [x, threshold]));

/** Values `[n]` where `mask` is 1, in order, at the front of `[places]`; the rest is 0. What finds no place is dropped. */
function compact(g: Graph, mask: Value, values: Value, places: number): Value {
  // Place 0 takes what is not wanted, the last one what is too much.
  const rank = g.op('Min', [g.op('CumSum', [mask, g.int64(0)]), g.float([places + 1])]);
  const empty = g.tensor(g.fresh('empty'), 'float32', [places + 2], new Float32Array(places + 2));
  const at = g.op('Reshape', [g.op('Cast', [g.op('Mul', [rank, mask])], { to: { int: 7 } }), g.int64([-1, 1])]); // ScatterND wants int64
  const filled = g.op('ScatterND', [empty, at, values]); // LiteRT's scatterElements takes constant indices only
  return slice(g, filled, 1, places + 1);
}

const slice = (g: Graph, x: Value, from: number, to: number) =>
  g.op('Slice', [x, g.int64([from]), g.int64([to]), g.int64([0])]);
const int32 = (g: Graph, x: Value) => g.op('Cast', [x], { to: { int: 6 } });
const sum = (g: Graph, x: Value) =>
  g.op('ReduceSum', [g.op('Reshape', [x, g.int64([-1])]), g.int64([0])], { keepdims: { int: 1 } });
const iota = (g: Graph, n: number) =>
  g.tensor(
    g.fresh('iota'),
    'float32',
    [n],
    Float32Array.from({ length: n }, (_, i) => i),
  );
