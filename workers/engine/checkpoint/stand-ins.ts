/** What people give in place of a model: pointers, saved error pages, archives, models for other programs. The refusal says what it is and what to do. */
import type { ByteSource, ModelFiles } from '../../store/bytes.ts';

/** The beginning of a file in Latin-1, as far as the patterns below look. */
const HEAD_BYTES = 300;

const CONTENTS: [RegExp, string][] = [
  [
    /^version https:\/\/git-lfs/,
    'is a pointer of Git LFS, not the file itself. Run "git lfs pull" in its folder, or download the file from the model\'s page.',
  ],
  [
    /^\s*<(?:!doctype html|html)/i,
    'is a web page, not a file of a model. A sign-in or error page was saved in its place: download the file again, signed in if the model asks for it.',
  ],
  [
    /^\s*(?:<\?xml[^>]*>\s*<Error>|\{\s*"(?:error|message|detail)"|(?:Access|Invalid|Entry|Repository|Not) )/i,
    "is a server's error message, not a file of a model. Download it again, signed in if the model asks for it.",
  ],
  [
    // eslint-disable-next-line no-control-regex -- the first bytes of archives
    /^(?:PK\u0003\u0004|\u001f\u008b|7z\u00bc\u00af|Rar!|\u00fd7zXZ|BZh\d|\u0028\u00b5\u002f\u00fd)|^[^]{257}ustar/,
    'is an archive. Unpack it, and choose the files in it.',
  ],
];

/** A safetensors file begins with the length of its header and the header, in JSON. */
const SAFETENSORS = /^[^]{3}\0{5}\{"/;

/** What `source` is in place of a model's file, to stand behind its name; null: nothing of these. */
async function standIn(source: ByteSource): Promise<string | null> {
  const { name, size } = source;
  if (size === 0) return 'is empty. Download it again.';
  const head = String.fromCharCode(...(await source.read(0, Math.min(size, HEAD_BYTES))));
  const known = CONTENTS.find(([pattern]) => pattern.test(head));
  if (known) return known[1];
  return SAFETENSORS.test(head) && !/\.safetensors$/i.test(name)
    ? 'is a safetensors file. Call it model.safetensors, and put config.json and tokenizer.json of its repository beside it.'
    : null;
}

/** Files that a model is read from; others in its folder may well be empty or archives. */
const READ = /(?:\.(?:json|jinja|gguf|onnx|onnx[._]data(?:_\d+)?|data|safetensors|xml|bin)|(?:^|\/)[^./]+)$/i;
/** A server is asked for each file, and a repository may have hundreds. */
const MOST_LOOKED_AT = 12;

/** The first of `paths` that is not what its name says: a sentence; null: none. */
export async function findStandIn(files: ModelFiles, paths: Iterable<string>): Promise<string | null> {
  const read = [...paths].filter((path) => READ.test(path));
  for (const path of read.slice(0, MOST_LOOKED_AT)) {
    const source = files.get(path);
    const what = source && (await standIn(source));
    if (what) return `${path} ${what}`;
  }
  return null;
}

/** Models that other programs read, by the ending of a file or by its name. */
const OTHERS: [RegExp, string][] = [
  [/\.(?:litertlm|task|tflite)$/i, 'LiteRT (MediaPipe)'],
  [/\.pte$/i, 'ExecuTorch'],
  [/(?:^|\/)(?:mlc-chat-config|ndarray-cache|tensor-cache)\.json$/, 'MLC (WebLLM)'],
  [/\.(?:mlmodelc?|mlpackage)(?:$|\/)/i, 'Core ML'],
  [/\.(?:engine|plan)$/i, 'TensorRT'],
  [/\.ort$/i, "ONNX Runtime's mobile format"],
  [/\.(?:h5|keras|msgpack)$/i, 'TensorFlow or Flax'],
  [/\.nemo$/i, 'NeMo'],
  [/\.llamafile$/i, 'llamafile (a program with a GGUF file in it)'],
  [/(?:^|\/)ggml-[^/]*\.bin$/i, 'ggml (the format before GGUF)'],
  [/\.(?:pt|pth|ckpt)$|(?:^|\/)pytorch_model[^/]*\.bin$/i, 'PyTorch (pickle files, which may hold code)'],
];
const ARCHIVE = /\.(?:zip|7z|rar|tar|tgz|gz|xz|bz2|zst)$/i;

/** Why there is no model among files with these names, and what to do; null: the names do not say. */
export function whyNoModel(paths: readonly string[]): string | null {
  const archive = paths.find((path) => ARCHIVE.test(path));
  if (archive) return `${archive} is an archive. Unpack it, and choose the files in it.`;
  for (const path of paths) {
    const other = OTHERS.find(([pattern]) => pattern.test(path));
    if (other) return `${path} belongs to a model for ${other[1]}. This app does not read it.`;
  }
  if (paths.some((path) => /(?:^|\/)blobs\/[\da-f]{40,64}$/.test(path)))
    return 'This is the cache of Hugging Face, where files have links for names, and browsers do not follow links in a folder. Use "Choose files": open "snapshots" and the folder in it, and choose all its files.';
  const xml = paths.find((path) => /\.xml$/i.test(path) && paths.includes(path.replace(/xml$/i, 'bin')));
  if (xml)
    return `${xml} may be an OpenVINO model. Rename it and its .bin file: openvino_model.xml, openvino_model.bin.`;
  const config = paths.find((path) => /(?:^|\/)(?:config|model\.safetensors\.index)\.json$/.test(path));
  return config
    ? `${config} is here, but the weights are missing. Add the .safetensors files of the same repository.`
    : null;
}
