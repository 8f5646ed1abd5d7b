import { PhiError } from '../shared/errors.ts';

/** Random access to the bytes of one file, wherever they lie: shards in IndexedDB, a File from the disk, memory. */
export interface ByteSource {
  /** Path inside the model's folder, forward slashes, e.g. `onnx/model_q4f16.onnx`. */
  readonly name: string;
  /** Size in bytes. */
  readonly size: number;
  /** Bytes `[offset, offset + length)`, a fresh array. Rejects with `bad-model` when the range leaves the file. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /** The same range as a Blob that is not read into memory yet. */
  blob(offset: number, length: number): Promise<Blob>;
}

/** A model as it lies on a disk or in the store: its files by path. */
export type ModelFiles = ReadonlyMap<string, ByteSource>;

/** Throws `bad-model` unless `[offset, offset + length)` lies inside a file of `size` bytes. */
export function assertRange(name: string, size: number, offset: number, length: number): void {
  const sound =
    Number.isSafeInteger(offset) &&
    Number.isSafeInteger(length) &&
    offset >= 0 &&
    length >= 0 &&
    offset + length <= size;
  if (!sound) {
    throw new PhiError(
      'bad-model',
      `${name}: bytes ${offset} to ${offset + length} are needed, but the file has ${size} bytes. It is truncated or damaged.`,
      {
        offset,
        length,
        size,
      },
    );
  }
}

/** A ByteSource over a Blob or File. */
export function blobSource(name: string, blob: Blob): ByteSource {
  return {
    name,
    size: blob.size,
    async read(offset, length) {
      assertRange(name, blob.size, offset, length);
      return new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
    },
    // oxlint-disable-next-line typescript/require-await -- the interface is asynchronous, and a range error must reject
    async blob(offset, length) {
      assertRange(name, blob.size, offset, length);
      return blob.slice(offset, offset + length);
    },
  };
}
