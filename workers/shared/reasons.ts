/** Phrases in the reasons why a backend is not used. The page gives advice by them, so workers and page both take them from here. */
export const REASONS = {
  noAdapter: 'WebGPU: the browser offers no adapter',
  noDevice: 'WebGPU: the adapter did not create a device',
  deviceLost: 'device was lost',
  software: 'which computes on the CPU',
  loadMemory: 'while it loads',
  notBack: 'did not come back',
  notTheNpu: 'although the NPU was requested',
} as const;
