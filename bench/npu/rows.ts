/** The result for one graph on one device. */
import type { WeightFormat } from '../../workers/shared/protocol.ts';

export const DEVICES = ['intel-3720', 'intel-4000', 'intel-5010', 'hexagon-v73'] as const;
export type NpuDevice = (typeof DEVICES)[number];

export interface Verdict {
  /** The device takes the whole graph. */
  whole: boolean;
  /** The operators that the compiler refuses, and why, in its own words. */
  refused: string[];
  /** Size of the compiled model; 0 where none was made. */
  blobBytes: number;
  compileMs: number;
  /** Estimated by the vendor's cost model, not measured; null if the vendor has none. */
  estimatedMs: number | null;
  /** Hexagon only, for each output: its largest value, and the largest difference from the float32 result of the same graph; null: NaN or infinite. */
  differences?: Record<string, { largest: number; difference: number | null }>;
  /** Hexagon only, of graphs with a head. */
  text?: TextVerdict;
}

/** What a run says of a text, beside the reference: figures of bench/npu/text.py. */
export interface TextVerdict {
  largest: number;
  /** Of the logits of all rows; null: NaN or infinite, as in the figures below. */
  difference: number | null;
  /** Rows whose best token leads by 0.3 nats, and those of them that keep it. */
  sure: number;
  kept: number;
  /** Mean loss in nats a token, and how far it is above the reference's. */
  nll: number | null;
  nllRise: number | null;
}

export interface NpuRow extends Verdict {
  model: string;
  form: WeightFormat;
  /** Tokens a run. */
  width: number;
  /** KV slots that a run looks at. */
  slots: number;
  device: NpuDevice;
  /** How many such graphs are the whole model. */
  pieces: number;
  /** The same graph as a browser hands it to the compiler (bench/npu/recorder); absent: it was not recorded. */
  asBrowser?: Pick<Verdict, 'whole' | 'refused' | 'blobBytes' | 'compileMs' | 'estimatedMs'>;
}
