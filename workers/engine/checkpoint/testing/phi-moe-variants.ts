/** A Phi MoE in layouts that no fixture has, written from its safetensors without changing a weight. */
import { bfloatToFloat } from '../../weights/half.ts';
import type { GgufValue } from '../gguf/parse.ts';
import { folderBytes } from './fixtures.ts';
import { writeGguf, type WrittenTensor } from './gguf-writer.ts';
import { putTensors, takeTensors } from './safetensors-variants.ts';

type Tensors = ReturnType<typeof takeTensors>;

const BF16 = 30;
const F32 = 0;

/** All shards of `folder` together. */
function tensorsOf(files: ReadonlyMap<string, Uint8Array>): Tensors {
  const shards = [...files].filter(([name]) => name.endsWith('.safetensors'));
  return new Map(shards.flatMap(([, bytes]) => [...takeTensors(bytes)]));
}

const configOf = (files: ReadonlyMap<string, Uint8Array>) =>
  JSON.parse(new TextDecoder().decode(files.get('config.json'))) as Record<string, number>;

/** One part of every expert of a layer, stacked. */
function stack(
  tensors: Tensors,
  at: string,
  part: string,
  experts: number,
): Tensors extends Map<string, infer T> ? T : never {
  const all = Array.from({ length: experts }, (_, i) => tensors.get(`${at}.experts.${i}.${part}.weight`)!);
  const data = new Uint8Array(Buffer.concat(all.map((tensor) => tensor.data)));
  return { dtype: all[0]!.dtype, shape: [experts, ...all[0]!.shape], data };
}

const PARTS = { w1: 'gate', w3: 'up', w2: 'down' } as const;

/** Weights that share a scale in `stackedFolder`. */
const GROUP = 32;

/** A bfloat16 matrix, or a stack of them, in MLX's affine quantisation: codes, scales and biases. */
function quantised({ shape, data }: { shape: number[]; data: Uint8Array }, bits: 4 | 8): Record<string, WrittenFloats> {
  const values = bfloatToFloat(data);
  const codes = new Uint8Array(values.length);
  const scales = new Float32Array(values.length / GROUP);
  const biases = new Float32Array(scales.length);
  for (let group = 0; group < scales.length; group++) {
    const part = values.subarray(group * GROUP, (group + 1) * GROUP);
    biases[group] = Math.min(...part);
    scales[group] = (Math.max(...part) - biases[group]!) / (2 ** bits - 1);
    part.forEach((value, i) => (codes[group * GROUP + i] = Math.round((value - biases[group]!) / scales[group]!)));
  }
  const narrow = (width: number) => [...shape.slice(0, -1), shape.at(-1)! / width];
  const floats = (array: Float32Array) => ({ dtype: 'F32', shape: narrow(GROUP), data: new Uint8Array(array.buffer) });
  const nibbles = Uint8Array.from({ length: codes.length / 2 }, (_, i) => codes[2 * i]! | (codes[2 * i + 1]! << 4));
  return {
    weight: { dtype: 'U32', shape: narrow(32 / bits), data: bits === 4 ? nibbles : codes },
    scales: floats(scales),
    biases: floats(biases),
  };
}

interface WrittenFloats {
  dtype: string;
  shape: number[];
  data: Uint8Array;
}

/** Experts in one tensor for each part, as mlx-lm's converter names them; with `bits` as MLX quantises them, `whole` with all other matrices but the routers. */
export function stackedFolder(folder: string, bits?: 4 | 8, { whole = false } = {}): Map<string, Uint8Array> {
  const files = folderBytes(folder);
  const { num_hidden_layers: layers = 0, num_local_experts: experts = 0 } = configOf(files);
  const tensors = tensorsOf(files);
  for (let layer = 0; layer < layers; layer++) {
    const at = `model.layers.${layer}.block_sparse_moe`;
    for (const [part, name] of Object.entries(PARTS)) {
      const all = stack(tensors, at, part, experts);
      const written = bits ? quantised(all, bits) : { weight: all };
      for (const [kind, tensor] of Object.entries(written))
        tensors.set(`${at}.switch_mlp.${name}_proj.${kind}`, tensor);
    }
  }
  if (bits) {
    const config = { ...configOf(files), quantization: { bits, group_size: GROUP } };
    files.set('config.json', new TextEncoder().encode(JSON.stringify(config)));
  }
  for (const name of [...tensors.keys()]) if (name.includes('.experts.')) tensors.delete(name);
  if (bits && whole)
    for (const [name, tensor] of [...tensors]) {
      if (tensor.shape.length !== 2 || !/(_proj|lm_head|embed_tokens)\.weight$/.test(name)) continue;
      for (const [kind, written] of Object.entries(quantised(tensor, bits)))
        tensors.set(name.replace(/weight$/, kind), written);
    }
  for (const name of [...files.keys()]) if (/\.safetensors(\.index\.json)?$/.test(name)) files.delete(name);
  files.set('model.safetensors', putTensors(tensors));
  return files;
}

