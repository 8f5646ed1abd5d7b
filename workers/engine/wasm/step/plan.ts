/** Where everything that a step reads and writes lies: weights in ONNX Runtime's memory, the rest in the arena. */
import type { PhiConfig } from '../../checkpoint/types.ts';
import { panels } from '../weight-groups.ts';

/** Most tokens of one step: the last one and the longest draft. */
export const MOST_TOKENS = 16;
/** Columns of a product that are summed at a time: their sums stay in the processor's first cache. */
export const STRIP = 1024;
/** Digits of a code, a byte each. */
export const DIGITS = 3;
const FLOAT = 4;
/** Bytes of a column's sums: one for each digit. */
export const SUM_BYTES = FLOAT * DIGITS;
const ALIGNMENT = 64;
/** Attention reads so many slots too many, of the last head. */
export const OVERRUN_BYTES = 64;

/** Words at the arena's start. */
export const CONTROL = {
  /** Of the barrier: two words. */
  meeting: 0,
  /** Changes when there is work; see workWord. */
  work: 2,
  /** 1: column sums are wanted, 0: a step. */
  sums: 3,
  /** Slot of the first token. */
  past: 4,
  /** Its row of the tables of cos and sin. */
  row: 5,
  slots: 6,
  /** How many tokens, and of how many (the last ones) the logits are wanted. */
  count: 7,
  heads: 8,
  /** Ids of the tokens: MOST_TOKENS words. */
  tokens: 16,
} as const;
export const CONTROL_WORDS = CONTROL.tokens + MOST_TOKENS;
export const MOST_THREADS = 15;

/**
 * The next word of work, for `threads` threads. It tells who takes part and that there is work in one word, because a thread that takes no part may read
 * it late, when the other words are being written for the next time.
 */
export const workWord = (last: number, threads: number): number => (((last >>> 4) + 1) << 4) | threads;

export interface StepMatrix {
  k: number;
  columns: number;
  panels: { codes: number; scales: number; start: number; columns: number }[];
  columnSums: number;
}

interface StepLayer {
  qkv: StepMatrix;
  output: StepMatrix;
  gateUp: StepMatrix;
  down: StepMatrix;
}

/** What one thread has for itself. */
interface ThreadArea {
  /** `[tokens, hidden]` */
  hidden: number;
  /** Activations as digits, of one token after the other. */
  codes: number;
  /** `[tokens, STRIP]` */
  sums: number;
  scores: number;
  /** Rotated keys of all heads. */
  keys: number;
}

export interface StepPlan {
  shape: Pick<
    PhiConfig,
    'heads' | 'kvHeads' | 'headDim' | 'rotaryDim' | 'hidden' | 'intermediate' | 'vocab' | 'normEps' | 'slidingWindow'
  >;
  /** null in a stage: a step begins with the hidden states at `input`. */
  embedding: { codes: number; scales: number } | null;
  layers: StepLayer[];
  /** null in all stages but the last: a step ends with the hidden states of each thread. */
  head: StepMatrix | null;
  /** Vectors that all threads see, one for each token. */
  input: number;
  qkv: number;
  attended: number;
  /** What attention or the MLP adds to the hidden state. */
  update: number;
  gateUp: number;
  activated: number;
  logits: number;
  /** Codes that are 1, for column sums. */
  ones: number;
  /** `[tokens, rotaryDim / 2]` */
  cos: number;
  sin: number;
  threads: ThreadArea[];
  /** Where the KV cache begins: everything behind is its own. */
  cache: number;
  /** Size of the arena with a cache of all slots. */
  mostBytes: number;
}

/** True if every loop of a step is whole vectors. */
export function suitsStep({ heads, kvHeads, headDim, hidden, intermediate, vocab, experts }: PhiConfig): boolean {
  const columns = [(heads + 2 * kvHeads) * headDim, hidden, 2 * intermediate, intermediate, vocab, heads * headDim];
  return experts === undefined && headDim % 16 === 0 && columns.every((count) => count % 16 === 0);
}

/** Hands out room one after another, in bytes. */
class Room {
  end = 0;

  bytes(count: number): number {
    const at = Math.ceil(this.end / ALIGNMENT) * ALIGNMENT;
    this.end = at + count;
    return at;
  }

  floats(count: number): number {
    return this.bytes(FLOAT * count);
  }
}

/** A product's weight, in its panels, and room for the sums of its columns. */
function matrixPlan(
  name: string,
  k: number,
  columns: number,
  place: (tensor: string) => number,
  room: Room,
): StepMatrix {
  const parts = panels(name, columns).map((panel) => ({
    codes: place(`${panel.name}.codes`),
    scales: place(`${panel.name}.scales`),
    start: panel.start,
    columns: panel.rows,
  }));
  return { k, columns, panels: parts, columnSums: room.floats(columns) };
}

export interface StepSizes {
  slots: number;
  /** Which of the model's ends there are; absent: both. */
  ends?: { embedding: boolean; head: boolean };
}

/**
 * @param places address of each weight tensor in ONNX Runtime's memory, by its name
 * @throws RangeError if a tensor has no place
 */
export function stepPlan(
  config: PhiConfig,
  places: ReadonlyMap<string, number>,
  { threads, slots, ends = { embedding: true, head: true } }: StepSizes & { threads: number },
): StepPlan {
  const { layers, heads, kvHeads, headDim, rotaryDim, hidden, intermediate, vocab } = config;
  const place = (tensor: string): number => {
    const at = places.get(tensor);
    if (at === undefined)
      throw new RangeError(`the weight ${tensor} was not seen on its way into ONNX Runtime's memory`);
    return at;
  };
  const room = new Room();
  room.floats(CONTROL_WORDS);
  const matrix = (name: string, k: number, columns: number) => matrixPlan(name, k, columns, place, room);
  const vectors = (length: number) => room.floats(MOST_TOKENS * length);
  const qkvColumns = (heads + 2 * kvHeads) * headDim;
  const widest = Math.max(hidden, intermediate, heads * headDim);
  const plan = {
    shape: config,
    embedding: ends.embedding ? { codes: place('embedding.codes'), scales: place('embedding.scales') } : null,
    layers: Array.from({ length: layers }, (_, l) => ({
      qkv: matrix(`layers.${l}.qkv`, hidden, qkvColumns),
      output: matrix(`layers.${l}.output`, heads * headDim, hidden),
      gateUp: matrix(`layers.${l}.gateUp`, hidden, 2 * intermediate),
      down: matrix(`layers.${l}.down`, intermediate, hidden),
    })),
    head: ends.head ? matrix('head', hidden, vocab) : null,
    input: vectors(hidden),
    qkv: vectors(qkvColumns),
    attended: vectors(heads * headDim),
    update: vectors(hidden),
    gateUp: vectors(2 * intermediate),
    activated: vectors(intermediate),
    logits: ends.head ? vectors(vocab) : 0,
    ones: room.bytes(DIGITS * widest),
    cos: vectors(rotaryDim / 2),
    sin: vectors(rotaryDim / 2),
    threads: Array.from({ length: threads }, () => ({
      hidden: vectors(hidden),
      codes: room.bytes(MOST_TOKENS * DIGITS * widest),
      sums: room.bytes(MOST_TOKENS * SUM_BYTES * STRIP),
      scores: room.floats(slots + OVERRUN_BYTES),
      keys: room.floats(kvHeads * headDim),
    })),
    cache: room.bytes(0),
  };
  return { ...plan, mostBytes: room.end + FLOAT * 2 * layers * kvHeads * headDim * slots + OVERRUN_BYTES };
}
