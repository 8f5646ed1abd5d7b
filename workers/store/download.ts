import { PhiError } from '../shared/errors.ts';
import type { ModelFile, ModelManifest } from '../shared/protocol.ts';
import type { StoreContext } from './context.ts';
import { fetchInOrder } from './fetch-in-order.ts';
import { fetchShard, type FetchedShard, type ShardRequest } from './fetch-shard.ts';
import { slotsOf, type Slot } from './inventory.ts';
import { DISK } from '../shared/manifest.ts';
import { Fault } from './net.ts';
import { throwIfCancelled } from './cancel.ts';
import { putShard } from './put.ts';

/** More connections to one server bring little. Each holds its shard in memory, so large shards are fewer. */
const MAX_CONNECTIONS = 4;
const IN_FLIGHT_BYTES = 192 * 1024 * 1024;

/** Size of the file at the shard's URL, if the manifest gives it: the file consists of this URL alone, from its first byte. */
function urlBytes({ file, shard }: Slot): number | null {
  const [first] = file.shards;
  return first?.offset === 0 && file.shards.every(({ url }) => url === shard.url) ? file.bytes : null;
}

export interface DownloadRequest {
  model: ModelManifest;
  /** Its missing shards. */
  slots: Slot[];
  /** ETags of shards that an earlier visit stored, by URL. */
  etags: Map<string, string>;
  onBytes: (delta: number) => void;
  /** After each shard that was checked and stored. */
  onStored?: (slot: Slot, shard: { sha256: string }) => void;
}

/** One download: the shards still to be fetched, several at a time, until all are stored or one fails for good. */
class Download {
  readonly #context: StoreContext;
  readonly #model: ModelManifest;
  readonly #slots: Slot[];
  readonly #onBytes: (delta: number) => void;
  readonly #onStored: DownloadRequest['onStored'];
  /** Ends when the caller cancels, or when a shard fails for good: then the others need not go on. */
  readonly #stop = new AbortController();
  readonly #stored = new Set<Slot>();
  /** ETag by URL, of shards without a published hash: all must come from one version of the file. */
  readonly #etags: Map<string, string>;
  /** Exchanges by range that run now, by URL, and what ends them. */
  readonly #exchanges = new Map<string, { stop: AbortController; running: Set<Promise<void>> }>();
  /** By URL, once a server has shown that it ignores Range. */
  readonly #streams = new Map<string, Promise<void>>();
  readonly #changed = new Set<ModelFile>();

  constructor(context: StoreContext, { model, slots, etags, onBytes, onStored }: DownloadRequest) {
    this.#context = context;
    this.#model = model;
    this.#slots = slots;
    this.#etags = etags;
    this.#onBytes = onBytes;
    this.#onStored = onStored;
  }

  async run(signal: AbortSignal): Promise<void> {
    const queue = [...this.#slots];
    const failures: unknown[] = [];
    const either = AbortSignal.any([signal, this.#stop.signal]);
    const connection = async () => {
      for (let slot = queue.shift(); slot && !either.aborted; slot = queue.shift()) {
        try {
          await this.#fetch(slot, either);
        } catch (cause) {
          failures.push(cause);
          this.#stop.abort();
        }
      }
    };
    const largest = Math.max(...this.#slots.map(({ shard }) => shard.bytes));
    const connections = Math.max(Math.min(MAX_CONNECTIONS, Math.floor(IN_FLIGHT_BYTES / largest)), 1);
    await Promise.all(Array.from({ length: connections }, connection));
    await this.#dropUnproven();
    throwIfCancelled(signal);
    if (failures.length > 0) throw failures[0];
  }

  async #fetch(slot: Slot, signal: AbortSignal): Promise<void> {
    const { url } = slot.shard;
    if (url.startsWith(DISK)) {
      throw new PhiError(
        'integrity',
        `${slot.what} is missing or damaged. The model came from this disk: import it again.`,
        {
          path: slot.file.path,
          shard: slot.index,
        },
      );
    }
    try {
      if (!this.#streams.has(url)) await this.#exchange(slot, signal);
    } catch (cause) {
      const isEndedByStream = cause instanceof PhiError && cause.code === 'cancelled' && this.#streams.has(url);
      if (!isEndedByStream && !(cause instanceof Fault && cause.kind === 'no-range')) throw cause;
      if (!this.#streams.has(url)) this.#streams.set(url, this.#stream(url, slot.file.path, signal));
    }
    await this.#streams.get(url);
  }

  /** Fetches one shard by its range, or whole from a URL of its own, and stores it. */
  async #exchange(slot: Slot, signal: AbortSignal): Promise<void> {
    const { url } = slot.shard;
    const { stop, running } = this.#exchanges.get(url) ?? { stop: new AbortController(), running: new Set() };
    this.#exchanges.set(url, { stop, running });
    const either = AbortSignal.any([signal, stop.signal]);
    const exchange = fetchShard(this.#context.net, this.#request(slot), either).then((fetched) =>
      this.#store(slot, fetched, signal),
    );
    running.add(exchange);
    try {
      await exchange;
    } finally {
      running.delete(exchange);
    }
  }

  /** The stream brings every shard of the URL, so the other exchanges end first: none is fetched, counted or stored twice. */
  async #stream(url: string, path: string, signal: AbortSignal): Promise<void> {
    const exchanges = this.#exchanges.get(url);
    if (exchanges) {
      exchanges.stop.abort();
      await Promise.allSettled(exchanges.running);
    }
    const slots = this.#slots.filter(({ shard }) => shard.url === url).sort((a, b) => a.shard.offset - b.shard.offset);
    const parts = slots.map((slot) => ({
      ...this.#request(slot),
      isStored: () => this.#stored.has(slot),
      store: (fetched: FetchedShard) => this.#store(slot, fetched, signal),
    }));
    return fetchInOrder(this.#context.net, path, parts, signal);
  }

  #request(slot: Slot): ShardRequest {
    return { shard: slot.shard, what: slot.what, urlBytes: urlBytes(slot), onBytes: this.#onBytes };
  }

  async #store(slot: Slot, fetched: FetchedShard, signal: AbortSignal): Promise<void> {
    const { url, sha256 } = slot.shard;
    if (!sha256 && fetched.etag !== null) {
      const known = this.#etags.get(url) ?? fetched.etag;
      this.#etags.set(url, known);
      if (known !== fetched.etag) {
        this.#changed.add(slot.file);
        const message = `${slot.file.path} changed on the server during the download. Parts without a published hash were dropped.`;
        throw new PhiError('integrity', `${message} Start the download again to get the new version.`, {
          path: slot.file.path,
        });
      }
    }
    await putShard(this.#context, slot, fetched, signal);
    this.#stored.add(slot);
    this.#onStored?.(slot, fetched);
  }

  /** Drops shards of files that changed in between. Runs after the last connection has ended, so that none of them is written again. */
  async #dropUnproven(): Promise<void> {
    const unproven = slotsOf(this.#model, [...this.#changed]).filter(({ shard }) => !shard.sha256);
    await this.#context.tables.shards.delete(unproven.map(({ key }) => key));
  }
}

/** Fetches and stores `slots`. Rejects with the first failure that retries did not mend, after all connections have ended. */
export async function download(context: StoreContext, request: DownloadRequest, signal: AbortSignal): Promise<void> {
  if (request.slots.length > 0) await new Download(context, request).run(signal);
}
