import { sha256Hex } from './hash.ts';
import { ask } from './http.ts';
import { Fault, type Net } from './net.ts';
import { RetryPolicy } from './retry-policy.ts';
import type { FetchedShard, ShardRequest } from './fetch-shard.ts';

/** Cuts a stream of chunks of any size into pieces of a known one. */
class Cutter {
  position = 0;
  readonly #chunks: AsyncGenerator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();

  constructor(chunks: AsyncGenerator<Uint8Array>) {
    this.#chunks = chunks;
  }

  async *#upTo(end: number): AsyncGenerator<Uint8Array> {
    while (this.position < end) {
      if (this.#rest.length === 0) {
        const next = await this.#chunks.next();
        if (next.done) throw new Fault('content', `the file on the server ends after ${this.position} bytes`);
        this.#rest = next.value;
      }
      const piece = this.#rest.subarray(0, end - this.position);
      this.#rest = this.#rest.subarray(piece.length);
      this.position += piece.length;
      yield piece;
    }
  }

  async skipTo(position: number): Promise<void> {
    for await (const piece of this.#upTo(position)) void piece;
  }

  async fill(bytes: Uint8Array, onBytes: (delta: number) => void): Promise<void> {
    let at = 0;
    try {
      for await (const piece of this.#upTo(this.position + bytes.length)) {
        bytes.set(piece, at);
        at += piece.length;
        onBytes(piece.length);
      }
    } catch (cause) {
      onBytes(-at);
      throw cause;
    }
  }
}

/** A shard of the file that is streamed. `isStored` is asked when its turn comes: another exchange may have brought it meanwhile. */
export interface StreamedShard extends ShardRequest {
  isStored(): boolean;
  store(fetched: FetchedShard): Promise<void>;
}

async function stream(net: Net, parts: StreamedShard[], signal: AbortSignal): Promise<void> {
  const [first] = parts;
  if (!first) return;
  const answer = await ask(net, first.shard.url, null, null, first.urlBytes, signal);
  try {
    const cutter = new Cutter(answer.chunks);
    for (const part of parts) {
      const { offset, bytes: size, sha256: published } = part.shard;
      if (part.isStored()) continue;
      await cutter.skipTo(offset);
      const bytes = new Uint8Array(size);
      await cutter.fill(bytes, part.onBytes);
      const sha256 = await sha256Hex(bytes);
      if (published && published !== sha256) {
        part.onBytes(-size);
        throw new Fault('content', `the SHA-256 of ${part.what} is ${sha256}, not ${published}`);
      }
      await part.store({ bytes, sha256, etag: answer.etag });
    }
  } finally {
    answer.close();
  }
}

/**
 * For servers that ignore Range: streams the whole URL once and stores its missing shards one by one as they pass. After a dropped
 * connection it can only begin again at the first byte, but what was stored stays so.
 * @param parts all shards wanted of one URL, in the order of their offsets
 */
export async function fetchInOrder(net: Net, what: string, parts: StreamedShard[], signal: AbortSignal): Promise<void> {
  const patience = new RetryPolicy(net, what);
  for (;;) {
    const missing = parts.filter((part) => !part.isStored());
    if (missing.length === 0) return;
    try {
      await stream(net, missing, signal);
    } catch (cause) {
      const progress = missing.reduce((sum, part) => sum + (part.isStored() ? part.shard.bytes : 0), 0);
      await patience.next(cause, progress, signal);
    }
  }
}
