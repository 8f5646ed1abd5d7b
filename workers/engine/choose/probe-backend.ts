/** Probes a backend without loading a model: what the browser offers, and which device really computes. */
import type { Checkpoint } from '../checkpoint/types.ts';
import { PhiError } from '../../shared/errors.ts';
import { REASONS } from '../../shared/reasons.ts';
import { webgpuForms } from '../webgpu/weights.ts';
import type { BackendId, DeviceType, WeightFormat } from '../../shared/protocol.ts';
import { backendName, candidateName } from './candidate.ts';
import { assertNetwork } from './memory-fit.ts';
import { npuForms } from './npu-forms.ts';
import { openGpu } from '../webgpu/device.ts';
import { WebnnDevice } from '../webnn/device.ts';
import { CPU_RATIO } from '../webnn/plan.ts';

export interface ProbedBackend {
  backend: BackendId;
  device: DeviceType | null;
  /** Identifies the device. Part of the key under which results are kept. */
  signature: string;
  /** It computes on the CPU, whatever was asked for; then why in words. */
  onCpu: string | null;
  /** Forms that it can compute with, best first where speed does not decide. */
  forms: WeightFormat[];
  /** NPU: formats that are offered once their weights have been made, for which no load waits. */
  makable?: WeightFormat[];
  /** WebGPU: the device has float16, and may compute in float32 where that fails. */
  float16?: boolean;
  /** A note for the report that does not rule the backend out. */
  notes: { what: string; why: string }[];
}

export type BackendRequest = Pick<ProbedBackend, 'backend' | 'device'>;

/**
 * Best first: the one that saves most power and leaves the GPU free, then the fastest, then the one that always works.
 */
export const CHAIN: readonly BackendRequest[] = [
  { backend: 'webnn', device: 'npu' },
  { backend: 'webnn', device: 'gpu' },
  { backend: 'webgpu', device: null },
  { backend: 'wasm', device: null },
];

/** Rejects with `backend` and the reason in words when this browser does not have it. */
export async function probeBackend(
  { backend, device }: BackendRequest,
  checkpoint: Checkpoint,
  power: GPUPowerPreference | undefined,
  compensatedIsKept: () => Promise<boolean>,
): Promise<ProbedBackend> {
  assertNetwork(checkpoint, backend);
  if (backend === 'webnn') return probeWebnn(device ?? 'npu', checkpoint, compensatedIsKept);
  if (backend === 'webgpu') return probeWebgpu(checkpoint, power);
  return {
    backend,
    device: null,
    signature: `wasm ${navigator.hardwareConcurrency}`,
    onCpu: null,
    forms: ['int8', 'float32'],
    notes: [],
  };
}

async function probeWebnn(
  wish: DeviceType,
  checkpoint: Checkpoint,
  compensatedIsKept: () => Promise<boolean>,
): Promise<ProbedBackend> {
  const opened = await WebnnDevice.open(wish);
  const { devices, widthRatio } = opened.probe;
  opened.destroy();
  const ran = whatRan(devices, widthRatio);
  if (wish !== 'cpu' && ran !== null && ran !== 'cpu' && ran !== wish) {
    throw new PhiError('backend', `WebNN: the browser ran the graph on the ${ran.toUpperCase()} ${notThe(wish)}.`);
  }
  const onCpu = ran === 'cpu' ? (wish === 'cpu' ? 'WebNN: the CPU was requested.' : misplaced(devices, wish)) : null;
  // LiteRT computes with what it expands every weight to: float32 is fastest there, and blocks 100 times slower.
  const onCpuForms: WeightFormat[] = ['float32', 'int8', 'float16', 'int8-blocks', 'int4'];
  const [first] = webgpuForms(checkpoint);
  const onGpu: WeightFormat[] = [
    ...(first === 'int4' ? (['int4'] as const) : []),
    'int8-blocks',
    'int8',
    'float16',
    'float32',
  ];
  const onNpu = wish === 'npu' && onCpu === null ? npuForms(checkpoint, await compensatedIsKept()) : null;
  const notes = onNpu?.notes ?? [];
  return {
    backend: 'webnn',
    device: wish,
    signature: ran === 'cpu' ? 'webnn cpu' : `webnn ${wish} ${devices?.join('+') ?? ''}`,
    onCpu,
    forms: onCpu === null ? (onNpu?.forms ?? onGpu) : onCpuForms,
    ...(onNpu && { makable: onNpu.makable }),
    notes: notes.map(({ form, why }) => ({ what: candidateName({ backend: 'webnn', device: wish, form }), why })),
  };
}

function misplaced(devices: readonly string[] | null, wish: DeviceType): string {
  const named = devices?.every((device) => device !== 'cpu')
    ? ` (the browser reports "${devices.join(', ')}", but every token of a run takes as long as on a CPU)`
    : '';
  return `WebNN: the browser ran the graph on the CPU ${notThe(wish)}${named}.`;
}

const notThe = (wish: DeviceType): string =>
  wish === 'npu' ? REASONS.notTheNpu : `although the ${wish.toUpperCase()} was requested`;

/**
 * Measured time is more reliable than the name: Chromium 153 on Linux reports "gpu" for graphs that LiteRT runs on the CPU. null: not a CPU, and the browser does not name it.
 */
function whatRan(devices: readonly string[] | null, widthRatio: number): DeviceType | null {
  if (widthRatio > CPU_RATIO || (devices && devices.length > 0 && devices.every((device) => device === 'cpu')))
    return 'cpu';
  return (['npu', 'gpu'] as const).find((device) => devices?.includes(device)) ?? null;
}

async function probeWebgpu(checkpoint: Checkpoint, power: GPUPowerPreference | undefined): Promise<ProbedBackend> {
  const probed: BackendRequest = { backend: 'webgpu', device: null };
  const gpu = await openGpu(power);
  gpu.device.destroy();
  const [first] = webgpuForms(checkpoint);
  // On a CPU, unpacking takes the time and not reading bytes: 8 bits without minimums are unpacked faster.
  const blocks: WeightFormat[] =
    first !== 'int4' ? ['int8-blocks'] : gpu.software ? ['int8-blocks', 'int4'] : ['int4', 'int8-blocks'];
  return {
    ...probed,
    signature: `webgpu ${gpu.name} ${gpu.float16 ? 'f16' : 'f32'} ${gpu.bindingBytes}`,
    onCpu: gpu.software ? `WebGPU: the adapter is ${gpu.name}, ${REASONS.software}.` : null,
    forms: [...blocks, gpu.float16 ? 'float16' : 'float32'],
    float16: gpu.float16,
    notes: gpu.float16
      ? []
      : [{ what: `${backendName(probed)}, float16`, why: 'WebGPU: no shader-f16, using float32.' }],
  };
}
