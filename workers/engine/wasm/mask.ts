/** Which keys a query sees, as an additive mask. */
import type { PhiConfig } from '../checkpoint/types.ts';
import type { Graph, Value } from '../graph/onnx.ts';
import type { StepInputs } from './step-inputs.ts';

const NEVER = 2 ** 31; // position of an empty slot: after every query
const HIDDEN = -1e30; // score of a key that must not be seen; finite, so that a fully hidden block gives no NaN

export interface Mask {
  bias: Value; // [tokens, slots + added]: causal, empty slots, sliding window
  widths: Value; // slots and added
  order: Value; // [tokens]: the place of each token in the run
}

export function maskFor(g: Graph, config: PhiConfig, inputs: StepInputs, ids: Value, offset: Value): Mask {
  const scalar = (vector: Value) => g.op('Squeeze', [vector, g.int64([0])]);
  const slots = g.op('Shape', [inputs.keys[0]!], { start: { int: 3 }, end: { int: 4 } }); // [1]
  const tokens = g.op('Shape', [ids]); // [1]
  const addedNow = g.op('Add', [tokens, offset]); // [1]
  const slotPositions = g.op('Range', [g.int64(0), scalar(slots), g.int64(1)]);
  const oldKeys = g.op('Where', [g.op('Less', [slotPositions, inputs.past]), slotPositions, g.int64(NEVER)]);
  const newKeys = g.op('Add', [g.op('Range', [g.int64(0), scalar(addedNow), g.int64(1)]), inputs.past]);
  const keys = g.op('Concat', [oldKeys, newKeys], { axis: { int: 0 } });
  const order = g.op('Range', [offset, scalar(addedNow), g.int64(1)]); // [tokens]
  const queries = g.op('Unsqueeze', [g.op('Add', [order, inputs.past]), g.int64([1])]); // [tokens, 1]
  let visible = g.op('LessOrEqual', [keys, queries]);
  if (config.slidingWindow !== null && config.slidingWindow < config.context) {
    visible = g.op('And', [visible, g.op('Less', [g.op('Sub', [queries, keys]), g.int64(config.slidingWindow)])]);
  }
  return {
    bias: g.op('Where', [visible, g.float(0), g.float(HIDDEN)]),
    widths: g.op('Concat', [slots, addedNow], { axis: { int: 0 } }),
    order,
  };
}
