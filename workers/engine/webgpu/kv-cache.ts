/** The KV cache of the WebGPU backend: two buffers for each layer, of all slots, that attention writes in place. */
import type { Tensor } from 'onnxruntime-web';
import type { PhiConfig } from '../checkpoint/types.ts';
import type { KvRows } from '../decoder.ts';
import type { Ort } from '../runtime/ort.ts';
import { floatWidth, type FloatType } from '../weights/half.ts';
import { createBuffer } from './device.ts';

/** One layer's caches, each `[kvHeads, slots, headDim]`. */
export type LayerBuffers = Record<keyof KvRows, GPUBuffer>;

export interface CacheShape extends Pick<PhiConfig, 'layers' | 'kvHeads' | 'headDim'> {
  slots: number;
  dtype: FloatType;
}

/** Bytes of the keys or of the values of one layer. */
export const cacheBytes = ({ kvHeads, headDim, slots, dtype }: Omit<CacheShape, 'layers'>): number =>
  floatWidth(dtype) * kvHeads * slots * headDim;

export class KvCache {
  readonly shape: CacheShape;
  readonly layers: readonly LayerBuffers[];
  /** Inputs and outputs of the graph. Past and present are the same tensors. */
  readonly feeds: Record<string, Tensor> = {};
  readonly fetches: Record<string, Tensor> = {};

  constructor(ort: Ort, device: GPUDevice, shape: CacheShape) {
    this.shape = shape;
    const { kvHeads, headDim, slots, dtype } = shape;
    const bytes = cacheBytes(shape);
    this.layers = Array.from({ length: shape.layers }, () => ({
      keys: createBuffer(device, bytes),
      values: createBuffer(device, bytes),
    }));
    for (const [l, { keys, values }] of this.layers.entries()) {
      for (const [part, buffer] of Object.entries({ key: keys, value: values })) {
        const tensor = ort.Tensor.fromGpuBuffer(buffer, { dataType: dtype, dims: [1, kvHeads, slots, headDim] });
        this.feeds[`past_${part}.${l}`] = tensor;
        this.fetches[`present_${part}.${l}`] = tensor;
      }
    }
  }

  destroy(): void {
    for (const { keys, values } of this.layers) {
      keys.destroy();
      values.destroy();
    }
  }
}
