/**
 * A short look at what every real GPU computes with, float16 and subgroups: exact models, and one whose numbers exceed float16. Part of `npm test` where
 * the kit of e2e/gpu lies ready; `npm run test:gpu` fetches it and runs much more.
 */
import { openAsBlob, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { checkCase } from '../../scripts/cli/evaluate/check.ts';
import { selectModel } from '../../scripts/cli/evaluate/model-files.ts';
import { ROOT } from '../../scripts/build/app.ts';
import type { GenerateUpdate } from '../../src/engine/types.ts';
import { overflowToken, scaleResidualStream } from '../../workers/engine/checkpoint/testing/scaled-gguf.ts';
import { SELF_TEST_TEXT } from '../../workers/engine/choose/self-test.ts';
import { readModel } from '../../workers/engine/model.ts';
import type { LoadOptions, WeightFormat } from '../../workers/shared/protocol.ts';
import { blobSource } from '../../workers/store/bytes.ts';
import { gguf, needFixture, readExpected } from '../support/fixtures.ts';
import { SAMPLING } from '../support/sampling.ts';
import { describeDevice, testDevice } from './device.ts';
import { startGpuProcess } from './gpu-process.ts';
import { startGpuHost, type GpuHost } from './host.ts';
import type { App } from './process/app.worker.ts';
import type { VulkanDevice } from './vulkan.ts';

const TOLERANCE = 0.06;
const CONTEXT = 128;
/** Puts the residual stream of a tiny model beyond 65,504; a power of two, so that nothing is rounded. */
const FACTOR = 2 ** 15;
/** The two prompts that cross the sliding window and the switch of LongRoPE while decoding. */
const PROMPTS = [5, 60];

const QUESTION = 'Which zebra wrote this quartz letter?';
/** The engine's warm-up feeds the first few ids. */
const WARM_UP_IDS = 16;
const APP = join(ROOT, 'e2e/gpu/process/app.worker.ts');

const openedFiles = async (path: string) => new Map([['model.gguf', blobSource('model.gguf', await openAsBlob(path))]]);
const idsOf = (updates: GenerateUpdate[]) => updates.flatMap((update) => (update.type === 'text' ? update.ids : []));

async function withFile(bytes: Uint8Array, work: (path: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'phi-scaled-'));
  try {
    await writeFile(join(folder, 'scaled.gguf'), bytes);
    await work(join(folder, 'scaled.gguf'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const device = await testDevice();
if (typeof device !== 'string') console.log(`float16 runs on ${describeDevice(device)}`);

describe('float16 and subgroups', () => {
  beforeEach(({ skip }) =>
    skip(typeof device === 'string', `float16 on a GPU: ${typeof device === 'string' ? device : ''}`),
  );
  let host: GpuHost;
  beforeAll(async () => {
    if (typeof device !== 'string') host = await startGpuHost(device);
  });
  afterAll(() => host?.close());

  const casesOf = (expected: string) =>
    readExpected(expected).cases.filter(({ input_ids }) => PROMPTS.includes(input_ids.length));

  it.for<[string, string, WeightFormat]>([
    ['phi4-mini', 'q8_0', 'int8-blocks'],
    ['phi3-mini-4k', 'q4_1', 'int4'],
  ])('%s, %s as %s: logits and replies of the reference', async ([kind, type, form]) => {
    const { path, expected } = gguf(kind, type);
    const files = await selectModel(needFixture(path));
    const engine = await host.open(files, { backend: 'webgpu', form, contextLength: CONTEXT });
    for (const [index, one] of casesOf(expected).entries())
      expect((await checkCase(engine, one, index, TOLERANCE)).problems).toEqual([]);
  });

  it('a reply that overflows float16 shows no word of it, and comes from the next form with a notice', async () => {
    const source = needFixture(gguf('phi4', 'q6_k').path);
    const { tokenizer } = await readModel(await openedFiles(source));
    const encode = (text: string) => tokenizer.encode(text, { special: false });
    const tested = new Set(encode(SELF_TEST_TEXT));
    const rare = encode(QUESTION).find((id) => id > WARM_UP_IDS && !tested.has(id))!;
    await withFile(await overflowToken(readFileSync(source), rare), async (scaled) => {
      const request = {
        messages: [{ role: 'user' as const, content: QUESTION }],
        sampling: SAMPLING.greedy,
        maxTokens: 8,
      };
      const ask = async (load: LoadOptions) => {
        const gpu = startGpuProcess<App>((device as VulkanDevice).launch, APP);
        try {
          const { candidate } = await gpu.worker.open(scaled, load);
          return { candidate, updates: await gpu.worker.generate(request) };
        } finally {
          gpu.end();
        }
      };
      const options = { contextLength: CONTEXT, threads: 1 };
      const { candidate, updates } = await ask({ ...options, backend: 'webgpu', form: 'int8-blocks' });
      expect(candidate).toBe('WebGPU, int8-blocks');
      const notice = updates.findIndex(({ type }) => type === 'notice');
      expect(updates[notice]).toMatchObject({
        notice: {
          movedTo: 'WebGPU, int8-blocks, float32 activations',
          error: { code: 'backend', message: expect.stringContaining('computed NaN or infinite logits') as string },
        },
      });
      expect(idsOf(updates.slice(0, notice))).toEqual([]);
      const right = await ask({ ...options, backend: 'wasm', form: 'float32' });
      expect(idsOf(updates)).toEqual(idsOf(right.updates));
      expect(idsOf(updates)).toHaveLength(8);
    });
  });

  it('a model that overflows float16 fails its self-test, and computes in float32 instead', async () => {
    const { path, expected } = gguf('phi3-mini-4k', 'q4_1');
    await withFile(await scaleResidualStream(readFileSync(needFixture(path)), FACTOR), async (scaled) => {
      const engine = await host.open(await selectModel(scaled), {
        backend: 'webgpu',
        form: 'int4',
        fallback: true,
        contextLength: CONTEXT,
      });
      expect(engine.report).toMatchObject({ backend: 'webgpu', candidate: 'WebGPU, int4, float32 activations' });
      const { why } = engine.report.rejected.find(({ what }) => what === 'WebGPU, int4')!;
      expect(why).toMatch(/^Self-test: .* the device computes wrongly\.$/);
      for (const [index, one] of casesOf(expected).entries())
        expect((await checkCase(engine, one, index, TOLERANCE)).problems).toEqual([]);
    });
  });
});
