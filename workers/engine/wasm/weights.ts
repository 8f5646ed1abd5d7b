/** The weights of the WASM dialect: int8 for each output channel, or float32. */
import type { Checkpoint, PhiConfig } from '../checkpoint/types.ts';
import type { Fold } from '../weights/columns.ts';
import type { WeightGroup } from '../weights/plan.ts';
import { blockRotation, centred, rotation, type Rotation } from '../weights/rotate.ts';
import { expertsFloatWeights, expertsInt8Weights } from './experts-weights.ts';
import { floatEmbedding, floatGroup, int8Embedding, int8Group, int8Panels, norm } from './weight-groups.ts';

export type WasmForm = 'int8' | 'float32';

/** Raised when the bytes that `wasmWeights` makes change: forms kept by older versions are then made again. */
export const WASM_FORM_VERSION = 8;

/** Name under which a group of a stage is kept. `group`: its location, counted by the model's own layers, so that another cut finds it too. */
export const stageForm = (form: WasmForm, group: string): string => `wasm-${form}-${group}`;

/** The rotation that int8 applies to everything written to the residual stream. Embedding rows read from the store need it too. */
export function residualRotation({ hidden, experts }: Pick<PhiConfig, 'hidden' | 'experts'>): Rotation {
  return experts ? centred(rotation(hidden), hidden) : rotation(hidden);
}

/** Every group that `wasmGraph` refers to, in the order in which the graph needs them. */
export function wasmWeights(checkpoint: Checkpoint, form: WasmForm): WeightGroup[] {
  const { config, layers } = checkpoint;
  // Attention's 1/sqrt(headDim) goes into the rows of q: no node at run time, and the rotation by position is linear.
  const queryRows = config.heads * config.headDim;
  const queryScale = 1 / Math.sqrt(config.headDim);
  const rowFactor = (row: number) => (row < queryRows ? queryScale : 1);
  if (config.experts)
    return form === 'float32' ? expertsFloatWeights(checkpoint, rowFactor) : expertsInt8Weights(checkpoint, rowFactor);
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
