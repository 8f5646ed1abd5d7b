import { describe, expect, it } from 'vitest';
import { openOnnx } from './onnx.ts';
import { compareLogits, folderFiles, missingFixtures, readExpected } from './testing/fixtures.ts';

const CPU = ['phi3-mini-4k', 'phi3.5-mini', 'phi4-mini', 'phi4'].map((kind) => ({ folder: `${kind}/onnx-cpu-int4`, tolerance: 0.05 }));
const HALF = [
  'phi3-mini-4k/onnx-webgpu-int4',
  'phi3.5-mini/onnx-webgpu-int4',
  'phi4-mini/onnx-webgpu-int4',
  'phi4/onnx-webgpu-int4',
  'phi3.5-mini/onnx-dml-int4',
  'phi4-mini/onnx-dml-int4',
].map((folder) => ({ folder, tolerance: 0.1 }));

describe.skipIf(missingFixtures())('openOnnx', () => {
  it.each([...CPU, ...HALF])('reads $folder: logits within $tolerance of its reference', async ({ folder, tolerance }) => {
    const checkpoint = await openOnnx(folderFiles(folder));
    const { error, greedyEqual } = await compareLogits(checkpoint, readExpected(`${folder}/expected.json`));
    expect(error).toBeLessThan(tolerance);
    expect(greedyEqual).toBe(true);
  });
});
