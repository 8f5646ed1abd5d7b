/** Choosing a token inside the graph, so that only ids leave it. */
import type { Graph, Value } from '../graph/onnx.ts';

/** Graph inputs that say how to choose. Scalars unless noted. */
export interface SelectInputs {
  /** 1 / temperature; with k = 1 it does not matter (greedy). */
  inverseTemperature: Value;
  /** int64 `[1]`: candidates, 1 = greedy. */
  k: Value;
  topP: Value;
  minP: Value;
  penalty: Value;
  /** float32 `[vocab]`: 1 where the token occurred, else 0. */
  seen: Value;
  /** bool: only what `allowed` allows may be chosen. */
  masked: Value;
  /** bool `[rows, vocab]` for the rows that choose; any shape where `masked` is false. */
  allowed: Value;
}

/** Score of a token that may not be chosen: finite, so that nothing becomes NaN, and far below what any temperature brings back. */
const FORBIDDEN = -1e30;

export function declareSelectInputs(g: Graph, vocab: number): SelectInputs {
  return {
    inverseTemperature: g.input('inverse_temperature', 'float32', []),
    k: g.input('k', 'int64', [1]),
    topP: g.input('top_p', 'float32', []),
    minP: g.input('min_p', 'float32', []),
    penalty: g.input('penalty', 'float32', []),
    seen: g.input('seen', 'float32', [vocab]),
    masked: g.input('masked', 'bool', []),
    allowed: g.input('allowed', 'bool', ['mask_rows', 'mask_vocab']),
  };
}

/**
 * Logits `[rows, vocab]` and a uniform number in [0, 1) for each row, `[rows]` -> the chosen ids, int64 `[rows]`.
 * Order as in transformers: repetition penalty, mask, temperature, top-k, then min-p and top-p on the candidates' probabilities.
 */
export function select(g: Graph, inputs: SelectInputs, logits: Value, randoms: Value, seen = inputs.seen): Value {
  const penalised = g.subgraph('penalised');
  const factor = penalised.op('Where', [
    penalised.op('Greater', [logits, g.float(0)]),
    penalised.op('Reciprocal', [inputs.penalty]),
    inputs.penalty,
  ]);
  // seen is 0 or 1: logits * (1 + seen * (factor - 1))
  const weight = penalised.op('Add', [
    penalised.op('Mul', [penalised.op('Sub', [factor, g.float(1)]), seen]),
    g.float(1),
  ]);
  penalised.output(
    penalised.rename(penalised.op('Mul', [logits, weight]), penalised.fresh('penalised')),
    'float32',
    null,
  );
  const plain = g.subgraph('plain');
  plain.output(plain.rename(logits, plain.fresh('plain')), 'float32', null);
  const scores = g.op('If', [g.op('Equal', [inputs.penalty, g.float(1)])], {
    then_branch: { graph: plain },
    else_branch: { graph: penalised },
  });

  const limited = g.subgraph('limited');
  limited.output(
    limited.rename(limited.op('Where', [inputs.allowed, scores, g.float(FORBIDDEN)]), limited.fresh('limited')),
    'float32',
    null,
  );
  const open = g.subgraph('open');
  open.output(open.rename(scores, open.fresh('open')), 'float32', null);
  const left = g.op('If', [inputs.masked], { then_branch: { graph: limited }, else_branch: { graph: open } });

  const [values, ids] = g.ops('TopK', [left, inputs.k], 2) as [Value, Value]; // [rows, k], sorted
  const probabilities = g.op('Softmax', [g.op('Mul', [values, inputs.inverseTemperature])], { axis: { int: 1 } });
  const before = g.op('CumSum', [probabilities, g.int64(1)], { exclusive: { int: 1 } });
  const total = (x: Value) => g.op('ReduceSum', [x, g.int64([1])], { keepdims: { int: 1 } }); // [rows, 1]
  const count = (x: Value) => total(g.op('Cast', [x], { to: { int: 7 } }));
  const best = g.op('ReduceMax', [probabilities, g.int64([1])], { keepdims: { int: 1 } });
  const kept = g.op('And', [
    g.op('Less', [before, inputs.topP]), // the first is always kept: nothing lies before it
    g.op('GreaterOrEqual', [probabilities, g.op('Mul', [best, inputs.minP])]),
  ]);
  const mass = g.op('Mul', [probabilities, g.op('Cast', [kept], { to: { int: 1 } })]);
  const target = g.op('Mul', [total(mass), g.op('Unsqueeze', [randoms, g.int64([1])])]);
  const index = count(g.op('LessOrEqual', [g.op('CumSum', [mass, g.int64(1)]), target]));
  // A candidate without mass must not be hit when rounding makes target equal to the total.
  const last = g.op('Sub', [count(kept), g.int64([1])]);
  const chosen = g.op('GatherElements', [ids, g.op('Min', [index, last])], { axis: { int: 1 } });
  return g.op('Squeeze', [chosen, g.int64([1])]);
}
