/** Numbers between bounds, as the patterns of their decimal spelling. */
import { intersect, isEmpty, toDfa, type Dfa, type Regex } from './dfa.ts';
import { refuse } from './refusal.ts';

export interface NumberBounds {
  integer: boolean;
  min: number;
  max: number;
  /** The bounds themselves are out. */
  minExclusive: boolean;
  maxExclusive: boolean;
  multiples: readonly number[];
}

/**
 * Decimal places where the bounds ask for no more. A number has at most 15 digits in all, which a double holds exactly.
 */
const PLACES = 6;
const MOST_DIGITS = 15;
const MOST_MULTIPLE = 1_000;
const LARGEST = 10n ** BigInt(MOST_DIGITS) - 1n;

const set = (from: string, to = from): Regex => ({ kind: 'set', ranges: [[from.charCodeAt(0), to.charCodeAt(0)]] });
const seq = (...items: Regex[]): Regex => ({ kind: 'sequence', items });
const alt = (...items: Regex[]): Regex => ({ kind: 'choice', items });
const times = (body: Regex, min: number, max: number): Regex => ({ kind: 'repeat', body, min, max });
const DIGIT = set('0', '9');
const NONE: Regex = seq();

/** The spellings of the numbers that keep to `bounds`. `where`: for the error when there are none, or a multiple is not enforced. */
export function numberDfa(bounds: NumberBounds, where: string): Dfa {
  const { integer, multiples } = bounds;
  const fine = multiples.filter((step) => !Number.isInteger(step));
  const whole = multiples.filter((step) => Number.isInteger(step));
  for (const step of multiples)
    if (!(step > 0) || step > MOST_MULTIPLE || (!Number.isInteger(step) && !/^1e-\d+$|^0\.0*1$/.test(String(step))))
      throw refuse(
        `"multipleOf": ${step} at ${where}. Only whole numbers up to ${MOST_MULTIPLE} and 0.1, 0.01 and so on are supported.`,
      );
  const free = bounds.min === -Infinity && bounds.max === Infinity && fine.length === 0;
  let dfa: Dfa;
  if (free && (integer || whole.length > 0)) dfa = toDfa(seq(alt(set('-'), NONE), freeInteger()));
  else if (free) dfa = toDfa(freeNumber());
  else dfa = toDfa(boundedNumber(bounds, whole.length > 0 || integer ? 0 : placesOf(bounds, fine), where));
  for (const step of whole) dfa = intersect(dfa, multiplesDfa(step));
  if (isEmpty(dfa)) throw refuse(`no number keeps to the bounds at ${where}.`);
  return dfa;
}

const freeInteger = (): Regex => alt(set('0'), seq(set('1', '9'), times(DIGIT, 0, MOST_DIGITS - 1)));

function freeNumber(): Regex {
  const fraction = seq(set('.'), times(DIGIT, 1, MOST_DIGITS));
  const exponent = seq(alt(set('e'), set('E')), alt(set('+'), set('-'), NONE), times(DIGIT, 1, 2));
  return seq(alt(set('-'), NONE), freeInteger(), alt(fraction, NONE), alt(exponent, NONE));
}

function placesOf({ min, max }: NumberBounds, fine: readonly number[]): number {
  if (fine.length > 0) return Math.min(...fine.map((step) => decimals(step).places));
  const bounds = [min, max].filter(Number.isFinite).map(decimals);
  const digits = Math.max(
    1,
    ...bounds.map(({ value, places }) => (value / 10n ** BigInt(places)).toString().replace('-', '').length),
  );
  return Math.max(0, Math.min(MOST_DIGITS - digits, Math.max(PLACES, ...bounds.map(({ places }) => places))));
}

/** A double as its shortest decimal: value / 10^places. */
function decimals(number: number): { value: bigint; places: number } {
  const [mantissa, exponent = '0'] = String(number).split('e') as [string, string?];
  const [whole, fraction = ''] = mantissa.split('.') as [string, string?];
  const places = fraction.length - Number(exponent);
  const value = BigInt(whole + fraction);
  return places >= 0 ? { value, places } : { value: value * 10n ** BigInt(-places), places: 0 };
}

/** In units of 10^-places. A value between two units is rounded to the one inside the bounds. */
function scaled(number: number, places: number, round: 'up' | 'down'): bigint {
  const { value, places: own } = decimals(number);
  if (own <= places) return value * 10n ** BigInt(places - own);
  const unit = 10n ** BigInt(own - places);
  const floor = value / unit - (value % unit < 0n ? 1n : 0n);
  return round === 'down' || floor * unit === value ? floor : floor + 1n;
}

