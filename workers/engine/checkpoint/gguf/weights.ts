import { PhiError } from '../../../shared/errors.ts';
import type { GgufTensor } from './tensors.ts';
import { tensorMatrix, tensorVector } from './tensors.ts';
import { scaledRows } from '../../weights/matrix.ts';
import type { Matrix } from '../../weights/matrix.ts';

/** Inverse frequencies that old converters stored; llama.cpp computes them too. */
const IGNORED = /^blk\.\d+\.attn_rot_embd(\.|$)/;

/** Names of tensors that a Phi decoder lacks, and the kind of network that has them. */
const OTHER_NETWORKS: [RegExp, string][] = [
  [/_exps\.|_shexp\.|ffn_gate_inp/, 'a mixture of experts'],
  [/^(v|mm|a)\./, 'a model with a vision or audio part'],
  [/\.lora_[ab]$/, 'a LoRA adapter'],
];

/** Returns tensors by name and checks their shapes. It remembers which were used, because an unused tensor means another network. */
export class Weights {
  readonly #file: string;
  readonly #tensors: Map<string, GgufTensor>;
  readonly #used = new Set<string>();
  /** See `Checkpoint.late`; null: norms are read when they are asked for. */
  readonly late: Map<Float32Array, Promise<void>> | null;

  constructor(file: string, tensors: Map<string, GgufTensor>, { late = false } = {}) {
    this.#file = file;
    this.#tensors = tensors;
    this.late = late ? new Map() : null;
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  /** Output features of a tensor that may be absent. */
  rows(name: string): number | null {
    return this.#tensors.get(name)?.rows ?? null;
  }

  any(name: string): GgufTensor {
    const tensor = this.#tensors.get(name);
    if (tensor) {
      this.#used.add(name);
      return tensor;
    }
    const why = this.#tensors.size === 0 ? 'the file has a vocabulary but no weights' : `tensor "${name}" is missing`;
    throw new PhiError('bad-model', `${this.#file}: ${why}.`, { tensor: name });
  }

  matrix(name: string, rows: number, cols: number): Matrix {
    return this.#scaled(name, tensorMatrix(this.#shaped(name, rows, cols)));
  }

  #shaped(name: string, rows: number, cols: number): GgufTensor {
    const tensor = this.any(name);
    if (tensor.rows !== rows || tensor.cols !== cols) {
      throw this.damaged(
        name,
        `has ${tensor.rows} rows of ${tensor.cols}, but the metadata says ${rows} rows of ${cols}`,
      );
    }
    return tensor;
  }

  /**
   * NVFP4 models that were converted from NVIDIA's ModelOpt have a `.scale` beside each matrix (for a stack of experts one an expert), which llama.cpp
   * multiplies its product by. `.input_scale` serves kernels that quantise activations too; they stay floats here.
   */
  #scaled(name: string, matrix: Matrix): Matrix {
    const module = name.replace(/\.weight$/, '');
    if (module === name) return matrix;
    if (this.has(`${module}.input_scale`)) this.any(`${module}.input_scale`);
    if (!this.has(`${module}.scale`)) return matrix;
    const scale = this.any(`${module}.scale`);
    if (scale.rows !== 1 || matrix.rows % scale.cols)
      throw this.damaged(`${module}.scale`, `has ${scale.rows * scale.cols} values for ${matrix.rows} rows`);
    return scaledRows(matrix, () => tensorVector(scale));
  }

  vector(name: string, length: number): Promise<Float32Array> {
    return tensorVector(this.#shaped(name, 1, length));
  }

  /** A norm's weight. */
  async norm(name: string, length: number): Promise<Float32Array> {
    const read = this.vector(name, length);
    if (!this.late) return read;
    const values = new Float32Array(length);
    const filled = read.then((weights) => values.set(weights));
    filled.catch(() => undefined); // whoever waits for it has the rejection
    this.late.set(values, filled);
    return values;
  }

  damaged(name: string, why: string): PhiError {
    return new PhiError('bad-model', `${this.#file}: tensor "${name}" ${why}.`, { tensor: name });
  }

  /** Throws `unsupported-model` when a tensor was not asked for: a bias, an expert, a layer too many. */
  assertAllUsed(): void {
    const unused = [...this.#tensors.keys()].filter((name) => !this.#used.has(name) && !IGNORED.test(name));
    if (unused.length === 0) return;
    const known = OTHER_NETWORKS.find(([pattern]) => unused.some((name) => pattern.test(name)));
    const some = unused.slice(0, 3).map((name) => `"${name}"`);
    throw new PhiError(
      'unsupported-model',
      `${this.#file}: a Phi decoder does not have ${unused.length} of the tensors: ${some.join(', ')}. The file is ${known?.[1] ?? 'another kind of model'}.`,
    );
  }
}
