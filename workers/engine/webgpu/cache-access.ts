/** The KV cache on the GPU as rows in memory, and back. */
import { halfToFloat, floatToHalf, bytesToFloat } from '../weights/half.ts';
import type { KvAccess, KvRows } from '../decoder.ts';
import { readBuffers } from './selection.ts';
import type { Float } from './weights.ts';

/** One layer's caches, each `[kvHeads, slots, headDim]`. */
export type LayerBuffers = Record<keyof KvRows, GPUBuffer>;

interface CacheShape {
  kvHeads: number;
  headDim: number;
  slots: number;
  dtype: Float;
}

export function cacheAccess(
  device: GPUDevice,
  layers: readonly LayerBuffers[],
  { kvHeads, headDim, slots, dtype }: CacheShape,
): KvAccess {
  const tokenBytes = headDim * (dtype === 'float16' ? 2 : 4);
  const fromBytes = (bytes: ArrayBuffer) =>
    dtype === 'float16' ? halfToFloat(new Uint8Array(bytes)) : bytesToFloat(new Uint8Array(bytes));
  const read = async (layer: number, from: number, to: number): Promise<KvRows> => {
    const { keys, values } = layers[layer]!;
    // Of every head a stretch of tokens, one behind the other.
    const stretches = (source: GPUBuffer) =>
      Array.from({ length: kvHeads }, (_, head) => ({
        source,
        offset: (head * slots + from) * tokenBytes,
        bytes: (to - from) * tokenBytes,
      }));
    const [keyBytes, valueBytes] = await Promise.all([
      readBuffers(device, stretches(keys)),
      readBuffers(device, stretches(values)),
    ]);
    return { keys: fromBytes(keyBytes), values: fromBytes(valueBytes) };
  };
  const write = (target: GPUBuffer, rows: Float32Array, count: number) => {
    const data = (dtype === 'float16' ? floatToHalf(rows) : rows) as Float32Array<ArrayBuffer>;
    for (let head = 0; head < kvHeads; head++)
      device.queue.writeBuffer(target, head * slots * tokenBytes, data, head * count * headDim, count * headDim);
  };
  return {
    read,
    async fill(count, rows) {
      for (const [layer, buffers] of layers.entries()) {
        const { keys, values } = await rows(layer);
        write(buffers.keys, keys, count);
        write(buffers.values, values, count);
        await device.queue.onSubmittedWorkDone(); // else the copies of all layers would wait in memory
      }
    },
  };
}
