/** Memory for loading the starter: the worker's heap and WebAssembly memory, and the peak of the processes as the system reports it. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from '../../scripts/build/app.ts';
import { startEngineHost } from '../../scripts/cli/evaluate/engine.ts';
import { selectModel } from '../../scripts/cli/evaluate/model-files.ts';
import { STARTER_ID } from '../../src/models/starter.ts';
import type { BackendId, DeviceType, WeightFormat } from '../../workers/shared/protocol.ts';
import { ask, GREEDY, launchApp, serveApp } from '../support/app.ts';
import { inspect } from '../support/inspect.ts';
import { ENGINE, EVALUATION } from '../support/inject.ts';
import { processPeaks, sampleMemory, watchMemory, type MemoryPeak } from '../support/memory-witness.ts';

const MIB = 2 ** 20;
/** SmolLM2-135M: weights in all, and of the largest matrix, which is embedding and head. */
const WEIGHTS = 134_515_008;
const LARGEST = 49_152 * 576;
const SLOTS = 512;
/** Keys and values of SLOTS tokens in 30 layers of 3 heads, in float32. */
const CACHE = SLOTS * 30 * 2 * 3 * 64 * 4;
/** A form is written behind the first replies. */
const KEPT_MS = 60_000;
const WEBNN_PEAK = 3.2;
/** Above the bar of a first load, whose first runs are counted too here: WebAssembly's memory grows by a fifth at a time, and what ONNX Runtime read tensors into is not collected yet (docs/performance.md). */
const FIRST_RUNS = 40 * MIB;

interface Case {
  backend: BackendId;
  form: WeightFormat;
  /** WebNN: where LiteRT computes. For `gpu` it is the GPU process, for `npu` (and `cpu`) the page's own. */
  device?: DeviceType;
  /** Bytes a weight. */
  width: number;
  /** Most bytes of heap and WebAssembly memory in all workers. */
  limit: number;
}

const CASES: Case[] = [
  { backend: 'wasm', form: 'int8', width: 1, limit: WEIGHTS + CACHE + 1.5 * LARGEST + 64 * MIB },
  { backend: 'webgpu', form: 'int4', width: 0.625, limit: 256 * MIB + 0.625 * LARGEST },
  { backend: 'webnn', device: 'npu', form: 'float32', width: 4, limit: 256 * MIB + 4 * LARGEST },
  { backend: 'webnn', device: 'gpu', form: 'float32', width: 4, limit: 256 * MIB + 4 * LARGEST },
];
const named = CASES.map((one) => ({ ...one, name: [one.backend, one.device, one.form].filter(Boolean).join(', ') }));

const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;
const parts = ({ bytes, heap, wasm }: MemoryPeak) =>
  `peak ${megabytes(bytes)} (heap ${megabytes(heap)}, WASM ${megabytes(wasm)})`;

it.for(named)('$name', async ({ name, backend, form, device, width, limit }) => {
  const host = await startEngineHost({ gpu: backend !== 'wasm' });
  try {
    const { page } = host.session;
    await watchMemory(page, EVALUATION);
    const memory = await sampleMemory(page);
    const engine = await host.open(await selectModel(join(ROOT, 'public', 'models', STARTER_ID)), {
      backend,
      form,
      device,
      contextLength: SLOTS,
    });
    const peak = await memory.stop();
    const peaks = await processPeaks();
    const processes = [...(peaks ?? [])].map(
      ([kind, bytes]) => `${kind} ${megabytes(bytes)} (${(bytes / (WEIGHTS * width)).toFixed(2)} x the form)`,
    );
    console.log(`${name} of ${megabytes(WEIGHTS * width)}: ${parts(peak)}; peak resident ${processes.join(', ')}`);
    expect(engine.report).toMatchObject({ backend, form });
    expect(peak.samples, 'samples').toBeGreaterThan(3);
    expect(peak.bytes).toBeLessThanOrEqual(limit);
    if (device === 'gpu' && peaks) {
      expect(peaks.get('gpu-process')!, 'the weights are in the GPU process').toBeGreaterThan(WEIGHTS * width);
      expect(peaks.get('gpu-process')!).toBeLessThanOrEqual(WEBNN_PEAK * WEIGHTS * width);
    }
  } finally {
    await host.close();
  }
});

it.for(named.filter(({ device }) => device !== 'gpu'))(
  '$name, with the made form read back from the store',
  async ({ name, backend, form, limit }) => {
    const server = await serveApp();
    const session = await launchApp(
      { ...GREEDY, backend, form, contextLength: SLOTS, maxTokens: 1 },
      { gpu: backend !== 'wasm' },
    );
    try {
      const { page } = session;
      await watchMemory(page, ENGINE);
      await page.goto(server.url);
      await page.getByRole('button', { name: /^Download .* and start$/ }).click();
      await ask(page, 'Hi.');
      await expect
        .poll(async () => (await inspect(page)).forms, { timeout: KEPT_MS, message: 'the form is kept' })
        .toBe(1);
      await page.goto('about:blank');
      const memory = await sampleMemory(page);
      await page.goto(server.url);
      await page.getByRole('button', { name: /Runs on/ }).waitFor(); // loaded, and nothing asked
      const peak = await memory.stop();
      console.log(`${name}, second load: ${parts(peak)}, at most ${megabytes(limit + FIRST_RUNS)}`);
      await page.evaluate(() => (location.hash = '#/diagnostics'));
      await page.getByText('Load time').waitFor();
      expect(await page.locator('main').innerText()).toMatch(new RegExp(`Backend\\s+${backend}`, 'i'));
      expect(peak.samples, 'samples').toBeGreaterThan(3);
      expect(peak.bytes).toBeLessThanOrEqual(limit + FIRST_RUNS);
    } finally {
      await session.close();
      await server.close();
    }
  },
);
