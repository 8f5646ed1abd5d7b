/**
 * External data as ONNX Runtime's JSPI build reads it: `file.slice(start, end).stream()` for each tensor, one after another in no order that could be known
 * (a hash table's, another at every load), of a `file instanceof Blob`. These are Blobs in name only: the browser's process has to hear of each real one and of
 * each slice and stream, and for the 329 tensors of the starter that took 0.8 s of the 1.4 in which a session was made.
 */
import { streamOf } from '../store/blob-stream.ts';
import { layout, tensorBytes, type WeightGroup } from '../weights/plan.ts';

type Bytes = Uint8Array<ArrayBuffer>;

export interface DataPart {
  stream(): ReadableStream<Bytes>;
  arrayBuffer(): Promise<ArrayBuffer>;
}

export abstract class DataFile {
  abstract get size(): number;

  /** The bytes from `start` to `end`, which are a tensor. Throws where none lies there and the file holds nothing but tensors. */
  abstract slice(start: number, end: number): DataPart;
}
Object.setPrototypeOf(DataFile.prototype, Blob.prototype);

const partOf = (blob: Blob): DataPart => ({ stream: () => streamOf(blob), arrayBuffer: () => blob.arrayBuffer() });

/** Bytes that are there, or will be when they are asked for. */
export const partOfBytes = (bytes: () => Bytes | Promise<Bytes>): DataPart => ({
  stream: () =>
    new ReadableStream({
      async pull(controller) {
        controller.enqueue(await bytes());
        controller.close();
      },
    }),
  arrayBuffer: async () => new Uint8Array(await bytes()).buffer,
});

/** A Blob, any range of which can be read. */
export class BlobFile extends DataFile {
  readonly #blob: Blob;

  constructor(blob: Blob) {
    super();
    this.#blob = blob;
  }

  get size(): number {
    return this.#blob.size;
  }

  slice(start: number, end: number): DataPart {
    return partOf(this.#blob.slice(start, end));
  }
}

/** A group's file, of which only whole tensors can be read. */
export class GroupFile extends DataFile {
  readonly #group: WeightGroup;
  readonly #tensor: (index: number) => DataPart;

  constructor(group: WeightGroup, tensor: (index: number) => DataPart) {
    super();
    this.#group = group;
    this.#tensor = tensor;
  }

  get size(): number {
    return layout(this.#group).bytes;
  }

  slice(start: number, end: number): DataPart {
    const { tensors, location } = this.#group;
    const index = layout(this.#group).offsets.indexOf(start);
    if (index < 0 || end - start !== tensorBytes(tensors[index]!)) throw new RangeError(`${location}: bytes ${start} to ${end} are no tensor`);
    return this.#tensor(index);
  }
}

/** Tensors below this size are read together. */
const SMALL = 64 * 1024;

/** Every tensor of a plan as it lies in a kept form: the small ones first, so that one stream brings them all. */
function keptOrder(groups: readonly WeightGroup[]): { group: number; tensor: number; offset: number; bytes: number }[] {
  const all = groups.flatMap((group, g) => {
    const { offsets } = layout(group);
    return group.tensors.map((tensor, t) => ({ group: g, tensor: t, offset: offsets[t]!, bytes: tensorBytes(tensor) }));
  });
  return [...all.filter(({ bytes }) => bytes < SMALL), ...all.filter(({ bytes }) => bytes >= SMALL)];
}

/** What to keep of the groups' files. */
export function formOf(groups: readonly WeightGroup[], files: readonly Blob[]): Blob {
  return new Blob(keptOrder(groups).map(({ group, offset, bytes }) => files[group]!.slice(offset, offset + bytes)));
}

/** The files of a kept form; null where it is not of these groups. */
export async function openForm(groups: readonly WeightGroup[], form: Blob): Promise<GroupFile[] | null> {
  const order = keptOrder(groups);
  const size = order.reduce((sum, { bytes }) => sum + bytes, 0);
  if (form.size !== size) return null;
  const smallBytes = order.reduce((sum, { bytes }) => sum + (bytes < SMALL ? bytes : 0), 0);
  const small = new Uint8Array(await form.slice(0, smallBytes).arrayBuffer());
  const parts: (() => DataPart)[][] = groups.map(() => []);
  let at = 0;
  for (const { group, tensor, bytes } of order) {
    const start = at;
    const end = (at += bytes);
    parts[group]![tensor] = end <= smallBytes ? () => partOfBytes(() => small.subarray(start, end)) : () => partOf(form.slice(start, end));
  }
  return groups.map((group, g) => new GroupFile(group, (tensor) => parts[g]![tensor]!()));
}
