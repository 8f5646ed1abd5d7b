/** Makes from the starter GGUF what transformers.js loads: an int4 ONNX graph with the same weights, config and tokenizer. */
import { openAsBlob } from 'node:fs';
import { access, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { openGguf } from '../../workers/checkpoint/gguf.ts';
import type { Checkpoint } from '../../workers/checkpoint/types.ts';
import { blobSource } from '../../workers/store/bytes.ts';
import { tokenizerJsonFromGguf } from '../../workers/tokenizer/gguf-vocabulary.ts';
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

/** Writes the folder unless it is there. `onnx/model_q4.onnx` is exact; `onnx/model_webgpu_q4.onnx` has whole zero points, as WebGPU's kernel wants them. */
export async function makeOnnxModel(ggufPath: string, folder: string, say: (line: string) => void): Promise<void> {
  const whole = await access(folder).then(
    () => true,
    () => false,
  );
  if (whole) return;
  say('Making the int4 ONNX graph for transformers.js ...');
  const checkpoint = await openGguf([blobSource(ggufPath, await openAsBlob(ggufPath))]);
  const { json, config } = tokenizerSource(checkpoint);
  const staging = `${folder}.${process.pid}`;
  const files: [string, Uint8Array | string][] = [
    ['onnx/model_q4.onnx', await writeInt4Graph(checkpoint, { zeroPoints: 'float', accuracyLevel: 1, positions: POSITIONS })],
    ['onnx/model_webgpu_q4.onnx', await writeInt4Graph(checkpoint, { zeroPoints: 'uint', accuracyLevel: 4, positions: POSITIONS })],
    ['config.json', JSON.stringify(hubConfig(checkpoint))],
    ['generation_config.json', JSON.stringify({ bos_token_id: checkpoint.config.bos, eos_token_id: checkpoint.config.eos })],
    ['tokenizer.json', JSON.stringify(json)],
    ['tokenizer_config.json', JSON.stringify({ ...config, tokenizer_class: 'GPT2Tokenizer' })],
  ];
  try {
    for (const [path, content] of files) {
      await mkdir(dirname(join(staging, path)), { recursive: true });
      await writeFile(join(staging, path), content);
    }
    await rename(staging, folder);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

function tokenizerSource({ tokenizer }: Checkpoint): { json: object; config: object } {
  if (tokenizer.kind !== 'gguf') throw new Error('The starter carries its tokenizer in the GGUF.');
  const { json, config } = tokenizerJsonFromGguf(tokenizer.metadata);
  return { json: { version: '1.0', ...(json as object) }, config: config as object };
}
