/** Decides for each backend whether a model fits a device, and why not. Reasons are keys with figures; the page puts them into words. */
import { gpuBudget, memoryBudget, WASM_BYTES, type DeviceFacts } from './device.ts';
import {
  estimateWasm,
  estimateWebgpu,
  estimateWebnn,
  MAX_WASM_STAGES,
  type Estimate,
  type EstimateRequest,
} from './estimate.ts';
import { SLOW_TOKENS_PER_SECOND, wasmTokensPerSecond, type Processor } from './speed.ts';
import type { ModelShape, SourceMix } from './weights.ts';

/** Figures are bytes unless named otherwise. */
export type Reason =
  /** No WebGPU here, or no adapter. */
  | { key: 'no-webgpu' }
  | { key: 'no-webnn' }
  /** A mixture of experts, whose router chooses at run time: WebNN's graphs are static. */
  | { key: 'experts' }
  /** It needs `needs` in one memory, of which a WASM tab has `has`. */
  | { key: 'wasm-limit'; needs: number; has: number }
  | { key: 'ios-limit'; needs: number; has: number }
  | { key: 'memory'; needs: number; has: number }
  /** It needs more than the browser reports, but there may be more. */
  | { key: 'memory-unsure'; needs: number; has: number }
  /** A GPU's own memory is unknown to pages. */
  | { key: 'gpu-unsure'; needs: number }
  /** One layer's keys are larger than a buffer of this GPU: `tokens` of context would do. */
  | { key: 'gpu-context'; needs: number; has: number; tokens: number }
  | { key: 'storage'; needs: number; has: number }
  /** Notes that do not rule it out: its longest context, facts that only a trial shows, causes of slowness. */
  | { key: 'own-context'; tokens: number }
  | { key: 'webnn-trial' }
  | { key: 'software-gpu' }
  | { key: 'one-thread' }
  /** On WASM: tokens a second that may be expected. `slow` where a person would wait for every word. */
  | { key: 'pace' | 'slow'; tokensPerSecond: number }
  | { key: 'stages'; stages: number };

export type Verdict = 'fits' | 'unsure' | 'no';

export interface Fit {
  estimate: Estimate;
  verdict: Verdict;
  reasons: Reason[];
}

export interface Candidate {
  id: string;
  shape: ModelShape;
  mix: SourceMix;
  /** Bits of a weight in the source: 2 to 8, 16, 32. */
  bits: number;
  /** Size of the download; an estimate if the exact size is unknown. */
  sourceBytes: number;
}

export interface Assessment {
  candidate: Candidate;
  verdict: Verdict;
  /** The model's own, on any backend. */
  reasons: Reason[];
  /** Best first. */
  fits: [Fit, ...Fit[]];
  downloadBytes: number;
  /** Space in the store after a load: the download and, on WASM, the int8 weights kept for the next visit. */
  storeBytes: number;
}

const RANK: Record<Verdict, number> = { fits: 0, unsure: 1, no: 2 };

/** Judges `candidate` for a context of `slots` tokens. */
export function assess(
  candidate: Candidate,
  device: DeviceFacts,
  slots: number,
  maxStages = MAX_WASM_STAGES,
): Assessment {
  const { shape, mix, bits, sourceBytes } = candidate;
  const form = bits <= 4 ? 'int4' : 'int8-blocks';
  const request = { shape, mix, slots, gpu: device.gpu };
  const fits = [
    judgeWebgpu(estimateWebgpu(request, form), device),
    judgeWasm(estimateWasm(request, maxStages), shape, device),
    judgeWebnn(estimateOnWebnn(request, device), shape, device),
  ].sort((a, b) => RANK[a.verdict] - RANK[b.verdict] || slowness(a) - slowness(b)) as [Fit, ...Fit[]];
  const reasons: Reason[] = [];
  const free = device.freeStorageBytes;
  const storable = free === null || sourceBytes <= free;
  if (!storable) reasons.push({ key: 'storage', needs: sourceBytes, has: free });
  if (shape.context < slots) reasons.push({ key: 'own-context', tokens: shape.context });
  const [best] = fits;
  return {
    candidate,
    verdict: storable ? best.verdict : 'no',
    reasons,
    fits,
    downloadBytes: sourceBytes,
    storeBytes: sourceBytes + keptBytes(best.estimate, free === null ? null : free - sourceBytes),
  };
}

/** Made forms are kept where they take at most half of the free room (store/forms.ts). */
function keptBytes({ backend, weightsBytes }: Estimate, free: number | null): number {
  return backend === 'wasm' && free !== null && weightsBytes <= free / 2 ? weightsBytes : 0;
}

