/** Counts what the evaluation worker asks of the GPU, by wrapping the API before the worker's own code runs. */
import type { Page } from 'playwright';
import { EVALUATION, evaluationWorker, inject } from './inject.ts';

/** Work between two reads, and the read that ended it. */
export interface GpuRead {
  bytes: number;
  dispatches: number;
  bindGroups: number;
}

interface GpuLog {
  reads: GpuRead[];
  dispatches: number;
  bindGroups: number;
  devices: GPUDevice[];
}
type Wrapped = typeof globalThis & { gpuLog: GpuLog };

/** Runs in the worker. `bindingBytes`: the largest binding that its devices own up to. */
function wrap(bindingBytes: number | null): void {
  const log: GpuLog = { reads: [], dispatches: 0, bindGroups: 0, devices: [] };
  (globalThis as Wrapped).gpuLog = log;
  const around = (
    owner: object,
    name: string,
    before: (args: unknown[], self: unknown) => void,
    after?: (result: unknown) => void,
  ) => {
    const original = Reflect.get(owner, name) as (...args: unknown[]) => unknown;
    Reflect.set(owner, name, function (this: unknown, ...args: unknown[]) {
      before(args, this);
      const result = original.apply(this, args);
      after?.(result);
      return result;
    });
  };
  const remember = (result: unknown) => void (result as Promise<GPUDevice>).then((device) => log.devices.push(device));
  around(GPUAdapter.prototype, 'requestDevice', () => undefined, remember);
  around(GPUComputePassEncoder.prototype, 'dispatchWorkgroups', () => log.dispatches++);
  around(GPUComputePassEncoder.prototype, 'dispatchWorkgroupsIndirect', () => log.dispatches++);
  around(GPUDevice.prototype, 'createBindGroup', () => log.bindGroups++);
  around(GPUBuffer.prototype, 'mapAsync', ([mode, , size], buffer) => {
    if (mode !== GPUMapMode.READ) return;
    log.reads.push({
      bytes: (size as number | undefined) ?? (buffer as GPUBuffer).size,
      dispatches: log.dispatches,
      bindGroups: log.bindGroups,
    });
    log.dispatches = log.bindGroups = 0;
  });
  if (bindingBytes !== null) {
    const own = Object.getOwnPropertyDescriptor(GPUSupportedLimits.prototype, 'maxStorageBufferBindingSize')!;
    Object.defineProperty(GPUSupportedLimits.prototype, 'maxStorageBufferBindingSize', {
      get(this: GPUSupportedLimits) {
        return Math.min(bindingBytes, own.get!.call(this) as number);
      },
    });
  }
}

/** Wraps the API in every evaluation worker that `page` starts from now on. */
export const watchGpu = (page: Page, bindingBytes: number | null = null): Promise<void> =>
  inject(page, EVALUATION, wrap, bindingBytes);

/** Every read since the last call. */
export const takeReads = (page: Page): Promise<GpuRead[]> =>
  evaluationWorker(page).evaluate(() => {
    const { reads } = (globalThis as Wrapped).gpuLog;
    return reads.splice(0);
  });

/** As if the driver had failed. */
export const destroyDevice = (page: Page): Promise<void> =>
  evaluationWorker(page).evaluate(() => (globalThis as Wrapped).gpuLog.devices.at(-1)!.destroy());
