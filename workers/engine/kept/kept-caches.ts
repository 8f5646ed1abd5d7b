/**
 * The KV caches of conversations on the disk: written when a reply is done and nothing else is to do, and read before the next one where that saves
 * reading. System prompts have caches of their own, which new chats begin with.
 */
import {
  chatCache,
  sharedCache,
  type CacheHeader,
  type CacheSegment,
  type CacheStore,
  type FoundCache,
} from '../../store/kept-caches.ts';
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

/** A kept cache, and what it is worth for a prompt. */
interface UsableCache extends FoundCache {
  /** The first tokens of the prompt that it has. */
  tokens: number;
  /** Tokens of the segments that hold them. */
  total: number;
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
    if (prompt.length - wanted(sequence.ids, sequence.rope) < LEAST_GAIN) return;
    // A database that fails costs reading the chat again, not the reply.
    const found = await this.#store.find(this.#of.identity).catch(() => []);
    const usable = found.map((one): UsableCache => {
      const tokens = wanted(one.header.ids, one.header.rope);
      return { ...one, tokens, total: tokensOf(covering(one.header.segments, tokens)) };
    });
    usable.sort((a, b) => b.tokens - a.tokens || a.total - b.total);
    for (const one of usable) {
      const held = wanted(sequence.ids, sequence.rope);
      if (one.tokens < held + LEAST_GAIN || (await this.#fill(sequence, one, signal)) !== 'damaged') return;
    }
  }

  async #fill(
    sequence: Sequence,
    { name, header, tokens, total }: UsableCache,
    signal: AbortSignal,
  ): Promise<'damaged' | 'stopped' | null> {
    const { config } = sequence;
    if (total > sequence.decoder.slots) return null; // of a longer context than the model has now
    const segments = covering(header.segments, tokens);
    const readers = await Promise.all(
      segments.map((segment, i) => this.#store.openSegment(name, i, segment).catch(() => () => Promise.resolve(null))),
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
    await (ended === 'damaged' ? this.#store.drop(name) : this.#store.touch(name)).catch(() => undefined);
    return ended;
  }

  /**
   * Keeps what the sequence holds as the cache of a chat. Between runs; ends early, with nothing changed, when `signal` aborts.
   * @param shared tokens that other chats begin with too (a system prompt): they get a cache of their own
   */
  async save(sequence: Sequence, chat: string, shared: readonly number[], signal: AbortSignal): Promise<void> {
    const isShared = shared.length >= LEAST_TOKENS && commonPrefix(shared, sequence.ids) === shared.length;
    const beginning = isShared ? await this.#nameOf(sequence.rope, shared) : undefined;
    await this.#keep(sequence, { name: chatCache(chat), shared: beginning }, sequence.ids, signal);
    if (beginning) await this.#keep(sequence, { name: beginning }, shared, signal);
  }

  async #nameOf(rope: RopeSet, ids: readonly number[]): Promise<string> {
    const what = new TextEncoder().encode([this.#of.identity, rope, ...ids].join());
    return sharedCache((await createChecksum()).of(what));
  }

  /** Keeps `held`, the first tokens of the sequence. */
  async #keep(
    sequence: Sequence,
    names: { name: string; shared?: string },
    held: readonly number[],
    signal: AbortSignal,
  ): Promise<void> {
    const { config, rope } = sequence;
    const ids = [...held];
    if (ids.length < LEAST_TOKENS || signal.aborted) return;
    const before = await this.#store.header(names.name, this.#of.identity);
    const same = before?.rope === rope ? commonPrefix(before.ids, ids) : 0;
    if (same === ids.length) return;
    const stays = before ? staying(before.segments, same) : [];
    const from = tokensOf(stays);
    const sizes = { fresh: keptBytes(config, ids.length - from), whole: keptBytes(config, ids.length) };
    if (signal.aborted || !(await this.#store.mayKeep(names.name, sizes))) return;
    const written = await this.#encode(sequence, from, ids.length, signal);
    if (!written || signal.aborted) return;
    const header: CacheHeader = {
      identity: this.#of.identity,
      rope,
      ids,
      segments: [...stays, ...written.map(({ segment }) => segment)],
    };
    const fresh = written.map(({ blob }) => blob);
    await this.#store.save({ ...names, model: this.#of.model, header, keptSegments: stays.length, fresh });
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

const tokensOf = (segments: readonly CacheSegment[]): number => segments.reduce((sum, { tokens }) => sum + tokens, 0);

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
