/**
 * The weights of a mixture of experts in the WASM dialect. weights.ts has those of a plain decoder; experts.ts builds
 * the graph.
 */
import type { Checkpoint, Layer, LayerExperts } from '../checkpoint/types.ts';
import type { Fold } from '../weights/columns.ts';
import type { WeightGroup } from '../weights/plan.ts';
import { blockRotation, centred, rotation, type Rotation } from '../weights/rotate.ts';
import { transposed } from '../weights/products.ts';
import {
  floatEmbedding,
  floatGroup,
  halfEmbedding,
  int8Group,
  int8Panels,
  norm as vector,
  TWO_ROWS,
} from './weight-groups.ts';

/** Factor of each row of qkv. */
type RowFactor = (row: number) => number;

/** A bias of qkv with the rows' factors. */
const scaledBias = (bias: Float32Array, rowFactor: RowFactor) => bias.map((value, row) => value * rowFactor(row));

/** A bias of a matrix whose activations are two rows. */
const ofTwoRows = (bias: Float32Array) => bias.map((value) => value / TWO_ROWS);

/** `router.weight [hidden, experts]` and `router.bias [experts]`, which is zero unless the norm's bias is folded into it. */
function routerGroup(name: string, router: Float32Array, hidden: number, bias?: Float32Array): WeightGroup {
  const count = router.length / hidden;
  return {
    location: name,
    tensors: [
      { name: `${name}.weight`, dtype: 'float32', dims: [hidden, count] },
      { name: `${name}.bias`, dtype: 'float32', dims: [count] },
    ],
    make: () => Promise.resolve([transposed(router, count, hidden), bias ?? new Float32Array(count)]),
  };
}

/** Every group of the float32 format, as in the files, including LayerNorm's bias. */
export function expertsFloatWeights(checkpoint: Checkpoint, rowFactor: RowFactor): WeightGroup[] {
  const { config, layers, bias } = checkpoint;
  const layerGroups = (layer: Layer, experts: LayerExperts, l: number) => [
    vector(`layers.${l}.attentionNorm`, layer.attentionNorm),
    vector(`layers.${l}.attentionNorm.bias`, experts.bias.attentionNorm),
    floatGroup(`layers.${l}.qkv`, layer.qkv, { rowFactor }),
    vector(`layers.${l}.qkv.bias`, scaledBias(experts.bias.qkv, rowFactor)),
    floatGroup(`layers.${l}.output`, layer.output),
    vector(`layers.${l}.output.bias`, experts.bias.output),
    vector(`layers.${l}.mlpNorm`, layer.mlpNorm),
    vector(`layers.${l}.mlpNorm.bias`, experts.bias.mlpNorm),
    routerGroup(`layers.${l}.router`, experts.router, config.hidden),
    ...experts.each.flatMap(({ gateUp, down }, e) => [
      floatGroup(`layers.${l}.experts.${e}.gateUp`, gateUp),
      floatGroup(`layers.${l}.experts.${e}.down`, down),
    ]),
  ];
  return [
    floatEmbedding(checkpoint.embedding),
    ...layers.flatMap((layer, l) => layerGroups(layer, layer.experts!, l)),
    vector('norm', checkpoint.norm),
    vector('norm.bias', bias!.norm),
    floatGroup('head', checkpoint.head),
    vector('head.bias', bias!.head),
  ];
}

/**
 * Every group of the int8 form. LayerNorm takes the mean away before it scales, which a rotation does not commute with: so everything that writes the residual stream writes it
 * without its mean. A norm's weight and bias go into the matrices that read it, the bias as a bias of theirs.
 */
export function expertsInt8Weights(checkpoint: Checkpoint, rowFactor: RowFactor): WeightGroup[] {
  const { config, layers, bias } = checkpoint;
  const { hidden, heads, kvHeads, headDim } = config;
  const residual = rotation(hidden);
  const written = centred(residual, hidden);
  const values = blockRotation(headDim, (heads + kvHeads) * headDim, (heads + 2 * kvHeads) * headDim);
  const attended = blockRotation(headDim, 0, heads * headDim);
  const ones = new Float32Array(hidden).fill(1);
  const reads = (weight: Float32Array, of: Float32Array): Fold => ({
    inputFactors: weight,
    inputBias: of,
    inputs: residual,
  });
  const layerGroups = (layer: Layer, { router, each, bias: own }: LayerExperts, l: number) => [
    vector(`layers.${l}.attentionNorm`, ones),
    int8Group(
      `layers.${l}.qkv`,
      layer.qkv,
      { ...reads(layer.attentionNorm, ofTwoRows(own.attentionNorm)), rowFactor, outputs: values },
      ofTwoRows(scaledBias(own.qkv, rowFactor)),
    ),
    int8Group(`layers.${l}.output`, layer.output, { inputs: attended, outputs: written }),
    vector(`layers.${l}.output.bias`, rotated(own.output, written)),
    vector(`layers.${l}.mlpNorm`, ones),
    foldedRouter(`layers.${l}.router`, router, layer.mlpNorm, own.mlpNorm, residual),
    ...each.flatMap(({ gateUp, down }, e) => [
      ...int8Panels(
        `layers.${l}.experts.${e}.gateUp`,
        gateUp,
        reads(layer.mlpNorm, ofTwoRows(own.mlpNorm)),
        new Float32Array(gateUp.rows),
      ),
      int8Group(`layers.${l}.experts.${e}.down`, down, { outputs: written }),
    ]),
  ];
  return [
    // The first router follows right behind it: in 8 bits it was what most often sent a token to another expert.
    halfEmbedding(checkpoint.embedding, written),
    ...layers.flatMap((layer, l) => layerGroups(layer, layer.experts!, l)),
    vector('norm', ones),
    ...int8Panels('head', checkpoint.head, reads(checkpoint.norm, bias!.norm), bias!.head),
  ];
}

function rotated(values: Float32Array, rotation: Rotation): Float32Array {
  const out = values.slice();
  rotation.apply(out, 0);
  return out;
}

/** The router in float32, reading what the int8 matrices read: the norm without its weight and bias, rotated. */
function foldedRouter(
  name: string,
  router: Float32Array,
  weight: Float32Array,
  normBias: Float32Array,
  residual: Rotation,
): WeightGroup {
  const hidden = weight.length;
  const folded = router.map((value, i) => value * weight[i % hidden]!);
  const bias = new Float32Array(router.length / hidden);
  router.forEach((value, i) => (bias[Math.floor(i / hidden)]! += value * normBias[i % hidden]!));
  for (let at = 0; at < folded.length; at += hidden) residual.apply(folded, at);
  return routerGroup(name, folded, hidden, bias);
}
