/**
 * A computation graph as ONNX and OpenVINO files describe it, in ONNX's names for operators. Constants are stored tensors that are
 * not read; everything here is about how values flow.
 */
import { PhiError } from '../../../shared/errors.ts';
import type { StoredTensor } from '../tensor.ts';

export type ValueId = string;
export type Attribute = number | string | number[] | StoredTensor | Graph;

export interface Op {
  /** ONNX operator name, whatever the format calls it. */
  type: string;
  /** '' for the standard operators. */
  domain: string;
  name: string;
  /** '' for an optional input that is left out. */
  inputs: readonly ValueId[];
  outputs: readonly ValueId[];
  attributes: ReadonlyMap<string, Attribute>;
  /** Static shape of each input where the file states it; -1 for a dimension known at run time. */
  inputDims?: readonly (readonly number[])[];
}

/** Operators that pass on their first input's values, perhaps fewer of them or in another arrangement or type. */
export const PASS_THROUGH: ReadonlySet<string> = new Set([
  'Cast',
  'Identity',
  'Reshape',
  'Squeeze',
  'Unsqueeze',
  'Slice',
  'Gather',
  'Dropout',
  'Transpose',
  'Flatten',
]);
/** Inputs that carry data, not shapes, positions or masks; operators not named here: all of them. */
const DATA_INPUTS = new Map<string, readonly number[]>(
  Object.entries({
    GroupQueryAttention: [0, 1, 2],
    MultiHeadAttention: [0, 1, 2],
    ScaledDotProductAttention: [0, 1, 2],
    RotaryEmbedding: [0],
    Split: [0],
    VariadicSplit: [0],
    Expand: [0],
    Shape: [],
    ReadValue: [],
  }),
);

/** Operators in a row that only pass a value on; real files have up to six. */
const CHAIN_LIMIT = 64;
/** Values between two landmarks; a layer of an OpenVINO file with its mask has about 300. */
const REGION_LIMIT = 5000;

export class Graph {
  /** In an order in which every input is made before it is used. */
  readonly ops: readonly Op[];
  readonly outputs: readonly ValueId[];
  readonly constants: ReadonlyMap<ValueId, StoredTensor>;
  readonly #producers = new Map<ValueId, Op>();
  readonly #consumers = new Map<ValueId, Op[]>();

  /** Throws `bad-model` when a value is made twice or the operators feed each other in a circle. */
  constructor(
    file: string,
    ops: readonly Op[],
    constants: ReadonlyMap<ValueId, StoredTensor>,
    outputs: readonly ValueId[],
  ) {
    this.constants = constants;
    this.outputs = outputs;
    for (const op of ops) {
      for (const output of op.outputs) {
        if (!output) continue;
        if (this.#producers.has(output))
          throw new PhiError('bad-model', `${file}: two nodes write the value ${output}. The file is damaged.`);
        this.#producers.set(output, op);
      }
      for (const input of new Set(op.inputs)) {
        if (!input) continue;
        const known = this.#consumers.get(input);
        if (known) known.push(op);
        else this.#consumers.set(input, [op]);
      }
    }
    this.ops = this.#sorted(file, ops);
  }

  #sorted(file: string, ops: readonly Op[]): Op[] {
    const waiting = new Map(
      ops.map((op) => [op, new Set(op.inputs.filter((input) => this.#producers.has(input))).size]),
    );
    const ready = ops.filter((op) => waiting.get(op) === 0);
    for (const op of ready) {
      for (const output of op.outputs) {
        for (const consumer of this.consumers(output)) {
          const left = waiting.get(consumer)! - 1;
          waiting.set(consumer, left);
          if (left === 0) ready.push(consumer);
        }
      }
    }
    if (ready.length < ops.length) {
      const stuck = ops.find((op) => waiting.get(op)! > 0)!;
      throw new PhiError('bad-model', `${file}: the graph has a cycle at ${label(stuck)}. The file is damaged.`);
    }
    return ready;
  }

  producer(value: ValueId): Op | null {
    return this.#producers.get(value) ?? null;
  }

  consumers(value: ValueId): readonly Op[] {
    return this.#consumers.get(value) ?? [];
  }

  /** Goes back through operators that only pass a value on, until `stop` holds or another operator made the value. */
  origin(
    value: ValueId,
    stop: (value: ValueId) => boolean = () => false,
    through: ReadonlySet<string> = CASTS_AND_SHAPES,
  ): ValueId {
    let at = value;
    for (let steps = 0; steps < CHAIN_LIMIT && !stop(at); steps++) {
      const op = this.producer(at);
      if (!op || !through.has(op.type) || !op.inputs[0]) break;
      at = op.inputs[0];
    }
    return at;
  }

  /**
   * Values that `value` depends on, nearest first. The search ends at those for which `stop` holds, and after the
   * length of a layer.
   */
  *behind(value: ValueId, stop: (value: ValueId) => boolean): Generator<ValueId> {
    const seen = new Set([value]);
    for (const at of seen) {
      if (seen.size > REGION_LIMIT) return;
      yield at;
      const op = this.producer(at);
      if (!op || stop(at)) continue;
      for (const input of dataInputs(op)) if (input) seen.add(input);
    }
  }

  /** Users of a value, seen through casts and the like. */
  usersThrough(value: ValueId, through: ReadonlySet<string> = CASTS): Op[] {
    const users: Op[] = [];
    const values = new Set([value]);
    for (const at of values) {
      for (const op of this.consumers(at)) {
        if (through.has(op.type)) values.add(op.outputs[0]!);
        else users.push(op);
      }
    }
    return users;
  }
}

export const CASTS: ReadonlySet<string> = new Set(['Cast', 'Identity']);
export const CASTS_AND_SHAPES: ReadonlySet<string> = new Set(['Cast', 'Identity', 'Reshape', 'Squeeze', 'Unsqueeze']);

function dataInputs(op: Op): readonly ValueId[] {
  const indexes = PASS_THROUGH.has(op.type) ? [0] : DATA_INPUTS.get(op.type);
  return indexes ? indexes.map((i) => op.inputs[i] ?? '') : op.inputs;
}

/** How messages name an operator. */
export function label(op: Op): string {
  return `${op.domain && op.domain !== 'ai.onnx' ? `${op.domain}.` : ''}${op.type} "${op.name || op.outputs[0] || ''}"`;
}

export function numberAttribute(op: Op, name: string, absent: number): number {
  const value = op.attributes.get(name);
  return typeof value === 'number' ? value : absent;
}

/** The error for a sound file that contains something this app cannot compute. */
export function unsupported(file: string, op: Op, why: string): PhiError {
  return new PhiError(
    'unsupported-model',
    `${file}: ${label(op)}: ${why}. Another format of the model (GGUF, safetensors) may work.`,
    {
      op: op.type,
      node: op.name,
    },
  );
}
