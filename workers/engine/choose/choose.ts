/** Makes the decoder of one candidate: the options of each backend, and its default weight format. */
import { estimateWasm, MAX_WASM_STAGES } from '../../shared/advisor/estimate.ts';
import type { Checkpoint } from '../checkpoint/types.ts';
import { PhiError } from '../../shared/errors.ts';
import type { BackendId, DeviceType, WeightFormat } from '../../shared/protocol.ts';
import { WASM_FORM_VERSION, type WasmForm } from '../wasm/weights.ts';
import { isWebgpuForm, webgpuForms } from '../webgpu/weights.ts';
import { candidateName, type Candidate } from './candidate.ts';
import { assertNetwork, weightBytes } from './memory-fit.ts';
import { defaultThreads, type OpenWeightCache, type PrepareProgress } from '../runtime/ort.ts';
import { buildDeadlineMs, withDeadline } from './deadline.ts';
import { DeadlineDecoder } from './deadline-decoder.ts';
import { losesAsInt4 } from '../webnn/int4-weights.ts';
import type { Calibration } from '../webnn/calibration.ts';
import type { Decoder } from '../decoder.ts';
import type { ModelFiles } from '../../store/bytes.ts';
import type { EarlyWeights } from '../wasm/early-weights.ts';
import { createWasmDecoder } from '../wasm/decoder.ts';
import { createWasmStages } from '../wasm/stages.ts';
import type { WebnnDialect } from '../webnn/cache-layout.ts';

export interface DecoderOptions {
  /** Requested KV slots; 0 or absent: as many as the model allows, up to a default. */
  contextLength?: number;
  threads?: number;
  power?: 'low-power' | 'high-performance';
  /** The cache for weights made for a dialect. `dialect` and its version are part of the key. */
  weightCache?: OpenWeightCache;
  /** Tells whether enough space is left after keeping made weights of this size in pieces; see store/forms.ts. */
  mayKeep?: (bytes: number) => Promise<boolean>;
  /** WASM: int8 weights that are made while the model is downloaded. */
  early?: EarlyWeights;
  /** The checkpoint's files: where a model is cut into stages, each reads its own weights. */
  files?: ModelFiles;
  /** WASM: consecutive workers; absent: as few as hold the model. */
  stages?: number;
  /** WebGPU, for tests: false runs every step without graph capture. */
  capture?: boolean;
  /** WebNN, 4 bits by column or group: rounding makes up for itself, by what the built-in texts show. Takes long, and is kept. */
  calibrate?: boolean;
  /** WebNN, for tests: another dialect than the one that the device gets. */
  webnnDialect?: WebnnDialect;
  signal?: AbortSignal;
}

/** The exact candidate that a test or a measurement requests; anything else is an error. */
export interface PinnedRequest extends DecoderOptions {
  backend: BackendId;
  form: WeightFormat | 'auto';
  device?: DeviceType;
  activations?: Candidate['activations'];
}

/** The default context: long enough for a conversation, small enough for every device's memory. */
const DEFAULT_CONTEXT = 4096;

/** Without a named form: int8 on WASM, what holds the file best on WebGPU, and float32, which every implementation takes, on WebNN on the NPU. */
function pinnedCandidate(checkpoint: Checkpoint, { backend, form, device, activations }: PinnedRequest): Candidate {
  const unnamed = { wasm: 'int8', webgpu: webgpuForms(checkpoint)[0]!, webnn: 'float32' } as const;
  return {
    backend,
    device: backend === 'webnn' ? (device ?? 'npu') : null,
    form: form === 'auto' ? unnamed[backend] : form,
    ...(activations && { activations }),
  };
}

/** Creates the pinned candidate. If it does not work, rejects with the reason; no other is tried. */
export function pinnedDecoder(
  checkpoint: Checkpoint,
  request: PinnedRequest,
  onProgress?: PrepareProgress,
): Promise<Decoder> {
  return createDecoder(checkpoint, pinnedCandidate(checkpoint, request), request, onProgress);
}

