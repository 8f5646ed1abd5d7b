/** Weights of 4 bits whose rounding makes up for itself: calibrated on the built-in texts, with ONNX Runtime for the products. */
import type { Checkpoint } from '../checkpoint/types.ts';
import {
  defaultThreads,
  loadOrt,
  preferredBuild,
  weightFiles,
  type OpenWeightCache,
  type PrepareProgress,
} from '../runtime/ort.ts';
import { ortProducts } from '../runtime/ort-products.ts';
import { createTokenizer } from '../tokenizer/tokenizer.ts';
import { allGroups, webnnPlan } from '../webnn/weights.ts';
import { CALIBRATION_TEXTS } from './calibration-texts.ts';
import { Calibration } from '../webnn/calibration.ts';
import { compensatedIn } from './compensated-weights.ts';
import { COMPENSATED_FORM } from './npu-forms.ts';

/** The built-in texts in the model's tokens. */
export function calibrationIds({ tokenizer: spec }: Checkpoint): number[][] {
  const tokenizer = createTokenizer(spec);
  return CALIBRATION_TEXTS.map((text) => tokenizer.encode(text));
}

/** Runs `work` with a calibration of `checkpoint`. */
export async function withCalibration<T>(
  checkpoint: Checkpoint,
  threads: number,
  work: (calibration: Calibration) => Promise<T>,
): Promise<T> {
  const ort = await loadOrt(preferredBuild(), threads);
  const products = await ortProducts(ort);
  try {
    return await work(new Calibration(checkpoint, () => calibrationIds(checkpoint), products));
  } finally {
    await products.release();
  }
}

/** Makes the weights that an NPU's next load takes, and hands them to the cache. Half of the cores stay with whoever works meanwhile. */
export async function makeCompensated(
  checkpoint: Checkpoint,
  weightCache: OpenWeightCache,
  onProgress: PrepareProgress,
  signal: AbortSignal,
): Promise<void> {
  const threads = Math.max(1, Math.floor(defaultThreads() / 2));
  await withCalibration(checkpoint, threads, async (calibration) => {
    const plan = webnnPlan(checkpoint, COMPENSATED_FORM, calibration, 'npu');
    const cache = compensatedIn(weightCache);
    (await weightFiles({ groups: allGroups(plan), weightCache: cache, onProgress, signal })).keep();
  });
}
