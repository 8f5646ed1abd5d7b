/** Where float16 loses precision: every step of every layer against float32, on a prompt of 1,000 tokens. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from '../../../scripts/build/app.ts';
import { selectModel, type ModelFile } from '../../../scripts/cli/evaluate/model-files.ts';
import { STARTER_ID } from '../../../src/models/starter.ts';
import { scaleResidualStream } from '../../../workers/engine/checkpoint/testing/scaled-gguf.ts';
import {
  STEPS,
  type LayerLosses,
  type LossRequest,
  type StepLoss,
} from '../../../workers/engine/webgpu/testing/layer-loss.ts';
import { gguf, needFixture, pathOf, readExpected } from '../../support/fixtures.ts';
import { needDevice } from '../device.ts';
import { startGpuProcess } from '../gpu-process.ts';
import type { Layers } from '../process/layers.worker.ts';

const TOKENS = 1000;
/** The mean loss that a layer may have in all, and by how much one step may add to it. */
const MOST = 0.01;
const FLOAT16_LARGEST = 65504;

async function lossesOf(files: ModelFile[], request: LossRequest): Promise<LayerLosses> {
  const { launch } = await needDevice();
  const gpu = startGpuProcess<Layers>(launch, join(ROOT, 'e2e/gpu/process/layers.worker.ts'));
  try {
    return await gpu.worker.losses(files, request);
  } finally {
    gpu.end();
  }
}

const ofStep = (steps: StepLoss[], step: string) => steps.filter((one) => one.step === step);
const highest = (values: number[]) => values.reduce((a, b) => Math.max(a, b), 0);

/** A line a layer: mean losses in thousandths. */
function print(name: string, { steps, logits, peakLogit }: LayerLosses): void {
  const layers = Math.max(...steps.map(({ layer }) => layer)) + 1;
  console.log(`${name}: mean loss of float16 over ${TOKENS} tokens, in thousandths (largest value in float32)`);
  console.log(['layer', ...STEPS].map((word) => word.padStart(16)).join(''));
  for (let layer = 0; layer < layers; layer++) {
    const cells = STEPS.map((step) => {
      const one = ofStep(steps, step)[layer];
      return one ? `${(1000 * one.mean).toFixed(2)} (${one.peak.toPrecision(3)})` : '';
    });
    console.log([String(layer), ...cells].map((word) => word.padStart(16)).join(''));
  }
  console.log(`largest difference of a logit: ${logits.toFixed(4)} of ${peakLogit.toFixed(1)}`);
}

/** `[phi3-mini-4k]`, over and over: its context is longer than the prompts that come with it. */
const tinyIds = (expected: string) => {
  const { input_ids: ids } = readExpected(expected).cases.at(-1)!;
  return Array.from({ length: TOKENS }, (_, i) => ids[i % ids.length]!);
};

it('the starter: no step stands out', async () => {
  const files = await selectModel(join(ROOT, 'public/models', STARTER_ID));
  const text = readFileSync(join(ROOT, 'bench/passage.txt'), 'utf8');
  const losses = await lossesOf(files, { form: 'int4', text, tokens: TOKENS });
  print('starter, int4', losses);
  expect(highest(losses.steps.map(({ peak }) => peak))).toBeLessThan(FLOAT16_LARGEST);
  expect(highest(ofStep(losses.steps, 'next').map(({ mean }) => mean))).toBeLessThan(MOST);
});

it.for([
  ['phi3-mini-4k', 'q4_1', 'int4'],
  ['phi4-mini', 'q8_0', 'int8-blocks'],
] as const)('%s, %s: a residual stream just inside float16 loses no more', async ([kind, type, form]) => {
  const { path, expected } = gguf(kind, type);
  const ids = tinyIds(expected);
  const plain = await lossesOf(await selectModel(pathOf(gguf(kind, type))), { form, ids, tokens: TOKENS });
  print(`${kind}, ${form}`, plain);
  const peak = highest(plain.steps.filter(({ step }) => step === 'sum' || step === 'next').map((one) => one.peak));
  const factor = 2 ** Math.floor(Math.log2(FLOAT16_LARGEST / peak));
  const folder = await mkdtemp(join(tmpdir(), 'phi-scaled-'));
  try {
    const file = join(folder, 'scaled.gguf');
    await writeFile(file, await scaleResidualStream(readFileSync(needFixture(path)), factor));
    const scaled = await lossesOf(await selectModel(file), { form, ids, tokens: TOKENS });
    print(`${kind}, ${form}, residual stream times ${factor}`, scaled);
    // Beside the largest: those of a model whose head is its embedding grow with it.
    expect(scaled.logits / scaled.peakLogit).toBeLessThan((1.5 * plain.logits) / plain.peakLogit + 0.001);
    for (const step of STEPS) {
      const [before, after] = [plain, scaled].map(({ steps }) => highest(ofStep(steps, step).map((one) => one.mean)));
      expect(after, step).toBeLessThan(1.5 * before! + 0.001);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
