/** Calibration of a model on the built-in texts, with ONNX Runtime for its products. */
import type { Checkpoint } from '../checkpoint/types.ts';
import { loadOrt, preferredBuild } from '../runtime/ort.ts';
import { ortProducts } from '../runtime/ort-products.ts';
import { createTokenizer } from '../tokenizer/tokenizer.ts';
import { CALIBRATION_TEXTS } from '../weights/calibration-texts.ts';
import { Calibration } from '../weights/calibration.ts';

/** Runs `work` with a calibration of `checkpoint`. */
export async function withCalibration<T>(
  checkpoint: Checkpoint,
  threads: number,
  work: (calibration: Calibration) => Promise<T>,
): Promise<T> {
  const ort = await loadOrt(preferredBuild(), threads);
  const products = await ortProducts(ort);
  try {
    const tokenizer = createTokenizer(checkpoint.tokenizer);
    const texts = CALIBRATION_TEXTS.map((text) => tokenizer.encode(text));
    return await work(new Calibration(checkpoint, texts, products));
  } finally {
    await products.release();
  }
}
