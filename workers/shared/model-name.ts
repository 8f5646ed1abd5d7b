/** What to call a model by where it lies: its file, if the file's name says something, else its folder. */

/** A part of a model in several files. */
const PART = /-\d{5}-of-\d{5}$/;
const ENDING = /\.(?:gguf|onnx|safetensors|xml|bin|data|onnx[._]data(?:_\d+)?)+$/i;
/** What tools call every model: `pytorch_model`, `model_q4f16`, `decoder_model_merged`, `ggml-model-Q4_K_M`, `unsloth.Q8_0`, hashes. */
const TOOL = '(?:pytorch|openvino|ggml|tf|flax|decoder|language|text|adapter)[_-]';
const WEIGHT_FORMAT =
  'quantized|merged|with_past|\\d+|b?f(?:p|loat)?\\d+|u?int\\d+|bnb4|(?:mx|nv)fp4|(?:ud-)?i?q\\d\\w*';
const EMPTY_FILE = new RegExp(
  `^(?:(?:(?:${TOOL})?(?:model|weights)|consolidated|unsloth)(?:[._-](?:${WEIGHT_FORMAT}))*|sha256[-:].*|[\\da-f]{32,})$`,
  'i',
);
/** Folders that people and tools put models of any kind into. */
const EMPTY_FOLDER =
  /^(?:\.+|onnx|gguf|mlx|models?|weights|snapshots|blobs|hub|files|main|downloads?|desktop|documents|new folder|te?mp|ダウンロード|デスクトップ|[\da-f]{32,})$/i;
/** Hugging Face's cache: `models--microsoft--phi-4/snapshots/<commit>/`. */
const CACHE_FOLDER = /^models--(?:.*--)?(.+)$/;

/** "phi-4-Q4_K_M" of `phi-4-Q4_K_M-00001-of-00002.gguf`; null for a file like `model.safetensors`. */
export function nameOfFile(path: string): string | null {
  const stem = path.slice(path.lastIndexOf('/') + 1).replace(ENDING, '');
  const name = stem.replace(PART, '');
  return name === '' || EMPTY_FILE.test(name) ? null : name;
}

/** The innermost folder of `path` that says something; null: none does. */
export function nameOfFolder(path: string): string | null {
  for (const part of path.split(/[\\/]/).reverse()) {
    const cached = CACHE_FOLDER.exec(part)?.[1];
    if (cached) return cached;
    if (part !== '' && !EMPTY_FOLDER.test(part)) return part;
  }
  return null;
}
