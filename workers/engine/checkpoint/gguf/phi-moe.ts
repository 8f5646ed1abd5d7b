/** The layers of llama.cpp's architecture `phimoe`: experts stacked in one tensor for each part, `[hidden, intermediate, experts]` in ggml's order. */
import { concatRows, joinVectors, rowRange } from '../../weights/matrix.ts';
import { valuesOf, wideMlp } from '../experts.ts';
import type { Checkpoint, Layer, PhiConfig } from '../types.ts';
import type { Matrix } from '../../weights/matrix.ts';
import type { Weights } from './weights.ts';

export async function readExpertsLayer(weights: Weights, at: string, config: PhiConfig): Promise<Layer> {
  const { hidden, heads, kvHeads, headDim, intermediate } = config;
  const { count } = config.experts!;
  const q = heads * headDim;
  const kv = kvHeads * headDim;
  const fused = weights.has(`${at}attn_qkv.weight`);
  const parts: [string, number][] = fused
    ? [['attn_qkv', q + 2 * kv]]
    : [
        ['attn_q', q],
        ['attn_k', kv],
        ['attn_v', kv],
      ];
  const biases: Float32Array[] = [];
  for (const [name, rows] of parts) biases.push(await biasOf(weights, at + name, rows));
  const stack = (name: string, rows: number, cols: number): Matrix[] => {
    const all = weights.matrix(`${at}${name}.weight`, count * rows, cols);
    return Array.from({ length: count }, (_, expert) => rowRange(all, expert * rows, rows));
  };
  const gates = stack('ffn_gate_exps', intermediate, hidden);
  const ups = stack('ffn_up_exps', intermediate, hidden);
  const downs = stack('ffn_down_exps', hidden, intermediate);
  const each = downs.map((down, i) => ({ gateUp: concatRows([gates[i]!, ups[i]!]), down }));
  return {
    attentionNorm: await weights.vector(`${at}attn_norm.weight`, hidden),
    qkv: concatRows(parts.map(([name, rows]) => weights.matrix(`${at}${name}.weight`, rows, hidden))),
    output: weights.matrix(`${at}attn_output.weight`, hidden, q),
    mlpNorm: await weights.vector(`${at}ffn_norm.weight`, hidden),
    ...wideMlp(each),
    experts: {
      router: await valuesOf(weights.matrix(`${at}ffn_gate_inp.weight`, count, hidden)),
      each,
      bias: {
        attentionNorm: await biasOf(weights, `${at}attn_norm`, hidden),
        qkv: joinVectors(biases),
        output: await biasOf(weights, `${at}attn_output`, hidden),
        mlpNorm: await biasOf(weights, `${at}ffn_norm`, hidden),
      },
    },
  };
}

/** Biases of the final norm and the head. */
export async function readOuterBias(weights: Weights, { hidden, vocab }: PhiConfig): Promise<Checkpoint['bias']> {
  return { norm: await biasOf(weights, 'output_norm', hidden), head: await biasOf(weights, 'output', vocab) };
}

/** Zeros if the file has none. */
async function biasOf(weights: Weights, name: string, length: number): Promise<Float32Array> {
  return weights.has(`${name}.bias`) ? weights.vector(`${name}.bias`, length) : new Float32Array(length);
}
