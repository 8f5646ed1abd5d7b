/** Float models that no file of the repository holds, written from one that does without changing a weight: its reference holds for them too. */
import { openGguf } from '../gguf/gguf.ts';
import { parseGguf } from '../gguf/parse.ts';
import type { Checkpoint } from '../types.ts';
import { halfToFloat } from '../../weights/half.ts';
import { referenceBytes } from '../../../testing/references.ts';
import { folderBytes, ggufSource } from './fixtures.ts';
import { loadDense } from './forward.ts';
import { type WrittenTensor, writeGguf } from './gguf-writer.ts';
import { putTensors, takeTensors } from './safetensors-variants.ts';

/** ggml's type ids. */
const F32 = 0;
const F16 = 1;

/** llama.cpp's name of a tensor of Hugging Face's Phi-3. */
function ggufName(name: string): string {
  return name
    .replace(/^model\.layers\.(\d+)\./, 'blk.$1.')
    .replace('self_attn.qkv_proj', 'attn_qkv')
    .replace('self_attn.o_proj', 'attn_output')
    .replace('mlp.gate_up_proj', 'ffn_up')
    .replace('mlp.down_proj', 'ffn_down')
    .replace('post_attention_layernorm', 'ffn_norm')
    .replace('input_layernorm', 'attn_norm')
    .replace('model.embed_tokens', 'token_embd')
    .replace('model.norm', 'output_norm')
    .replace('lm_head', 'output');
}

/** The float16 weights of `kind`'s safetensors as llama.cpp lays them out, with the metadata of its file `quantised`. Norms are float32. */
export async function float16Gguf(kind: string, quantised: string): Promise<Uint8Array> {
  const { metadata } = await parseGguf(ggufSource(kind, quantised));
  const tensors: WrittenTensor[] = [];
  for (const [name, { shape, data }] of takeTensors(folderBytes(kind).get('model.safetensors')!)) {
    const vector = shape.length === 1;
    tensors.push({
      name: ggufName(name),
      dims: shape.toReversed(),
      type: vector ? F32 : F16,
      data: vector ? new Uint8Array(halfToFloat(data).buffer) : data,
    });
  }
  return writeGguf({ metadata, tensors });
}

const LAYER = {
  qkv: 'self_attn.qkv_proj',
  output: 'self_attn.o_proj',
  gateUp: 'mlp.gate_up_proj',
  down: 'mlp.down_proj',
  attentionNorm: 'input_layernorm',
  mlpNorm: 'post_attention_layernorm',
} as const;

/** The dequantised weights of a GGUF as Hugging Face publishes a Phi in float32: safetensors and config.json. */
export async function float32Folder(kind: string, quantised: string): Promise<Map<string, Uint8Array>> {
  const checkpoint: Checkpoint = await openGguf([ggufSource(kind, quantised)]);
  const model = await loadDense(checkpoint);
  const { hidden } = checkpoint.config;
  const put = (name: string, values: Float32Array, cols: number): [string, WrittenFloats] => [
    `${name}.weight`,
    {
      dtype: 'F32',
      shape: cols === values.length ? [cols] : [values.length / cols, cols],
      data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
    },
  ];
  const tensors = new Map([put('model.embed_tokens', model.embedding, hidden), put('model.norm', model.norm, hidden)]);
  if (model.head !== model.embedding) tensors.set(...put('lm_head', model.head, hidden));
  for (const [i, layer] of model.layers.entries()) {
    for (const [role, name] of Object.entries(LAYER) as [keyof typeof LAYER, string][]) {
      const values = layer[role];
      const cols = role === 'down' ? layer.down.length / hidden : hidden;
      tensors.set(...put(`model.layers.${i}.${name}`, values, cols));
    }
  }
  return new Map([
    ['model.safetensors', putTensors(tensors)],
    ...['config.json', 'tokenizer.json', 'tokenizer_config.json'].map(
      (name) => [name, new Uint8Array(referenceBytes(`phi/${kind}/${name}`))] as const,
    ),
  ]);
}

interface WrittenFloats {
  dtype: string;
  shape: number[];
  data: Uint8Array;
}
