/** Products of the int8 format. Activations are two rows of codes; see int8Linear. */
import type { LinearName } from '../graph/decoder-network.ts';
import type { Graph, Value } from '../graph/onnx.ts';
import type { RowProducts } from './experts.ts';
import { panels } from './weight-groups.ts';

/** Offset that makes codes positive before they are cut to whole numbers: both bytes' zero points, and a half of the fine one to round. */
const CODE_OFFSET = 128 + (128 + 0.5) / 256;

/**
 * Activations in 16 bits as two uint8 rows, coarse and fine, of one product: x = unit * ((coarse - 128) + (fine - 128) / 256). Both are cut from
 * the same number, the fine one 256 times as large, so that its low byte is what the coarse one leaves (exactly: a factor of 2^8 rounds nothing).
 * ONNX Runtime's WASM kernel unpacks the weights at every call, which is most of its time: the second row costs a third, not as much again. And
 * 8 bits alone made a reply depend on how its tokens were grouped into runs: logits moved by up to 2 where float sums were ordered differently.
 *
 * `x` `[1, width]` in a step, `[tokens, 1, width]` in a chunk, each row with a root mean square of 1: nothing exceeds sqrt(width). The result has the same
 * form, but that of qkv in a step is `[1, 1, rows]`. `biased`: with the bias of the weight, which the kernel adds to either row (see TWO_ROWS).
 */
export function int8Linear(
  g: Graph,
  x: Value,
  weight: LinearName,
  width: number,
  rows: number,
  single: boolean,
  biased = false,
): Value {
  const unit = Math.sqrt(width) / 127;
  const factors = g.floats([1 / unit, 256 / unit], [2, 1]);
  const offsets = g.floats([CODE_OFFSET, 256 * CODE_OFFSET], [2, 1]);
  const scaled = single ? g.op('Gemm', [factors, x, offsets]) : g.op('Add', [g.op('Mul', [x, factors]), offsets]); // [.., 2, width]
  const codes = g.op('Cast', [g.op('Cast', [scaled], { to: { int: 6 } })], { to: { int: 2 } }); // int32, then uint8: its low byte
  const product = int8Product(g, codes, unit, weight, rows, biased); // [.., 2, rows]
  return g.op('MatMul', [g.floats([1, 1 / 256], single && weight.endsWith('.qkv') ? [1, 1, 2] : [1, 2]), product]);
}

/**
 * The head takes one row of 8 bits, scaled by its largest value: what that rounds away moves a logit by some hundredths and goes no further, where in a layer it
 * would move every later one. `x` and the result as in int8Linear.
 */
export function int8Head(g: Graph, x: Value, vocab: number, biased: boolean): Value {
  const largest = g.op('ReduceMax', [g.op('Abs', [x]), g.int64([-1])], { keepdims: { int: 1 } });
  const unit = g.op('Max', [g.op('Mul', [largest, g.float(1 / 127)]), g.float(1e-30)]);
  const scaled = g.op('Add', [g.op('Div', [x, unit]), g.float(128.5)]);
  const codes = g.op('Cast', [g.op('Cast', [scaled], { to: { int: 6 } })], { to: { int: 2 } });
  const logits = g.op('Mul', [int8Product(g, codes, 1, 'head', vocab), unit]);
  if (!biased) return logits;
  const biases = panels('head', vocab).map(({ name }) => `${name}.bias`);
  return g.op('Add', [logits, biases.length === 1 ? biases[0]! : g.op('Concat', biases, { axis: { int: 0 } })]);
}

/** uint8 `codes` with zero point 128, times `unit`, times a weight of `rows` outputs, in its panels. */
function int8Product(g: Graph, codes: Value, unit: number, weight: LinearName, rows: number, biased = false): Value {
  const parts = panels(weight, rows).map(({ name }) =>
    g.op('com.microsoft::MatMulIntegerToFloat', [
      codes,
      `${name}.codes`,
      g.float(unit),
      `${name}.scales`,
      g.uint8(128),
      ...(biased ? ['', `${name}.bias`] : []),
    ]),
  );
  return parts.length === 1 ? parts[0]! : g.op('Concat', parts, { axis: { int: -1 } });
}

/** The same for rows `[n, 1, width]` that experts share: encoded once, multiplied by several matrices. gateUp has a bias, which holds the norm's. */
export function int8Rows(g: Graph): RowProducts {
  const unitOf = (width: number) => Math.sqrt(width) / 127;
  return {
    encode(rows, width) {
      const unit = unitOf(width);
      const scaled = g.op('Mul', [rows, g.floats([1 / unit, 256 / unit], [2, 1])]);
      const offset = g.op('Add', [scaled, g.floats([CODE_OFFSET, 256 * CODE_OFFSET], [2, 1])]); // [n, 2, width]
      return g.op('Cast', [g.op('Cast', [offset], { to: { int: 6 } })], { to: { int: 2 } });
    },
    multiply: (codes, weight, width, rows) =>
      int8Product(g, codes, unitOf(width), weight, rows, weight.endsWith('.gateUp')),
    decode: (product) => g.op('MatMul', [g.floats([1, 1 / 256], [1, 2]), product]),
    normalise(rows, width) {
      const ones = g.floats(Array<number>(width).fill(1), [width]);
      const [normed, factor] = g.ops('SimplifiedLayerNormalization', [rows, ones], 2, {
        axis: { int: -1 },
        epsilon: { float: 1e-30 },
      }) as [Value, Value];
      return { rows: normed, factor };
    },
  };
}
