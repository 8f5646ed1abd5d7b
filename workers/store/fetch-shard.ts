import type { Shard } from '../shared/protocol.ts';
import { sha256Hex } from './hash.ts';
import { ask, type Range } from './http.ts';
import { Fault, type Net } from './net.ts';
import { RetryPolicy } from './retry-policy.ts';

/** Re-read where a part is continued and no published hash will prove that both halves are of one file. */
export const OVERLAP_BYTES = 64 * 1024;

export interface FetchedShard {
  bytes: Uint8Array<ArrayBuffer>;
  sha256: string;
  etag: string | null;
}

export interface ShardRequest {
  shard: Shard;
  /** In words, for messages: "model.gguf, part 3 of 12". */
  what: string;
  /** Size of what lies at the shard's URL; null where unknown. */
  urlBytes: number | null;
  /** How many bytes more (or, after a restart, fewer) of the shard are there. */
  onBytes: (delta: number) => void;
}

/** The bytes of a shard as far as they have arrived; kept from one try to the next. */
class Part {
  readonly bytes: Uint8Array<ArrayBuffer>;
  filled = 0;
  etag: string | null = null;
  validator: string | null = null;
  readonly #onBytes: (delta: number) => void;

  constructor(size: number, onBytes: (delta: number) => void) {
    this.bytes = new Uint8Array(size);
    this.#onBytes = onBytes;
  }

  restart(): void {
    this.#onBytes(-this.filled);
    this.filled = 0;
    this.etag = this.validator = null;
  }

  /** Takes bytes that lie at `at`; those that are there already must be the same. */
  take(chunk: Uint8Array, at: number): void {
    const end = at + chunk.length;
    if (end > this.bytes.length) throw new Fault('content', 'the server sent more bytes than the manifest gives');
    const known = Math.min(this.filled - at, chunk.length);
    for (let i = 0; i < known; i++) {
      if (chunk[i] !== this.bytes[at + i]) throw new Fault('content', 'the file on the server changed in between');
    }
    this.bytes.set(chunk.subarray(known), at + known);
    const fresh = Math.max(end - this.filled, 0);
    this.filled += fresh;
    this.#onBytes(fresh);
  }
}

/** One exchange: what is missing of `part`, or all of it when the server insists on starting over. */
async function receive(net: Net, { shard, urlBytes }: ShardRequest, part: Part, signal: AbortSignal): Promise<void> {
  const had = part.filled;
  const { url, offset, bytes, wholeUrl } = shard;
  const total = wholeUrl ? bytes : urlBytes;
  let at = shard.sha256 ? had : Math.max(had - OVERLAP_BYTES, 0);
  const range: Range | null = wholeUrl && at === 0 ? null : { from: offset + at, to: offset + bytes - 1, total };
  const answer = await ask(net, url, range, part.validator, total, signal);
  try {
    const sameFile = !part.etag || !answer.etag || part.etag === answer.etag;
    if (range && !answer.partial) {
      if (!wholeUrl)
        throw sameFile
          ? new Fault('no-range', 'the server ignores Range')
          : new Fault('content', 'the file on the server changed in between');
      part.restart();
      at = 0;
    } else if (!sameFile) {
      throw new Fault('content', 'the file on the server changed in between');
    }
    part.etag = answer.etag;
    part.validator = answer.validator;
    for await (const chunk of answer.chunks) {
      part.take(chunk, at);
      at += chunk.length;
    }
  } finally {
    answer.close();
  }
  if (part.filled < bytes)
    throw new Fault(
      part.filled > had ? 'connection' : 'content',
      `the answer ended after ${part.filled} of ${bytes} bytes`,
    );
}

/**
 * Fetches one shard, by range or whole, and checks size and SHA-256 (where published). A dropped connection goes on where it broke
 * off; a wrong answer throws away what arrived. When it gives up, nothing of the shard counts as there. Rejects with `network`, `integrity` or `cancelled`, or with a `no-range` Fault.
 */
export async function fetchShard(net: Net, request: ShardRequest, signal: AbortSignal): Promise<FetchedShard> {
  const { shard, what } = request;
  const part = new Part(shard.bytes, request.onBytes);
  const patience = new RetryPolicy(net, what);
  for (;;) {
    const before = part.filled;
    try {
      if (part.filled < shard.bytes) await receive(net, request, part, signal);
      const sha256 = await sha256Hex(part.bytes);
      if (shard.sha256 && shard.sha256 !== sha256)
        throw new Fault('content', `its SHA-256 is ${sha256}, not ${shard.sha256}`);
      return { bytes: part.bytes, sha256, etag: part.etag };
    } catch (cause) {
      const progress = part.filled - before;
      if (!(cause instanceof Fault) || cause.kind === 'content') part.restart();
      try {
        await patience.next(cause, progress, signal);
      } catch (final) {
        // Whoever brings the shard in another way counts it from its first byte.
        part.restart();
        throw final;
      }
    }
  }
}
