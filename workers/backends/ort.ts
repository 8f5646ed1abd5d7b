/** ONNX Runtime Web: which build is loaded, and sessions whose weights are external data. */
import type { InferenceSession } from 'onnxruntime-web';
import { PhiError } from '../errors.ts';
import { materialise, type WeightGroup } from '../weights/plan.ts';

export type Ort = typeof import('onnxruntime-web');
/** `jspi` has WASM, WebGPU and WebNN and streams Blobs into a session; `plain` is the CPU alone, for browsers without JSPI. */
export type OrtBuild = 'jspi' | 'plain';

/** The build that this browser can run. WebAssembly.Suspending is JSPI's mark (Chromium 137+, Firefox behind a flag, no Safari). */
export const preferredBuild = (): OrtBuild => ('Suspending' in WebAssembly ? 'jspi' : 'plain');

/** Threads that a WASM session gets: SharedArrayBuffer needs a cross-origin isolated page. */
export function defaultThreads(): number {
  if (!globalThis.crossOriginIsolated) return 1;
  return Math.max(1, Math.min(8, navigator.hardwareConcurrency || 1));
}

let loaded: { build: OrtBuild; threads: number; ort: Promise<Ort> } | undefined;

/** Loads ONNX Runtime once for this worker. Another build or thread count afterwards needs a fresh worker. */
export async function loadOrt(build: OrtBuild, threads: number): Promise<Ort> {
  if (loaded) {
    if (loaded.build === build && loaded.threads === threads) return loaded.ort;
    throw new PhiError('backend', `This worker runs ONNX Runtime ${loaded.build} with ${loaded.threads} threads; ${build} with ${threads} needs a fresh one.`);
  }
  const ort = importOrt(build, threads);
  loaded = { build, threads, ort };
  try {
    return await ort;
  } catch (error) {
    loaded = undefined; // a failed download must not be remembered
    throw new PhiError('backend', `ONNX Runtime could not be loaded: ${PhiError.from(error).message}`, undefined, { cause: error });
  }
}

async function importOrt(build: OrtBuild, threads: number): Promise<Ort> {
  const { ORT_JSPI_FILES, ORT_WASM_FILES } = await import('./ort-files.ts');
  const ort = build === 'jspi' ? ((await import('onnxruntime-web/jspi')) as unknown as Ort) : ((await import('onnxruntime-web/wasm')) as unknown as Ort);
  ort.env.wasm.wasmPaths = build === 'jspi' ? ORT_JSPI_FILES : ORT_WASM_FILES;
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = 'error';
  return ort;
}

/** Called after each group of weights is made. */
export type PrepareProgress = (done: number, total: number) => void;

/**
 * Makes the weights and a session over them.
 * With the jspi build each group becomes a Blob, which the browser holds outside this worker's heap and ONNX Runtime streams in.
 */
export async function createSession(
  ort: Ort,
  model: Uint8Array,
  groups: WeightGroup[],
  options: InferenceSession.SessionOptions,
  { blobs, onProgress, signal }: { blobs: boolean; onProgress?: PrepareProgress; signal?: AbortSignal },
): Promise<{ session: InferenceSession; weightBytes: number; prepareMs: number; compileMs: number }> {
  const start = performance.now();
  const externalData: { path: string; data: Uint8Array | Blob }[] = [];
  let weightBytes = 0;
  for (const [i, group] of groups.entries()) {
    signal?.throwIfAborted();
    const bytes = await materialise(group);
    weightBytes += bytes.byteLength;
    externalData.push({ path: group.location, data: blobs ? new Blob([bytes]) : bytes });
    onProgress?.(i + 1, groups.length);
  }
  const prepared = performance.now();
  const session = await ort.InferenceSession.create(model, { ...options, externalData: externalData as InferenceSession.SessionOptions['externalData'] });
  return { session, weightBytes, prepareMs: prepared - start, compileMs: performance.now() - prepared };
}
