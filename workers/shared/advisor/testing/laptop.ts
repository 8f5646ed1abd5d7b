import type { DeviceFacts } from '../device.ts';

/** A laptop with a GPU on which nothing is short. */
export const LAPTOP: DeviceFacts = {
  memoryGiB: 16,
  freeStorageBytes: 100e9,
  gpu: { float16: true, bindingBytes: 2 ** 31 - 1, software: false },
  webnn: null,
  phone: false,
  ios: false,
  isolated: true,
  cores: 8,
};
