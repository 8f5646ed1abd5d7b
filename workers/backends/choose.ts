/** Which backend and weight form run a model: tried in order, each for real, every rejection with its reason. */
import { estimateWasm, MAX_WASM_STAGES } from '../advisor/estimate.ts';
import type { Checkpoint } from '../checkpoint/types.ts';
import { PhiError } from '../errors.ts';
import type { BackendId, DeviceWish, EngineReport, WeightForm } from '../protocol.ts';
import { defaultThreads, type FormShelf, type PrepareProgress } from './ort.ts';
import type { Decoder } from './types.ts';
import { WASM_FORM_VERSION } from '../graph/wasm-weights.ts';
import { webgpuForms } from '../graph/webgpu-weights.ts';
import { selfTest } from './self-test.ts';
import type { ModelFiles } from '../store/bytes.ts';
import { createWasmDecoder } from './wasm.ts';
import { createWasmStages } from './wasm-stages.ts';
import { openGpu } from './webgpu-device.ts';
import { createWebnnDecoder, WEBNN_FORM_VERSION } from './webnn.ts';
import { createWebgpuDecoder } from './webgpu.ts';

export interface DecoderRequest {
  backend: BackendId | 'auto';
  form: WeightForm | 'auto';
  device?: DeviceWish;
  /** KV slots wished for; 0 or absent: what the model allows, within reason. */
  contextLength?: number;
  threads?: number;
  power?: 'low-power' | 'high-performance';
  /** Where a form made for a dialect is kept: `dialect` and its version are part of the key. */
  shelf?: (form: string, version: number) => FormShelf;
  /** Whether made weights of so many bytes, kept piece by piece, would leave room enough; see store/forms.ts. */
  mayKeep?: (bytes: number) => Promise<boolean>;
  /** The checkpoint's files: where a model is cut into stages, each reads its own weights. */
  files?: ModelFiles;
  /** WASM: consecutive workers; absent: as few as hold the model. */
  stages?: number;
  /** SELF_TEST_TEXT in the model's tokens; absent: no self-test (random models know no English). */
  selfTestIds?: () => number[];
  signal?: AbortSignal;
}

/** Context when nobody asks for another: long enough for a conversation, small enough for every device's memory. */
const DEFAULT_CONTEXT = 4096;

/**
 * Creates the decoder that was asked for, or with 'auto' the best that works: a hardware GPU through WebGPU, once it has passed the self-test on this
 * very model, else WASM. Rejects with the last reason when none does.
 */
export async function chooseDecoder(
  checkpoint: Checkpoint,
  request: DecoderRequest,
  onProgress?: PrepareProgress,
): Promise<{ decoder: Decoder; rejected: EngineReport['rejected'] }> {
  const slots = contextLength(checkpoint, request.contextLength);
  const threads = request.threads ?? defaultThreads();
  const rejected: EngineReport['rejected'] = [];
  if (request.backend === 'webgpu') return { decoder: await pinnedWebgpu(checkpoint, request, slots, threads, onProgress), rejected };
  if (request.backend === 'webnn') return { decoder: await pinnedWebnn(checkpoint, request, slots, threads, onProgress), rejected };
  if (request.backend === 'auto' && request.form !== 'int8') {
    try {
      return { decoder: await trustedWebgpu(checkpoint, request, slots, threads, onProgress), rejected };
    } catch (cause) {
      const error = PhiError.from(cause, 'backend');
      // Damaged weights and a cancelled load are no fault of the backend.
      if (error.code === 'cancelled' || error.code === 'integrity' || error.code === 'bad-model') throw error;
      rejected.push({ what: 'WebGPU', why: error.message });
    }
  }
  return { decoder: await wasm(checkpoint, request, slots, threads, onProgress), rejected };
}

async function wasm(checkpoint: Checkpoint, request: DecoderRequest, slots: number, threads: number, onProgress?: PrepareProgress): Promise<Decoder> {
  const form = request.form === 'auto' ? 'int8' : request.form;
  if (form !== 'int8' && form !== 'float32') throw new PhiError('bad-request', `WASM computes with int8 or float32, not ${form}.`);
  const { stages, weightsBytes } = estimateWasm({ shape: checkpoint.config, slots, form }, MAX_WASM_STAGES);
  const count = request.stages ?? stages;
  if (count > 1) {
    if (!request.files) throw new PhiError('bad-request', `${count} stages read the model's files, and none were given.`);
    const { files, shelf, mayKeep, signal } = request;
    return createWasmStages(checkpoint, { stages: count, form, slots, threads, files, shelf, mayKeep, weightBytes: weightsBytes, signal }, onProgress);
  }
  const shelf = request.shelf?.(`wasm-${form}`, WASM_FORM_VERSION);
  return createWasmDecoder(checkpoint, { form, slots, threads, shelf, signal: request.signal }, onProgress);
}

/** WebNN on the wished device, the NPU when none is named. float32 is the form that every implementation takes. */
async function pinnedWebnn(checkpoint: Checkpoint, request: DecoderRequest, slots: number, threads: number, onProgress?: PrepareProgress): Promise<Decoder> {
  const form = request.form === 'auto' ? 'float32' : request.form;
  const shelf = request.shelf?.(`webnn-${form}`, WEBNN_FORM_VERSION);
  return createWebnnDecoder(checkpoint, { wish: request.device ?? 'npu', form, slots, threads, shelf, signal: request.signal }, onProgress);
}

/** WebGPU on hardware, and only when it computes this model rightly. */
async function trustedWebgpu(checkpoint: Checkpoint, request: DecoderRequest, slots: number, threads: number, onProgress?: PrepareProgress): Promise<Decoder> {
  const gpu = await openGpu(request.power);
  gpu.device.destroy();
  if (gpu.software) throw new PhiError('backend', `The adapter is ${gpu.name}: it computes on the CPU, and for that there is WASM.`);
  const decoder = await pinnedWebgpu(checkpoint, request, slots, threads, onProgress);
  try {
    if (request.selfTestIds) await selfTest(decoder, checkpoint.config, request.selfTestIds());
    return decoder;
  } catch (error) {
    await decoder.dispose();
    throw error;
  }
}

async function pinnedWebgpu(checkpoint: Checkpoint, request: DecoderRequest, slots: number, threads: number, onProgress?: PrepareProgress): Promise<Decoder> {
  const form = request.form === 'auto' ? webgpuForms(checkpoint)[0]! : request.form;
  if (form === 'int8') throw new PhiError('bad-request', 'WebGPU computes with int4, int8-blocks, float16 or float32, not int8 per channel.');
  return createWebgpuDecoder(checkpoint, { form, slots, threads, power: request.power, shelf: request.shelf, signal: request.signal }, onProgress);
}

/** KV slots: the wish within the model's context, else a default within it. */
export function contextLength({ config }: Checkpoint, wish: number | undefined): number {
  if (wish !== undefined && wish !== 0 && !(Number.isInteger(wish) && wish > 0)) {
    throw new PhiError('bad-request', `Context length ${wish}: a whole number of tokens above 0 is needed.`);
  }
  return Math.min(config.context, wish || DEFAULT_CONTEXT);
}
