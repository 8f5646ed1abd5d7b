/**
 * External data as ONNX Runtime's JSPI build reads it: `file.slice(start, end).stream()` for each tensor, one after another in no order that could be known
 * (a hash table's, another at every load), of a `file instanceof Blob`. These pass as Blobs (ort-quirks.ts).
 */
import { streamOf } from '../../shared/blob-stream.ts';
import { formSize, joined, type FormBytes } from '../../store/forms.ts';
import { passAsBlob } from './ort-quirks.ts';
import { layout, tensorRanges, type WeightGroup } from '../weights/plan.ts';

type Bytes = Uint8Array<ArrayBuffer>;

export interface DataPart {
  stream(): ReadableStream<Bytes>;
  arrayBuffer(): Promise<ArrayBuffer>;
}

export abstract class DataFile {
  abstract get size(): number;

  /**
   * The bytes from `start` to `end`, which are a tensor. If the file holds only tensors, throws for any other range.
   */
  abstract slice(start: number, end: number): DataPart;
}
passAsBlob(DataFile.prototype);

const partOf = (blob: Blob): DataPart => ({ stream: () => streamOf(blob), arrayBuffer: () => blob.arrayBuffer() });

/** Bytes that exist already, or are made on request. */
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

/** Bytes in this worker's heap, any range of which can be read. */
class HeldFile extends DataFile {
  readonly #bytes: Bytes;

  constructor(bytes: Bytes) {
    super();
    this.#bytes = bytes;
  }

  get size(): number {
    return this.#bytes.length;
  }

  slice(start: number, end: number): DataPart {
    return partOfBytes(() => this.#bytes.subarray(start, end));
  }
}

/**
 * Weights of up to this size are held in this worker's heap until the session has them. As Blobs they go to the browser's process and come back, which
 * for the starter (160 MB) takes 0.4 s on the way there and 0.3 s on the way back. Of larger ones, memory counts more.
 */
export const MOST_HELD = 256 * 1024 * 1024;

/** A group's file: outside this worker's heap, or in it. */
export type FileBytes = Blob | Bytes;

/** `file`, of weights of `total` bytes in all, where they are to lie. */
export const heldOrNot = (file: Bytes, total: number): FileBytes => (total <= MOST_HELD ? file : new Blob([file]));

export const fileOf = (bytes: FileBytes): DataFile =>
  bytes instanceof Blob ? new BlobFile(bytes) : new HeldFile(bytes);

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
    const index = tensorRanges(this.#group).findIndex((range) => range.start === start && range.end === end);
    if (index < 0) throw new RangeError(`${this.#group.location}: bytes ${start} to ${end} do not match a tensor`);
    return this.#tensor(index);
  }
}

/** Tensors below this size are read together. */
const SMALL = 64 * 1024;

interface KeptTensor {
  /** Place of its group in the plan, and of the tensor in the group. */
  group: number;
  index: number;
  /** In the group's file. */
  start: number;
  end: number;
}

const isSmall = ({ start, end }: KeptTensor): boolean => end - start < SMALL;

/** Every tensor of a plan as it lies in a kept form: the small ones first, so that one stream brings them all. */
function keptOrder(groups: readonly WeightGroup[]): KeptTensor[] {
  const all = groups.flatMap((one, group) =>
    tensorRanges(one).map(({ start, end }, index) => ({ group, index, start, end })),
  );
  return [...all.filter(isSmall), ...all.filter((tensor) => !isSmall(tensor))];
}

const bytesOf = (tensors: readonly KeptTensor[]): number =>
  tensors.reduce((sum, { start, end }) => sum + end - start, 0);

/** Which of the groups' files to keep. */
export function formOf(groups: readonly WeightGroup[], files: readonly FileBytes[]): FormBytes {
  const parts = keptOrder(groups).map(({ group, start, end }) => {
    const file = files[group]!;
    return file instanceof Blob ? file.slice(start, end) : file.subarray(start, end);
  });
  return parts.every((part) => part instanceof Uint8Array) ? parts : new Blob(parts);
}

/** The groups' files from a kept format; null if it belongs to other groups. */
export async function filesOf(groups: readonly WeightGroup[], form: FormBytes): Promise<GroupFile[] | null> {
  const order = keptOrder(groups);
  if (formSize(form) !== bytesOf(order)) return null;
  const range = (start: number, end: number): DataPart =>
    form instanceof Blob ? partOf(form.slice(start, end)) : partOfBytes(() => joined(form, start, end));
  const small = new Uint8Array(await range(0, bytesOf(order.filter(isSmall))).arrayBuffer());
  const parts: (() => DataPart)[][] = groups.map(() => []);
  let at = 0;
  for (const tensor of order) {
    const from = at;
    const to = (at += tensor.end - tensor.start);
    parts[tensor.group]![tensor.index] = isSmall(tensor)
      ? () => partOfBytes(() => small.subarray(from, to))
      : () => range(from, to);
  }
  return groups.map((group, g) => new GroupFile(group, (index) => parts[g]![index]!()));
}
