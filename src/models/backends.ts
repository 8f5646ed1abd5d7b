import type { BackendId } from '../../workers/shared/protocol.ts';

/** Names of the backends, the same in every language. */
export const BACKENDS: Readonly<Record<BackendId, string>> = { webnn: 'WebNN', webgpu: 'WebGPU', wasm: 'WASM' };
