/**
 * The Phi decoder (Phi3ForCausalLM in transformers' terms; a Llama checkpoint is the same network) as ONNX, once for all backends.
 * A dialect says how each step is spelled for a backend and a weight form.
 */
import type { PhiConfig } from '../checkpoint/types.ts';
import type { Graph, Value } from './onnx.ts';

export interface Dialect {
  /** Token ids `[tokens]` -> hidden states `[tokens, hidden]`. */
  embed(g: Graph, ids: Value): Value;
  /** RMSNorm: `[tokens, hidden]` -> the same. */
  norm(g: Graph, x: Value, weight: NormName): Value;
  /** `x + y`, and its RMSNorm. */
  addNorm(g: Graph, x: Value, y: Value, weight: NormName): { sum: Value; normed: Value };
  /** `[tokens, cols]` -> `[tokens, rows]` */
  linear(g: Graph, x: Value, weight: LinearName): Value;
  /** Rotary embedding, cache update and attention: `[tokens, (heads + 2 kvHeads) headDim]` -> `[tokens, heads headDim]`. */
  attention(g: Graph, layer: number, qkv: Value): Value;
  /** silu(gate) * up: `[tokens, 2 intermediate]` -> `[tokens, intermediate]` */
  activate(g: Graph, gateUp: Value): Value;
  /** Where one kernel does it all: `x + y`, its RMSNorm, gate and up, activation -> the sum and `[tokens, intermediate]`; null: step by step. */
  mlp?(g: Graph, layer: number, x: Value, y: Value): { sum: Value; activated: Value } | null;
}

export type NormName = `layers.${number}.attentionNorm` | `layers.${number}.mlpNorm` | 'norm';
export type LinearName = `layers.${number}.${'qkv' | 'output' | 'gateUp' | 'down'}` | 'head';

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
    const { sum, activated } =
      dialect.mlp?.(g, layer, hidden, projected) ?? stepByStep(g, dialect, layer, hidden, projected);
    const after: NormName = layer + 1 < config.layers ? `layers.${layer + 1}.attentionNorm` : 'norm';
    const next = dialect.addNorm(g, sum, dialect.linear(g, activated, `layers.${layer}.down`), after);
    hidden = next.sum;
    normed = next.normed;
  }
  return { hidden, normed };
}

function stepByStep(g: Graph, dialect: Dialect, layer: number, x: Value, y: Value): { sum: Value; activated: Value } {
  const { sum, normed } = dialect.addNorm(g, x, y, `layers.${layer}.mlpNorm`);
  return { sum, activated: dialect.activate(g, dialect.linear(g, normed, `layers.${layer}.gateUp`)) };
}
