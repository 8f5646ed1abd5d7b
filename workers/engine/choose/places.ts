/** Where a model could run, looked at without loading anything: what the browser offers, and what really computes behind it. */
import type { Checkpoint } from '../checkpoint/types.ts';
import { PhiError } from '../../shared/errors.ts';
import { webgpuForms } from '../webgpu/weights.ts';
import type { BackendId, DeviceWish, WeightForm } from '../../shared/protocol.ts';
import { placeName } from './candidate.ts';
import { openGpu } from '../webgpu/device.ts';
import { WebnnDevice } from '../webnn/device.ts';
import { CPU_RATIO } from '../webnn/plan.ts';

export interface Place {
  backend: BackendId;
  device: DeviceWish | null;
  /** Tells this device from another of the same kind: part of what findings are kept under. */
  signature: string;
  /** It computes on the CPU, whatever was asked for; then why in words. */
  onCpu: string | null;
  /** Forms that it can compute with, best first where speed does not decide. */
  forms: WeightForm[];
  /** Worth telling, though no reason against it. */
  notes: { what: string; why: string }[];
}

export type PlaceWish = Pick<Place, 'backend' | 'device'>;

/** Best first: what saves most power and frees the GPU, then what is fastest, then what always works. */
export const CHAIN: readonly PlaceWish[] = [
  { backend: 'webnn', device: 'npu' },
  { backend: 'webnn', device: 'gpu' },
  { backend: 'webgpu', device: null },
  { backend: 'wasm', device: null },
];

/** Rejects with `backend` and the reason in words when there is no such place. */
export async function examine(
  { backend, device }: PlaceWish,
  checkpoint: Checkpoint,
  power: GPUPowerPreference | undefined,
): Promise<Place> {
  if (backend === 'webnn') return examineWebnn(device ?? 'npu', checkpoint);
  if (backend === 'webgpu') return examineWebgpu(checkpoint, power);
  return {
    backend,
    device: null,
    signature: `wasm ${navigator.hardwareConcurrency}`,
    onCpu: null,
    forms: ['int8', 'float32'],
    notes: [],
  };
}

async function examineWebnn(wish: DeviceWish, checkpoint: Checkpoint): Promise<Place> {
  const opened = await WebnnDevice.open(wish);
  const { devices, widthRatio } = opened.probe;
  opened.destroy();
  const ran = whatRan(devices, widthRatio);
  if (wish !== 'cpu' && ran !== null && ran !== 'cpu' && ran !== wish) {
    throw new PhiError(
      'backend',
      `WebNN: the browser ran the graph on the ${ran.toUpperCase()} although the ${wish.toUpperCase()} was asked for.`,
    );
  }
  const onCpu = ran === 'cpu' ? (wish === 'cpu' ? 'WebNN: the CPU was asked for.' : misplaced(devices, wish)) : null;
  const [first] = webgpuForms(checkpoint);
  // LiteRT computes with what it expands every weight to: float32 is fastest there, and blocks 100 times slower.
  const onCpuForms: WeightForm[] = ['float32', 'int8', 'float16', 'int8-blocks', 'int4'];
  const forms: WeightForm[] = [
    ...(first === 'int4' ? (['int4'] as const) : []),
    'int8-blocks',
    'int8',
    'float16',
    'float32',
  ];
  return {
    backend: 'webnn',
    device: wish,
    signature: ran === 'cpu' ? 'webnn cpu' : `webnn ${wish} ${devices?.join('+') ?? ''}`,
    onCpu,
    forms: onCpu === null ? forms : onCpuForms,
    notes: [],
  };
}

function misplaced(devices: readonly string[] | null, wish: DeviceWish): string {
  const named = devices?.every((device) => device !== 'cpu')
    ? ` (it says "${devices.join(', ')}", and every token of a run takes as long as on a CPU)`
    : '';
  return `WebNN: the browser ran the graph on the CPU although the ${wish.toUpperCase()} was asked for${named}.`;
}

/**
 * Time is the better witness: Chromium 153 on Linux says "gpu" of graphs that LiteRT runs on the CPU. null: it is no CPU, and the browser does not name it.
 */
export function whatRan(devices: readonly string[] | null, widthRatio: number): DeviceWish | null {
  if (widthRatio > CPU_RATIO || (devices && devices.length > 0 && devices.every((device) => device === 'cpu')))
    return 'cpu';
  return (['npu', 'gpu'] as const).find((device) => devices?.includes(device)) ?? null;
}

async function examineWebgpu(checkpoint: Checkpoint, power: GPUPowerPreference | undefined): Promise<Place> {
  const place: PlaceWish = { backend: 'webgpu', device: null };
  const gpu = await openGpu(power);
  gpu.device.destroy();
  const [first] = webgpuForms(checkpoint);
  // On a CPU it is not bytes that take the time but what is done with them: 8 bits without mins are unpacked sooner.
  const blocks: WeightForm[] =
    first !== 'int4' ? ['int8-blocks'] : gpu.software ? ['int8-blocks', 'int4'] : ['int4', 'int8-blocks'];
  return {
    ...place,
    signature: `webgpu ${gpu.name} ${gpu.float16 ? 'f16' : 'f32'} ${gpu.bindingBytes}`,
    onCpu: gpu.software ? `WebGPU: the adapter is ${gpu.name}, which computes on the CPU.` : null,
    forms: [...blocks, gpu.float16 ? 'float16' : 'float32'],
    notes: gpu.float16 ? [] : [{ what: `${placeName(place)}, float16`, why: 'WebGPU: no shader-f16, using float32.' }],
  };
}
