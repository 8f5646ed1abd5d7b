/** Estimates the memory that a model needs on a backend, before it is downloaded: weights, cache and working space. */
import type { BackendId, DeviceType, WeightFormat } from '../protocol.ts';
import { WASM_BYTES, type GpuFacts } from './device.ts';
import { cutLayers } from './stages.ts';
import { cacheBytesPerToken, deviceWeightBytes, wasmWeightBytes, type ModelShape, type SourceMix } from './weights.ts';

const MiB = 2 ** 20;
/** Tokens in one prefill run, on every backend. */
const CHUNK_TOKENS = 256;
/** ONNX Runtime's code and heap, the tokenizer, the page. */
const RUNTIME_BYTES = 200 * MiB;

export interface Estimate {
  backend: BackendId;
  form: WeightFormat;
  /** Tokens of context that it is for. */
  slots: number;
  weightsBytes: number;
  cacheBytes: number;
  /** Activations, copies that a run makes, and the runtime itself. */
  workingBytes: number;
  totalBytes: number;
  /** Consecutive workers, each with a memory of its own, that the model is cut into; 1 but on WASM. */
  stages: number;
  /** WASM: the fullest of the memories. 0 elsewhere. */
  heapBytes: number;
  /** A GPU: the largest buffer that cannot be split, one layer's keys. 0 elsewhere. */
  bufferBytes: number;
}

export interface EstimateRequest {
  shape: ModelShape;
  mix: SourceMix;
  /** Requested context in tokens; the model's own context is the limit. */
  slots: number;
  gpu: GpuFacts | null;
}

/** The most stages that a model is cut into for WASM: enough for Phi-4 (14B) with a long context. */
export const MAX_WASM_STAGES = 8;

/** `stages` is the most that the engine may cut a model into. */
export function estimateWasm(
  { shape, slots: wished, form = 'int8' }: Pick<EstimateRequest, 'shape' | 'slots'> & { form?: 'int8' | 'float32' },
  stages = 1,
): Estimate {
  const slots = Math.min(wished, shape.context);
  const weights = wasmWeightBytes(shape, form);
  const cacheBytes = slots * cacheBytesPerToken(shape, 4);
  const activations = activationBytes(shape, slots, 4);
  /** The last of `count` stages holds the head. A single stage holds the embedding too; several stages read its rows from the store. */
  const heap = (count: number) => {
    const memories = cutLayers(shape, form, count).map(({ from, to }) => {
      const outer = (count === 1 ? weights.embedding : 0) + (to === shape.layers ? weights.head : 0);
      // Every input of a run is copied into the memory, so the cache is there a second time while it lasts.
      return (to - from) * (weights.layer + cacheBytes / shape.layers) + outer + activations + RUNTIME_BYTES;
    });
    return Math.max(...memories);
  };
  let count = 1;
  while (count < Math.min(stages, shape.layers) && heap(count) > WASM_BYTES) count++;
  const weightsBytes = count === 1 ? weights.all : weights.all - weights.embedding;
  const workingBytes = cacheBytes + count * (activations + RUNTIME_BYTES);
  return total({
    backend: 'wasm',
    form,
    slots,
    weightsBytes,
    cacheBytes,
    workingBytes,
    stages: count,
    heapBytes: heap(count),
    bufferBytes: 0,
  });
}

export function estimateWebgpu(
  { shape, mix, slots: wished, gpu }: EstimateRequest,
  form: 'int4' | 'int8-blocks' | 'float16' | 'float32',
): Estimate {
  return estimateGpu('webgpu', shape, mix, Math.min(wished, shape.context), gpu?.float16 ?? true, form);
}

/**
 * Copies of the weights while WebNN loads them in a format. An NPU's graphs share one copy as tensors, except weights in blocks, which are constants
 * of a graph: the browser holds those until the device has its own. LiteRT's build peaks at about three times the model (measured).
 */
export function webnnCopies(device: DeviceType, form: WeightFormat): 1 | 2 | 3 {
  if (device === 'cpu') return 3;
  return device === 'npu' && form !== 'int4' && form !== 'int8-blocks' ? 1 : 2;
}

/** WebNN in the format that its device gets first. Only a trial shows which formats it accepts, and which are fast. */
export function estimateWebnn(
  { shape, mix, slots: wished }: EstimateRequest,
  device: DeviceType,
  form: WeightFormat,
): Estimate {
  const slots = Math.min(wished, shape.context);
  const like = estimateGpu('webnn', shape, mix, slots, device !== 'cpu', form);
  const copies = webnnCopies(device, form) - 1;
  return total({ ...like, workingBytes: like.workingBytes + copies * like.weightsBytes, bufferBytes: 0 });
}

function estimateGpu(
  backend: 'webgpu' | 'webnn',
  shape: ModelShape,
  mix: SourceMix,
  slots: number,
  float16: boolean,
  form: WeightFormat,
): Estimate {
  const width = form === 'float16' ? 2 : form === 'float32' ? 4 : float16 ? 2 : 4;
  return total({
    backend,
    form,
    slots,
    weightsBytes: deviceWeightBytes(shape, form, mix, float16),
    cacheBytes: slots * cacheBytesPerToken(shape, width),
    workingBytes: activationBytes(shape, slots, width) + RUNTIME_BYTES,
    stages: 1,
    heapBytes: 0,
    bufferBytes: shape.kvHeads * slots * shape.headDim * width,
  });
}

const total = (estimate: Omit<Estimate, 'totalBytes'>): Estimate => ({
  ...estimate,
  totalBytes: estimate.weightsBytes + estimate.cacheBytes + estimate.workingBytes,
});

/** The two places where activations are largest: scores of attention and their softmax, or the MLP's inner layer; and the logits. */
function activationBytes(
  { heads, hidden, intermediate, experts, vocab }: ModelShape,
  slots: number,
  width: number,
): number {
  const chunk = Math.min(CHUNK_TOKENS, slots);
  const attention = 2 * heads * chunk * slots * width;
  // On a GPU every token goes through all experts; on WASM through two, which is less.
  const mlp = 6 * chunk * intermediate * (experts?.count ?? 1) * width;
  return Math.max(attention, mlp) + 6 * chunk * hidden * width + 4 * vocab * 4;
}
