import { describe, expect, it } from 'vitest';
import { piecesOf, streamOf } from './blob-stream.ts';

const BYTES = Uint8Array.from({ length: 2_500_000 }, (_, i) => i % 251);

/** As Chromium's now and then are: every byte, and no end. */
class EndlessBlob extends Blob {
  readonly #bytes: Uint8Array;
  constructor(bytes: Uint8Array<ArrayBuffer>) {
    super([bytes]);
    this.#bytes = bytes;
  }
  override stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    let at = 0;
    return new ReadableStream({
      type: 'bytes',
      autoAllocateChunkSize: 65_536,
      pull: (controller) => {
        const view = controller.byobRequest!.view as Uint8Array;
        const part = this.#bytes.subarray(at, at + view.length);
        if (part.length === 0) return new Promise(() => undefined);
        view.set(part);
        at += part.length;
        controller.byobRequest!.respond(part.length);
      },
    });
  }
  override slice(from?: number, to?: number): Blob {
    return new EndlessBlob(new Uint8Array(this.#bytes.subarray(from, to)));
  }
}

async function collect(parts: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const copies: Uint8Array<ArrayBuffer>[] = [];
  for await (const part of parts) copies.push(new Uint8Array(part));
  return new Uint8Array(await new Blob(copies).arrayBuffer());
}

/** As ONNX Runtime reads: into memory of its own, until the stream says that it is done. */
async function readAsOrt(stream: ReadableStream<Uint8Array<ArrayBuffer>>, size: number): Promise<Uint8Array> {
  const out = new Uint8Array(size);
  const reader = stream.getReader({ mode: 'byob' });
  let memory = new ArrayBuffer(1 << 20);
  for (let at = 0; ;) {
    const { value, done } = await reader.read(new Uint8Array(memory));
    if (value) out.set(value, at);
    if (done) return out;
    at += value.length;
    memory = value.buffer;
  }
}

/** Element by element, a comparison of millions takes seconds. */
const same = (a: Uint8Array, b: Uint8Array) => Buffer.from(a).equals(b);

describe.each([
  ['a Blob', () => new Blob([BYTES])],
  ['a Blob whose stream never says that it is over', () => new EndlessBlob(BYTES)],
])('the bytes of %s', (_name, make) => {
  it('come whole as a stream, by a reader with memory of its own and by one without', async () => {
    expect(same(await collect(streamOf(make())), BYTES)).toBe(true);
    expect(same(await readAsOrt(streamOf(make()), BYTES.length), BYTES)).toBe(true);
  });

  it('come piece by piece in the same memory', async () => {
    expect(same(await collect(piecesOf(make())), BYTES)).toBe(true);
    const buffers = new Set<number>();
    for await (const piece of piecesOf(make())) buffers.add(piece.buffer.byteLength);
    expect(buffers).toEqual(new Set([1 << 20]));
  });

  it('end at once where there are none', async () => {
    expect(await readAsOrt(streamOf(make().slice(5, 5)), 0)).toEqual(new Uint8Array());
  });

  it('may be left before their end', async () => {
    for await (const piece of piecesOf(make())) {
      expect(piece[0]).toBe(0);
      break;
    }
  });
});

it('a Blob that gives fewer bytes than its size is an error', async () => {
  class Short extends Blob {
    override get size() {
      return 10;
    }
  }
  await expect(collect(streamOf(new Short([BYTES.subarray(0, 4)])))).rejects.toThrow('read 6 bytes too few');
});
