/**
 * Each decoder has a GPU device of its own, so that it sees the loss of the device and the same worker can open a fresh
 * one.
 */
import { bindingBytesOf } from '../../shared/binding-bytes.ts';
import { PhiError } from '../../shared/errors.ts';
import { REASONS } from '../../shared/reasons.ts';
import { isSoftwareAdapter } from '../../shared/software-adapter.ts';
import { gpuFeatures, mendShadersOn } from '../runtime/ort-quirks.ts';

export interface Gpu {
  device: GPUDevice;
  /** "NVIDIA Ada Lovelace", "SwiftShader (software)". */
  name: string;
  /** It computes on the CPU, so it is ranked by measured speed. */
  software: boolean;
  float16: boolean;
  /** Most bytes that a shader binds as one buffer. */
  bindingBytes: number;
  /** Rejects with `device-lost` when the device goes away; never resolves. */
  lost: Promise<never>;
  /** The error of the loss; null while the device is there. */
  lostError(): PhiError | null;
}

/** Limits raised to what the adapter has. */
const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
  'maxComputeWorkgroupsPerDimension',
] as const;

const LOSS_WAIT_MS = 100;

/** Usage of buffers that graphs and shaders read and write. */
export const STORAGE = 0x80 | 0x08 | 0x04; // STORAGE | COPY_DST | COPY_SRC

/** A buffer for at least `bytes`. */
export const createBuffer = (device: GPUDevice, bytes: number): GPUBuffer =>
  device.createBuffer({ size: Math.ceil(bytes / 16) * 16, usage: STORAGE });

/** Opens the adapter that `power` requests. Rejects with `backend` if there is none. */
export async function openGpu(power: GPUPowerPreference | undefined): Promise<Gpu> {
  const gpu = (navigator as Partial<Navigator>).gpu;
  if (!gpu) throw new PhiError('backend', 'WebGPU: this browser has no navigator.gpu.');
  const adapter = await gpu.requestAdapter({ powerPreference: power });
  if (!adapter)
    throw new PhiError(
      'backend',
      `${REASONS.noAdapter} (no usable GPU, its driver is blocked, or hardware acceleration is off).`,
    );
  const requiredFeatures = gpuFeatures(adapter.info).filter((feature) => adapter.features.has(feature));
  const requiredLimits = Object.fromEntries(LIMITS.map((limit) => [limit, adapter.limits[limit]]));
  let device: GPUDevice;
  try {
    device = await adapter.requestDevice({ requiredFeatures, requiredLimits });
  } catch (cause) {
    throw new PhiError('backend', `${REASONS.noDevice}: ${PhiError.from(cause).message}`, undefined, {
      cause,
    });
  }
  mendShadersOn(device);
  let error: PhiError | null = null;
  const lost = device.lost.then((info): never => {
    error = new PhiError('device-lost', `WebGPU: the GPU ${REASONS.deviceLost} (${info.message || info.reason}).`, {
      reason: info.reason,
    });
    throw error;
  });
  lost.catch(() => undefined); // the code that waits for a run handles it
  const software = isSoftware(adapter.info);
  return {
    device,
    name: adapterName(adapter.info) + (software ? ' (software)' : ''),
    software,
    float16: device.features.has('shader-f16'),
    bindingBytes: bindingBytesOf(device.limits),
    lost,
    lostError: () => error,
  };
}

/** Explains a failed call. The browser reports the loss of the device a little later than the calls that fail because of it. */
export async function reasonOf(gpu: Gpu, error: unknown): Promise<PhiError> {
  if (error instanceof PhiError) return error;
  await Promise.race([gpu.lost.catch(() => undefined), new Promise((resolve) => setTimeout(resolve, LOSS_WAIT_MS))]);
  return gpu.lostError() ?? PhiError.from(error, 'backend');
}

/** Names of vendors as they write themselves; `vendor` is lower case. */
const VENDORS: Record<string, string> = {
  amd: 'AMD',
  apple: 'Apple',
  arm: 'Arm',
  intel: 'Intel',
  nvidia: 'NVIDIA',
  qualcomm: 'Qualcomm',
  microsoft: 'Microsoft',
};

function adapterName({ vendor, architecture, device, description }: GPUAdapterInfo): string {
  if (architecture === 'swiftshader') return 'SwiftShader';
  if (description) return description;
  const kind = device || architecture.split('-').map(capital).join(' ');
  return [VENDORS[vendor] ?? capital(vendor), kind].filter(Boolean).join(' ') || 'an adapter without a name';
}

const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);

/** Chromium says so since 138; SwiftShader, llvmpipe and WARP are known by name besides. */
const isSoftware = (info: GPUAdapterInfo): boolean =>
  info.isFallbackAdapter || isSoftwareAdapter(info.architecture, info.description, info.device);
