/** ONNX Runtime Web: which build is loaded, and sessions whose weights are external data. */
import type * as OrtModule from 'onnxruntime-web';
import type { InferenceSession } from 'onnxruntime-web';
import { PhiError } from '../errors.ts';
import { Graph } from '../graph/onnx.ts';
import { StreamedBlob } from '../store/blob-stream.ts';
import { layout, materialise, type WeightGroup } from '../weights/plan.ts';

export type Ort = typeof OrtModule;
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
    throw new PhiError('network', `ONNX Runtime could not be loaded: ${PhiError.from(error).message}`, undefined, { cause: error });
  }
}

let creating: Promise<unknown> = Promise.resolve();

/**
 * A session, once those asked for before are made: ONNX Runtime keeps the external data of the one that is being made in one place, and the end of one
 * takes it from another (1.31: "Module.MountedFiles is not available"). It reads Blobs of external data by streams that end (store/blob-stream.ts).
 */
export function makeSession(ort: Ort, model: Uint8Array, options: InferenceSession.SessionOptions): Promise<InferenceSession> {
  // In the object itself: an option may be a getter (see webgpu.ts).
  options.externalData = options.externalData?.map(streamed);
  const make = () => ort.InferenceSession.create(model, options);
  const made = creating.then(make, make);
  creating = made;
  return made;
}

type ExternalFile = NonNullable<InferenceSession.SessionOptions['externalData']>[number];

const streamed = (file: ExternalFile): ExternalFile =>
  typeof file === 'object' && 'data' in file && file.data instanceof Blob ? { ...file, data: new StreamedBlob(file.data) } : file;

/** Has ONNX Runtime compiled and its threads started, which else the first session waits for: while a model is read there is time for it. */
export async function startOrt(build: OrtBuild, threads: number): Promise<void> {
  const ort = await loadOrt(build, threads);
  const g = new Graph('start');
  g.input('x', 'float32', [1]);
  g.call(g.op('Neg', ['x']), 'y');
  g.output('y', 'float32', [1]);
  const session = await makeSession(ort, g.toModel(), { executionProviders: ['wasm'] });
  await session.release();
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

/** A place where a made weight form is kept between visits; see store/forms.ts. */
export interface FormShelf {
  /** The kept form, checked, or null. */
  open(): Promise<Blob | null>;
  /** Keeps them, if there is room. Not awaited by a load. */
  keep(form: Blob): void;
}

export interface SessionWeights {
  groups: WeightGroup[];
  /** Absent: the form is made at every load. */
  shelf?: FormShelf;
  onProgress?: PrepareProgress;
  signal?: AbortSignal;
}

/**
 * Makes the weights, or takes them from the shelf, and a session over them. Each group is a file of external data: a Blob, outside this worker's heap and
 * streamed in by the jspi build. The plain build wants arrays.
 */
export async function createSession(
  ort: Ort,
  build: OrtBuild,
  model: Uint8Array,
  weights: SessionWeights,
  options: InferenceSession.SessionOptions,
): Promise<{ session: InferenceSession; weightBytes: number; prepareMs: number; compileMs: number }> {
  const start = performance.now();
  const { files, form, made } = await weightFiles(weights);
  const externalData = await Promise.all(
    weights.groups.map(async ({ location }, i) => ({
      path: location,
      data: build === 'jspi' ? files[i]! : new Uint8Array(await files[i]!.arrayBuffer()),
    })),
  );
  const prepared = performance.now();
  // Added to the object itself: an option may be a getter (see webgpu.ts).
  const session = await makeSession(ort, model, Object.assign(options, { externalData }));
  if (made) weights.shelf?.keep(form);
  return { session, weightBytes: form.size, prepareMs: prepared - start, compileMs: performance.now() - prepared };
}

interface WeightFiles {
  files: Blob[];
  form: Blob;
  made: boolean;
}

/** The groups as files, from the shelf where they lie there. */
export async function weightFiles({ groups, shelf, onProgress, signal }: SessionWeights): Promise<WeightFiles> {
  const sizes = groups.map((group) => layout(group).bytes);
  const kept = await shelf?.open();
  if (kept && kept.size === sizes.reduce((sum, size) => sum + size, 0)) {
    let at = 0;
    return { files: sizes.map((size) => kept.slice(at, (at += size))), form: kept, made: false };
  }
  const files: Blob[] = [];
  for (const [i, group] of groups.entries()) {
    signal?.throwIfAborted();
    files.push(new Blob([await materialise(group)]));
    onProgress?.(i + 1, groups.length);
  }
  return { files, form: new Blob(files), made: true };
}
