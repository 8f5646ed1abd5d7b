/** Makes from the starter GGUF what transformers.js loads: an int4 ONNX graph with the same weights, config and tokenizer. */
import { access, mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Checkpoint } from '../../workers/engine/checkpoint/types.ts';
import { tokenizerJsonFromGguf } from '../../workers/engine/tokenizer/gguf-vocabulary.ts';
import { writeInt4Graph } from './graph.ts';

const POSITIONS = 8192;

/** Fields of transformers' LlamaConfig that transformers.js reads. */
function hubConfig({ config }: Checkpoint) {
  return {
    model_type: 'llama',
    architectures: ['LlamaForCausalLM'],
    hidden_size: config.hidden,
    intermediate_size: config.intermediate,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.kvHeads,
    head_dim: config.headDim,
    rms_norm_eps: config.normEps,
    rope_theta: config.ropeTheta,
    max_position_embeddings: config.context,
    vocab_size: config.vocab,
    tie_word_embeddings: true,
    bos_token_id: config.bos,
    eos_token_id: config.eos[0] ?? null,
  };
}

/** Forms of the graph, by the file name that transformers.js asks for (`onnx/NAME_q4.onnx`, in float16 `onnx/NAME_q4f16.onnx`). */
export const GRAPHS = {
  /** As the hub has it: whole zero points, so that Q4_1's minimum is rounded. */
  model: { zeroPoints: 'uint', accuracyLevel: 1, float: 'float32' },
  /** The same with int8 activations allowed, which WebGPU's kernel makes use of. */
  model_webgpu: { zeroPoints: 'uint', accuracyLevel: 4, float: 'float32' },
  /** As the hub has it for GPUs with float16. */
  model_float16: { zeroPoints: 'uint', accuracyLevel: 4, float: 'float16' },
  /** The same with activations kept in float16, as this engine keeps them. */
  model_float16_level1: { zeroPoints: 'uint', accuracyLevel: 1, float: 'float16' },
  /** Float zero points: the GGUF's weights to the last bit, and faster on WASM; no published graph has them. */
  model_exact: { zeroPoints: 'float', accuracyLevel: 1, float: 'float32' },
} as const;
/** The name of the graph's type, as transformers.js has it. */
export const dtypeOf = (name: GraphName) => (GRAPHS[name].float === 'float16' ? 'q4f16' : 'q4');
export type GraphName = keyof typeof GRAPHS;

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Writes the missing files of the folder: config, tokenizer and the graph `name`. */
export async function makeOnnxModel(
  checkpoint: Checkpoint,
  folder: string,
  name: GraphName,
  say: (line: string) => void,
): Promise<void> {
  const { json, config } = tokenizerSource(checkpoint);
  const graph = `onnx/${name}_${dtypeOf(name)}.onnx`;
  const files: [string, () => string | Promise<Uint8Array>][] = [
    ['config.json', () => JSON.stringify(hubConfig(checkpoint))],
    [
      'generation_config.json',
      () => JSON.stringify({ bos_token_id: checkpoint.config.bos, eos_token_id: checkpoint.config.eos }),
    ],
    ['tokenizer.json', () => JSON.stringify(json)],
    ['tokenizer_config.json', () => JSON.stringify({ ...config, tokenizer_class: 'GPT2Tokenizer' })],
    [graph, () => writeInt4Graph(checkpoint, { ...GRAPHS[name], positions: POSITIONS })],
  ];
  for (const [file, make] of files) {
    const path = join(folder, file);
    if (await isThere(path)) continue;
    if (file === graph) say(`Making ${graph} for transformers.js ...`);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(`${path}.${process.pid}`, await make());
    await rename(`${path}.${process.pid}`, path);
  }
}

function tokenizerSource({ tokenizer }: Checkpoint): { json: object; config: object } {
  if (tokenizer.kind !== 'gguf') throw new Error('The starter carries its tokenizer in the GGUF.');
  const { json, config } = tokenizerJsonFromGguf(tokenizer.metadata);
  return { json: { version: '1.0', ...(json as object) }, config: config as object };
}
