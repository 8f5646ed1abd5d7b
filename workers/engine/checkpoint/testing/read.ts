/**
 * Models that are read, one for each line of docs/models.md: made from the references without changing a weight, or as small as a kind can be.
 * The keys are the document's words.
 */
import { GGML_TYPES } from '../../weights/ggml.ts';
import type { ModelFiles } from '../../../store/bytes.ts';
import { folderFiles, memoryFiles, memorySource } from './fixtures.ts';
import { splitGguf, tinyGguf, writeGguf } from './gguf-writer.ts';
import { bnb4Product, expandHeads, integerProduct, layTablesEndToEnd, type IntegerForm } from './onnx-rewrites.ts';
import { editedFolder, rewriteProducts, rewrittenFolder, transformersJsFolder } from './onnx-variants.ts';
import { openOnnx } from '../onnx/onnx.ts';
import { restoredFolder } from './openvino-variants.ts';
import { stackedFolder } from './phi-moe-variants.ts';
import {
  convertedFolder,
  floatMlxFolder,
  llamaFolder,
  regroupedMlxFolder,
  repackedMlxFolder,
  shardedFolder,
} from './safetensors-variants.ts';

const PHI4_ONNX = 'phi4/onnx-cpu-int4';
const MINI_ONNX = 'phi4-mini/onnx-webgpu-int4';

type Made = ModelFiles | Promise<ModelFiles>;

/** Models by their layout, which is how they are found. */
export const LAYOUTS: Record<string, () => Made> = {
  'A GGUF file under any name': () => one('download.part', writeGguf(tinyGguf())),
  'All parts of a split GGUF': () =>
    new Map(
      splitGguf(tinyGguf(), 2).map((bytes, i) => {
        const name = `phi-0000${i + 1}-of-00002.gguf`;
        return [name, memorySource(name, bytes)];
      }),
    ),
  "Ollama's folder `models`, or its `blobs` with a manifest": ollama,
  'ONNX Runtime GenAI': () => folderFiles(PHI4_ONNX),
  'transformers.js': () => memoryFiles(transformersJsFolder(MINI_ONNX)),
  OpenVINO: () => folderFiles('phi4/openvino-int4-sym'),
  'Hugging Face safetensors': () => folderFiles('phi4'),
  MLX: () => folderFiles('phi4-mini/mlx-4bit'),
};

function one(name: string, bytes: Uint8Array): ModelFiles {
  return new Map([[name, memorySource(name, bytes)]]);
}

function ollama(): ModelFiles {
  const digest = 'a'.repeat(64);
  const layers = [{ mediaType: 'application/vnd.ollama.image.model', digest: `sha256:${digest}` }];
  const manifest = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, layers }));
  return memoryFiles(
    new Map([
      [`blobs/sha256-${digest}`, writeGguf(tinyGguf())],
      ['manifests/registry.ollama.ai/library/phi4-mini/3.8b', manifest],
    ]),
  );
}

const rewritten = (rewrite: string) => () => memoryFiles(rewrittenFolder(PHI4_ONNX, rewrite));
const dynamic = (form: IntegerForm, signed: boolean, perChannel: boolean) => () =>
  memoryFiles(
    editedFolder(PHI4_ONNX, (model) =>
      rewriteProducts(model, (product, name) => integerProduct(product, name, form, { signed, perChannel })),
    ),
  );
const restored = (store: string) => async () => memoryFiles(await restoredFolder('phi4/openvino-int4-sym', store));

