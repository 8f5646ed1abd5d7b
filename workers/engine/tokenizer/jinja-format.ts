/** `'%s: %d' % values` and `'{} {name}'.format(...)` as Python writes them. Source: Python's documentation, "printf-style String Formatting" and "Format String Syntax". */
import { pythonRepr, pythonText } from './jinja-print.ts';
import { TemplateLimit, type Value } from './jinja-size.ts';
import { attribute, isList, isMapping, numberOf, text } from './jinja-values.ts';

const MAX_WIDTH = 1000;
/** Digits behind the point that JavaScript writes. */
const MAX_PRECISION = 100;

/** The text of a value; nothing for one that is undefined. */
export const written = (value: Value): string => pythonText(value) ?? '';

interface Spec {
  align?: string | undefined;
  fill?: string | undefined;
  sign?: string | undefined;
  alternate?: boolean | undefined;
  width?: string | undefined;
  group?: string | undefined;
  precision?: string | undefined;
  type?: string | undefined;
}

function size(digits: string | undefined, most: number): number | null {
  if (digits === undefined || digits === '') return null;
  if (Number(digits) > most) throw new TemplateLimit(`it formats a value to ${digits} characters`);
  return Number(digits);
}

/** A number's or text's characters by a specification. */
function formatted(value: Value, spec: Spec): string {
  const { type = '', fill = ' ', sign = '' } = spec;
  const width = size(spec.width, MAX_WIDTH) ?? 0;
  const precision = size(spec.precision, MAX_PRECISION);
  const number = type === 's' || type === 'r' ? null : numberOf(value);
  const isNumber = number !== null && (type !== '' || value.type !== 'BooleanValue');
  if ('bdioxXeEfFgG%'.includes(type) && type !== '' && number === null)
    throw new Error(`a number is required by the format "${type}"`);
  let body: string;
  if (!isNumber) {
    body = type === 'r' ? pythonRepr(value) : written(value);
    if (precision !== null) body = Array.from(body).slice(0, precision).join('');
  } else body = digits(Math.abs(number), value, type, precision, spec);
  const minus = isNumber && (number < 0 || Object.is(number, -0)) ? '-' : isNumber && sign !== '-' ? sign : '';
  const missing = Math.max(0, width - Array.from(minus + body).length);
  switch (spec.align ?? (isNumber ? '>' : '<')) {
    case '=':
      return minus + fill.repeat(missing) + body;
    case '^':
      return fill.repeat(Math.floor(missing / 2)) + minus + body + fill.repeat(Math.ceil(missing / 2));
    case '<':
      return minus + body + fill.repeat(missing);
    default:
      return fill.repeat(missing) + minus + body;
  }
}

function digits(number: number, value: Value, type: string, precision: number | null, spec: Spec): string {
  const grouped = (plain: string): string => {
    if (!spec.group) return plain;
    const [before, ...after] = plain.split('.');
    return [before!.replace(/\B(?=(\d{3})+$)/g, spec.group), ...after].join('.');
  };
  const prefix = (mark: string) => (spec.alternate ? mark : '');
  switch (type) {
    case 'd':
    case 'i':
    case 'u':
      return grouped(BigInt(Math.trunc(number)).toString());
    case 'x':
      return prefix('0x') + Math.trunc(number).toString(16);
    case 'X':
      return prefix('0X') + Math.trunc(number).toString(16).toUpperCase();
    case 'o':
      return prefix('0o') + Math.trunc(number).toString(8);
    case 'b':
      return prefix('0b') + Math.trunc(number).toString(2);
    case 'f':
    case 'F':
      return grouped(number.toFixed(precision ?? 6));
    case '%':
      return `${(number * 100).toFixed(precision ?? 6)}%`;
    case 'e':
    case 'E': {
      const [mantissa, power] = number.toExponential(precision ?? 6).split('e');
      const exponent = `${power!.startsWith('-') ? '-' : '+'}${power!.slice(1).padStart(2, '0')}`;
      return mantissa! + type + exponent;
    }
    case '':
      if (precision === null) return grouped(written(value).replace(/^-/, ''));
  }
  throw new Error(`the format "${type}" is not supported`);
}

const PERCENT = /%(?:\(([^)]*)\))?([-+ #0]*)(\d*)(?:\.(\d+))?[hlL]?(.?)/g;

/** `format % values`. */
export function formatPercent(format: string, values: Value): string {
  const given = values.type === 'TupleValue' && isList(values) ? values.value : [values];
  let at = 0;
  const done = format.replace(PERCENT, (_, name?: string, flags = '', width = '', precision?: string, type = '') => {
    if (type === '%') return '%';
    if (!'sriduxXoeEfF'.includes(String(type)) || type === '')
      throw new Error(`the format "%${type}" is not supported`);
    if (name !== undefined && !isMapping(values)) throw new Error('the format requires a mapping');
    const value = name === undefined ? given[at++] : attribute(values, text(name));
    if (!value) throw new Error('not enough arguments for the format');
    const has = (flag: string) => String(flags).includes(flag);
    const isNumeric = type !== 's' && type !== 'r';
    return formatted(value, {
      type: String(type),
      width: String(width),
      precision,
      alternate: has('#'),
      sign: has('+') ? '+' : has(' ') ? ' ' : '-',
      ...(has('-') ? { align: '<' } : has('0') && isNumeric ? { align: '=', fill: '0' } : { align: '>' }),
    });
  });
  if (at < given.length && !isMapping(values) && !(at === 0 && values.type === 'TupleValue' && given.length === 0))
    throw new Error('not all arguments were converted by the format');
  return done;
}

const FIELD = /\{\{|\}\}|\{([^{}!:]*)(?:!([rs]))?(?::([^{}]*))?\}|[{}]/g;
const SPEC = /^(?:(.)?([<>=^]))?([-+ ])?(#)?(0)?(\d*)([,_])?(?:\.(\d+))?([a-zA-Z%])?$/su;

/** `format.format(*args, **named)`. */
export function formatBraces(format: string, args: readonly Value[], named: ReadonlyMap<string, Value>): string {
  let next = 0;
  return format.replace(FIELD, (field: string, path?: string, conversion?: string, spec: string = '') => {
    if (field === '{{' || field === '}}') return field[0]!;
    if (path === undefined) throw new Error('a brace of the format is single');
    const [, first = '', rest = ''] = /^([^.[]*)(.*)$/s.exec(path)!;
    const root = first === '' ? args[next++] : /^\d+$/.test(first) ? args[Number(first)] : named.get(first);
    if (!root) throw new Error(`the format has no value for "${field}"`);
    const parts = rest.replaceAll('[', '.').replaceAll(']', '').slice(1);
    const value = parts ? attribute(root, text(parts)) : root;
    if (conversion === 'r') return formatted(text(pythonRepr(value)), parseSpec(spec));
    return spec === '' ? written(value) : formatted(conversion === 's' ? text(written(value)) : value, parseSpec(spec));
  });
}

function parseSpec(spec: string): Spec {
  const parts = SPEC.exec(spec);
  if (!parts) throw new Error(`the format "${spec}" is not supported`);
  const [, fill, align, sign, alternate, zero, width, group, precision, type] = parts;
  return {
    fill: fill ?? (zero ? '0' : undefined),
    align: align ?? (zero ? '=' : undefined),
    sign,
    alternate: alternate !== undefined,
    width,
    group,
    precision,
    type,
  };
}
