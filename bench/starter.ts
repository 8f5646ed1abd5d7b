/** The starter in the forms that the peers take, made once under node_modules/.cache. */
import { createReadStream, createWriteStream, openAsBlob } from 'node:fs';
import { mkdir, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ROOT } from '../scripts/build/app.ts';
import { openGguf } from '../workers/engine/checkpoint/gguf/gguf.ts';
import type { Checkpoint } from '../workers/engine/checkpoint/types.ts';
import type { ModelManifest } from '../workers/shared/protocol.ts';
import { blobSource } from '../workers/store/bytes.ts';
import { makeOnnxModel, type GraphName } from './onnx/make.ts';

const FOLDER = join(ROOT, 'public/models/smollm2-135m-instruct-q4_1');

export interface Starter {
  model: string;
  cache: string;
  /** One file of all shards. */
  gguf: string;
  /** Folder in the layout of transformers.js; made only when asked for. */
  onnx: string;
  checkpoint: Checkpoint;
}

async function* inOrder(paths: string[]): AsyncGenerator<Buffer> {
  for (const path of paths) for await (const chunk of createReadStream(path)) yield chunk as Buffer;
}

export async function prepareStarter(graph: GraphName | null): Promise<Starter> {
  const cache = join(ROOT, 'node_modules/.cache/bench');
  await mkdir(cache, { recursive: true });
  const manifest = JSON.parse(await readFile(join(FOLDER, 'manifest.json'), 'utf8')) as ModelManifest;
  const file = manifest.files[0]!;
  const gguf = join(cache, 'starter.gguf');
  const present = await stat(gguf).catch(() => null);
  if (present?.size !== file.bytes) {
    const staging = `${gguf}.${process.pid}`;
    await pipeline(
      Readable.from(inOrder(file.shards.map((shard) => join(FOLDER, shard.url)))),
      createWriteStream(staging),
    );
    await rename(staging, gguf);
  }
  const onnx = join(cache, 'starter-onnx');
  const checkpoint = await openGguf([blobSource(file.path, await openAsBlob(gguf))]);
  if (graph) await makeOnnxModel(checkpoint, onnx, graph, console.error);
  return { model: manifest.name, cache, gguf, onnx, checkpoint };
}
