/** The layers of PhiMoEForCausalLM: experts apart as Microsoft publishes them (`experts.3.w1`), or stacked as MLX converts them (`switch_mlp`). */
import { concatRows, joinVectors } from '../../weights/matrix.ts';
import { valuesOf, wideMlp } from '../experts.ts';
import type { Checkpoint, Expert, Layer, PhiConfig } from '../types.ts';
import type { Matrix } from '../../weights/matrix.ts';

/** The file's matrices by module (names without `.weight`). */
export interface Modules {
  has(tensor: string): boolean;
  matrix(module: string): Matrix;
  /** Matrix `index` of a module whose weights are stacked `[count, rows, cols]`. */
  stacked(module: string, index: number): Matrix;
  vector(tensor: string): Promise<Float32Array>;
}

export async function readPhiMoeLayer(modules: Modules, at: string, config: PhiConfig): Promise<Layer> {
  const { count } = config.experts!;
  const moe = `${at}.block_sparse_moe`;
  const qkv = ['q', 'k', 'v'].map((part) => `${at}.self_attn.${part}_proj`);
  const parts = qkv.map((module) => modules.matrix(module));
  const biases = await Promise.all(qkv.map((module, i) => biasOf(modules, module, parts[i]!.rows)));
  const output = modules.matrix(`${at}.self_attn.o_proj`);
  const router = modules.matrix(`${moe}.gate`);
  const each = Array.from({ length: count }, (_, expert) => readExpert(modules, moe, expert));
  return {
    attentionNorm: await modules.vector(`${at}.input_layernorm.weight`),
    qkv: concatRows(parts),
    output,
    mlpNorm: await modules.vector(`${at}.post_attention_layernorm.weight`),
    ...wideMlp(each),
    experts: {
      router: await valuesOf(router),
      each,
      bias: {
        attentionNorm: await biasOf(modules, `${at}.input_layernorm`, config.hidden),
        qkv: joinVectors(biases),
        output: await biasOf(modules, `${at}.self_attn.o_proj`, config.hidden),
        mlpNorm: await biasOf(modules, `${at}.post_attention_layernorm`, config.hidden),
      },
    },
  };
}

/** Biases of the final norm and the head. */
export async function readOuterBias(modules: Modules, { hidden, vocab }: PhiConfig): Promise<Checkpoint['bias']> {
  return { norm: await biasOf(modules, 'model.norm', hidden), head: await biasOf(modules, 'lm_head', vocab) };
}

function readExpert(modules: Modules, moe: string, expert: number): Expert {
  if (modules.has(`${moe}.switch_mlp.gate_proj.weight`)) {
    const part = (name: string) => modules.stacked(`${moe}.switch_mlp.${name}_proj`, expert);
    return { gateUp: concatRows([part('gate'), part('up')]), down: part('down') };
  }
  const part = (name: string) => modules.matrix(`${moe}.experts.${expert}.${name}`);
  return { gateUp: concatRows([part('w1'), part('w3')]), down: part('w2') };
}

/** Zeros where the configuration goes without (`attention_bias`, `lm_head_bias`). */
async function biasOf(modules: Modules, module: string, length: number): Promise<Float32Array> {
  return modules.has(`${module}.bias`) ? modules.vector(`${module}.bias`) : new Float32Array(length);
}
