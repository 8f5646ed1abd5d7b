/** Where ONNX Runtime puts weights in its memory, for kernels of our own that read them there. */
import { tensorRanges, type WeightGroup } from '../weights/plan.ts';
import { DataFile, type DataPart } from './data-file.ts';
import { onRuntimeCopies, runtimeMemory } from './ort-quirks.ts';
import type { ExternalData } from './ort.ts';

/** Bytes that are compared when all is loaded. */
const SAMPLE_BYTES = 64;

export interface WeightPlaces {
  memory: WebAssembly.Memory;
  /** Address of each weight tensor by its name. */
  places: ReadonlyMap<string, number>;
}

interface Seen {
  address: number;
  start: Uint8Array;
}

/**
 * Makes a session by `make` from `data`, and watches where its tensors go. `weights` is null if that could not be seen, or if they are not there afterwards.
 */
export async function withPlaces<T>(
  groups: readonly WeightGroup[],
  data: readonly ExternalData[],
  make: (data: ExternalData[]) => Promise<T>,
): Promise<{ made: T; weights: WeightPlaces | null }> {
  const seen = new Map<string, Seen>();
  let expected: { name: string; bytes: number } | null = null;
  const names = new Map(groups.map((group) => [group.location, namesOf(group)]));
  const arrays = new Map(data.flatMap(({ path, data }) => (data instanceof Uint8Array ? [[data.buffer, path]] : [])));
  const watched = data.map(({ path, data }) => ({
    path,
    data:
      data instanceof DataFile
        ? new WatchedFile(data, (start, end) => {
            const name = names.get(path)?.get(start);
            expected = name === undefined ? null : { name, bytes: end - start };
          })
        : data,
  }));
  const stop = onRuntimeCopies((address, source) => {
    const path = arrays.get(source.buffer);
    const name =
      path === undefined
        ? source.byteLength === expected?.bytes
          ? expected.name
          : undefined
        : names.get(path)?.get(source.byteOffset);
    if (name === undefined) return;
    expected = null;
    seen.set(name, { address, start: source.slice(0, SAMPLE_BYTES) });
  });
  try {
    const made = await make(watched);
    const complete = [...names.values()].every((tensors) => [...tensors.values()].every((name) => seen.has(name)));
    const memory = runtimeMemory();
    const there = memory && complete && [...seen.values()].every((place) => isThere(memory, place));
    const places = new Map([...seen].map(([name, { address }]) => [name, address]));
    return { made, weights: there ? { memory, places } : null };
  } finally {
    stop();
  }
}

const namesOf = (group: WeightGroup): Map<number, string> =>
  new Map(tensorRanges(group).map(({ tensor, start }) => [start, tensor.name]));

function isThere({ buffer }: WebAssembly.Memory, { address, start }: Seen): boolean {
  const there = new Uint8Array(buffer, address, start.length);
  return start.every((byte, i) => byte === there[i]);
}

/** A file that tells which of its ranges is read. */
class WatchedFile extends DataFile {
  readonly #file: DataFile;
  readonly #onSlice: (start: number, end: number) => void;

  constructor(file: DataFile, onSlice: (start: number, end: number) => void) {
    super();
    this.#file = file;
    this.#onSlice = onSlice;
  }

  get size(): number {
    return this.#file.size;
  }

  slice(start: number, end: number): DataPart {
    this.#onSlice(start, end);
    return this.#file.slice(start, end);
  }
}
