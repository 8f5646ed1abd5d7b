/** Finds out about the device, and how much memory a tab can count on there. */

const GiB = 2 ** 30;

export interface DeviceFacts {
  /** `navigator.deviceMemory`; null where the browser does not tell (Firefox, Safari). */
  memoryGiB: number | null;
  /** Bytes that the browser still grants this origin; null: unknown. */
  freeStorageBytes: number | null;
  /** null: no WebGPU, or no adapter. */
  gpu: GpuFacts | null;
  /**
   * The runtime below WebNN: LiteRT on the CPU (Linux, Android, ChromeOS), or the system's own runtime, which has GPUs and NPUs (Windows, macOS).
   * null: this browser has no WebNN.
   */
  webnn: 'cpu' | 'system' | null;
  phone: boolean;
  ios: boolean;
  /** Cross-origin isolated: WASM runs on several threads. */
  isolated: boolean;
  /** `navigator.hardwareConcurrency`. */
  cores: number;
}

export interface GpuFacts {
  /** `shader-f16`: scales, activations and cache in 16 bits. */
  float16: boolean;
  /** Most bytes that a shader binds as one buffer. */
  bindingBytes: number;
  /** SwiftShader, llvmpipe or WARP: software on the CPU. */
  software: boolean;
}

/** wasm32 addresses 4 GiB, and no page gets more. */
export const WASM_BYTES = 4 * GiB;

/** WebKit ends a tab at about 1.5 GB on iPhones and iPads (web-llm issue 753). */
const IOS_BYTES = 1.5e9;
/** The system and other apps use half of a phone's memory; Android ends the largest tab first. */
const PHONE_SHARE = 0.5;
const DESKTOP_SHARE = 0.75;
/** Used if the browser reports nothing: most computers and phones of the last years have at least this much. */
const ASSUMED_GIB = { phone: 4, desktop: 8 };
/** Chromium rounds to a power of two and stops at 8, or at 32 on computers from version 147 on: these values mean "or more". */
const CAPS_GIB = [8, 32];

export interface MemoryBudget {
  /** For one tab, GPU memory included where it is shared. */
  bytes: number;
  /** `at-least`: there may be more than the browser reports. `assumed`: it reports nothing. */
  certainty: 'exact' | 'at-least' | 'assumed';
}

export function memoryBudget({
  memoryGiB,
  phone,
  ios,
}: Pick<DeviceFacts, 'memoryGiB' | 'phone' | 'ios'>): MemoryBudget {
  if (ios) return { bytes: IOS_BYTES, certainty: 'exact' };
  const share = phone ? PHONE_SHARE : DESKTOP_SHARE;
  if (memoryGiB === null)
    return { bytes: share * ASSUMED_GIB[phone ? 'phone' : 'desktop'] * GiB, certainty: 'assumed' };
  return { bytes: share * memoryGiB * GiB, certainty: CAPS_GIB.includes(memoryGiB) && !phone ? 'at-least' : 'exact' };
}

/**
 * Expected memory of a GPU. The browser does not report it: integrated ones share half of the
 * main memory on Windows, more on a Mac.
 */
export function gpuBudget(device: DeviceFacts): number {
  if (device.phone || device.ios) return memoryBudget(device).bytes;
  return ((device.memoryGiB ?? ASSUMED_GIB.desktop) * GiB) / 2;
}
