/**
 * The KV caches of conversations on the disk: written when a reply is done and nothing else is to do, and read before the next one where that saves
 * reading. A new chat with another's system prompt finds the beginning of that chat's cache.
 */
import type { CacheHeader, CacheSegment, CacheStore, FoundCache } from '../../store/kept-caches.ts';
import { createChecksum } from '../../store/hash.ts';
import { emptyRows } from '../decoder.ts';
import { keepIds, type Spelling } from '../generate/keep-ids.ts';
import { nextTask } from '../generate/next-task.ts';
import { commonPrefix, type Sequence } from '../generate/sequence.ts';
import { ropeSetFor, type RopeSet } from '../graph/rope.ts';
import { decodePart, encodePart, keptBytes } from './codec.ts';

/** Shorter conversations are read again at once. */
const LEAST_TOKENS = 128;
/** A cache is restored only where that saves reading this many tokens. */
const LEAST_GAIN = 64;
/** A segment is read and written as a whole. Shorter ones at the end are written again with what follows. */
const SEGMENT_TOKENS = 512;
const SHORT_SEGMENT = 256;

/** What the bytes of a cache depend on besides its tokens. */
interface CacheIdentity {
  /** Id of the model. */
  model: string;
  /** See CacheHeader. */
  identity: string;
}

export class KeptCaches {
  readonly #store: CacheStore;
  readonly #of: CacheIdentity;

  constructor(store: CacheStore, of: CacheIdentity) {
    this.#store = store;
    this.#of = of;
  }

  /**
   * Fills the sequence with the kept cache that saves most of reading `prompt` (and `resumed` tokens behind it), if there is one. What is missing, damaged or
   * of something else is not used: then the sequence holds what it held, or nothing. Rejects when the decoder fails.
   */
  async restore(
    sequence: Sequence,
    tokenizer: Spelling,
    prompt: readonly number[],
    resumed: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { config } = sequence;
    const wanted = (ids: readonly number[], rope: RopeSet): number => {
      const spelled = keepIds(tokenizer, ids, prompt);
      return rope === ropeSetFor(config, spelled.length + resumed) ? commonPrefix(ids, spelled) : 0;
    };
    const held = wanted(sequence.ids, sequence.rope);
    if (prompt.length - held < LEAST_GAIN) return;
    let best: (FoundCache & { tokens: number }) | null = null;
    // A database that fails costs reading the chat again, not the reply.
    for (const found of await this.#store.find(this.#of.identity).catch(() => [])) {
      const tokens = wanted(found.header.ids, found.header.rope);
      if (tokens > (best?.tokens ?? held + LEAST_GAIN - 1)) best = { ...found, tokens };
    }
    if (best) await this.#fill(sequence, best, best.tokens, signal);
  }

