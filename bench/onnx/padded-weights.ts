/** Float32 weights of the padded graph: rows as in the source, `[rows, cols]`; norms as vectors. */
import type { Checkpoint } from '../../workers/engine/checkpoint/types.ts';
import type { Matrix } from '../../workers/engine/weights/matrix.ts';
import type { WeightGroup } from '../../workers/engine/weights/plan.ts';
import { dequantise } from '../../workers/engine/weights/rows.ts';

function matrix(name: string, source: Matrix): WeightGroup {
  const { rows, cols } = source;
  return {
    location: name,
    tensors: [{ name, dtype: 'float32', dims: [rows, cols] }],
    make: async () => [dequantise(await source.read(0, rows))],
  };
}

function norm(name: string, weight: Float32Array): WeightGroup {
  return {
    location: name,
    tensors: [{ name, dtype: 'float32', dims: [weight.length] }],
    make: () => Promise.resolve([weight]),
  };
}

/** The head serves as embedding too. */
export function paddedWeights(checkpoint: Checkpoint): WeightGroup[] {
  if (checkpoint.head !== checkpoint.embedding)
    throw new Error('The padded graph supports only models with tied embeddings, such as the starter.');
  return [
    matrix('head', checkpoint.head),
    ...checkpoint.layers.flatMap((layer, l) => [
      norm(`layers.${l}.attentionNorm`, layer.attentionNorm),
      norm(`layers.${l}.mlpNorm`, layer.mlpNorm),
      ...(['qkv', 'output', 'gateUp', 'down'] as const).map((part) => matrix(`layers.${l}.${part}`, layer[part])),
    ]),
    norm('norm', checkpoint.norm),
  ];
}
