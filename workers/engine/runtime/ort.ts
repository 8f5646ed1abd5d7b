/** ONNX Runtime Web: which build is loaded, and sessions whose weights are external data. */
import type * as OrtModule from 'onnxruntime-web';
import type { InferenceSession } from 'onnxruntime-web';
import { PhiError } from '../../shared/errors.ts';
import { Graph } from '../graph/onnx.ts';
import { layout, materialise, tensorRanges, type WeightGroup } from '../weights/plan.ts';
import type { FormBytes } from '../../store/forms.ts';
import { BlobFile, DataFile, fileOf, filesOf, formOf, heldOrNot, type FileBytes } from './data-file.ts';
import { oneAtATime, watchMemory } from './ort-quirks.ts';

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
    throw new PhiError(
      'backend',
      `This worker already runs ONNX Runtime ${loaded.build} with ${loaded.threads} threads. ${build} with ${threads} threads needs a new worker.`,
    );
  }
  const ort = importOrt(build, threads);
  loaded = { build, threads, ort };
  try {
    return await ort;
  } catch (error) {
    loaded = undefined; // so that a failed download is tried again
    throw new PhiError('network', `ONNX Runtime could not be loaded: ${PhiError.from(error).message}`, undefined, {
      cause: error,
    });
  }
}

export interface ExternalData {
  path: string;
  data: DataFile | Blob | Uint8Array;
}

export type SessionOptions = Omit<InferenceSession.SessionOptions, 'externalData'> & { externalData?: ExternalData[] };

/**
 * Makes a session after those that were requested before it. It reads Blobs of external data by streams that end
 * (shared/blob-stream.ts).
 */
export function makeSession(ort: Ort, model: Uint8Array, options: SessionOptions): Promise<InferenceSession> {
  // In the object itself: an option may be a getter (ort-quirks.ts).
  options.externalData = options.externalData?.map(({ path, data }) => ({
    path,
    data: data instanceof Blob && !(data instanceof DataFile) ? new BlobFile(data) : data,
  }));
  return oneAtATime(() => ort.InferenceSession.create(model, options as InferenceSession.SessionOptions));
}

/** Warms up ONNX Runtime (compile, threads) while a model is read, so that the first session does not wait for it. */
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
  watchMemory();
  const ort =
    build === 'jspi'
      ? ((await import('onnxruntime-web/jspi')) as unknown as Ort)
      : ((await import('onnxruntime-web/wasm')) as unknown as Ort);
  ort.env.wasm.wasmPaths = build === 'jspi' ? ORT_JSPI_FILES : ORT_WASM_FILES;
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = 'error';
  return ort;
}

/** Called after each group of weights is made, with bytes (or groups, where several workers make them). */
export type PrepareProgress = (done: number, total: number) => void;

/** A place where a made weight form is kept between visits; see store/forms.ts. */
export interface WeightCache {
  /** The kept form, checked, or null. */
  open(): Promise<Blob | null>;
  /** The same, in this worker's heap if it is small (MOST_HELD). */
  hold(): Promise<FormBytes | null>;
  /** True if the form is kept, unchecked: at once, whatever its size. */
  exists(): Promise<boolean>;
  /** Keeps them, if there is room; resolves when that has ended, never rejects. */
  keep(form: FormBytes): Promise<void>;
}

/** The cache for weights of one format; `version` is that of the code that makes them. */
export type OpenWeightCache = (form: string, version: number) => WeightCache;

export interface SessionWeights {
  groups: WeightGroup[];
  /** Absent: the form is made at every load. */
  weightCache?: WeightCache;
  /** The groups' files, if they were made while the model was downloaded; null: make them. */
  early?: (onProgress?: PrepareProgress) => Promise<FileBytes[] | null>;
  onProgress?: PrepareProgress;
  signal?: AbortSignal;
}

export interface WeightFiles {
  /** Files of the groups, in their order. */
  files: DataFile[];
  /** Size of all files together. */
  bytes: number;
  /** Keeps the made weights in the weight cache, behind the load. */
  keep(): void;
}

/** Takes the weights from the weight cache, or makes them. */
export async function weightFiles({
  groups,
  weightCache,
  early,
  onProgress,
  signal,
}: SessionWeights): Promise<WeightFiles> {
  const bytes = groups.reduce((sum, group) => sum + layout(group).bytes, 0);
  const form = await weightCache?.hold();
  const kept = form && (await filesOf(groups, form));
  if (kept) return { files: kept, bytes, keep: () => undefined };
  const made = (await early?.(onProgress)) ?? (await makeFiles(groups, bytes, onProgress, signal));
  signal?.throwIfAborted();
  return { files: made.map(fileOf), bytes, keep: () => void weightCache?.keep(formOf(groups, made)) };
}

async function makeFiles(
  groups: WeightGroup[],
  bytes: number,
  onProgress?: PrepareProgress,
  signal?: AbortSignal,
): Promise<FileBytes[]> {
  const made: FileBytes[] = [];
  let done = 0;
  onProgress?.(done, bytes);
  for (const group of groups) {
    signal?.throwIfAborted();
    const file = await materialise(group);
    made.push(heldOrNot(file, bytes));
    onProgress?.((done += file.length), bytes);
  }
  return made;
}

/** External data for `build`: the plain one takes arrays. */
export async function externalData(build: OrtBuild, groups: WeightGroup[], files: DataFile[]): Promise<ExternalData[]> {
  const data: ExternalData[] = [];
  for (const [i, group] of groups.entries())
    data.push({ path: group.location, data: build === 'jspi' ? files[i]! : await arrayOf(group, files[i]!) });
  return data;
}

async function arrayOf(group: WeightGroup, file: DataFile): Promise<Uint8Array> {
  const out = new Uint8Array(file.size);
  for (const { start, end } of tensorRanges(group))
    out.set(new Uint8Array(await file.slice(start, end).arrayBuffer()), start);
  return out;
}
