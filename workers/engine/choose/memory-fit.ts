/** Skips weight formats that certainly do not fit the memory that the browser reports. */
import { memoryBudget } from '../../shared/advisor/device.ts';
import { PhiError } from '../../shared/errors.ts';
import { REASONS } from '../../shared/reasons.ts';
import { webnnCopies } from '../../shared/advisor/estimate.ts';
import { deviceWeightBytes, parameterCount, type SourceMix } from '../../shared/advisor/weights.ts';
import type { Checkpoint } from '../checkpoint/types.ts';
import type { Matrix } from '../weights/matrix.ts';
import type { WeightFormat } from '../../shared/protocol.ts';
import type { Candidate } from './candidate.ts';

const bitsOf = ({ form }: Matrix): 4 | 8 => (form.kind === 'blocks' && form.bits === 4 ? 4 : 8);

/** The quantisation of a checkpoint as the advisor describes one that is not here yet. */
export function sourceMix({ embedding, head, layers }: Checkpoint): SourceMix {
  const [{ qkv, output, gateUp }] = layers as [Checkpoint['layers'][number]];
  const eight = layers.filter(({ down }) => bitsOf(down) === 8).length;
  const { form } = gateUp;
  return {
    qkv: bitsOf(qkv),
    output: bitsOf(output),
    gateUp: bitsOf(gateUp),
    down8: eight / layers.length,
    head: bitsOf(head),
    embedding: embedding === head ? 'tied' : embedding.form.kind === 'float' ? 'float' : bitsOf(embedding),
    block: form.kind === 'blocks' ? form.block : 32,
    shift: form.kind !== 'blocks' || form.symmetric ? 'none' : form.integral ? 'zero-points' : 'mins',
  };
}

/** Bytes of the weights on a GPU or NPU, by the advisor's formula. */
export const weightBytes = (checkpoint: Checkpoint, form: WeightFormat, float16 = true): number =>
  deviceWeightBytes(checkpoint.config, form, sourceMix(checkpoint), float16);

export const weightCount = ({ config, embedding, head }: Checkpoint): number =>
  parameterCount(config, embedding === head);

/**
 * null: it fits, or it is unknown. WASM is not judged here: it cuts a model into stages if one memory does not hold it.
 */
export function whyTooLarge(
  checkpoint: Checkpoint,
  { backend, device, form, activations, onCpu }: Candidate,
): string | null {
  if (backend === 'wasm') return null;
  // WebGPU holds the weights once; the Blob that they are read from lies on the disk.
  const copies = backend === 'webnn' ? webnnCopies(onCpu ? 'cpu' : (device ?? 'cpu'), form) : 1;
  const float16 = backend === 'webnn' ? !onCpu && device !== 'cpu' : activations !== 'float32';
  const needs = weightBytes(checkpoint, form, float16) * copies;
  const { deviceMemory, userAgentData } = navigator as WorkerNavigator & {
    deviceMemory?: number;
    userAgentData?: { mobile: boolean };
  };
  const phone = userAgentData?.mobile ?? false;
  const { bytes, certainty } = memoryBudget({ memoryGiB: deviceMemory ?? null, phone, ios: false });
  if (certainty !== 'exact' || needs <= bytes) return null;
  return `needs ${gigabytes(needs)} ${REASONS.loadMemory}, but a tab on this device can only count on ${gigabytes(bytes)}.`;
}

/** Throws `backend` if the backend does not know the network of the checkpoint. */
export function assertNetwork({ config }: Checkpoint, backend: Candidate['backend']): void {
  if (!config.experts || backend !== 'webnn') return;
  throw new PhiError(
    'backend',
    `WebNN: a mixture of experts does not run on it. Its graphs are static, so each token would go through all ${config.experts.count} experts, not only the two that it needs.`,
  );
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
