/**
 * The Phi decoder (Phi3ForCausalLM in transformers' terms; a Llama checkpoint is the same network) as ONNX, once for all backends.
 * A dialect says how each step is spelled for a backend and a weight form.
 */
import type { PhiConfig } from '../checkpoint/types.ts';
import type { Graph, Value } from './onnx.ts';

export interface Dialect {
  /** Token ids `[tokens]` -> hidden states `[tokens, hidden]`. */
  embed(g: Graph, ids: Value): Value;
  /** RMSNorm, or LayerNorm where the model has experts: `[tokens, hidden]` -> the same. */
  norm(g: Graph, x: Value, weight: NormName): Value;
  /** `x + y`, and its norm. */
  addNorm(g: Graph, x: Value, y: Value, weight: NormName): { sum: Value; normed: Value };
  /** `[tokens, cols]` -> `[tokens, rows]` */
  linear(g: Graph, x: Value, weight: LinearName): Value;
  /** Rotary embedding, cache update and attention: `[tokens, (heads + 2 kvHeads) headDim]` -> `[tokens, heads headDim]`. */
  attention(g: Graph, layer: number, qkv: Value): Value;
  /** silu(gate) * up: `[tokens, 2 intermediate]` -> `[tokens, intermediate]` */
  activate(g: Graph, gateUp: Value): Value;
  /** One kernel for all of it: `x + y`, its RMSNorm, gate and up, activation -> the sum and `[tokens, intermediate]`; null: step by step. */
  mlp?(g: Graph, layer: number, x: Value, y: Value): { sum: Value; activated: Value } | null;
  /** A mixture of experts in place of the MLP: normed `[tokens, hidden]` -> what is added to the residual. Only for models that have experts. */
  experts?(g: Graph, layer: number, normed: Value): Value;
}

type NormName = `layers.${number}.attentionNorm` | `layers.${number}.mlpNorm` | 'norm';
export type LinearName =
  | `layers.${number}.${'qkv' | 'output' | 'gateUp' | 'down'}`
  | `layers.${number}.experts.${number}.${'gateUp' | 'down'}`
  | 'head';

/** Token ids `[tokens]` -> normed hidden states `[tokens, hidden]`, ready for the head. */
export function decoder(g: Graph, config: PhiConfig, dialect: Dialect, ids: Value): Value {
  return decoderStates(g, config, dialect, ids).normed;
}

/** The same, with the hidden states before the norm, which is what a stage hands to the next. */
export function decoderStates(
  g: Graph,
  config: PhiConfig,
  dialect: Dialect,
  ids: Value,
): { hidden: Value; normed: Value } {
  let hidden = dialect.embed(g, ids);
  let normed = dialect.norm(g, hidden, 'layers.0.attentionNorm');
  for (let layer = 0; layer < config.layers; layer++) {
    const attended = dialect.attention(g, layer, dialect.linear(g, normed, `layers.${layer}.qkv`));
    const projected = dialect.linear(g, attended, `layers.${layer}.output`);
    const { sum, output } = config.experts
      ? mixture(g, dialect, layer, hidden, projected)
      : mlp(g, dialect, layer, hidden, projected);
    const after: NormName = layer + 1 < config.layers ? `layers.${layer + 1}.attentionNorm` : 'norm';
    const next = dialect.addNorm(g, sum, output, after);
    hidden = next.sum;
    normed = next.normed;
  }
  return { hidden, normed };
}

/** `x + y`, and what the layer adds to it. */
interface Added {
  sum: Value;
  output: Value;
}

function mixture(g: Graph, dialect: Dialect, layer: number, x: Value, y: Value): Added {
  if (!dialect.experts) throw new RangeError('this dialect has no experts');
  const { sum, normed } = dialect.addNorm(g, x, y, `layers.${layer}.mlpNorm`);
  return { sum, output: dialect.experts(g, layer, normed) };
}

function mlp(g: Graph, dialect: Dialect, layer: number, x: Value, y: Value): Added {
  const { sum, activated } = dialect.mlp?.(g, layer, x, y) ?? stepByStep(g, dialect, layer, x, y);
  return { sum, output: dialect.linear(g, activated, `layers.${layer}.down`) };
}

function stepByStep(g: Graph, dialect: Dialect, layer: number, x: Value, y: Value): { sum: Value; activated: Value } {
  const { sum, normed } = dialect.addNorm(g, x, y, `layers.${layer}.mlpNorm`);
  return { sum, activated: dialect.activate(g, dialect.linear(g, normed, `layers.${layer}.gateUp`)) };
}
