/** Options for ONNX Runtime's WebGPU provider, and errors that it and the device report outside of any call. */
import { PhiError } from '../../shared/errors.ts';
import type { PhiConfig } from '../checkpoint/types.ts';
import type { ExternalData, SessionOptions } from '../runtime/ort.ts';
import { captureInProvider } from '../runtime/ort-quirks.ts';

/** Throws `backend` for heads that GroupQueryAttention's kernels do not take. */
export function checkHeads({ rotaryDim, headDim }: PhiConfig): void {
  if (rotaryDim % 16 !== 0 || headDim % 4 !== 0) {
    throw new PhiError(
      'backend',
      `WebGPU: attention heads of ${headDim} with ${rotaryDim} rotated dimensions do not fit ONNX Runtime's kernel.`,
    );
  }
}

/** `capture`: runs may be captured and replayed. Each run then says by `gpu_graph_id` whether it is. */
export function sessionOptions(
  device: GPUDevice,
  { layers }: PhiConfig,
  capture: boolean,
  externalData: ExternalData[],
): SessionOptions {
  const location: Record<string, 'gpu-buffer'> = { logits: 'gpu-buffer' };
  for (let l = 0; l < layers; l++) location[`present_key.${l}`] = location[`present_value.${l}`] = 'gpu-buffer';
  const options: SessionOptions = {
    executionProviders: [{ name: 'webgpu', device, enableMatmulFp32Accumulation: true }],
    graphOptimizationLevel: 'disabled', // the graph is written fused
    preferredOutputLocation: location,
    extra: { session: { disable_cpu_ep_fallback: '1' } },
    externalData,
  };
  return capture ? captureInProvider(options) : options;
}

export interface DeviceErrors {
  /** Throws the first error that the device reported outside of any call. */
  check(): void;
}

export function listenForErrors(device: GPUDevice): DeviceErrors {
  let first: PhiError | null = null;
  device.addEventListener('uncapturederror', (event) => {
    const { error } = event;
    const code = error instanceof GPUOutOfMemoryError ? 'out-of-memory' : 'backend';
    first ??= new PhiError(code, `WebGPU: ${error.message || 'out of GPU memory'}`);
  });
  return {
    check() {
      if (first) throw first;
    },
  };
}
