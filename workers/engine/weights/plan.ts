/**
 * The weights that a graph needs, planned before any weight is read: which tensors, in which type and shape, and where in the
 * external data each of them lies. A group is made in one go (codes, scales and sums of one matrix) and is one external-data file.
 */

/** Type of a tensor's elements. */
export type Dtype = 'float32' | 'float16' | 'uint8' | 'int8' | 'int32' | 'int64' | 'bool' | 'uint4' | 'int4';

export interface WeightTensor {
  name: string;
  dtype: Dtype;
  dims: number[];
}

export interface WeightGroup {
  /** External-data location; unique in the plan. */
  location: string;
  tensors: WeightTensor[];
  /** The tensors' bytes in the order of `tensors`, each in its ONNX layout. */
  make(): Promise<ArrayBufferView[]>;
}

const BITS: Record<Dtype, number> = {
  float32: 32,
  float16: 16,
  uint8: 8,
  int8: 8,
  int32: 32,
  int64: 64,
  bool: 8,
  uint4: 4,
  int4: 4,
};

export function tensorBytes(tensor: WeightTensor): number {
  const elements = tensor.dims.reduce((product, dim) => product * dim, 1);
  return Math.ceil((elements * BITS[tensor.dtype]) / 8);
}

/** Tensors start on multiples of this inside a group, so that typed views and SIMD loads are aligned. */
const ALIGNMENT = 64;
const align = (offset: number) => Math.ceil(offset / ALIGNMENT) * ALIGNMENT;

/** Offsets of a group's tensors and the group's size, in bytes. */
export function layout(group: Pick<WeightGroup, 'tensors'>): { offsets: number[]; bytes: number } {
  let at = 0;
  const offsets = group.tensors.map((tensor) => {
    const offset = align(at);
    at = offset + tensorBytes(tensor);
    return offset;
  });
  return { offsets, bytes: at };
}

export interface TensorRange {
  tensor: WeightTensor;
  /** In the group's file, in bytes. */
  start: number;
  end: number;
}

/** Offset of each of a group's tensors in its file. */
export function tensorRanges(group: Pick<WeightGroup, 'tensors'>): TensorRange[] {
  const { offsets } = layout(group);
  return group.tensors.map((tensor, i) => ({ tensor, start: offsets[i]!, end: offsets[i]! + tensorBytes(tensor) }));
}

/** Room for a group's tensors as they lie in its file. A `make` that fills and returns these has no other copy of them. */
export function roomFor(group: Pick<WeightGroup, 'tensors'>): Uint8Array<ArrayBuffer>[] {
  const { offsets, bytes } = layout(group);
  const file = new ArrayBuffer(bytes);
  return group.tensors.map((tensor, i) => new Uint8Array(file, offsets[i], tensorBytes(tensor)));
}

/** Makes a group's bytes as they lie in its external-data file. */
export async function materialise(group: WeightGroup): Promise<Uint8Array<ArrayBuffer>> {
  const { offsets, bytes } = layout(group);
  const parts = await group.make();
  parts.forEach((part, i) => {
    if (part.byteLength !== tensorBytes(group.tensors[i]!)) {
      throw new RangeError(
        `${group.tensors[i]!.name}: ${part.byteLength} bytes were made, but ${tensorBytes(group.tensors[i]!)} were planned`,
      );
    }
  });
  const file = parts[0]?.buffer;
  const base = parts[0]?.byteOffset ?? 0;
  if (
    file instanceof ArrayBuffer &&
    parts.every((part, i) => part.buffer === file && part.byteOffset === base + offsets[i]!)
  ) {
    return new Uint8Array(file, base, bytes);
  }
  const out = new Uint8Array(bytes);
  parts.forEach((part, i) => out.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), offsets[i]));
  return out;
}