/** By format and quantisation; types of GGUF files stand by themselves, see `ggufOf`. */
export const QUANTISATIONS: Record<string, Record<string, () => Made>> = {
  ONNX: {
    '`MatMulNBits`, 4 bits, symmetric': () => folderFiles(PHI4_ONNX),
    '`MatMulNBits`, 4 bits, zero points': rewritten('zero points, block 16'),
    '`MatMulNBits`, 4 bits, zero points as floats': rewritten('float zero points'),
    '`MatMulNBits`, 8 bits': rewritten('8 bits'),
    '`DequantizeLinear`, 4 bits': rewritten('QDQ int4'),
    'Dynamic quantisation (`q8`, `int8`, `uint8` of transformers.js)': dynamic('MatMulInteger', true, false),
    'The same in fused operators (`MatMulIntegerToFloat`, `DynamicQuantizeMatMul`)': dynamic(
      'DynamicQuantizeMatMul',
      false,
      true,
    ),
    '`MatMulBnb4`, NF4 and FP4 (`bnb4` of transformers.js)': () =>
      memoryFiles(
        editedFolder(PHI4_ONNX, (model) => rewriteProducts(model, (product, name) => bnb4Product(product, name, 1))),
      ),
    'float16 and float32': rewritten('plain MatMul'),
  },
  OpenVINO: {
    '4 bits, symmetric': () => folderFiles('phi4/openvino-int4-sym'),
    '4 bits, zero points': () => folderFiles('phi4-mini/openvino-int4'),
    '8 bits': () => folderFiles('phi3-mini-4k/openvino-int8'),
    float32: restored('float32, inputs first'),
  },
  safetensors: {
    float16: () => folderFiles('phi4'),
    bfloat16: () => memoryFiles(convertedFolder('phi4', 'BF16')),
    float32: () => memoryFiles(convertedFolder('phi4', 'F32')),
    'In several files with an index': () => memoryFiles(shardedFolder('phi4', 3)),
    'Llama checkpoints of the same shape': () => memoryFiles(llamaFolder('phi4')),
    'Phi MoE': () => folderFiles('phi-moe'),
  },
  MLX: {
    'Affine, 4 bits': () => folderFiles('phi4-mini/mlx-4bit'),
    'Affine, 2 and 3 bits': () => memoryFiles(repackedMlxFolder('phi4-mini/mlx-4bit', 3)),
    'Affine, 5 and 6 bits': () => memoryFiles(repackedMlxFolder('phi4-mini/mlx-4bit', 6)),
    'Affine, 8 bits': () => folderFiles('phi3.5-mini/mlx-8bit'),
    'Mixed by module': () => memoryFiles(regroupedMlxFolder('phi4-mini/mlx-4bit')),
    '`mxfp4`': () => memoryFiles(floatMlxFolder('phi4-mini/mlx-4bit', 'mxfp4')),
    '`nvfp4`': () => memoryFiles(floatMlxFolder('phi4-mini/mlx-4bit', 'nvfp4')),
    '`mxfp8`': () => memoryFiles(floatMlxFolder('phi4-mini/mlx-4bit', 'mxfp8')),
    'Phi MoE': () => memoryFiles(stackedFolder('phi-moe', 8)),
  },
};

/** Graphs that differ in more than their weights. */
export const GRAPHS: Record<string, () => Made> = {
  '`GroupQueryAttention`': () => folderFiles(PHI4_ONNX),
  '`MultiHeadAttention` with keys repeated for every query head': () =>
    memoryFiles(editedFolder(PHI4_ONNX, (model) => expandHeads(model))),
  'LongRoPE by an `If` on the length (CPU, WebGPU)': () => folderFiles(MINI_ONNX),
  'LongRoPE by positions moved behind the short table (DirectML)': () => folderFiles('phi3.5-mini/onnx-dml-int4'),
  'LongRoPE tables laid end to end, with or without the provider option': async () => {
    const { config } = await openOnnx(folderFiles(MINI_ONNX));
    return memoryFiles(editedFolder(MINI_ONNX, (model) => layTablesEndToEnd(model, config, 64)));
  },
};

/** A GGUF with one matrix of the type. */
export function ggufOf(type: number): ModelFiles {
  const { elements, bytes } = GGML_TYPES.get(type)!;
  const tiny = tinyGguf();
  // Rows of 256, so that every type's blocks fit: the MLP is widened.
  tiny.metadata.set('phi3.feed_forward_length', 256);
  const resize = (name: string, cols: number, rows: number, to: number, length: number) => {
    const tensor = tiny.tensors.find((candidate) => candidate.name === name)!;
    Object.assign(tensor, { dims: [cols, rows], type: to, data: new Uint8Array(length) });
  };
  resize('blk.0.ffn_up.weight', 32, 512, 2, 512 * 18);
  resize('blk.0.ffn_down.weight', 256, 32, type, ((256 * 32) / elements) * bytes);
  return one('model.gguf', writeGguf(tiny));
}
