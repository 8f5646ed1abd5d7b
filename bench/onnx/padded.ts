/**
 * The decoder as the published WebNN demos run it: one graph with static shapes, built twice. Prompts are padded to the whole context; the
 * cache is as long as the context and goes in and out at every run; logits of all positions are an output. Float32 weights, the form in
 * which LiteRT is fast.
 */
import type { PhiConfig } from '../../workers/engine/checkpoint/types.ts';
import { decoder, type Dialect } from '../../workers/engine/graph/decoder-network.ts';
import { Graph, type Value } from '../../workers/engine/graph/onnx.ts';
import { declare } from '../../workers/engine/graph/external-data.ts';
import type { WeightGroup } from '../../workers/engine/weights/plan.ts';
import { groupQueryAttention, plainAttention } from './padded-attention.ts';

export interface PaddedShape {
  /** Tokens a run: `length` for the prefill graph, 1 for the decode graph. */
  width: number;
  /** Positions of the cache. */
  length: number;
  /**
   * `gqa`: `GroupQueryAttention`, as in the demos' files; ONNX Runtime's WebNN provider spells it out so that LiteRT takes 250 ms a token for it
   * (starter, 512 positions). `plain`: spelled out here, 10 times faster: the peer at its best.
   */
  attention: 'plain' | 'gqa';
}

/** Inputs: `input_ids` int32 [width], those of the attention (see padded-attention.ts) and the cache; outputs: `logits` [width, vocab] and the cache. */
export function paddedGraph(config: PhiConfig, weights: WeightGroup[], shape: PaddedShape): Uint8Array {
  const { intermediate, vocab, normEps } = config;
  if (config.ropeScaling || config.rotaryDim !== config.headDim)
    throw new Error('The padded graph supports only models with plain, full rotary embedding, such as the starter.');
  const g = new Graph('padded');
  for (const group of weights) declare(g, group);
  const ids = g.input('input_ids', 'int32', [shape.width]);
  const attention =
    shape.attention === 'gqa' ? groupQueryAttention(g, config, shape) : plainAttention(g, config, shape);
  const norm = (x: Value, weight: Value) =>
    g.op('SimplifiedLayerNormalization', [x, weight], { axis: { int: -1 }, epsilon: { float: normEps } });
  const dialect: Dialect = {
    embed: (_, tokens) => g.op('Gather', ['head', tokens]),
    norm: (_, x, weight) => norm(x, weight),
    addNorm(_, x, y, weight) {
      const sum = g.op('Add', [x, y]);
      return { sum, normed: norm(sum, weight) };
    },
    linear: (_, x, weight) => g.op('Gemm', [x, weight], { transB: { int: 1 } }),
    attention: (_, layer, qkv) => attention(layer, qkv),
    activate(_, gateUp) {
      const gate = g.op('Slice', [gateUp, g.int64([0]), g.int64([intermediate]), g.int64([1])]);
      const up = g.op('Slice', [gateUp, g.int64([intermediate]), g.int64([2 * intermediate]), g.int64([1])]);
      return g.op('Mul', [g.op('Mul', [gate, g.op('Sigmoid', [gate])]), up]);
    },
  };
  g.rename(dialect.linear(g, decoder(g, config, dialect, ids), 'head'), 'logits');
  g.output('logits', 'float32', [shape.width, vocab]);
  return g.toModel();
}
