/** Layouts of safetensors that no fixture has, made from one that is there without changing a weight. Everything is in memory. */
import { halfToFloat } from '../../weights/half.ts';
import { folderBytes } from './fixtures.ts';

type Files = Map<string, Uint8Array>;

interface Tensor {
  dtype: string;
  shape: number[];
  data: Uint8Array;
}
type Tensors = Map<string, Tensor>;

const json = (bytes: Uint8Array | undefined) => JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
const utf8 = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

export function takeTensors(file: Uint8Array): Tensors {
  const headerBytes = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const header = json(file.subarray(8, 8 + headerBytes)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors: Tensors = new Map();
  for (const [name, { dtype, shape, data_offsets: at }] of Object.entries(header)) {
    if (name !== '__metadata__')
      tensors.set(name, { dtype, shape, data: file.slice(8 + headerBytes + at[0], 8 + headerBytes + at[1]) });
  }
  return tensors;
}

export function putTensors(tensors: Tensors): Uint8Array {
  let at = 0;
  const header: Record<string, unknown> = {};
  for (const [name, { dtype, shape, data }] of tensors) {
    header[name] = { dtype, shape, data_offsets: [at, at + data.length] };
    at += data.length;
  }
  const text = utf8(header);
  const head = new Uint8Array(8);
  new DataView(head.buffer).setBigUint64(0, BigInt(text.length), true);
  return new Uint8Array(Buffer.concat([head, text, ...[...tensors.values()].map(({ data }) => data)]));
}

/** `model-0000N-of-0000M.safetensors` with an index. */
export function shardedFolder(folder: string, count: number): Files {
  const files = folderBytes(folder);
  const tensors = [...takeTensors(files.get('model.safetensors')!)];
  files.delete('model.safetensors');
  const five = (value: number) => String(value).padStart(5, '0');
  const map: Record<string, string> = {};
  for (let shard = 0; shard < count; shard++) {
    const part = tensors.filter((_, i) => i % count === shard);
    const name = `model-${five(shard + 1)}-of-${five(count)}.safetensors`;
    files.set(name, putTensors(new Map(part)));
    for (const [tensor] of part) map[tensor] = name;
  }
  files.set('model.safetensors.index.json', utf8({ metadata: {}, weight_map: map }));
  return files;
}

/** The float16 model in float32, or in bfloat16 (cut off: no longer the same weights). */
export function convertedFolder(folder: string, dtype: 'F32' | 'BF16'): Files {
  const files = folderBytes(folder);
  const tensors = takeTensors(files.get('model.safetensors')!);
  for (const [name, { shape, data }] of tensors) {
    const floats = halfToFloat(data);
    const bits = new Uint32Array(floats.buffer);
    tensors.set(name, {
      dtype,
      shape,
      data: new Uint8Array(dtype === 'F32' ? floats.buffer : Uint16Array.from(bits, (value) => value >>> 16).buffer),
    });
  }
  files.set('model.safetensors', putTensors(tensors));
  return files;
}

/** A Phi without LongRoPE and window as the Llama checkpoint that it also is: q, k, v and gate, up apart. */
export function llamaFolder(folder: string): Files {
  const files = folderBytes(folder);
  const config = json(files.get('config.json'));
  const hidden = Number(config['hidden_size']);
  const headDim = hidden / Number(config['num_attention_heads']);
  const kvRows = Number(config['num_key_value_heads']) * headDim;
  const tensors = takeTensors(files.get('model.safetensors')!);
  const cut = (name: string, parts: [string, number][]) => {
    const { dtype, data } = tensors.get(name)!;
    let row = 0;
    for (const [part, rows] of parts) {
      tensors.set(part, {
        dtype,
        shape: [rows, hidden],
        data: data.slice(row * hidden * 2, (row + rows) * hidden * 2),
      });
      row += rows;
    }
    tensors.delete(name);
  };
  for (let layer = 0; layer < Number(config['num_hidden_layers']); layer++) {
    const at = `model.layers.${layer}`;
    cut(`${at}.self_attn.qkv_proj.weight`, [
      [`${at}.self_attn.q_proj.weight`, hidden],
      [`${at}.self_attn.k_proj.weight`, kvRows],
      [`${at}.self_attn.v_proj.weight`, kvRows],
    ]);
    const intermediate = Number(config['intermediate_size']);
    cut(`${at}.mlp.gate_up_proj.weight`, [
      [`${at}.mlp.gate_proj.weight`, intermediate],
      [`${at}.mlp.up_proj.weight`, intermediate],
    ]);
  }
  files.set('model.safetensors', putTensors(tensors));
  files.set('config.json', utf8({ ...config, architectures: ['LlamaForCausalLM'], model_type: 'llama' }));
  return files;
}

/** A Phi inside a model with parts for pictures: adapters beside its weights where it has them for speech too, and tensors that belong to those parts. */
export function multimodalFolder(folder: string, architecture: string): Files {
  const files = folderBytes(folder);
  const tensors = takeTensors(files.get('model.safetensors')!);
  const other: Tensor = { dtype: 'F16', shape: [2, 2], data: new Uint8Array(8) };
  if (architecture === 'Phi4MMForCausalLM') {
    for (const [name, tensor] of [...tensors]) {
      if (!name.endsWith('_proj.weight')) continue;
      const module = name.slice(0, -'.weight'.length);
      tensors.delete(name);
      tensors.set(`${module}.base_layer.weight`, tensor);
      for (const adapter of ['vision', 'speech'])
        for (const side of ['A', 'B']) tensors.set(`${module}.lora_${side}.${adapter}.weight`, other);
    }
    tensors.set('model.embed_tokens_extend.image_embed.img_projection.0.weight', other);
  } else tensors.set('model.mm_projector.0.weight', other);
  files.set('model.safetensors', putTensors(tensors));
  const parts = { img_processor: { name: 'siglip' }, mm_vision_tower: 'siglip', audio_processor: {} };
  files.set('config.json', utf8({ ...json(files.get('config.json')), ...parts, architectures: [architecture] }));
  return files;
}

/** An MLX model with groups half as long, and one module's 4 bits in 8 as config.json's exception says. */
export function regroupedMlxFolder(folder: string): Files {
  const files = folderBytes(folder);
  const config = json(files.get('config.json'));
  const quantization = config['quantization'] as { group_size: number; bits: number };
  const tensors = takeTensors(files.get('model.safetensors')!);
  for (const [name, { dtype, shape, data }] of tensors) {
    if (!/\.(scales|biases)$/.test(name)) continue;
    const twice = new Uint16Array(data.length);
    new Uint16Array(data.buffer).forEach((value, i) => twice.fill(value, 2 * i, 2 * i + 2));
    tensors.set(name, { dtype, shape: [shape[0]!, shape[1]! * 2], data: new Uint8Array(twice.buffer) });
  }
  const wide = 'model.layers.1.mlp.down_proj';
  const { shape, data } = tensors.get(`${wide}.weight`)!;
  const bytes = new Uint8Array(data.length * 2);
  data.forEach((byte, i) => bytes.set([byte & 15, byte >> 4], 2 * i));
  tensors.set(`${wide}.weight`, { dtype: 'U32', shape: [shape[0]!, shape[1]! * 2], data: bytes });
  files.set('model.safetensors', putTensors(tensors));
  const group = quantization.group_size / 2;
  files.set(
    'config.json',
    utf8({ ...config, quantization: { ...quantization, group_size: group, [wide]: { group_size: group, bits: 8 } } }),
  );
  return files;
}

/** An MLX model of 4 bits with its codes packed in another number of bits; below 4 the upper ones are cut off, so the weights are others. */
export function repackedMlxFolder(folder: string, bits: number): Files {
  const files = folderBytes(folder);
  const config = json(files.get('config.json'));
  const quantization = config['quantization'] as { group_size: number; bits: number };
  const tensors = takeTensors(files.get('model.safetensors')!);
  for (const [name, { dtype, shape, data }] of tensors) {
    if (dtype !== 'U32') continue;
    const packed = new Uint8Array((data.length * bits) / 4);
    for (let i = 0; i < data.length * 2; i++) {
      const code = (data[i >> 1]! >> (4 * (i & 1))) & 15;
      for (let bit = 0; bit < bits; bit++)
        if (code & (1 << bit)) packed[(i * bits + bit) >> 3]! |= 1 << ((i * bits + bit) & 7);
    }
    tensors.set(name, { dtype, shape: [shape[0]!, (shape[1]! * bits) / 4], data: packed });
  }
  files.set('model.safetensors', putTensors(tensors));
  const scheme = { ...quantization, bits };
  files.set('config.json', utf8({ ...config, quantization: scheme, quantization_config: scheme }));
  return files;
}

/** An MLX model of 4 bits whose codes are taken for small floats, all with the same scale: other weights in the layout of that mode. */
export function floatMlxFolder(folder: string, mode: 'mxfp4' | 'nvfp4' | 'mxfp8'): Files {
  const files = mode === 'mxfp8' ? repackedMlxFolder(folder, 8) : folderBytes(folder);
  const tensors = takeTensors(files.get('model.safetensors')!);
  const [bits, group, scale] = { mxfp4: [4, 32, 121], nvfp4: [4, 16, 8], mxfp8: [8, 32, 127] }[mode];
  for (const [name, { dtype, shape }] of [...tensors]) {
    if (dtype !== 'U32') continue;
    const module = name.slice(0, -'.weight'.length);
    const perRow = (shape[1]! * 32) / bits! / group!;
    tensors.delete(`${module}.biases`);
    tensors.set(`${module}.scales`, {
      dtype: 'U8',
      shape: [shape[0]!, perRow],
      data: new Uint8Array(shape[0]! * perRow).fill(scale!),
    });
  }
  files.set('model.safetensors', putTensors(tensors));
  const config = json(files.get('config.json'));
  delete config['quantization_config'];
  files.set('config.json', utf8({ ...config, quantization: { group_size: group, bits, mode } }));
  return files;
}
