/** Finds out about the device, for the advisor. */
import type { DeviceFacts, GpuFacts } from '../../workers/shared/advisor/device.ts';
import { bindingBytesOf } from '../../workers/shared/binding-bytes.ts';
import type { StorageReport } from '../../workers/shared/protocol.ts';
import { isSoftwareAdapter } from '../../workers/shared/software-adapter.ts';

/** Parts of `navigator` that not every browser has. */
export interface Surroundings {
  userAgent: string;
  maxTouchPoints: number;
  hardwareConcurrency?: number;
  deviceMemory?: number;
  userAgentData?: { mobile: boolean; platform?: string };
  gpu?: { requestAdapter(): Promise<Adapter | null> };
  ml?: object;
}

interface Adapter {
  features: { has(feature: string): boolean };
  limits: Pick<GPUSupportedLimits, 'maxStorageBufferBindingSize' | 'maxBufferSize'>;
  info?: { isFallbackAdapter?: boolean; architecture?: string; description?: string };
}

/** iPads call themselves Macs, and no Mac has a touch screen. */
export function isIos({ userAgent, maxTouchPoints }: Surroundings): boolean {
  return /iPhone|iPad|iPod/.test(userAgent) || (/Macintosh/.test(userAgent) && maxTouchPoints > 1);
}

export function isPhone(here: Surroundings): boolean {
  return here.userAgentData?.mobile ?? (isIos(here) || /Android|Mobile/.test(here.userAgent));
}

/** On Windows and macOS WebNN is the system's own runtime; elsewhere Chromium brings LiteRT, which computes on the CPU. */
function webnnRuntime({ ml, userAgent, userAgentData }: Surroundings): DeviceFacts['webnn'] {
  if (ml === undefined) return null;
  return /Windows|mac/i.test(userAgentData?.platform ?? userAgent) ? 'system' : 'cpu';
}

/** Answers that stand for this visit: the page asks once, however many cards show what would run. */
const answers = new WeakMap<object, Promise<GpuFacts | null>>();

/**
 * null where there is none: also when asking fails, because then nothing will run on it. It is asked again only if the
 * answer was null.
 */
export async function askGpu({ gpu }: Surroundings): Promise<GpuFacts | null> {
  if (!gpu) return null;
  let answer = answers.get(gpu);
  if (!answer) {
    answer = adapterFacts(gpu);
    answers.set(gpu, answer);
  }
  const facts = await answer;
  if (!facts && answers.get(gpu) === answer) answers.delete(gpu);
  return facts;
}

async function adapterFacts(gpu: NonNullable<Surroundings['gpu']>): Promise<GpuFacts | null> {
  try {
    const adapter = await gpu.requestAdapter();
    if (!adapter) return null;
    const { isFallbackAdapter = false, architecture = '', description = '' } = adapter.info ?? {};
    return {
      float16: adapter.features.has('shader-f16'),
      bindingBytes: bindingBytesOf(adapter.limits),
      software: isFallbackAdapter || isSoftwareAdapter(architecture, description),
    };
  } catch {
    return null;
  }
}

export function describeDevice(
  here: Surroundings,
  gpu: GpuFacts | null,
  storage: StorageReport | null,
  isolated: boolean,
): DeviceFacts {
  const told = storage && storage.usage !== null && storage.quota !== null;
  return {
    memoryGiB: here.deviceMemory ?? null,
    freeStorageBytes: told ? Math.max(0, storage.quota! - storage.usage!) : null,
    gpu,
    webnn: webnnRuntime(here),
    phone: isPhone(here),
    ios: isIos(here),
    isolated,
    cores: here.hardwareConcurrency ?? 1,
  };
}
