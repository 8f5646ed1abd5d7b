/**
 * Writes model layouts that the reference fixtures lack, as exact rewrites of those that are there: the source's expected.json stays
 * valid and is copied beside each.
 *
 *   npx tsx scripts/make/variants.ts OUT_FOLDER
 *
 * transformers.js (two data parts), QDQ, zero points, 8 bits, plain MatMul, fused gate and up, weights inside the .onnx; sharded, float32
 * and Llama-shaped safetensors; MLX in shorter groups with an 8-bit exception; OpenVINO in float32, with the inputs first, with one zero point.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { referenceBytes } from '../../workers/testing/references.ts';
import {
  editedFolder,
  fuseGateUp,
  REWRITES,
  rewrittenFolder,
  transformersJsFolder,
} from '../../workers/engine/checkpoint/testing/onnx-variants.ts';
import { OPENVINO_STORES, restoredFolder } from '../../workers/engine/checkpoint/testing/openvino-variants.ts';
import {
  convertedFolder,
  llamaFolder,
  regroupedMlxFolder,
  shardedFolder,
} from '../../workers/engine/checkpoint/testing/safetensors-variants.ts';

const out = process.argv[2];
if (!out) throw new Error('usage: tsx scripts/make/variants.ts OUT_FOLDER');

function write(name: string, source: string, files: ReadonlyMap<string, Uint8Array>): void {
  const folder = join(out!, name);
  for (const [path, bytes] of files) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
  writeFileSync(join(folder, 'expected.json'), referenceBytes(join('phi', source, 'expected.json')));
  console.log(folder);
}

const dashed = (name: string) => name.replace(/[ ,]+/g, '-');
const ONNX = 'phi4/onnx-cpu-int4';
const HALF = 'phi4-mini/onnx-webgpu-int4';
for (const rewrite of Object.keys(REWRITES)) write(dashed(`onnx ${rewrite}`), ONNX, rewrittenFolder(ONNX, rewrite));
write(
  'onnx-fused-gate-up',
  ONNX,
  editedFolder(ONNX, (model) => fuseGateUp(model, false)),
);
write(
  'onnx-inline',
  HALF,
  editedFolder(HALF, () => undefined, []),
);
write('transformers-js', HALF, transformersJsFolder(HALF));
write('safetensors-sharded', 'phi4', shardedFolder('phi4', 3));
write('safetensors-float32', 'phi4', convertedFolder('phi4', 'F32'));
write('safetensors-llama', 'phi4', llamaFolder('phi4'));
write('mlx-group-32', 'phi4-mini/mlx-4bit', regroupedMlxFolder('phi4-mini/mlx-4bit'));
const OPENVINO = 'phi4/openvino-int4-sym';
for (const store of OPENVINO_STORES)
  write(dashed(`openvino ${store}`), OPENVINO, await restoredFolder(OPENVINO, store));
