/**
 * Weights that are made when ONNX Runtime asks for them, so that only the session's own memory ever holds all int8
 * weights of a model.
 */
import { tensorBytes, type WeightGroup } from '../weights/plan.ts';
import { GroupFile, partOfBytes } from './data-file.ts';

/** Gets a group's tensors before they are handed over, which waits for it. */
type OnMade = (parts: ArrayBufferView<ArrayBuffer>[]) => void | Promise<void>;

/** A group whose tensors are made together and taken one by one, in any order. */
export class GroupMaker {
  readonly group: WeightGroup;
  readonly #onMade: OnMade;
  #parts: (ArrayBufferView<ArrayBuffer> | null)[] = [];
  #making: Promise<void> | null = null;
  /** Milliseconds spent in making. */
  ms = 0;

  constructor(group: WeightGroup, onMade: OnMade) {
    this.group = group;
    this.#onMade = onMade;
  }

  /** Tensor `index`; it is not kept here afterwards. */
  async take(index: number): Promise<Uint8Array<ArrayBuffer>> {
    // Another reader may have taken it while this one waited.
    while (!this.#parts[index]) await (this.#making ??= this.#make().finally(() => (this.#making = null)));
    const part = this.#parts[index];
    this.#parts[index] = null;
    const planned = tensorBytes(this.group.tensors[index]!);
    if (part.byteLength !== planned)
      throw new RangeError(
        `${this.group.tensors[index]!.name}: ${part.byteLength} bytes were made, but ${planned} were planned`,
      );
    return new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
  }

  async #make(): Promise<void> {
    const start = performance.now();
    const parts = (await this.group.make()) as ArrayBufferView<ArrayBuffer>[];
    this.ms += performance.now() - start;
    await this.#onMade(parts);
    this.#parts = parts;
  }
}

/** A group's external-data file, made when it is read. */
export const madeFile = (maker: GroupMaker): GroupFile =>
  new GroupFile(maker.group, (tensor) => partOfBytes(() => maker.take(tensor)));
