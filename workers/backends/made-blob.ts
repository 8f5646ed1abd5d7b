/**
 * Weights that are made when ONNX Runtime asks for them: its JSPI build reads an initialiser of external data as `blob.slice(...).stream()`, one after another. A
 * model's int8 weights are then never whole anywhere but in the session's own memory.
 */
import { layout, tensorBytes, type WeightGroup } from '../weights/plan.ts';

/** A group whose tensors are made together and taken one by one, in any order. */
export class GroupMaker {
  readonly group: WeightGroup;
  readonly #onMade: (parts: ArrayBufferView<ArrayBuffer>[]) => void;
  #parts: (ArrayBufferView<ArrayBuffer> | null)[] = [];
  /** Milliseconds spent in making. */
  ms = 0;

  constructor(group: WeightGroup, onMade: (parts: ArrayBufferView<ArrayBuffer>[]) => void) {
    this.group = group;
    this.#onMade = onMade;
  }

  /** Tensor `index`; it is not kept here afterwards. */
  async take(index: number): Promise<Uint8Array<ArrayBuffer>> {
    if (!this.#parts[index]) {
      const start = performance.now();
      const parts = (await this.group.make()) as ArrayBufferView<ArrayBuffer>[];
      this.ms += performance.now() - start;
      this.#onMade(parts);
      this.#parts = parts;
    }
    const part = this.#parts[index]!;
    this.#parts[index] = null;
    const planned = tensorBytes(this.group.tensors[index]!);
    if (part.byteLength !== planned) throw new RangeError(`${this.group.tensors[index]!.name}: made ${part.byteLength} bytes, planned ${planned}`);
    return new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
  }
}

/** One tensor of a group, to be read once as a stream. */
class MadeTensor extends Blob {
  readonly #take: () => Promise<Uint8Array<ArrayBuffer>>;

  constructor(take: () => Promise<Uint8Array<ArrayBuffer>>) {
    super();
    this.#take = take;
  }

  override stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return new ReadableStream({
      pull: async (controller) => {
        controller.enqueue(await this.#take());
        controller.close();
      },
    });
  }
}

/** A group's external-data file. Only whole tensors can be read of it. */
export class MadeBlob extends Blob {
  readonly #maker: GroupMaker;

  constructor(maker: GroupMaker) {
    super();
    this.#maker = maker;
  }

  override get size(): number {
    return layout(this.#maker.group).bytes;
  }

  override slice(start = 0, end = this.size): Blob {
    const { group } = this.#maker;
    const index = layout(group).offsets.indexOf(start);
    if (index < 0 || end - start !== tensorBytes(group.tensors[index]!)) throw new RangeError(`${group.location}: bytes ${start} to ${end} are no tensor`);
    return new MadeTensor(() => this.#maker.take(index));
  }
}
