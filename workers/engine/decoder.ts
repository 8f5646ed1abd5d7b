/** The interface between a backend and the generation loop: a decoder with a KV cache of numbered slots. */
import type { RopeSet } from './graph/rope.ts';
import type { BackendId, DeviceType, EngineReport, Sampling, WeightFormat } from '../shared/protocol.ts';

/** How the next tokens are chosen. */
export interface Choice {
  sampling: Sampling;
  /** Uniform numbers in [0, 1), one for each token to choose; the same seed gives the same numbers whatever the run lengths. */
  randoms: Float32Array;
  /** `[vocab]`: 1 where the token occurred in the sequence, else 0; read only when a repetition penalty is set. */
  seen: Float32Array;
  /** Tokens after which decoding ends. */
  stop: readonly number[];
  /**
   * `[randoms, ceil(vocab / 32)]`: bit `id % 32` of word `id / 32` is 1 where a token may be chosen, a row of words for each random number. Absent: all may.
   * `decode` chooses one token where it is given: what may follow depends on it.
   */
  mask?: Uint32Array;
}

/** True if row `row` of a mask over `vocab` tokens allows a token. */
export function mayChoose(mask: Uint32Array, vocab: number, row: number, id: number): boolean {
  return ((mask[row * Math.ceil(vocab / 32) + (id >> 5)]! >>> (id & 31)) & 1) === 1;
}

export interface ChunkRequest {
  /** At most `Decoder.chunkTokens` tokens, written to slots `past` and on. */
  ids: readonly number[];
  /** Slots before that hold this sequence's keys and values. Later slots are overwritten or ignored. */
  past: number;
  rope: RopeSet;
  /**
   * Chooses a token after each of the last `choice.randoms.length` rows (at most 16), every row by itself: the first number belongs to the first of these rows. They share
   * `choice.seen`. null: no token is wanted.
   */
  choice: Choice | null;
  /** Positions on which the head is computed. Generation needs the last one only. */
  rows: 'last' | 'all';
  /** For each row, the token whose log-probability is asked. */
  targets?: readonly number[];
  /** Also return the raw logits of the rows (evaluation only: they are large). */
  logits?: boolean;
}

export interface ChunkResult {
  /** The chosen tokens, in the order of `choice.randoms`; empty without a choice. */
  chosen: number[];
  /** Best token of each row; may be empty with a choice, and where neither all rows nor targets were asked for. */
  argmax: Int32Array;
  /** Natural log-probability of each row's target; empty without targets. */
  logprobs: Float32Array;
  /** `[rows, vocab]`, or null. */
  logits: Float32Array | null;
}

export interface DecoderFacts {
  backend: BackendId;
  /** The requested device, for backends that have a choice (WebNN). */
  requestedDevice: DeviceType | null;
  /** The device that really runs, in words. */
  device: string;
  /** The device is software on the CPU (SwiftShader, WARP), so it is ranked by measured speed. */
  software?: boolean;
  form: WeightFormat;
  /** Set if activations are wider than the device's fastest type (WebGPU). */
  activations?: 'float32';
  /** Graphs that one pass through the network is cut into. */
  graphs: number;
  /** Tokens that a pass of each graph takes, where they are of fixed width. */
  widths?: readonly number[];
  /** Nodes that a WebNN or WebGPU session left on the CPU. */
  nodesOnWasm: number;
  threads: number;
  /** See EngineReport. */
  singleTokens?: EngineReport['singleTokens'];
  /** Relative error (root mean square) of weights that had to be requantised for this form; 0 or absent: it holds the source exactly. */
  weightError?: number;
  /** Bytes of weights and cache held by the backend. */
  bytesHeld: number;
  prepareMs: number;
  compileMs: number;
}

/** Keys and values of one layer, each `[kvHeads, tokens, headDim]`. */
export interface KvRows {
  keys: Float32Array;
  values: Float32Array;
}

export const emptyRows = (kvHeads: number, tokens: number, headDim: number): KvRows => ({
  keys: new Float32Array(kvHeads * tokens * headDim),
  values: new Float32Array(kvHeads * tokens * headDim),
});

/** The KV cache from outside, between runs: to keep it on the disk, and to bring it back. */
export interface KvAccess {
  /** One layer at slots `[from, to)`, which hold tokens. */
  read(layer: number, from: number, to: number): Promise<KvRows>;
  /**
   * Puts rows into slots `[0, count)`; whatever lies behind is forgotten. Rejects as `rows` does: then no slot counts as filled.
   * @param rows `[kvHeads, count, headDim]` of a layer; asked for once for each, in order
   */
  fill(count: number, rows: (layer: number) => Promise<KvRows>): Promise<void>;
}

export interface Decoder {
  readonly facts: DecoderFacts;
  /** KV slots: the longest sequence. */
  readonly slots: number;
  /** Most tokens in one `chunk`. */
  readonly chunkTokens: number;
  /** Most tokens that one `decode` may choose; 1 where a run gives one token. */
  readonly maxSteps: number;
  readonly kv: KvAccess;
  chunk(request: ChunkRequest): Promise<ChunkResult>;
  /**
   * Feeds `id` at slot `past`, chooses a token, feeds it, and so on: up to `choice.randoms.length` tokens, ending early after a stop token.
   * Resolves with the chosen tokens; all but the last are in the cache afterwards.
   */
  decode(id: number, past: number, rope: RopeSet, choice: Choice): Promise<number[]>;
  /** Frees sessions, tensors and contexts. The decoder must not be used afterwards. */
  dispose(): Promise<void>;
}