/** Rejects with `device-lost` when a device falls silent while it builds; what is created rejects so when it falls silent later. */
export async function createDecoder(
  checkpoint: Checkpoint,
  candidate: Candidate,
  options: DecoderOptions,
  onProgress?: PrepareProgress,
): Promise<Decoder> {
  // WASM computes in this thread, or in stages that report their own failures. The page watches it.
  if (candidate.backend === 'wasm') return makeDecoder(checkpoint, candidate, options, onProgress);
  const name = candidateName(candidate);
  const bytes = weightBytes(checkpoint, candidate.form);
  const decoder = await withDeadline(`${name}: building the graph`, buildDeadlineMs(bytes), (heard) =>
    makeDecoder(checkpoint, candidate, options, (done, total) => {
      heard();
      onProgress?.(done, total);
    }),
  );
  return new DeadlineDecoder(decoder, name);
}

async function makeDecoder(
  checkpoint: Checkpoint,
  { backend, device, form, activations }: Candidate,
  options: DecoderOptions,
  onProgress?: PrepareProgress,
): Promise<Decoder> {
  const { contextLength, threads = defaultThreads(), power, weightCache, signal } = options;
  assertNetwork(checkpoint, backend);
  const slots = contextSlots(checkpoint, contextLength);
  // Each backend's code is loaded when the backend is tried, because most devices need only one of them.
  if (backend === 'webnn') {
    const { createWebnnDecoder } = await import('../webnn/decoder.ts');
    const open = (calibration?: Calibration) =>
      createWebnnDecoder(
        checkpoint,
        {
          deviceType: device ?? 'npu',
          form,
          slots,
          threads,
          calibration,
          weightCache,
          dialect: options.webnnDialect,
          signal,
        },
        onProgress,
      );
    if (!options.calibrate || !losesAsInt4(checkpoint, form)) return open();
    const { withCalibration } = await import('./calibrate.ts');
    return withCalibration(checkpoint, threads, open);
  }
  if (backend === 'webgpu') {
    if (!isWebgpuForm(form))
      throw new PhiError(
        'bad-request',
        `WebGPU cannot compute with ${form} weights. Choose int4, int8-blocks, float16 or float32.`,
      );
    const { createWebgpuDecoder } = await import('../webgpu/decoder.ts');
    return createWebgpuDecoder(
      checkpoint,
      { form, activations, capture: options.capture, slots, threads, power, weightCache, signal },
      onProgress,
    );
  }
  if (form !== 'int8' && form !== 'float32')
    throw new PhiError('bad-request', `WASM cannot compute with ${form} weights. Choose int8 or float32.`);
  return makeWasmDecoder(checkpoint, { form, slots, threads }, options, onProgress);
}

/** In one worker, or in as many as hold the model. */
async function makeWasmDecoder(
  checkpoint: Checkpoint,
  { form, slots, threads }: { form: WasmForm; slots: number; threads: number },
  options: DecoderOptions,
  onProgress?: PrepareProgress,
): Promise<Decoder> {
  const { weightCache, mayKeep, files, signal } = options;
  const { stages, weightsBytes: weightBytes } = estimateWasm(
    { shape: checkpoint.config, slots, form },
    MAX_WASM_STAGES,
  );
  const count = options.stages ?? stages;
  if (count > 1) {
    if (!files) throw new PhiError('bad-request', `${count} stages need the model's files, but no files were given.`);
    return createWasmStages(
      checkpoint,
      { stages: count, form, slots, threads, files, weightCache, mayKeep, weightBytes, signal },
      onProgress,
    );
  }
  return createWasmDecoder(
    checkpoint,
    {
      form,
      slots,
      threads,
      weightCache: weightCache?.(`wasm-${form}`, WASM_FORM_VERSION),
      early: options.early,
      signal,
    },
    onProgress,
  );
}

/** KV slots: the requested number, or a default, within the model's context. */
export function contextSlots({ config }: Checkpoint, wish: number | undefined): number {
  if (wish !== undefined && wish !== 0 && !(Number.isInteger(wish) && wish > 0)) {
    throw new PhiError('bad-request', `The context length must be a whole number of tokens above 0, not ${wish}.`);
  }
  return Math.min(config.context, wish || DEFAULT_CONTEXT);
}
