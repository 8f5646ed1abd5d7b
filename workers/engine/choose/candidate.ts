/** One way to run a model: a backend, the requested device (WebNN only), and the weight format. */
import type { BackendId, DeviceType, WeightFormat } from '../../shared/protocol.ts';

export interface Candidate {
  backend: BackendId;
  /** WebNN only. */
  device: DeviceType | null;
  form: WeightFormat;
  /** WebGPU: activations and cache in float32 although the device has float16; absent: in float16 where it has. */
  activations?: 'float32';
  /** Why it computes on the CPU, even if another device was requested; null or absent: it does not. */
  onCpu?: string | null;
}

const NAMES: Readonly<Record<BackendId, string>> = { webnn: 'WebNN', webgpu: 'WebGPU', wasm: 'WASM' };

/** "WebNN (NPU)", "WASM". */
export const backendName = ({ backend, device }: Pick<Candidate, 'backend' | 'device'>): string =>
  device ? `${NAMES[backend]} (${device.toUpperCase()})` : NAMES[backend];

/** "WebNN (NPU), int4", "WebGPU, int4, float32 activations": names a candidate to people and to later loads. */
export const candidateName = (candidate: Candidate): string =>
  [
    backendName(candidate),
    candidate.form,
    ...(candidate.activations ? [`${candidate.activations} activations`] : []),
  ].join(', ');
