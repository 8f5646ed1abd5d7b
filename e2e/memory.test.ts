/** What loading the starter takes: the worker's heap and WebAssembly memory, and the peak of the processes as the system tells it. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from '../scripts/build.ts';
import { startEngineHost } from '../scripts/evaluate/engine.ts';
import { selectModel } from '../scripts/evaluate/model-files.ts';
import { STARTER_ID } from '../src/models/starter.ts';
import type { BackendId, WeightForm } from '../workers/protocol.ts';
import { EVALUATION } from './inject.ts';
import { processPeaks, sampleMemory, watchMemory } from './memory-witness.ts';

const MIB = 2 ** 20;
/** SmolLM2-135M: weights in all, and of the largest matrix, which is embedding and head. */
const WEIGHTS = 134_515_008;
const LARGEST = 49_152 * 576;
const WEBNN_GPU_PROCESS = 3.2;

interface Case {
  backend: BackendId;
  form: WeightForm;
  /** Bytes a weight. */
  width: number;
  /** Most bytes of heap and WebAssembly memory; `held`: what the report says that the backend holds. */
  limit: (held: number) => number;
}

const CASES: Case[] = [
  { backend: 'wasm', form: 'int8', width: 1, limit: (held) => held + 1.5 * LARGEST + 64 * MIB },
  { backend: 'webgpu', form: 'int4', width: 0.625, limit: () => 256 * MIB + 0.625 * LARGEST },
  { backend: 'webnn', form: 'float32', width: 4, limit: () => 256 * MIB + 4 * LARGEST },
];

const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;

it.for(CASES)('$backend, $form', async ({ backend, form, width, limit }) => {
  const host = await startEngineHost({ gpu: backend !== 'wasm' });
  try {
    const { page } = host.session;
    await watchMemory(page, EVALUATION);
    const memory = await sampleMemory(page);
    const engine = await host.open(await selectModel(join(ROOT, 'public', 'models', STARTER_ID)), { backend, form, contextLength: 512 });
    const { bytes, heap, wasm, samples } = await memory.stop();
    const peaks = await processPeaks();
    const processes = [...(peaks ?? [])].map(([kind, bytes]) => `${kind} ${megabytes(bytes)}`);
    console.log(
      `${backend}, ${form} of ${megabytes(WEIGHTS * width)}: peak ${megabytes(bytes)} (heap ${megabytes(heap)}, WASM ${megabytes(wasm)}); peak resident ${processes.join(', ')}`,
    );
    expect(engine.report).toMatchObject({ backend, form });
    expect(samples, 'samples').toBeGreaterThan(3);
    expect(bytes).toBeLessThanOrEqual(limit(engine.report.bytesHeld));
    if (backend === 'webnn' && peaks) expect(peaks.get('gpu-process')!).toBeLessThanOrEqual(WEBNN_GPU_PROCESS * WEIGHTS * width);
  } finally {
    await host.close();
  }
});
