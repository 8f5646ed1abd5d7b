/** Steps of the network for which ONNX Runtime has one kernel, on WASM and on WebGPU. */
import type { Dialect } from './decoder-network.ts';
import type { Graph, Value } from './onnx.ts';

/** RMSNorm, or LayerNorm with a bias: alone, and with the residual sum before it. */
export function ortNorms(epsilon: number, layerNorm = false): Pick<Dialect, 'norm' | 'addNorm'> {
  const inputs = (x: Value[], weight: Value) => [...x, weight, ...(layerNorm ? [`${weight}.bias`] : [])];
  return {
    norm: (g, x, weight) =>
      g.op(layerNorm ? 'LayerNormalization' : 'SimplifiedLayerNormalization', inputs([x], weight), {
        axis: { int: -1 },
        epsilon: { float: epsilon },
      }),
    addNorm(g, x, y, weight) {
      const [normed, , , sum] = g.ops(
        `com.microsoft::${layerNorm ? 'SkipLayerNormalization' : 'SkipSimplifiedLayerNormalization'}`,
        inputs([x, y], weight),
        [g.fresh('normed'), '', '', g.fresh('sum')],
        { epsilon: { float: epsilon } },
      );
      return { normed: normed!, sum: sum! };
    },
  };
}

/** silu(gate) * up: `[..., 2 intermediate]` -> `[..., intermediate]` */
export function quickGelu(g: Graph, gateUp: Value): Value {
  const [gate, up] = g.ops('Split', [gateUp], 2, { axis: { int: -1 }, num_outputs: { int: 2 } }) as [Value, Value];
  return g.op('Mul', [g.op('com.microsoft::QuickGelu', [gate], { alpha: { float: 1 } }), up]);
}
