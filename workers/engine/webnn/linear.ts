/** Products with the weights, in every form. */
import { scaledCodes } from '../runtime/ort-quirks.ts';
import type { Graph, Value } from '../graph/onnx.ts';
import { cast, concat, FLOAT, FLOAT16, reshape, slices, transpose } from './spelling.ts';
import type { WebnnMatrix, WebnnPlan } from './weights.ts';

const TRANSPOSED = { transB: { int: 1 } };

/**
 * `[tokens, cols]` -> `[tokens, rows]`
 *
 * @param inParts `x` in the matrix's parts of columns, if it was computed in them
 */
export function linear(
  g: Graph,
  x: Value,
  matrix: WebnnMatrix,
  plan: Pick<WebnnPlan, 'form'>,
  scales: 'before' | 'after',
  inParts?: Value[],
): Value {
  const parts = inParts ?? (matrix.columns.length > 1 ? slices(g, x, 1, matrix.columns) : [x]);
  const pieces = matrix.pieces.map((piece) => {
    if (plan.form === 'float32') return g.op('Gemm', [x, piece], TRANSPOSED);
    if (plan.form === 'float16') return cast(g, g.op('Gemm', [cast(g, x, FLOAT16), piece], TRANSPOSED), FLOAT);
    const { blocks: spec, group, cols } = matrix;
    if (group !== null && group < cols) return groupedProduct(g, x, piece, cols / group, group);
    if (spec) return blocks(g, x, piece, cols, spec);
    const scaled = matrix.byRow ? byRowParts(g, parts, piece, scales) : byColumn(g, x, piece);
    if (!matrix.mins) return scaled;
    // Adds the part of each weight of a column beyond scale * code, times the sum of the activations.
    const sum = g.op('ReduceSum', [x, g.int64([1])], { keepdims: { int: 1 } });
    return g.op('Add', [scaled, g.op('Mul', [sum, `${piece}.mins`])]);
  });
  return concat(g, pieces, 1);
}

/** Codes `[K, N]`, one scale for each column. */
function byColumn(g: Graph, x: Value, piece: string): Value {
  return g.op('MatMul', [x, g.op('DequantizeLinear', [`${piece}.codes`, `${piece}.scales`], { axis: { int: 1 } })]);
}

/**
 * Factor of the codes where their own scales come behind the product. Float16 ends at 65,504, and codes of up to 127 times the starter's activations of up
 * to 30,000 do not fit: its int8 form kept 8 of 29 sure tokens on Qualcomm's simulator with the codes as they are, 29 with this.
 */
const CODE_SCALE = 2 ** -10;

/**
 * Codes `[N, K]`, one scale for each row, K in parts that are summed. As a tensor that is fed, Intel's NPUs take this as fast as a constant; `[K, N]`
 * takes 2.4 times as long. The scales must be constants (ten times as long otherwise). Qualcomm's take no DequantizeLinear by row, but one with a single
 * scale and a scaled product; that costs Lunar Lake 18 % by Intel's estimate.
 */
function byRowParts(g: Graph, parts: Value[], piece: string, scales: 'before' | 'after'): Value {
  const sum = parts
    .map((part, i) => {
      const codes = parts.length > 1 ? `${piece}.codes.${i}` : `${piece}.codes`;
      const weights =
        scales === 'before'
          ? g.op('DequantizeLinear', [codes, `${piece}.scales`], { axis: { int: 0 } })
          : scaledCodes(g, codes, 'int8', CODE_SCALE);
      return g.op('Gemm', [part, weights], TRANSPOSED);
    })
    .reduce((sum, product) => g.op('Add', [sum, product]));
  if (scales === 'before') return sum;
  return g.op('Mul', [sum, g.op('Mul', [`${piece}.scales`, g.float(1 / CODE_SCALE)])]);
}

function blocks(g: Graph, x: Value, piece: string, cols: number, spec: NonNullable<WebnnMatrix['blocks']>): Value {
  const weights = g.op('DequantizeLinear', [`${piece}.codes`, `${piece}.scales`], {
    axis: { int: 1 },
    block_size: { int: spec.block },
  });
  const scaled = g.op('Gemm', [x, weights], TRANSPOSED);
  if (spec.shift !== 'mins') return scaled;
  // Adds the part of each weight of a block beyond scale * code, times the sum of the block's activations.
  const sums = g.op('ReduceSum', [g.op('Reshape', [x, g.int64([-1, cols / spec.block, spec.block])]), g.int64([2])], {
    keepdims: { int: 0 },
  });
  return g.op('Add', [scaled, g.op('Gemm', [sums, `${piece}.mins`], TRANSPOSED)]);
}

/** Groups of inputs as a batch: codes `[groups, group, N]` with one scale of 1, scales `[groups, 1, N]` behind the products, and their sum. */
function groupedProduct(g: Graph, x: Value, piece: string, groups: number, group: number): Value {
  const parts = transpose(g, reshape(g, x, [-1, groups, group]), [1, 0, 2]); // [groups, tokens, group]
  const codes = scaledCodes(g, `${piece}.codes`, 'int4', 1);
  const scaled = g.op('Mul', [g.op('MatMul', [parts, codes]), `${piece}.scales`]);
  return g.op('ReduceSum', [scaled, g.int64([0])], { keepdims: { int: 0 } });
}