/** llama.cpp's name of a tensor that is not an expert's. */
const ggufName = (name: string): string =>
  name
    .replace(/^model\.layers\.(\d+)\./, 'blk.$1.')
    .replace(/self_attn\.([qkv])_proj/, 'attn_$1')
    .replace('self_attn.o_proj', 'attn_output')
    .replace('block_sparse_moe.gate', 'ffn_gate_inp')
    .replace('post_attention_layernorm', 'ffn_norm')
    .replace('input_layernorm', 'attn_norm')
    .replace('model.embed_tokens', 'token_embd')
    .replace('model.norm', 'output_norm')
    .replace('lm_head', 'output');

/** As llama.cpp's converter writes architecture `phimoe`; `written`: with the size of a head, which it does not write where it takes hidden / heads for granted. */
export function phiMoeGguf(folder: string, written: boolean): Uint8Array {
  const files = folderBytes(folder);
  const config = configOf(files);
  const { num_hidden_layers: layers = 0, num_local_experts: experts = 0, vocab_size: vocab = 0 } = config;
  const source = tensorsOf(files);
  const tensors: WrittenTensor[] = [];
  const put = (name: string, { shape, data }: { shape: number[]; data: Uint8Array }) => {
    const plain = shape.length === 1 || name.includes('ffn_gate_inp');
    tensors.push({
      name,
      dims: shape.toReversed(),
      type: plain ? F32 : BF16,
      data: plain ? new Uint8Array(bfloatToFloat(data).buffer) : data,
    });
  };
  for (const [name, tensor] of source) if (!name.includes('.experts.')) put(ggufName(name), tensor);
  for (let layer = 0; layer < layers; layer++)
    for (const [part, name] of Object.entries(PARTS))
      put(
        `blk.${layer}.ffn_${name}_exps.weight`,
        stack(source, `model.layers.${layer}.block_sparse_moe`, part, experts),
      );
  const keys: [string, GgufValue | undefined][] = [
    ['general.architecture', 'phimoe'],
    ['general.name', 'tiny moe'],
    ['phimoe.block_count', layers],
    ['phimoe.embedding_length', config['hidden_size']],
    ['phimoe.attention.head_count', config['num_attention_heads']],
    ['phimoe.attention.head_count_kv', config['num_key_value_heads']],
    ['phimoe.feed_forward_length', config['intermediate_size']],
    ['phimoe.context_length', config['max_position_embeddings']],
    ['phimoe.attention.sliding_window', config['sliding_window']],
    ['phimoe.attention.layer_norm_rms_epsilon', config['rms_norm_eps']],
    ['phimoe.rope.freq_base', config['rope_theta']],
    // What the converter computes from hidden / heads.
    ['phimoe.rope.dimension_count', config['hidden_size']! / config['num_attention_heads']!],
    ['phimoe.expert_count', experts],
    ['phimoe.expert_used_count', 2],
    ...(written ? [['phimoe.attention.key_length', config['head_dim']] as [string, GgufValue | undefined]] : []),
    ['tokenizer.ggml.model', 'llama'],
    ['tokenizer.ggml.tokens', Array.from({ length: vocab }, (_, i) => `t${i}`)],
    ['tokenizer.ggml.eos_token_id', 2],
  ];
  const metadata = keys.filter((entry): entry is [string, GgufValue] => entry[1] !== undefined);
  return writeGguf({ metadata, tensors });
}
