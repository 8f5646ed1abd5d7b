import type { Decimal } from 'decimal.js';

/** With that many digits; very large and very small numbers with an exponent. */
export function decimalText(value: Decimal, digits: number): string {
  const shown = value.toSignificantDigits(digits);
  const plain = shown.isZero() || (shown.abs().lt('1e21') && shown.abs().gte('1e-7'));
  return plain ? shown.toFixed() : shown.toExponential();
}
