/** Rotary frequencies read back from what a graph holds: tables of cos and sin, or inverse frequencies. */
import { PhiError } from '../../shared/errors.ts';
import { longRopeFactor } from './hf-config.ts';
import type { PhiConfig, RopeScaling } from './types.ts';

export type Rope = Pick<PhiConfig, 'ropeTheta' | 'rotaryDim' | 'ropeScaling'>;

/** The rotation alone out of a config. */
export function ropeOf({ ropeTheta, rotaryDim, ropeScaling }: Rope): Rope {
  return { ropeTheta, rotaryDim, ropeScaling };
}

/** Frequencies in radians a position, `[rotaryDim / 2]`, with how exactly they are known. */
export interface Frequencies {
  values: Float64Array;
  /** Radians by which `values[i]` may be off. */
  tolerance: number;
  /** cos at position 0: the attention factor. */
  factor: number;
}

/** Rows of cos and sin, `[half]` each. */
export interface RotaryTable {
  name: string;
  rows: number;
  half: number;
  /** Largest rounding error of an entry. */
  precision: number;
  row(position: number): Promise<Angles>;
  /** Several rows, one after another. */
  rowsFrom(position: number, count: number): Promise<Angles>;
}

/** cos and sin of angles, times the attention factor. */
export interface Angles {
  cos: Float32Array;
  sin: Float32Array;
}

const TAU = 2 * Math.PI;

/**
 * The table's frequencies: the angle at position 1 is a first estimate, then positions 2, 4, 8, ... sharpen it, each angle known up to
 * whole turns, which the estimate so far tells.
 */
export async function tableFrequencies(table: RotaryTable): Promise<Frequencies> {
  const values = new Float64Array(table.half);
  const origin = await table.row(0);
  const factor = origin.cos.reduce((sum, value) => sum + value, 0) / table.half;
  if (!(factor > 0.1 && factor < 10) || table.rows < 2)
    throw new PhiError('bad-model', `${table.name} is not a table of cosines: its first row has a mean of ${factor}.`);
  let reach = 1;
  for (let position = 1; position < table.rows; position *= 2) {
    const { cos, sin } = await table.row(position);
    for (let i = 0; i < table.half; i++) {
      const off = Math.atan2(sin[i]!, cos[i]!) - position * values[i]!;
      values[i]! += (off - TAU * Math.round(off / TAU)) / position;
    }
    reach = position;
  }
  return { values, tolerance: (2 * table.precision) / factor / reach + 1e-9, factor };
}

/** Far above rounding, far below what another set of frequencies is off by. */
const FIT = 0.1;

/** True if the row at `position` has the angles of these frequencies. */
export function fits({ values, tolerance, factor }: Frequencies, position: number, { cos, sin }: Angles): boolean {
  return values.every((frequency, i) => {
    // float32 tables are computed in float32, so angles at high positions are rounded before their cosine is taken.
    const slack = FIT + tolerance * position + position * frequency * 2 ** -22;
    const angle = position * frequency;
    return Math.abs(cos[i]! / factor - Math.cos(angle)) < slack && Math.abs(sin[i]! / factor - Math.sin(angle)) < slack;
  });
}

/** Values from the config files, used if the graph agrees. */
export interface RopeHint {
  rope: Rope | null;
  /** Longest sequence, for the default attention factor. */
  context: number;
}

/**
 * The rope that has these frequencies: the hint's when it agrees, else a round base without scaling, else factors on top of the hint's base.
 * `long`: used for sequences of more than `originalContext` tokens.
 */
export function ropeFrom(
  file: string,
  short: Frequencies,
  long: { frequencies: Frequencies; originalContext: number } | null,
  hint: RopeHint,
): Rope {
  const rotaryDim = 2 * short.values.length;
  if (long && Math.abs(long.frequencies.factor - short.factor) > 2e-3 * short.factor) {
    throw new PhiError(
      'unsupported-model',
      `${file}: short and long rotary tables have different attention factors (${short.factor} and ${long.frequencies.factor}), which is not supported.`,
    );
  }
  if (hint.rope && agrees(hint.rope, short, long)) return hint.rope;
  const plain = !long && Math.abs(short.factor - 1) < 2e-3 ? roundBase(short) : null;
  if (plain !== null) return { ropeTheta: plain, rotaryDim, ropeScaling: null };
  const ropeTheta = hint.rope?.ropeTheta ?? 10000;
  const factors = ({ values, tolerance }: Frequencies) =>
    Float32Array.from(values, (f, i) => base(ropeTheta, i, rotaryDim) / Math.max(f, tolerance / 4));
  const original = long?.originalContext ?? hint.context;
  const standard = longRopeFactor(hint.context / original, original);
  const ropeScaling: RopeScaling = {
    short: factors(short),
    long: factors(long?.frequencies ?? short),
    attentionFactor:
      Math.abs(standard / short.factor - 1) < 1e-3 ? standard : Math.abs(short.factor - 1) < 1e-3 ? 1 : short.factor,
    originalContext: original,
  };
  return { ropeTheta, rotaryDim, ropeScaling };
}

/** theta^(-2i / rotaryDim) */
const base = (theta: number, i: number, rotaryDim: number): number => theta ** ((-2 * i) / rotaryDim);

function matches(frequencies: Frequencies, theta: number, factors: Float32Array | null): boolean {
  const dim = 2 * frequencies.values.length;
  return frequencies.values.every((f, i) => {
    const wanted = base(theta, i, dim) / (factors ? factors[i]! : 1);
    return Math.abs(f - wanted) <= frequencies.tolerance + 2e-6 * wanted;
  });
}

function agrees(
  rope: Rope,
  short: Frequencies,
  long: { frequencies: Frequencies; originalContext: number } | null,
): boolean {
  const scaling = rope.ropeScaling;
  if (rope.rotaryDim !== 2 * short.values.length || Math.abs((scaling?.attentionFactor ?? 1) / short.factor - 1) > 1e-3)
    return false;
  if (!matches(short, rope.ropeTheta, scaling?.short ?? null)) return false;
  if (!long) return !scaling;
  return (
    scaling !== null &&
    scaling.originalContext === long.originalContext &&
    matches(long.frequencies, rope.ropeTheta, scaling.long)
  );
}

/** The base whose powers the frequencies are, rounded to as few digits as fit; null if they are not powers of one base. */
function roundBase(frequencies: Frequencies): number | null {
  const dim = 2 * frequencies.values.length;
  let best = { error: Infinity, theta: 0 };
  frequencies.values.forEach((f, i) => {
    if (i === 0 || f <= 0) return;
    const error = 1 / (i * f);
    if (error < best.error) best = { error, theta: f ** (-dim / (2 * i)) };
  });
  for (let digits = 1; digits <= 7; digits++) {
    const theta = Number(best.theta.toPrecision(digits));
    if (theta > 1 && matches(frequencies, theta, null)) return theta;
  }
  return null;
}