function boundedNumber({ min, max, minExclusive, maxExclusive }: NumberBounds, places: number, where: string): Regex {
  const largest = LARGEST * 10n ** BigInt(places);
  const clamp = (value: bigint) => (value > largest ? largest : value < -largest ? -largest : value);
  let low = min === -Infinity ? -largest : clamp(scaled(min, places, 'up'));
  let high = max === Infinity ? largest : clamp(scaled(max, places, 'down'));
  // A bound that is cut to whole units is inside of itself already.
  if (minExclusive && low === scaled(min, places, 'down')) low++;
  if (maxExclusive && high === scaled(max, places, 'up')) high--;
  if (low > high) throw refuse(`no number keeps to the bounds at ${where}.`);
  const parts: Regex[] = [];
  if (high >= 0n) parts.push(magnitude(low > 0n ? low : 0n, high, places));
  if (low < 0n) parts.push(seq(set('-'), magnitude(high < 0n ? -high : 1n, -low, places)));
  return alt(...parts);
}

/** Unsigned numbers from `low` to `high`, in units of 10^-places. */
function magnitude(low: bigint, high: bigint, places: number): Regex {
  const unit = 10n ** BigInt(places);
  const [a, b] = [low / unit, high / unit];
  if (places === 0) return integers(a, b);
  const fraction = (value: bigint) => (value % unit).toString().padStart(places, '0');
  const [all, none] = ['9'.repeat(places), '0'.repeat(places)];
  if (a === b) return seq(integers(a, a), fractions(fraction(low), fraction(high)));
  const between = b - a > 1n ? [seq(integers(a + 1n, b - 1n), fractions(none, all))] : [];
  return alt(
    seq(integers(a, a), fractions(fraction(low), all)),
    ...between,
    seq(integers(b, b), fractions(none, fraction(high))),
  );
}

/** Whole numbers, 0 <= low <= high, without leading zeros. */
function integers(low: bigint, high: bigint): Regex {
  const [a, b] = [low.toString(), high.toString()];
  const parts: Regex[] = [];
  for (let length = a.length; length <= b.length; length++) {
    const from = length === a.length ? a : `1${'0'.repeat(length - 1)}`;
    const to = length === b.length ? b : '9'.repeat(length);
    parts.push(digits(from, to));
  }
  return alt(...parts);
}

/** Digits of one length, from `low` to `high`. */
function digits(low: string, high: string): Regex {
  if (low === '') return NONE;
  const rest = low.length - 1;
  if (/^0*$/.test(low) && /^9*$/.test(high)) return times(DIGIT, low.length, low.length);
  const [a, b] = [low.charCodeAt(0), high.charCodeAt(0)];
  const head = (code: number) => set(String.fromCharCode(code));
  if (a === b) return seq(head(a), digits(low.slice(1), high.slice(1)));
  const between =
    b - a > 1 ? [seq(set(String.fromCharCode(a + 1), String.fromCharCode(b - 1)), times(DIGIT, rest, rest))] : [];
  return alt(
    seq(head(a), digits(low.slice(1), '9'.repeat(rest))),
    ...between,
    seq(head(b), digits('0'.repeat(rest), high.slice(1))),
  );
}

/** A point and digits, or nothing: what is left out counts as zeros. */
function fractions(low: string, high: string): Regex {
  const zero = /^0*$/.test(low) ? [NONE] : [];
  if (/^0*$/.test(high)) return alt(...zero, seq(set('.'), times(set('0'), 1, high.length)));
  return alt(...zero, seq(set('.'), places(low, high, true, true)));
}

/** One digit more at least. `tightLow`: all before are those of the lowest; likewise `tightHigh`. */
function places(low: string, high: string, tightLow: boolean, tightHigh: boolean): Regex {
  if (!tightLow && !tightHigh) return times(DIGIT, 1, low.length);
  const from = tightLow ? Number(low[0]) : 0;
  const to = tightHigh ? Number(high[0]) : 9;
  const parts: Regex[] = [];
  for (let digit = from; digit <= to; digit++) {
    const tights = [tightLow && digit === from, tightHigh && digit === to] as const;
    const [restLow, restHigh] = [low.slice(1), high.slice(1)];
    const stop = !tights[0] || /^0*$/.test(restLow) ? [NONE] : [];
    const more = restLow === '' ? [] : [places(restLow, restHigh, ...tights)];
    if (stop.length + more.length > 0) parts.push(seq(set(String(digit)), alt(...stop, ...more)));
  }
  return alt(...parts);
}

/** Whole numbers that `step` divides: a state for each remainder, one before the first digit and one behind the sign. */
function multiplesDfa(step: number): Dfa {
  const digitsFrom = (remainder: number) =>
    Array.from({ length: 10 }, (_, digit) => [48 + digit, 48 + digit, 2 + ((remainder * 10 + digit) % step)] as const);
  return {
    accepting: [false, false, ...Array.from({ length: step }, (_, remainder) => remainder === 0)],
    edges: [
      [[45, 45, 1] as const, ...digitsFrom(0)],
      digitsFrom(0),
      ...Array.from({ length: step }, (_, remainder) => digitsFrom(remainder)),
    ],
  };
}
