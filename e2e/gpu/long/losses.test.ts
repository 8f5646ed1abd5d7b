/** The device is lost in the middle of what a reply does besides single steps: the reply goes on elsewhere, with the same tokens. */
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { join } from 'node:path';
import { ROOT } from '../../../scripts/build/app.ts';
import type { GenerateUpdate } from '../../../src/engine/types.ts';
import type { ErrorShape } from '../../../workers/shared/errors.ts';
import type { ChatMessage, GenerateRequest, LoadOptions } from '../../../workers/shared/protocol.ts';
import { gguf, needFixture } from '../../support/fixtures.ts';
import { SAMPLING } from '../../support/sampling.ts';
import { needDevice } from '../device.ts';
import { startGpuProcess, type GpuProcess } from '../gpu-process.ts';
import type { App } from '../process/app.worker.ts';
import type { VulkanDevice } from '../vulkan.ts';

const APP = join(ROOT, 'e2e/gpu/process/app.worker.ts');
const MODEL = gguf('phi4', 'q6_k');
const OPTIONS = { contextLength: 512, threads: 1 };
const TOKENS = 24;
/** The page learns of a loss from the device, not from its silence: that would take 45 s and more. */
const LOST = /^WebGPU: the GPU device was lost/;
/** Of a step's calls to its queue, one in the middle: inputs are written first, then kernels are submitted in groups. */
const IN_THE_MIDDLE = 8;

/** Long enough to be kept, and to be read in more than one chunk. */
const STORY: ChatMessage = { role: 'user', content: 'The river was slow that summer, and so were we. '.repeat(12) };
/** Its reply says some tokens more than once. */
const WORD: ChatMessage = { role: 'user', content: 'Hi.' };
const CHAT = 'a';
const KEPT_MS = 60_000;

const requestOf = (message: ChatMessage, keep?: string): GenerateRequest => ({
  messages: [message],
  sampling: SAMPLING.greedy,
  maxTokens: TOKENS,
  ...(keep !== undefined && { keep }),
});
const idsOf = (updates: GenerateUpdate[]) => updates.flatMap((update) => (update.type === 'text' ? update.ids : []));

let device: VulkanDevice;
/** Replies of WASM in float32. */
const calm = new Map<ChatMessage, number[]>();
let gpu: GpuProcess<App>;

beforeAll(async () => {
  device = await needDevice();
  gpu = startGpuProcess<App>(device.launch, APP);
  try {
    await gpu.worker.open(needFixture(MODEL.path), { ...OPTIONS, backend: 'wasm', form: 'float32' });
    for (const message of [STORY, WORD])
      calm.set(message, idsOf(await gpu.worker.generate({ ...requestOf(message), drafts: false })));
  } finally {
    gpu.end();
  }
});

beforeEach(async () => {
  gpu = startGpuProcess<App>(device.launch, APP);
  await gpu.worker.watch();
  const load: LoadOptions = { ...OPTIONS, backend: 'webgpu', form: 'int8-blocks' };
  expect((await gpu.worker.open(needFixture(MODEL.path), load)).candidate).toBe('WebGPU, int8-blocks');
});
afterEach(() => gpu.end());

/** The whole reply, after at most one notice that says that the device was lost; `before`: tokens that came before that. */
async function askUnderLoss(request: GenerateRequest): Promise<{ before: number }> {
  const updates = await gpu.worker.generate(request);
  const notices = updates.filter(({ type }) => type === 'notice');
  expect(notices).toEqual([
    {
      type: 'notice',
      notice: {
        movedTo: 'WebGPU, int8-blocks, float32 activations',
        error: expect.objectContaining({
          code: 'device-lost',
          message: expect.stringMatching(LOST) as string,
        }) as ErrorShape,
      },
    },
  ]);
  expect(idsOf(updates)).toEqual(calm.get(request.messages[0]!));
  expect(updates.at(-1)).toMatchObject({ type: 'end', reason: 'max-tokens' });
  return { before: idsOf(updates.slice(0, updates.indexOf(notices[0]!))).length };
}

/** A chat whose cache is kept, and that the model does not hold any more. */
async function keepChat(): Promise<void> {
  const whole = await gpu.worker.generate(requestOf(STORY, CHAT));
  expect(idsOf(whole)).toEqual(calm.get(STORY));
  await expect.poll(() => gpu.worker.keptCaches(), { timeout: KEPT_MS }).toBe(1);
  await gpu.worker.generate(requestOf(WORD, 'b'));
  await gpu.worker.takeSteps();
}

it('while a prompt is read: the reply comes from the next form', async () => {
  await gpu.worker.loseDuring('prefill', IN_THE_MIDDLE);
  expect(await askUnderLoss(requestOf(STORY))).toEqual({ before: 0 });
  expect(await gpu.worker.takeSteps()).toEqual(['prefill failed', 'prefill done']);
});

it('while a draft is checked: the reply goes on behind its last token', async () => {
  await gpu.worker.loseDuring('check', IN_THE_MIDDLE);
  const { before } = await askUnderLoss(requestOf(WORD));
  expect(before).toBeGreaterThan(1);
  expect((await gpu.worker.takeSteps()).slice(0, 3)).toEqual(['prefill done', 'check failed', 'prefill done']);
});

it('while a kept cache is restored for a reply: the prompt is read instead', async () => {
  await keepChat();
  await gpu.worker.loseDuring('fill', IN_THE_MIDDLE);
  expect(await askUnderLoss(requestOf(STORY, CHAT))).toEqual({ before: 0 });
  expect(await gpu.worker.takeSteps()).toEqual(['fill failed', 'prefill done']);
});

it('while a kept cache is restored for a chat that was opened: its next reply comes from the next form', async () => {
  await keepChat();
  await gpu.worker.loseDuring('fill', IN_THE_MIDDLE);
  await gpu.worker.restoreCache({ ...requestOf(STORY), keep: CHAT });
  expect((await gpu.worker.report())!.rejected).toContainEqual({
    what: 'Keeping or restoring what was read of a chat',
    why: expect.stringMatching(LOST) as string,
  });
  expect(await askUnderLoss(requestOf(STORY, CHAT))).toEqual({ before: 0 });
  expect(await gpu.worker.takeSteps()).toEqual(['fill failed', 'fill failed', 'prefill done']);
});

it('while nothing is asked for: the next reply comes from the next form', async () => {
  await gpu.worker.generate(requestOf(WORD));
  await gpu.worker.loseDevice();
  expect(await askUnderLoss(requestOf(STORY))).toEqual({ before: 0 });
});
