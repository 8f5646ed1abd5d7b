import { createSHA256, createXXHash64, sha256 } from 'hash-wasm';
import { piecesOf } from '../shared/blob-stream.ts';
import { hexOf } from '../shared/hex.ts';
import { throwIfCancelled } from './cancel.ts';

/** SHA-256 in lower-case hex. WebCrypto is off the thread and uses the CPU's instructions, but exists in secure contexts only. */
export async function sha256Hex(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  if (!globalThis.crypto?.subtle) return sha256(bytes);
  return hexOf(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)));
}

/**
 * XXH64 in hex, for bytes that this browser made itself and reads at every load: it finds damage as well as SHA-256, at a thirteenth of the cost
 * (29 against 380 ms of processor time for 160 MB). Against malice it would be none, but who can write the bytes can write their sum.
 */
export async function createChecksum(): Promise<{
  of(bytes: Uint8Array): string;
  ofBlob(blob: Blob): Promise<string | null>;
}> {
  const hash = await createXXHash64();
  return {
    of: (bytes) => hash.init().update(bytes).digest('hex'),
    /** null when it cannot be read. */
    async ofBlob(blob) {
      hash.init();
      try {
        for await (const piece of piecesOf(blob)) hash.update(piece);
      } catch {
        return null;
      }
      return hash.digest('hex');
    },
  };
}

/** The bytes of a stored Blob; null when the browser can no longer read them (its file was evicted or damaged). */
export async function readBlob(blob: Blob): Promise<Uint8Array<ArrayBuffer> | null> {
  const bytes = await blob.arrayBuffer().catch(() => null);
  return bytes && new Uint8Array(bytes);
}

/** SHA-256 of a stored Blob; null when it cannot be read. */
export async function hashBlob(blob: Blob): Promise<string | null> {
  const bytes = await readBlob(blob);
  return bytes && sha256Hex(bytes);
}

/** SHA-256 of blobs one after the other, in slices: for files larger than memory. `onBytes` gets the bytes of each slice. */
export async function sha256OfBlobs(
  blobs: Blob[],
  signal: AbortSignal,
  onBytes: (bytes: number) => void,
): Promise<string> {
  const hash = await createSHA256();
  for (const blob of blobs) {
    for await (const piece of piecesOf(blob)) {
      throwIfCancelled(signal);
      hash.update(piece);
      onBytes(piece.length);
    }
  }
  return hash.digest('hex');
}
