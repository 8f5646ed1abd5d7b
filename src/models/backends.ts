import type { BackendId, EngineReport } from '../../workers/shared/protocol.ts';
import { t } from '../i18n/i18n.svelte.ts';

/** Names of the backends, the same in every language. */
export const BACKENDS: Readonly<Record<BackendId, string>> = { webnn: 'WebNN', webgpu: 'WebGPU', wasm: 'WASM' };

/** The device of a report in the page's language. GPUs and NPUs have names of their own. */
export const deviceOf = ({ backend, device, threads, graphs }: EngineReport): string =>
  backend === 'wasm' ? t('onProcessor', threads, graphs) : device;
