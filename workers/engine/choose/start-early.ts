/** Starts the other work of a WASM load while the checkpoint is still being opened. */
import { WASM_FORM_VERSION } from '../wasm/weights.ts';
import { span } from '../../shared/span.ts';
import type { LoadRequest } from '../../shared/protocol.ts';
import type { ModelFiles } from '../../store/bytes.ts';
import type { FormBytes } from '../../store/forms.ts';
import { defaultThreads, preferredBuild, startOrt, type OpenWeightCache } from '../runtime/ort.ts';

/** Files up to this size are taken for a model that one WASM memory holds. */
const ONE_MEMORY_BYTES = 1e9;

/** What tells early whether a load will be WASM, and how ONNX Runtime starts for it. */
type RuntimeRequest = Pick<LoadRequest, 'backend' | 'form' | 'threads' | 'stages' | 'power'>;

/** Whether a load will surely be WASM: it was asked for, or the browser has neither WebNN nor an adapter for WebGPU. */
export async function isSurelyWasm({ backend, power }: RuntimeRequest): Promise<boolean> {
  if (backend !== 'auto') return backend === 'wasm';
  if ('ml' in navigator) return false;
  const { gpu } = navigator as Partial<Navigator>;
  return !gpu || (await gpu.requestAdapter({ powerPreference: power })) === null;
}

/** Compiles ONNX Runtime and starts its threads, for a load that will be WASM in one memory. */
export function startRuntime(request: RuntimeRequest): void {
  // A failure occurs again, and is reported, when the session is made.
  span('start ONNX Runtime', () => startOrt(preferredBuild(), request.threads ?? defaultThreads())).catch(
    () => undefined,
  );
}

/** Whether a model is taken for one that a single WASM memory holds, before it is opened. */
export function isSmall({ stages = 1 }: RuntimeRequest, files: ModelFiles): boolean {
  return stages <= 1 && [...files.values()].reduce((sum, file) => sum + file.size, 0) <= ONE_MEMORY_BYTES;
}

/**
 * Starts ONNX Runtime and checks the kept weights, if the load will surely be WASM in one memory. Returns the weightCache to go on with.
 */
export function startEarly(request: RuntimeRequest, files: ModelFiles, weightCache: OpenWeightCache): OpenWeightCache {
  if (!isSmall(request, files)) return weightCache;
  const { form = 'auto' } = request;
  const wanted = `wasm-${form === 'auto' ? 'int8' : form}`;
  const early = weightCache(wanted, WASM_FORM_VERSION);
  let opened: Promise<{ form: FormBytes | null } | null> | null = isSurelyWasm(request).then(async (surely) => {
    if (!surely) return null;
    startRuntime(request);
    return { form: await early.hold() };
  });
  opened.catch(() => undefined); // `hold` rejects with it
  const hold = async () => {
    const found = await opened;
    opened = null; // its bytes are garbage once the session has them
    return found ? found.form : early.hold();
  };
  return (name, version) => (name === wanted ? { ...early, hold } : weightCache(name, version));
}