/** True if the backend does not run this model here whatever memory it has: its estimate means nothing. */
export const isAbsent = ({ reasons }: Fit): boolean =>
  reasons.some(({ key }) => key === 'no-webgpu' || key === 'no-webnn' || key === 'experts');

/**
 * Among equals: backends that compute well, then those that may not, then those that this browser lacks, because they
 * explain nothing.
 */
function slowness(fit: Fit): number {
  if (isAbsent(fit)) return 2;
  return fit.reasons.some(({ key }) => key === 'software-gpu' || key === 'webnn-trial') ? 1 : 0;
}

/** True if it would run, but slower than anyone wants to read. */
export const isSlow = ({ fits: [best] }: Pick<Assessment, 'fits'>): boolean =>
  best.reasons.some(({ key }) => key === 'slow');

export function paceOnWasm(shape: ModelShape, processor: Processor): Reason {
  const tokensPerSecond = wasmTokensPerSecond(shape, processor);
  return { key: tokensPerSecond < SLOW_TOKENS_PER_SECOND ? 'slow' : 'pace', tokensPerSecond };
}

function judgeWasm(estimate: Estimate, shape: ModelShape, device: DeviceFacts): Fit {
  const reasons: Reason[] = [paceOnWasm(shape, device)];
  if (estimate.heapBytes > WASM_BYTES)
    return { estimate, verdict: 'no', reasons: [{ key: 'wasm-limit', needs: estimate.heapBytes, has: WASM_BYTES }] };
  if (estimate.stages > 1) reasons.push({ key: 'stages', stages: estimate.stages });
  if (!device.isolated) reasons.push({ key: 'one-thread' });
  return inMemory(estimate, device, reasons);
}

function judgeWebgpu(estimate: Estimate, device: DeviceFacts): Fit {
  const { gpu } = device;
  if (!gpu) return { estimate, verdict: 'no', reasons: [{ key: 'no-webgpu' }] };
  if (estimate.bufferBytes > gpu.bindingBytes) {
    const tokens = Math.floor((estimate.slots * gpu.bindingBytes) / estimate.bufferBytes / 128) * 128;
    return {
      estimate,
      verdict: 'no',
      reasons: [{ key: 'gpu-context', needs: estimate.bufferBytes, has: gpu.bindingBytes, tokens }],
    };
  }
  const fit = inMemory(estimate, device, gpu.software ? [{ key: 'software-gpu' }] : []);
  const beyond = fit.verdict === 'fits' && estimate.totalBytes > gpuBudget(device);
  return beyond
    ? { estimate, verdict: 'unsure', reasons: [{ key: 'gpu-unsure', needs: estimate.totalBytes }, ...fit.reasons] }
    : fit;
}

/** The first candidate of the chain: float32 on LiteRT; elsewhere an NPU, in 4 bits where the file has them by column. */
function estimateOnWebnn(request: EstimateRequest, { webnn }: DeviceFacts): Estimate {
  if (webnn === 'cpu') return estimateWebnn(request, 'cpu', 'float32');
  const { shape, mix } = request;
  const byColumn = mix.block >= shape.hidden && mix.shift === 'none' && mix.qkv === 4 && mix.down8 === 0;
  return estimateWebnn(request, 'npu', byColumn ? 'int4-columns' : 'int8');
}

function judgeWebnn(estimate: Estimate, shape: ModelShape, device: DeviceFacts): Fit {
  // Reasons that hold in every browser come first.
  if (shape.experts) return { estimate, verdict: 'no', reasons: [{ key: 'experts' }] };
  if (!device.webnn) return { estimate, verdict: 'no', reasons: [{ key: 'no-webnn' }] };
  const fit = inMemory(estimate, device, [{ key: 'webnn-trial' }]);
  return { ...fit, verdict: fit.verdict === 'no' ? 'no' : 'unsure' };
}

function inMemory(estimate: Estimate, device: DeviceFacts, reasons: Reason[]): Fit {
  const { bytes: has, certainty } = memoryBudget(device);
  const needs = estimate.totalBytes;
  if (needs <= has) return { estimate, verdict: 'fits', reasons };
  if (certainty === 'exact')
    return { estimate, verdict: 'no', reasons: [{ key: device.ios ? 'ios-limit' : 'memory', needs, has }] };
  return { estimate, verdict: 'unsure', reasons: [{ key: 'memory-unsure', needs, has }, ...reasons] };
}
