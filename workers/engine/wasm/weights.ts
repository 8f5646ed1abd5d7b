/** The weights of the WASM dialect: int8 for each output channel, or float32. */
import type { Checkpoint, Matrix } from '../checkpoint/types.ts';
import { floatColumns, int8Columns, int8Rows, type Fold } from '../weights/columns.ts';
import { rowRange } from '../weights/matrix.ts';
import type { WeightGroup } from '../weights/plan.ts';
import { blockRotation, rotation } from '../weights/rotate.ts';
import { dequantise } from '../weights/rows.ts';

export type WasmForm = 'int8' | 'float32';

/** Raised when the bytes that `wasmWeights` makes change: forms kept by older versions are then made again. */
export const WASM_FORM_VERSION = 6;

/** Rows of a panel, see `panels`: an odd number of cache lines. */
const PANEL_ROWS = 63 * 64;

/**
 * The panels in which a matrix of `rows` outputs is multiplied: their names and rows. ONNX Runtime's int8 kernel reads `[K, N]` down its columns. Where N is a
 * multiple of 2 KiB all of a column falls into a few sets of the processor's cache, and every line is fetched four times: measured 0.19 ns a weight
 * with other widths, 0.31 with odd multiples of 2 KiB, 0.45 to 0.74 with multiples of 4 KiB (the gate and up of Phi-3 and Phi-4-mini, the starter's head).
 * Only those two: the outputs of the others are rotated, which mixes all rows, and have no such widths in any Phi.
 */
export function panels<Name extends string>(
  name: Name,
  rows: number,
): { name: Name | `${Name}.${number}`; start: number; rows: number }[] {
  if (rows % 2048 !== 0 || !/^head$|\.gateUp$/.test(name)) return [{ name, start: 0, rows }];
  return Array.from({ length: Math.ceil(rows / PANEL_ROWS) }, (_, i) => {
    const start = i * PANEL_ROWS;
    return { name: `${name}.${i}` as const, start, rows: Math.min(PANEL_ROWS, rows - start) };
  });
}

/** Every group that `wasmGraph` refers to, in the order in which the graph needs them. */
export function wasmWeights(checkpoint: Checkpoint, form: WasmForm): WeightGroup[] {
  const { config, layers } = checkpoint;
  // Attention's 1/sqrt(headDim) goes into the rows of q: no node at run time, and the rotation by position is linear.
  const queryRows = config.heads * config.headDim;
  const queryScale = 1 / Math.sqrt(config.headDim);
  const rowFactor = (row: number) => (row < queryRows ? queryScale : 1);
  if (form === 'float32') {
    return [
      floatEmbedding(checkpoint.embedding),
      ...layers.flatMap((layer, l) => [
        norm(`layers.${l}.attentionNorm`, layer.attentionNorm),
        floatGroup(`layers.${l}.qkv`, layer.qkv, { rowFactor }),
        floatGroup(`layers.${l}.output`, layer.output),
        norm(`layers.${l}.mlpNorm`, layer.mlpNorm),
        floatGroup(`layers.${l}.gateUp`, layer.gateUp),
        floatGroup(`layers.${l}.down`, layer.down),
      ]),
      norm('norm', checkpoint.norm),
      floatGroup('head', checkpoint.head),
    ];
  }
  // A matrix whose rows have no outliers loses less in int8: the residual stream and the values of each head are rotated. Measured on the starter: NLL
  // +0.0004 and 94.1 % argmax, without any rotation +0.0068 and 93.5 %; rotating the inputs of `down` too, at run time, -0.0013 and 94.7 %.
  const residual = rotation(config.hidden);
  const { heads, kvHeads, headDim } = config;
  const values = blockRotation(headDim, (heads + kvHeads) * headDim, (heads + 2 * kvHeads) * headDim);
  const attended = blockRotation(headDim, 0, heads * headDim);
  const ones = new Float32Array(config.hidden).fill(1);
  const reads = (norm: Float32Array): Fold => ({ inputFactors: norm, inputs: residual });
  return [
    int8Embedding(checkpoint.embedding, { inputs: residual }),
    ...layers.flatMap((layer, l) => [
      norm(`layers.${l}.attentionNorm`, ones),
      int8Group(`layers.${l}.qkv`, layer.qkv, { ...reads(layer.attentionNorm), rowFactor, outputs: values }),
      int8Group(`layers.${l}.output`, layer.output, { inputs: attended, outputs: residual }),
      norm(`layers.${l}.mlpNorm`, ones),
      ...int8Panels(`layers.${l}.gateUp`, layer.gateUp, reads(layer.mlpNorm)),
      int8Group(`layers.${l}.down`, layer.down, { outputs: residual }),
    ]),
    norm('norm', ones),
    ...int8Panels('head', checkpoint.head, reads(checkpoint.norm)),
  ];
}

function norm(name: string, weight: Float32Array): WeightGroup {
  return {
    location: name,
    tensors: [{ name, dtype: 'float32', dims: [weight.length] }],
    make: () => Promise.resolve([weight]),
  };
}

function floatGroup(name: string, matrix: Matrix, fold?: Fold): WeightGroup {
  return {
    location: name,
    tensors: [{ name, dtype: 'float32', dims: [matrix.cols, matrix.rows] }],
    make: async () => [await floatColumns(matrix, fold)],
  };
}

function floatEmbedding(matrix: Matrix): WeightGroup {
  return {
    location: 'embedding',
    tensors: [{ name: 'embedding', dtype: 'float32', dims: [matrix.rows, matrix.cols] }],
    make: async () => [dequantise(await matrix.read(0, matrix.rows))],
  };
}

function int8Panels(name: string, matrix: Matrix, fold: Fold): WeightGroup[] {
  return panels(name, matrix.rows).map((panel) =>
    int8Group(panel.name, rowRange(matrix, panel.start, panel.rows), fold),
  );
}

function int8Group(name: string, matrix: Matrix, fold?: Fold): WeightGroup {
  return {
    location: name,
    tensors: [
      { name: `${name}.codes`, dtype: 'int8', dims: [matrix.cols, matrix.rows] },
      { name: `${name}.scales`, dtype: 'float32', dims: [matrix.rows] },
    ],
    make: async () => {
      const { codes, scales } = await int8Columns(matrix, fold);
      return [codes, scales];
    },
  };
}

function int8Embedding(matrix: Matrix, fold: Fold): WeightGroup {
  return {
    location: 'embedding',
    tensors: [
      { name: 'embedding.codes', dtype: 'int8', dims: [matrix.rows, matrix.cols] },
      { name: 'embedding.scales', dtype: 'float32', dims: [matrix.rows, 1] },
    ],
    make: async () => {
      const { codes, scales } = await int8Rows(matrix, fold);
      return [codes, scales];
    },
  };
}
