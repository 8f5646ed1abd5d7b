/** A graph as a page hands it to the browser: the calls of one MLGraphBuilder, in order. */
import type { MLDataType } from '../../../workers/engine/webnn/api.ts';

/** An operand as the browser described it: its shape is the browser's own inference. */
export interface RecordedOperand {
  id: number;
  dataType: MLDataType;
  shape: number[];
}

/** An argument of a call: operands by their id, bytes in base64. */
export type Argument =
  | { operand: number }
  | { base64: string }
  | Argument[]
  | { [option: string]: Argument }
  | string
  | number
  | boolean
  | null;

export interface RecordedCall {
  /** The method: `input`, `constant`, `matmul`, ... */
  method: string;
  args: Argument[];
  made: RecordedOperand[];
}

export interface Recording {
  calls: RecordedCall[];
  /** Ids of the operands that `build` was called with, by the output's name. */
  outputs: Record<string, number>;
}

/** What the page needs to hand a graph to the browser; paths below its server. */
export interface RecordRequest {
  model: string;
  inputs: string[];
  outputs: string[];
  /** External data by the name that the model calls it. */
  files: string[];
}
