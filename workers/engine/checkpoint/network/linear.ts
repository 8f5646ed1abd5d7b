import type { Matrix } from '../../weights/matrix.ts';
import type { Op, ValueId } from './graph.ts';

/** A product with a constant matrix. */
export interface Linear {
  op: Op;
  input: ValueId;
  output: ValueId;
  matrix: Matrix;
}
