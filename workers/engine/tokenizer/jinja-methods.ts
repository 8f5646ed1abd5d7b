/** Methods of texts that @huggingface/jinja lacks, or that differ from Python there. Source: Python's documentation of `str`. */
import { argument, capital, flag, type Arguments } from './jinja-arguments.ts';
import { formatBraces } from './jinja-format.ts';
import type { Value } from './jinja-size.ts';
import { isText, list, numberOf, text, truth, tuple, whole } from './jinja-values.ts';

type Method = (value: string, given: Arguments) => Value;

function textArgument(given: Arguments, at: number, name: string): string {
  const value = argument(given, at, name);
  if (!isText(value)) throw new Error(`the argument "${name}" must be a text`);
  return value.value;
}

/** Without the white space, or the characters of the argument, at its ends. */
export function stripped(value: string, given: Arguments, side: 'both' | 'left' | 'right'): string {
  const set = given.args[0];
  const isOut = (character: string) => (isText(set) ? set.value.includes(character) : /\s/.test(character));
  let [from, to] = [0, value.length];
  while (side !== 'right' && from < to) {
    const character = String.fromCodePoint(value.codePointAt(from)!);
    if (!isOut(character)) break;
    from += character.length;
  }
  while (side !== 'left' && to > from) {
    const pair = String.fromCodePoint(value.codePointAt(Math.max(from, to - 2))!);
    const character = pair.length === 2 ? pair : value[to - 1]!;
    if (!isOut(character)) break;
    to -= character.length;
  }
  return value.slice(from, to);
}

function split(value: string, given: Arguments): Value {
  const most = numberOf(argument(given, 1, 'maxsplit')) ?? -1;
  const separator = argument(given, 0, 'sep');
  if (isText(separator)) {
    if (separator.value === '') throw new Error('split() needs a separator that is not empty');
    const parts = value.split(separator.value);
    const whole = most < 0 || parts.length <= most + 1;
    return list((whole ? parts : [...parts.slice(0, most), parts.slice(most).join(separator.value)]).map(text));
  }
  const parts: string[] = [];
  const trimmed = value.trimStart();
  for (const { 0: part, index } of trimmed.matchAll(/\S+/g)) {
    const isLast = most >= 0 && parts.length === most;
    parts.push(isLast ? trimmed.slice(index) : part);
    if (isLast) break;
  }
  return list(parts.map(text));
}

function splitFromRight(value: string, given: Arguments): Value {
  const most = numberOf(argument(given, 1, 'maxsplit')) ?? -1;
  const separator = argument(given, 0, 'sep');
  if (!isText(separator)) throw new Error('rsplit() without a separator is not supported');
  const parts = value.split(separator.value);
  const cut = most < 0 ? 0 : Math.max(0, parts.length - most - 1);
  return list(
    [...(cut > 0 ? [parts.slice(0, cut + 1).join(separator.value)] : []), ...parts.slice(cut > 0 ? cut + 1 : 0)].map(
      text,
    ),
  );
}

function partition(value: string, given: Arguments, fromRight: boolean): Value {
  const separator = textArgument(given, 0, 'sep');
  const at = fromRight ? value.lastIndexOf(separator) : value.indexOf(separator);
  if (at < 0) return tuple((fromRight ? ['', '', value] : [value, '', '']).map(text));
  return tuple([value.slice(0, at), separator, value.slice(at + separator.length)].map(text));
}

const consists =
  (pattern: RegExp): Method =>
  (value) =>
    truth(pattern.test(value));

function find(value: string, given: Arguments): number {
  const at = value.indexOf(textArgument(given, 0, 'sub'), numberOf(given.args[1]) ?? 0);
  return at < 0 ? -1 : Array.from(value.slice(0, at)).length;
}

/** Methods of texts, by name. */
export const METHODS: Readonly<Record<string, Method>> = {
  strip: (value, given) => text(stripped(value, given, 'both')),
  lstrip: (value, given) => text(stripped(value, given, 'left')),
  rstrip: (value, given) => text(stripped(value, given, 'right')),
  capitalize: (value) => text(capital(value)),
  title: (value) => text(value.replace(/\p{L}+/gu, capital)),
  swapcase: (value) =>
    text(value.replace(/\p{L}/gu, (one) => (one === one.toUpperCase() ? one.toLowerCase() : one.toUpperCase()))),
  removeprefix: (value, given) => {
    const prefix = textArgument(given, 0, 'prefix');
    return text(value.startsWith(prefix) ? value.slice(prefix.length) : value);
  },
  removesuffix: (value, given) => {
    const suffix = textArgument(given, 0, 'suffix');
    return text(suffix !== '' && value.endsWith(suffix) ? value.slice(0, -suffix.length) : value);
  },
  splitlines: (value, given) => {
    const parts = value.match(/[^\n\r]*(?:\r\n|\n|\r)|[^\n\r]+$/g) ?? [];
    const keeps = flag(given, 0, 'keepends');
    return list(parts.map((part) => text(keeps ? part : part.replace(/[\r\n]+$/, ''))));
  },
  split,
  rsplit: splitFromRight,
  partition: (value, given) => partition(value, given, false),
  rpartition: (value, given) => partition(value, given, true),
  count: (value, given) => {
    const part = textArgument(given, 0, 'sub');
    return whole(part === '' ? Array.from(value).length + 1 : value.split(part).length - 1);
  },
  find: (value, given) => whole(find(value, given)),
  index: (value, given) => {
    const at = find(value, given);
    if (at < 0) throw new Error('index(): the text is not found');
    return whole(at);
  },
  zfill: (value, given) => {
    const width = numberOf(given.args[0]) ?? 0;
    const [, sign = '', rest = ''] = /^([+-]?)(.*)$/s.exec(value)!;
    return text(sign + rest.padStart(width - sign.length, '0'));
  },
  format: (value, { args, named }) => text(formatBraces(value, args, named)),
  isdigit: consists(/^[\p{Nd}²³¹⁰-⁹₀-₉]+$/u),
  isnumeric: consists(/^\p{N}+$/u),
  isdecimal: consists(/^\p{Nd}+$/u),
  isalpha: consists(/^\p{L}+$/u),
  isalnum: consists(/^[\p{L}\p{N}]+$/u),
  isspace: consists(/^\s+$/u),
  isupper: (value) => truth(value !== value.toLowerCase() && value === value.toUpperCase()),
  islower: (value) => truth(value !== value.toUpperCase() && value === value.toLowerCase()),
};
