/** Most bytes that a shader can bind as one buffer: a device may bind more than one buffer of it holds. */
export const bindingBytesOf = ({
  maxStorageBufferBindingSize,
  maxBufferSize,
}: Pick<GPUSupportedLimits, 'maxStorageBufferBindingSize' | 'maxBufferSize'>): number =>
  Math.min(maxStorageBufferBindingSize, maxBufferSize);
