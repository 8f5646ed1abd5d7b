/**
 * A short look at what every real GPU computes with, float16 and subgroups: exact models, and one whose numbers exceed float16. Part of `npm test` where
 * the kit of e2e/gpu lies ready; `npm run test:gpu` fetches it and runs much more.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { checkCase } from '../../scripts/cli/evaluate/check.ts';
import { selectModel } from '../../scripts/cli/evaluate/model-files.ts';
import { scaleResidualStream } from '../../workers/engine/checkpoint/testing/scaled-gguf.ts';
import type { WeightFormat } from '../../workers/shared/protocol.ts';
import { gguf, needFixture, readExpected } from '../support/fixtures.ts';
import { describeDevice, testDevice } from './device.ts';
import { startGpuHost, type GpuHost } from './host.ts';

const TOLERANCE = 0.06;
const CONTEXT = 128;
/** Puts the residual stream of a tiny model beyond 65,504; a power of two, so that nothing is rounded. */
const FACTOR = 2 ** 15;
/** The two prompts that cross the sliding window and the switch of LongRoPE while decoding. */
const PROMPTS = [5, 60];

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

  it('a model that overflows float16 fails its self-test, and computes in float32 instead', async () => {
    const { path, expected } = gguf('phi3-mini-4k', 'q4_1');
    const folder = await mkdtemp(join(tmpdir(), 'phi-scaled-'));
    try {
      const scaled = join(folder, 'scaled.gguf');
      await writeFile(scaled, await scaleResidualStream(readFileSync(needFixture(path)), FACTOR));
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
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
