/** The KV cache on the GPU as rows in memory, and back. */
import { floatWidth, fromFloatType, toFloatType } from '../weights/half.ts';
import type { KvAccess, KvRows } from '../decoder.ts';
import type { KvCache } from './kv-cache.ts';
import { readBuffers } from './selection.ts';

export function cacheAccess(device: GPUDevice, { layers, shape }: KvCache): KvAccess {
  const { kvHeads, headDim, slots, dtype } = shape;
  const tokenBytes = headDim * floatWidth(dtype);
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
    return { keys: fromFloatType(keyBytes, dtype), values: fromFloatType(valueBytes, dtype) };
  };
  const write = (target: GPUBuffer, rows: Float32Array, count: number) => {
    const data = toFloatType(rows, dtype);
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
