/** Starts the other work of a WASM load while the checkpoint is still being opened. */
import { WASM_FORM_VERSION } from '../wasm/weights.ts';
import { span } from '../../shared/span.ts';
import type { LoadRequest } from '../../shared/protocol.ts';
import type { ModelFiles } from '../../store/bytes.ts';
import { defaultThreads, preferredBuild, startOrt, type WeightCache } from '../runtime/ort.ts';

type OpenWeightCache = (form: string, version: number) => WeightCache;

/** Files up to this size are taken for a model that one WASM memory holds. */
const ONE_MEMORY_BYTES = 1e9;

/**
 * Has ONNX Runtime compiled and its threads started, and the kept weights checked. Returns the weightCache to go on with. Does nothing where another backend
 * may be taken, or several memories.
 */
export function startEarly(
  { backend, form = 'auto', threads, stages = 1 }: Pick<LoadRequest, 'backend' | 'form' | 'threads' | 'stages'>,
  files: ModelFiles,
  weightCache: OpenWeightCache,
): OpenWeightCache {
  const size = [...files.values()].reduce((sum, file) => sum + file.size, 0);
  const certain = backend === 'wasm' || (backend === 'auto' && !('gpu' in navigator) && !('ml' in navigator));
  if (!certain || stages > 1 || size > ONE_MEMORY_BYTES) return weightCache;
  // A failure of either occurs again, and is reported, when the session is made.
  span('start ONNX Runtime', () => startOrt(preferredBuild(), threads ?? defaultThreads())).catch(() => undefined);
  const wanted = `wasm-${form === 'auto' ? 'int8' : form}`;
  const early = weightCache(wanted, WASM_FORM_VERSION);
  const opened = early.open();
  opened.catch(() => undefined);
  return (name, version) => (name === wanted ? { ...early, open: () => opened } : weightCache(name, version));
}
