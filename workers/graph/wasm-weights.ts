/** The weights of the WASM dialect: int8 for each output channel, or float32. */
import type { Checkpoint, Matrix } from '../checkpoint/types.ts';
import { floatColumns, int8Columns, int8Rows, type RowFactor } from '../weights/columns.ts';
import type { WeightGroup } from '../weights/plan.ts';
import { dequantise } from '../weights/rows.ts';

export type WasmForm = 'int8' | 'float32';

/** Every group that `wasmGraph` refers to, in the order in which the graph needs them. */
export function wasmWeights(checkpoint: Checkpoint, form: WasmForm): WeightGroup[] {
  const { config } = checkpoint;
  const linear = form === 'int8' ? int8Group : floatGroup;
  // Attention's 1/sqrt(headDim) goes into the rows of q: no node at run time, and the rotation is linear.
  const queryRows = config.heads * config.headDim;
  const queryScale = 1 / Math.sqrt(config.headDim);
  const groups = [form === 'int8' ? int8Embedding(checkpoint.embedding) : floatEmbedding(checkpoint.embedding)];
  checkpoint.layers.forEach((layer, l) => {
    groups.push(
      norm(`layers.${l}.attentionNorm`, layer.attentionNorm),
      linear(`layers.${l}.qkv`, layer.qkv, (row) => (row < queryRows ? queryScale : 1)),
      linear(`layers.${l}.output`, layer.output),
      norm(`layers.${l}.mlpNorm`, layer.mlpNorm),
      linear(`layers.${l}.gateUp`, layer.gateUp),
      linear(`layers.${l}.down`, layer.down),
    );
  });
  groups.push(norm('norm', checkpoint.norm), linear('head', checkpoint.head));
  return groups;
}

function norm(name: string, weight: Float32Array): WeightGroup {
  return { location: name, tensors: [{ name, dtype: 'float32', dims: [weight.length] }], make: () => Promise.resolve([weight]) };
}

function floatGroup(name: string, matrix: Matrix, factor?: RowFactor): WeightGroup {
  return {
    location: name,
    tensors: [{ name, dtype: 'float32', dims: [matrix.cols, matrix.rows] }],
    make: async () => [await floatColumns(matrix, factor)],
  };
}

function floatEmbedding(matrix: Matrix): WeightGroup {
  return {
    location: 'embedding',
    tensors: [{ name: 'embedding', dtype: 'float32', dims: [matrix.rows, matrix.cols] }],
    make: async () => [dequantise(await matrix.read(0, matrix.rows))],
  };
}

function int8Group(name: string, matrix: Matrix, factor?: RowFactor): WeightGroup {
  return {
    location: name,
    tensors: [
      { name: `${name}.codes`, dtype: 'int8', dims: [matrix.cols, matrix.rows] },
      { name: `${name}.scales`, dtype: 'float32', dims: [matrix.rows] },
      { name: `${name}.sums`, dtype: 'float32', dims: [1, matrix.rows] },
    ],
    make: async () => {
      const { codes, scales, sums } = await int8Columns(matrix, factor);
      return [codes, scales, sums];
    },
  };
}

function int8Embedding(matrix: Matrix): WeightGroup {
  return {
    location: 'embedding',
    tensors: [
      { name: 'embedding.codes', dtype: 'int8', dims: [matrix.rows, matrix.cols] },
      { name: 'embedding.scales', dtype: 'float32', dims: [matrix.rows, 1] },
    ],
    make: async () => {
      const { codes, scales } = await int8Rows(matrix);
      return [codes, scales];
    },
  };
}
