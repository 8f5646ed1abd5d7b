/** Skips weight formats that certainly do not fit the memory that the browser reports. */
import { memoryBudget } from '../../shared/advisor/device.ts';
import { PhiError } from '../../shared/errors.ts';
import { REASONS } from '../../shared/reasons.ts';
import { webnnCopies } from '../../shared/advisor/estimate.ts';
import type { Checkpoint, Matrix } from '../checkpoint/types.ts';
import type { WeightFormat } from '../../shared/protocol.ts';
import type { Candidate } from './candidate.ts';

/** Scales and sums included. */
export const BITS: Readonly<Record<WeightFormat, number>> = {
  int4: 5,
  'int4-columns': 4.5,
  'int4-groups': 4.7,
  'int8-blocks': 9,
  int8: 8.1,
  float16: 16,
  float32: 32,
};

const matrices = ({ layers, embedding, head }: Checkpoint): Set<Matrix> =>
  new Set([embedding, head, ...layers.flatMap(({ qkv, output, gateUp, down }) => [qkv, output, gateUp, down])]);

export const weightCount = (checkpoint: Checkpoint): number =>
  [...matrices(checkpoint)].reduce((sum, { rows, cols }) => sum + rows * cols, 0);

/** null: it fits, or nobody knows. WASM is cut into stages where one memory does not hold a model, and has its own say. */
export function whyTooLarge(
  checkpoint: Checkpoint,
  { backend, device, form, onCpu }: Pick<Candidate, 'backend' | 'device' | 'form' | 'onCpu'>,
): string | null {
  if (backend === 'wasm') return null;
  // WebGPU holds the weights once; the Blob that they are read from lies on the disk.
  const copies = backend === 'webnn' ? webnnCopies(onCpu ? 'cpu' : (device ?? 'cpu'), form) : 1;
  const needs = (weightCount(checkpoint) * BITS[form] * copies) / 8;
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
