/** Counts what is asked of the GPU, by wrapping the API in the scope in which it runs: a worker of a browser, or a GPU process (e2e/gpu). */

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
  /** The device that takes this one of the next queue calls (submissions and writes) is lost before it; Infinity: none is. */
  untilLoss: number;
}
/** The scope after `wrapGpu`. */
export type WithGpuLog = typeof globalThis & { gpuLog: GpuLog };

/** May be sent as text: it sees nothing of this module. `bindingBytes`: the largest binding that its devices own up to. */
export function wrapGpu(bindingBytes: number | null): void {
  const log: GpuLog = { reads: [], dispatches: 0, bindGroups: 0, devices: [], untilLoss: Infinity };
  (globalThis as WithGpuLog).gpuLog = log;
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
  const take = (queue: unknown) => {
    if (--log.untilLoss === 0) log.devices.find((device) => device.queue === queue)!.destroy();
  };
  around(GPUQueue.prototype, 'submit', (_, queue) => take(queue));
  around(GPUQueue.prototype, 'writeBuffer', (_, queue) => take(queue));
  if (bindingBytes !== null) {
    const own = Object.getOwnPropertyDescriptor(GPUSupportedLimits.prototype, 'maxStorageBufferBindingSize')!;
    Object.defineProperty(GPUSupportedLimits.prototype, 'maxStorageBufferBindingSize', {
      get(this: GPUSupportedLimits) {
        return Math.min(bindingBytes, own.get!.call(this) as number);
      },
    });
  }
}
