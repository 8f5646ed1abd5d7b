/** Counts what the evaluation worker asks of the GPU, by wrapping the API before the worker's own code runs. */
import type { Page } from 'playwright';
import { wrapGpu, type GpuRead, type WithGpuLog } from './gpu-log.ts';
import { EVALUATION, evaluationWorker, inject } from './inject.ts';

/** Wraps the API in every evaluation worker that `page` starts from now on. */
export const watchGpu = (page: Page, bindingBytes: number | null = null): Promise<void> =>
  inject(page, EVALUATION, wrapGpu, bindingBytes);

/** Every read since the last call. */
export const takeReads = (page: Page): Promise<GpuRead[]> =>
  evaluationWorker(page).evaluate(() => {
    const { reads } = (globalThis as WithGpuLog).gpuLog;
    return reads.splice(0);
  });

/** As if the driver had failed. */
export const destroyDevice = (page: Page): Promise<void> =>
  evaluationWorker(page).evaluate(() => (globalThis as WithGpuLog).gpuLog.devices.at(-1)!.destroy());

/** Makes this one of the next queue calls fail, as a driver would. */
export const loseDeviceAt = (page: Page, call: number): Promise<void> =>
  evaluationWorker(page).evaluate((at) => {
    (globalThis as WithGpuLog).gpuLog.untilLoss = at;
  }, call);
