/** Writes the random model once under node_modules/.cache, in shards' hashes and all, as a server would offer it. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from '../../scripts/build/app.ts';
import { parseGguf, type GgufValue } from '../../workers/engine/checkpoint/gguf/parse.ts';
import { memorySource } from '../../workers/engine/checkpoint/testing/fixtures.ts';
import { vocabularyFile, type TokenizerName } from '../../workers/engine/tokenizer/testing/references.ts';
import { referenceBytes } from '../../workers/testing/references.ts';
import type { ModelFile, ModelManifest, Shard } from '../../workers/shared/protocol.ts';
import { randomGguf } from './gguf.ts';
import { randomOnnx, type OnnxPart } from './onnx.ts';
import type { PhiConfig } from '../../workers/engine/checkpoint/types.ts';
import { phi4MiniShape, phiTinyMoeShape } from './shape.ts';

export type Format = 'gguf' | 'onnx';
export type FullSize = 'phi-4-mini' | 'phi-tiny-moe';
export const CACHE = join(ROOT, 'node_modules/.cache/full-size');
const SHARD_BYTES = 64 * 2 ** 20;
const TOKENIZER = 'byte-level';

/** Writes pieces to a file, and the size and hash of each shard. */
async function writeShards(folder: string, path: string, pieces: Iterable<Uint8Array>): Promise<ModelFile> {
  const file: FileHandle = await open(join(folder, path), 'w');
  const shards: Shard[] = [];
  let hash = createHash('sha256');
  let [bytes, start] = [0, 0];
  const close = () => {
    if (bytes > start)
      shards.push({ url: path, offset: start, bytes: bytes - start, wholeUrl: false, sha256: hash.digest('hex') });
    hash = createHash('sha256');
    start = bytes;
  };
  try {
    for (const piece of pieces) {
      await file.write(piece);
      for (let at = 0; at < piece.length;) {
        const part = piece.subarray(at, at + SHARD_BYTES - (bytes - start));
        hash.update(part);
        at += part.length;
        bytes += part.length;
        if (bytes - start === SHARD_BYTES) close();
      }
    }
    close();
  } finally {
    await file.close();
  }
  return { path, bytes, shards };
}

/** Models with a vocabulary as large as theirs: 200,029 and 32,011 tokens. */
export const FULL_SIZE: Record<FullSize, { shape: (layers: number) => PhiConfig; tokenizer: TokenizerName }> = {
  'phi-4-mini': { shape: phi4MiniShape, tokenizer: TOKENIZER },
  'phi-tiny-moe': { shape: phiTinyMoeShape, tokenizer: 'sentencepiece' },
};

async function ggufTokenizer(name: TokenizerName): Promise<Map<string, GgufValue>> {
  const { metadata } = await parseGguf(memorySource('vocab.gguf', vocabularyFile(name)));
  return new Map([...metadata].filter(([key]) => key.startsWith('tokenizer.')));
}

async function onnxFiles(folder: string, layers: number): Promise<ModelFile[]> {
  const config = phi4MiniShape(layers);
  const { model, data } = randomOnnx(config);
  const genai = {
    model: {
      type: 'phi3',
      bos_token_id: config.bos,
      eos_token_id: config.eos,
      context_length: config.context,
      vocab_size: config.vocab,
      decoder: {
        filename: 'model.onnx',
        head_size: config.headDim,
        hidden_size: config.hidden,
        num_hidden_layers: layers,
      },
    },
  };
  const text = async (path: string) => writeShards(folder, path, [referenceBytes(`tokenizers/${TOKENIZER}/${path}`)]);
  return [
    await writeShards(folder, 'model.onnx', [model]),
    await writeShards(folder, 'model.onnx.data', data()),
    await writeShards(folder, 'genai_config.json', [Buffer.from(JSON.stringify(genai))]),
    await text('tokenizer.json'),
    await text('tokenizer_config.json'),
  ];
}

/** Makes what is missing; resolves with the folder that holds manifest.json and the files. */
export async function makeFullSize(
  format: Format,
  layers: number,
  say: (line: string) => void,
  model: FullSize = 'phi-4-mini',
): Promise<{ folder: string; manifest: ModelManifest }> {
  const folder = join(CACHE, model, `${format}-${layers}`);
  const path = join(folder, 'manifest.json');
  if (existsSync(path)) return { folder, manifest: JSON.parse(await readFile(path, 'utf8')) as ModelManifest };
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const start = performance.now();
  const { shape, tokenizer } = FULL_SIZE[model];
  const config = shape(layers);
  const files =
    format === 'gguf'
      ? [await writeShards(folder, 'model.gguf', randomGguf(config, await ggufTokenizer(tokenizer)))]
      : await onnxFiles(folder, layers);
  const manifest: ModelManifest = {
    format: 1,
    id: `random-${model}-${format}-${layers}`,
    name: config.name,
    licence: { spdx: 'CC0-1.0', url: 'https://creativecommons.org/publicdomain/zero/1.0/' },
    source: { name: 'random numbers', url: 'https://example.com/' },
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    files,
  };
  await writeFile(`${path}.new`, JSON.stringify(manifest));
  await rename(`${path}.new`, path);
  say(
    `Made ${(manifest.bytes / 1e9).toFixed(2)} GB of ${format} in ${((performance.now() - start) / 1000).toFixed(0)} s.`,
  );
  return { folder, manifest };
}

/** Makes what is missing of the int4 graph: the whole, one layer, or the head; resolves with its folder. */
export async function makeInt4Part(part: OnnxPart, layers: number): Promise<string> {
  const folder = join(CACHE, `int4-${part}-${layers}`);
  if (existsSync(join(folder, 'model.onnx'))) return folder;
  await mkdir(folder, { recursive: true });
  const { model, data } = randomOnnx(phi4MiniShape(layers), part);
  await writeShards(folder, 'model.onnx.data', data());
  await writeFile(join(folder, 'model.onnx'), model);
  return folder;
}
