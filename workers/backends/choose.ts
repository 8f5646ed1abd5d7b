/** Which backend and weight form run a model: tried in order, each for real, every rejection with its reason. */
import type { Checkpoint } from '../checkpoint/types.ts';
import { PhiError } from '../errors.ts';
import type { BackendId, DeviceWish, EngineReport, WeightForm } from '../protocol.ts';
import { defaultThreads, type FormShelf, type PrepareProgress } from './ort.ts';
import type { Decoder } from './types.ts';
import { WASM_FORM_VERSION } from '../graph/wasm-weights.ts';
import { webgpuForms } from '../graph/webgpu-weights.ts';
import { createWasmDecoder } from './wasm.ts';
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
  signal?: AbortSignal;
}

/** Context when nobody asks for another: long enough for a conversation, small enough for every device's memory. */
const DEFAULT_CONTEXT = 4096;

/** Creates the best decoder that works. Rejects with the last reason when none does. */
export async function chooseDecoder(
  checkpoint: Checkpoint,
  request: DecoderRequest,
  onProgress?: PrepareProgress,
): Promise<{ decoder: Decoder; rejected: EngineReport['rejected'] }> {
  const slots = contextLength(checkpoint, request.contextLength);
  const threads = request.threads ?? defaultThreads();
  if (request.backend === 'webgpu') return { decoder: await pinnedWebgpu(checkpoint, request, slots, threads, onProgress), rejected: [] };
  if (request.backend !== 'auto' && request.backend !== 'wasm') {
    throw new PhiError('backend', `The backend ${request.backend} is not in this build.`);
  }
  const form = request.form === 'auto' ? 'int8' : request.form;
  if (form !== 'int8' && form !== 'float32') throw new PhiError('bad-request', `WASM computes with int8 or float32, not ${form}.`);
  const decoder = await createWasmDecoder(
    checkpoint,
    { form, slots, threads, shelf: request.shelf?.(`wasm-${form}`, WASM_FORM_VERSION), signal: request.signal },
    onProgress,
  );
  return { decoder, rejected: [] };
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
