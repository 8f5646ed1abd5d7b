import { Decimal } from 'decimal.js';
import { decimalText } from './decimal.ts';
import { numberOf, textOf, type Tool } from './tool.ts';
import { UNITS, unitsOf } from './units.ts';

const Exact = Decimal.clone({ precision: 40 });
const SHOWN_DIGITS = 12;
const ZERO_CELSIUS = '273.15';

export const convertUnits: Tool = {
  name: 'convert_units',
  description:
    'Converts a number from one unit to another of the same kind: length, mass, area, volume, time, speed, energy, power, pressure, data, temperature.',
  parameters: {
    type: 'object',
    properties: {
      value: { type: 'number' },
      from: { enum: [...UNITS.keys()] },
      to: { enum: [...UNITS.keys()] },
    },
    required: ['value', 'from', 'to'],
    additionalProperties: false,
  },
  run(args) {
    const to = textOf(args, 'to');
    return { result: converted(numberOf(args, 'value'), textOf(args, 'from'), to), unit: to };
  },
};

/** The number as text, with 12 digits. Throws for units that are not known, or measure different things. */
export function converted(value: number, from: string, to: string): string {
  const source = unitOf(from);
  const target = unitOf(to);
  if (source.kind !== target.kind)
    throw new Error(
      `${from} is a unit of ${source.kind}, but ${to} is one of ${target.kind}. Units of ${source.kind}: ${unitsOf(source.kind).join(', ')}.`,
    );
  const given = new Exact(value);
  if (source.kind !== 'temperature') return decimalText(given.times(source.factor).div(target.factor), SHOWN_DIGITS);
  const kelvin = toKelvin(given, from);
  if (kelvin.lt(0)) throw new Error(`${value} ${from} is below absolute zero.`);
  return decimalText(fromKelvin(kelvin, to), SHOWN_DIGITS);
}

function unitOf(name: string) {
  const unit = UNITS.get(name);
  if (!unit) throw new Error(`"${name}" is not a known unit. Use one of: ${[...UNITS.keys()].join(', ')}.`);
  return unit;
}

function toKelvin(value: Decimal, unit: string): Decimal {
  if (unit === 'kelvin') return value;
  if (unit === 'celsius') return value.plus(ZERO_CELSIUS);
  return value.minus(32).times(5).div(9).plus(ZERO_CELSIUS);
}

function fromKelvin(value: Decimal, unit: string): Decimal {
  if (unit === 'kelvin') return value;
  const celsius = value.minus(ZERO_CELSIUS);
  return unit === 'celsius' ? celsius : celsius.times(9).div(5).plus(32);
}
