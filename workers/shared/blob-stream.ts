/**
 * Streams of Blobs that end. Chromium's (153) now and then gives every byte and then never says that there are no more: of about 16,000 read in workers,
 * one. ONNX Runtime reads a stream for every tensor, and such a load hung without an error.
 */

/** Most bytes at a time, if a reader brings no memory of its own. */
const PIECE_BYTES = 1024 * 1024;

/** The bytes of `blob`, as a byte stream where the browser has those for Blobs. It ends with the last byte, without asking the Blob whether it was the last. */
export function streamOf(blob: Blob): ReadableStream<Uint8Array<ArrayBuffer>> {
  const stream = blob.stream();
  const reader = byteReader(stream);
  if (!reader) return stream;
  let left = blob.size;
  // After the last byte, the Blob's own stream is abandoned. Cancelling it would take half a millisecond, and it has
  // only its end left to report.
  return new ReadableStream({
    type: 'bytes',
    autoAllocateChunkSize: PIECE_BYTES,
    start: (controller) => void (left === 0 && controller.close()),
    async pull(controller) {
      const request = controller.byobRequest!; // there is one, because of autoAllocateChunkSize
      const { buffer, byteOffset, byteLength } = request.view!;
      const { value, done } = await reader.read(new Uint8Array(buffer, byteOffset, byteLength));
      if (done) throw new RangeError(`The browser read ${left} bytes too few from a Blob of ${blob.size} bytes.`);
      left -= value.length;
      request.respondWithNewView(value);
      if (left === 0) controller.close();
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

/** null for the streams of browsers whose Blobs are not byte streams. */
function byteReader(stream: ReadableStream<Uint8Array<ArrayBuffer>>): ReadableStreamBYOBReader | null {
  try {
    return stream.getReader({ mode: 'byob' });
  } catch {
    return null;
  }
}

/**
 * The bytes of `blob`, a little at a time and all in the same memory: a piece holds until the next is asked for. Arrays of their own are garbage until the
 * engine finds time for it, and touching new memory costs more than reading (32 MB: 100 to 200 ms, so 12 to 20). Rejects when the browser can no longer
 * read them.
 */
export async function* piecesOf(blob: Blob): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const reader = byteReader(streamOf(blob));
  if (!reader) {
    yield* slicesOf(blob, PIECE_BYTES);
    return;
  }
  let memory = new ArrayBuffer(PIECE_BYTES);
  try {
    for (;;) {
      const { value, done } = await reader.read(new Uint8Array(memory));
      if (done) return;
      yield value;
      memory = value.buffer;
    }
  } finally {
    void reader.cancel();
  }
}

/** Its bytes in pieces of limited size, each in its own array; rejects when the browser can no longer read them. */
export async function* slicesOf(blob: Blob, sliceBytes: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < blob.size; at += sliceBytes)
    yield new Uint8Array(await blob.slice(at, at + sliceBytes).arrayBuffer());
}
