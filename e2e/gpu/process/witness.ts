/** Questions of a test to the GPU process, besides the engine: which adapter there is, and what the engine requested from it. */
import { bindingBytesOf } from '../../../workers/shared/binding-bytes.ts';
import { wrapGpu, type GpuRead, type WithGpuLog } from '../../support/gpu-log.ts';

export interface AdapterFacts {
  /** "llvmpipe: Mesa 25.0.7 (LLVM 19.1.7)". */
  name: string;
  software: boolean;
  /** The features that the engine uses and the adapter has. */
  features: string[];
  subgroupSizes: [number, number];
  /** Most bytes that a shader binds as one buffer. */
  bindingBytes: number;
}

/** Features of an adapter that change what the engine runs. */
const FEATURES = ['shader-f16', 'subgroups', 'timestamp-query'] as const;

const log = () => (globalThis as WithGpuLog).gpuLog;

export const witness = {
  /** null: Dawn finds no adapter. */
  async adapter(): Promise<AdapterFacts | null> {
    const adapter = await navigator.gpu.requestAdapter();
    if (!adapter) return null;
    const { info, features, limits } = adapter;
    return {
      name: [info.description || info.device, info.architecture].filter(Boolean)[0] ?? info.vendor,
      software: info.isFallbackAdapter,
      features: FEATURES.filter((feature) => features.has(feature)),
      subgroupSizes: [info.subgroupMinSize, info.subgroupMaxSize],
      bindingBytes: bindingBytesOf(limits),
    };
  },

  /** Counts from now on what devices are asked for; `bindingBytes`: the largest binding that they own up to. */
  watch(bindingBytes: number | null): void {
    wrapGpu(bindingBytes);
  },

  /** Every read since the last call. */
  takeReads(): GpuRead[] {
    return log().reads.splice(0);
  },

  /** As if the driver had failed. */
  destroyDevice(): void {
    log().devices.at(-1)!.destroy();
  },
};

export type Witness = typeof witness;
