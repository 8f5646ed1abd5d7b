/** A file read over HTTP by ranges, for the evaluation command: nothing is stored, so a model of gigabytes opens at once. */
import { PhiError } from '../shared/errors.ts';
import { assertRange, type ByteSource } from './bytes.ts';

/** Small reads (headers, tensor tables) are rounded to blocks of this size and kept. */
const BLOCK_BYTES = 1 << 20;
const MAX_BLOCKS = 8;

/** One range as a Blob, which the browser may keep on disk. Anything but exactly these bytes is an error. */
async function fetchRange(name: string, url: string, size: number, offset: number, length: number): Promise<Blob> {
  const last = offset + length - 1;
  let response: Response;
  try {
    response = await fetch(url, { headers: { Range: `bytes=${offset}-${last}` }, cache: 'no-store' });
  } catch (error) {
    throw new PhiError('network', `${name}: the server at ${url} cannot be reached.`, undefined, { cause: error });
  }
  if (response.status !== 206) {
    await response.body?.cancel();
    throw new PhiError(
      'network',
      `${name}: the server answered ${response.status} to a request for bytes ${offset} to ${last}. It must support range requests (206).`,
      {
        status: response.status,
      },
    );
  }
  const range = response.headers.get('Content-Range');
  const blob = await response.blob();
  if (blob.size !== length || (range !== null && range !== `bytes ${offset}-${last}/${size}`)) {
    throw new PhiError(
      'integrity',
      `${name}: requested bytes ${offset} to ${last} of ${size}, but received ${range ?? 'no Content-Range'} with ${blob.size} bytes.`,
    );
  }
  return blob;
}

/** A ByteSource over the file of `size` bytes at `url`. Small reads are cached, large ones pass through. */
export function httpSource(name: string, url: string, size: number): ByteSource {
  /** Insertion order is the order of use; the first is the oldest. */
  const blocks = new Map<number, Promise<Uint8Array<ArrayBuffer>>>();

  const block = (index: number): Promise<Uint8Array<ArrayBuffer>> => {
    const start = index * BLOCK_BYTES;
    const bytes =
      blocks.get(index) ??
      fetchRange(name, url, size, start, Math.min(BLOCK_BYTES, size - start))
        .then((blob) => blob.arrayBuffer())
        .then((buffer) => new Uint8Array(buffer));
    blocks.delete(index);
    blocks.set(index, bytes);
    // A failed fetch is not remembered; its callers see the rejection themselves.
    bytes.catch(() => blocks.get(index) === bytes && blocks.delete(index));
    if (blocks.size > MAX_BLOCKS) blocks.delete(blocks.keys().next().value!);
    return bytes;
  };

  return {
    name,
    size,
    async read(offset, length) {
      assertRange(name, size, offset, length);
      if (length >= BLOCK_BYTES)
        return new Uint8Array(await (await fetchRange(name, url, size, offset, length)).arrayBuffer());
      const out = new Uint8Array(length);
      for (let done = 0; done < length;) {
        const index = Math.floor((offset + done) / BLOCK_BYTES);
        const inside = offset + done - index * BLOCK_BYTES;
        const piece = (await block(index)).subarray(inside, inside + length - done);
        out.set(piece, done);
        done += piece.length;
      }
      return out;
    },
    async blob(offset, length) {
      assertRange(name, size, offset, length);
      return length === 0 ? new Blob() : fetchRange(name, url, size, offset, length);
    },
  };
}
