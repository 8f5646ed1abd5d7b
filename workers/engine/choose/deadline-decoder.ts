/** A decoder whose device may fall silent in the middle of a run: then the call rejects instead of hanging for ever. */
import type { RopeSet } from '../graph/rope.ts';
import { withDeadline } from './deadline.ts';
import type { ChunkRequest, ChunkResult, Choice, Decoder, DecoderFacts, KvAccess } from '../decoder.ts';

/**
 * No call is given up sooner. It is shorter than the page's own limit (src/engine/worker-life.ts), because this error
 * names the device.
 */
export const LEAST_CALL_MS = 45_000;
/** Wait this many expected call times before giving up. */
const PATIENCE = 8;
/**
 * A software adapter of WebGPU compiles the kernels of its first calls, one of several tokens and one of a single token, on the processor: lavapipe
 * took more than 45 s on a machine that other programs used too.
 */
export const COMPILING_CALL_MS = 180_000;
/** Expected time of a token before the first call. It is long because SwiftShader's first runs compile. */
const FIRST_MS_PER_TOKEN = 500;

type Call = 'chunk' | 'decode' | 'read' | 'fill';

export class DeadlineDecoder implements Decoder {
  readonly facts: DecoderFacts;
  readonly slots: number;
  readonly chunkTokens: number;
  readonly maxSteps: number;
  readonly kv: KvAccess;
  readonly #decoder: Decoder;
  readonly #name: string;
  /** Duration of the slowest call so far. */
  #msPerToken: number | null = null;
  #silent = false;
  /** Kinds of calls that were answered, so that their kernels are compiled. */
  readonly #compiled = new Set<Call>();

  constructor(decoder: Decoder, name: string) {
    this.#decoder = decoder;
    this.#name = name;
    this.facts = decoder.facts;
    this.slots = decoder.slots;
    this.chunkTokens = decoder.chunkTokens;
    this.maxSteps = decoder.maxSteps;
    const { kv } = decoder;
    this.kv = {
      read: (layer, from, to) => this.#bounded('read', to - from, () => kv.read(layer, from, to)),
      fill: (count, rows) => this.#bounded('fill', count, () => kv.fill(count, rows)),
    };
  }

  chunk(request: ChunkRequest): Promise<ChunkResult> {
    return this.#bounded('chunk', request.ids.length, () => this.#decoder.chunk(request));
  }

  decode(id: number, past: number, rope: RopeSet, choice: Choice): Promise<number[]> {
    return this.#bounded('decode', choice.randoms.length, () => this.#decoder.decode(id, past, rope, choice));
  }

  async dispose(): Promise<void> {
    const disposed = this.#decoder.dispose();
    if (!this.#silent) return disposed;
    disposed.catch(() => undefined); // disposing may hang too; the error that led here is the one to report
  }

  async #bounded<T>(kind: Call, tokens: number, call: () => Promise<T>): Promise<T> {
    const started = performance.now();
    const { backend, software } = this.facts;
    const compiles = backend === 'webgpu' && software && !this.#compiled.has(kind);
    const limit = Math.max(
      compiles ? COMPILING_CALL_MS : LEAST_CALL_MS,
      PATIENCE * tokens * (this.#msPerToken ?? FIRST_MS_PER_TOKEN),
    );
    let answered = false;
    try {
      const result = await withDeadline(`${this.#name}: the device`, limit, () =>
        call().finally(() => (answered = true)),
      );
      this.#compiled.add(kind);
      this.#msPerToken = Math.max(this.#msPerToken ?? 0, (performance.now() - started) / Math.max(1, tokens));
      return result;
    } finally {
      this.#silent ||= !answered;
    }
  }
}