  async #fill(sequence: Sequence, { chat, header }: FoundCache, tokens: number, signal: AbortSignal): Promise<void> {
    const { config } = sequence;
    const segments = covering(header.segments, tokens);
    const total = segments.reduce((sum, segment) => sum + segment.tokens, 0);
    if (total > sequence.decoder.slots) return; // of a longer context than the model has now
    const readers = await Promise.all(
      segments.map((segment, i) => this.#store.openSegment(chat, i, segment).catch(() => () => Promise.resolve(null))),
    );
    // Told by what is set here and not by the kind of error: devices pass on errors in words of their own.
    let ended: 'damaged' | 'stopped' | null = null;
    const end = (why: 'damaged' | 'stopped'): Error => {
      ended = why;
      return new Error(`The kept cache was not used: ${why}.`);
    };
    try {
      await sequence.fill(header.ids.slice(0, total), header.rope, async (layer) => {
        await nextTask(); // so that Stop is heard
        if (signal.aborted) throw end('stopped');
        const parts = await Promise.all(readers.map((read) => read(layer).catch(() => null)));
        const rows = emptyRows(config.kvHeads, total, config.headDim);
        let at = 0;
        for (const [i, part] of parts.entries()) {
          if (part === null) throw end('damaged');
          decodePart(config, segments[i]!.tokens, part, rows, total, at);
          at += segments[i]!.tokens;
        }
        return rows;
      });
    } catch (cause) {
      if (ended === null) throw cause;
    }
    // On a full disk neither may be possible.
    await (ended === 'damaged' ? this.#store.drop(chat) : this.#store.touch(chat)).catch(() => undefined);
  }

  /** Keeps what the sequence holds as the cache of a chat. Between runs; ends early, with nothing changed, when `signal` aborts. */
  async save(sequence: Sequence, chat: string, signal: AbortSignal): Promise<void> {
    const { config, rope } = sequence;
    const ids = [...sequence.ids];
    if (ids.length < LEAST_TOKENS) return;
    const before = await this.#store.header(chat, this.#of.identity);
    const same = before?.rope === rope ? commonPrefix(before.ids, ids) : 0;
    if (same === ids.length) return;
    const stays = before ? staying(before.segments, same) : [];
    const from = stays.reduce((sum, { tokens }) => sum + tokens, 0);
    const sizes = { fresh: keptBytes(config, ids.length - from), whole: keptBytes(config, ids.length) };
    if (signal.aborted || !(await this.#store.mayKeep(chat, sizes))) return;
    const written = await this.#encode(sequence, from, ids.length, signal);
    if (!written || signal.aborted) return;
    const header: CacheHeader = {
      identity: this.#of.identity,
      rope,
      ids,
      segments: [...stays, ...written.map(({ segment }) => segment)],
    };
    const fresh = written.map(({ blob }) => blob);
    await this.#store.save({ chat, model: this.#of.model, header, keptSegments: stays.length, fresh });
  }

  /** Slots `[from, to)` as segments, layer by layer; null when it was stopped, or a value is NaN or infinite. */
  async #encode(
    sequence: Sequence,
    from: number,
    to: number,
    signal: AbortSignal,
  ): Promise<{ segment: CacheSegment; blob: Blob }[] | null> {
    const { config, decoder } = sequence;
    const checksum = await createChecksum();
    const cuts: { from: number; to: number; parts: CacheSegment['parts']; blobs: Blob[] }[] = [];
    for (let at = from; at < to; at += SEGMENT_TOKENS)
      cuts.push({ from: at, to: Math.min(to, at + SEGMENT_TOKENS), parts: [], blobs: [] });
    for (let layer = 0; layer < config.layers; layer++) {
      const rows = await decoder.kv.read(layer, from, to);
      for (const cut of cuts) {
        await nextTask(); // a message that comes now is answered now
        if (signal.aborted) return null;
        const part = encodePart(config, rows, to - from, cut.from - from, cut.to - from);
        if (!part) return null;
        cut.parts.push({ bytes: part.length, xxh64: checksum.of(part) });
        cut.blobs.push(new Blob([part])); // out of this worker's memory
      }
    }
    return cuts.map(({ from, to, parts, blobs }) => ({
      segment: { tokens: to - from, parts },
      blob: new Blob(blobs),
    }));
  }
}

/** The first segments that have `tokens` tokens, or a little more. */
function covering(segments: readonly CacheSegment[], tokens: number): CacheSegment[] {
  let sum = 0;
  const end = segments.findIndex((segment) => (sum += segment.tokens) >= tokens);
  return segments.slice(0, end + 1);
}

/** The segments whose tokens are among the first `same`, without a short one at their end. */
function staying(segments: readonly CacheSegment[], same: number): CacheSegment[] {
  let sum = 0;
  const whole = segments.filter((segment) => (sum += segment.tokens) <= same);
  return (whole.at(-1)?.tokens ?? SHORT_SEGMENT) < SHORT_SEGMENT ? whole.slice(0, -1) : whole;
}
