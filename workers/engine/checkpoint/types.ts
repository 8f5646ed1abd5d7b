/**
 * The common form that every source format is read into. The Phi decoder and a Llama checkpoint are the same network: a reader fuses q, k, v and
 * gate, up by concatenating rows, puts GGUF's permuted rows of Llama back, and hands out each weight by its role.
 */
import type { Matrix } from '../weights/matrix.ts';

export interface RopeScaling {
  /** Per frequency, `[rotaryDim / 2]`. */
  short: Float32Array;
  /** Per frequency, `[rotaryDim / 2]`. */
  long: Float32Array;
  /** Multiplies cos and sin of both sets; of the short one only where the long set has its own. */
  attentionFactor: number;
  longAttentionFactor?: number;
  /** Sequences longer than this many positions use `long` from their first token on. */
  originalContext: number;
}

/** A mixture of experts in place of the MLP: a router sends each token to two of `count` MLPs. */
export interface ExpertsConfig {
  count: number;
  /** Epsilon of the router's jitter mask (`router_jitter_noise`): experts whose score is further than twice that from the best one get no share. */
  jitter: number;
}

/**
 * Hyperparameters of the decoder, in transformers' meaning of `Phi3Config` or, with `experts`, `PhimoeConfig`. A network with experts also has LayerNorm
 * in place of RMSNorm, and biases on norms, attention and head; one without has neither.
 */
export interface PhiConfig {
  /** Family in words, for people: "Phi-4-mini", "SmolLM2 135M Instruct"; falls back to the architecture. */
  name: string;
  layers: number;
  hidden: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  /** Inner width of the MLP, or of one expert. */
  intermediate: number;
  experts?: ExpertsConfig;
  vocab: number;
  normEps: number;
  ropeTheta: number;
  /** Rotated dimensions of a head (partial rotary: fewer than headDim), even. */
  rotaryDim: number;
  ropeScaling: RopeScaling | null;
  /** Longest sequence that the model was made for, in tokens. */
  context: number;
  /** Key j is seen from query i when i - j < slidingWindow; null: no window. */
  slidingWindow: number | null;
  bos: number | null;
  /** The tokens that end a reply, as far as the files name them. */
  eos: number[];
}

/** One expert of a mixture. */
export interface Expert {
  /** `[2 * intermediate, hidden]`: gate rows, then up rows. */
  gateUp: Matrix;
  /** `[hidden, intermediate]` */
  down: Matrix;
}

/** The additional parts of a layer with experts. */
export interface LayerExperts {
  /** Router `[experts, hidden]`. */
  router: Float32Array;
  each: Expert[];
  /** Biases: of the norms `[hidden]`, of qkv `[(heads + 2 * kvHeads) * headDim]`, of output `[hidden]`. Zeros where the files have none. */
  bias: Record<'attentionNorm' | 'qkv' | 'output' | 'mlpNorm', Float32Array>;
}

export interface Layer {
  /** Norm weight `[hidden]`. */
  attentionNorm: Float32Array;
  /** `[(heads + 2 * kvHeads) * headDim, hidden]`: q rows, then k rows, then v rows; rotary pairs are (i, i + rotaryDim / 2). */
  qkv: Matrix;
  /** `[hidden, heads * headDim]` */
  output: Matrix;
  /** Norm weight `[hidden]`. */
  mlpNorm: Float32Array;
  /** `[2 * width, hidden]`: gate rows, then up rows. `width` is `intermediate`, or that of all experts side by side (see mlpWidth). */
  gateUp: Matrix;
  /** `[hidden, width]` */
  down: Matrix;
  /** The same MLP expert by expert, and the router; present if and only if the configuration has experts. */
  experts?: LayerExperts;
}

/** The source of the tokenizer, read by workers/engine/tokenizer. */
export type TokenizerSource =
  { kind: 'tokenizer.json'; json: unknown; config: unknown } | { kind: 'gguf'; metadata: ReadonlyMap<string, unknown> };

export interface OpenOptions {
  /** Of files that are still being downloaded: opens a GGUF without waiting for its norms, which lie all over the file. Other formats ignore it. */
  late?: boolean;
}

export interface Checkpoint {
  format: 'gguf' | 'onnx' | 'openvino' | 'safetensors' | 'mlx';
  config: PhiConfig;
  tokenizer: TokenizerSource;
  /** Jinja source from the files; null when they carry none. */
  chatTemplate: string | null;
  /** `[vocab, hidden]` */
  embedding: Matrix;
  layers: Layer[];
  /** Norm weight `[hidden]`. */
  norm: Float32Array;
  /** `[vocab, hidden]`; the same object as `embedding` when tied. */
  head: Matrix;
  /** Biases of the final norm `[hidden]` and the head `[vocab]`; present if and only if the configuration has experts. */
  bias?: Record<'norm' | 'head', Float32Array>;
  /** Norms whose bytes had not arrived when the files were opened, and when each is filled. Absent: all were read. See OpenOptions. */
  late?: ReadonlyMap<Float32Array, Promise<void>>;
  /** Things worth telling a person: missing hashes, unusual types. */
  notes: string[];
}
