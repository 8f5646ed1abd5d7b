/**
 * Filters and methods that @huggingface/jinja lacks, or that differ from Python there. Sources: jinja2 3.1, `filters.py`; Python's `str`;
 * for `tojson` the chat templates of transformers, which take `json.dumps` without its escapes for HTML.
 */
import { argument, capital, flag, type Arguments } from './jinja-arguments.ts';
import { formatPercent, written } from './jinja-format.ts';
import { stripped } from './jinja-methods.ts';
import type { Value } from './jinja-size.ts';
import { testValue } from './jinja-tests.ts';
import {
  attribute,
  elementsOf,
  equal,
  float,
  isList,
  isMapping,
  isText,
  isTrue,
  isUndefined,
  lengthOf,
  list,
  mapping,
  nameOf,
  numberLike,
  numberOf,
  order,
  text,
  truth,
  tuple,
  UNDEFINED,
  whole,
} from './jinja-values.ts';

type Filter = (value: Value, given: Arguments) => Value;

/** Elements that pass a test: named by the first argument; else all that are true. */
function selected(wanted: boolean, by?: 'attribute'): Filter {
  return (value, { args }) => {
    const path = by && args[0];
    const [test, ...rest] = by ? args.slice(1) : args;
    return list(
      elementsOf(value).filter((one) => {
        const tested = path ? attribute(one, path) : one;
        return (test ? testValue(written(test), tested, rest) : isTrue(tested)) === wanted;
      }),
    );
  };
}

const folded = (value: Value, keepsCase: boolean): Value =>
  isText(value) && !keepsCase ? text(value.value.toLowerCase()) : value;

const grouped: Filter = (value, given) => {
  const path = argument(given, 0, 'attribute');
  const keepsCase = flag(given, 2, 'case_sensitive');
  const missing = argument(given, 1, 'default');
  const keyOf = (one: Value): Value => {
    const key = attribute(one, path);
    return isUndefined(key) && missing ? missing : key;
  };
  const keyed = elementsOf(value).map((one) => ({ one, key: keyOf(one) }));
  keyed.sort((a, b) => order(folded(a.key, keepsCase), folded(b.key, keepsCase)));
  const groups: { key: Value; members: Value[] }[] = [];
  for (const { one, key } of keyed) {
    const last = groups.at(-1);
    if (last && equal(folded(last.key, keepsCase), folded(key, keepsCase))) last.members.push(one);
    else groups.push({ key, members: [one] });
  }
  return list(
    groups.map(({ key, members }) => {
      const group = tuple([key, list(members)]);
      const fields = group.builtins as Map<string, Value>;
      fields.set('grouper', key).set('list', list(members));
      return group;
    }),
  );
};

/** The least or the largest element. */
const extreme =
  (sign: 1 | -1): Filter =>
  (value, given) => {
    const path = argument(given, 1, 'attribute');
    const keyOf = (one: Value) => folded(path ? attribute(one, path) : one, flag(given, 0, 'case_sensitive'));
    const [first, ...rest] = elementsOf(value);
    return rest.reduce((best, one) => (sign * order(keyOf(one), keyOf(best)) > 0 ? one : best), first ?? UNDEFINED);
  };

const summed: Filter = (value, given) => {
  const path = argument(given, 0, 'attribute');
  const start = argument(given, 1, 'start') ?? whole(0);
  return elementsOf(value).reduce((sum, one) => {
    const next = path && path.type !== 'NullValue' ? attribute(one, path) : one;
    const [a, b] = [numberOf(sum), numberOf(next)];
    if (a === null || b === null) throw new Error(`sum() cannot add ${nameOf(next)}`);
    return numberLike(a + b, sum, next);
  }, start);
};

/** By one attribute, or by several with commas between them. */
const sorted: Filter = (value, given) => {
  const paths = argument(given, 2, 'attribute');
  const by = !paths || paths.type === 'NullValue' ? null : written(paths).split(',').map(text);
  const keepsCase = flag(given, 1, 'case_sensitive');
  const sign = flag(given, 0, 'reverse') ? -1 : 1;
  const keyOf = (one: Value) =>
    list((by?.map((path) => attribute(one, path)) ?? [one]).map((key) => folded(key, keepsCase)));
  const keyed = elementsOf(value).map((one) => ({ one, key: keyOf(one) }));
  return list(keyed.sort((a, b) => sign * order(a.key, b.key)).map(({ one }) => one));
};

const sortedMapping: Filter = (value, given) => {
  if (!isMapping(value)) throw new Error(`dictsort() needs a mapping, not ${nameOf(value)}`);
  const by = argument(given, 1, 'by');
  const place = by && written(by) === 'value' ? 1 : 0;
  const pairs = list([...value.value].map(([key, one]) => tuple([text(key), one])));
  const named = new Map<string, Value>([
    ['attribute', text(String(place))],
    ['case_sensitive', truth(flag(given, 0, 'case_sensitive'))],
    ['reverse', truth(flag(given, 2, 'reverse'))],
  ]);
  return sorted(pairs, { args: [], named });
};

const joined: Filter = (value, given) => {
  const path = argument(given, 1, 'attribute');
  const separator = argument(given, 0, 'd') ?? given.named.get('separator');
  return text(
    elementsOf(value)
      .map((one) => written(path ? attribute(one, path) : one))
      .join(separator ? written(separator) : ''),
  );
};

const attributes: Filter = (value, { named }) => {
  const missing = named.get('default');
  return list(
    elementsOf(value).map((one) => {
      const found = attribute(one, named.get('attribute'));
      return isUndefined(found) && missing ? missing : found;
    }),
  );
};

const orDefault: Filter = (value, given) =>
  isUndefined(value) || (flag(given, 1, 'boolean') && !isTrue(value))
    ? (argument(given, 0, 'default_value') ?? text(''))
    : value;

const unique: Filter = (value, given) => {
  const path = argument(given, 1, 'attribute');
  const seen = new Set<string | number>();
  return list(
    elementsOf(value).filter((one) => {
      const key = folded(path ? attribute(one, path) : one, flag(given, 0, 'case_sensitive'));
      const known = numberOf(key) ?? (isText(key) ? `'${key.value}` : written(key));
      if (seen.has(known)) return false;
      seen.add(known);
      return true;
    }),
  );
};

const batched: Filter = (value, given) => {
  const count = numberOf(argument(given, 0, 'linecount')) ?? 0;
  if (count < 1) throw new Error('batch() needs a count of 1 or more');
  const all = elementsOf(value);
  const fill = argument(given, 1, 'fill_with');
  return list(
    Array.from({ length: Math.ceil(all.length / count) }, (_, i) => {
      const part = all.slice(i * count, (i + 1) * count);
      return list(fill ? [...part, ...Array<Value>(count - part.length).fill(fill)] : part);
    }),
  );
};

/** Half to even, as Python rounds. */
const rounded: Filter = (value, given) => {
  const number = numberOf(value);
  if (number === null) throw new Error(`round() needs a number, not ${nameOf(value)}`);
  const scale = 10 ** (numberOf(argument(given, 0, 'precision')) ?? 0);
  const method = argument(given, 1, 'method');
  const kind = method ? written(method) : 'common';
  const scaled = number * scale;
  const down = Math.floor(scaled);
  const near = scaled - down === 0.5 ? down + (down & 1) : Math.round(scaled);
  const result = kind === 'ceil' ? Math.ceil(scaled) : kind === 'floor' ? down : near;
  return kind === 'common' && value.type !== 'FloatValue' ? whole(result / scale) : float(result / scale);
};

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

function converted(value: Value, given: Arguments, isFloat: boolean): Value {
  const missing = argument(given, 0, 'default') ?? (isFloat ? float(0) : whole(0));
  const isDecimal = isText(value) && DECIMAL.test(value.value.trim());
  const known = isDecimal ? Number(value.value) : numberOf(value);
  if (known === null || !Number.isFinite(known)) return missing;
  return isFloat ? float(known) : whole(Math.trunc(known));
}

const endOf = (pair: string, at: number): Value => {
  const character = Array.from(pair).at(at);
  return character === undefined ? UNDEFINED : text(character);
};
const words = /[^\s\-([{<]+/gu;

/** By name. What the library has under the same name is not used. */
export const FILTERS: Readonly<Record<string, Filter>> = {
  select: selected(true),
  reject: selected(false),
  selectattr: selected(true, 'attribute'),
  rejectattr: selected(false, 'attribute'),
  groupby: grouped,
  sort: sorted,
  dictsort: sortedMapping,
  join: joined,
  map: attributes,
  default: orDefault,
  d: orDefault,
  min: extreme(-1),
  max: extreme(1),
  sum: summed,
  unique,
  batch: batched,
  round: rounded,
  int: (value, given) => converted(value, given, false),
  float: (value, given) => converted(value, given, true),
  list: (value) => list(elementsOf(value)),
  first: (value) => (isText(value) ? endOf(String(value.value).slice(0, 2), 0) : (elementsOf(value)[0] ?? UNDEFINED)),
  last: (value) => (isText(value) ? endOf(String(value.value).slice(-2), -1) : (elementsOf(value).at(-1) ?? UNDEFINED)),
  count: (value) => whole(lengthOf(value)),
  length: (value) => whole(lengthOf(value)),
  reverse: (value) =>
    isText(value) ? text(Array.from(String(value.value)).reverse().join('')) : list([...elementsOf(value)].reverse()),
  items: (value) => list(isMapping(value) ? [...value.value].map(([key, one]) => tuple([text(key), one])) : []),
  title: (value) => text(written(value).replace(words, capital)),
  capitalize: (value) => text(capital(written(value))),
  string: (value) => text(written(value)),
  upper: (value) => text(written(value).toUpperCase()),
  lower: (value) => text(written(value).toLowerCase()),
  trim: (value, given) => text(stripped(written(value), given, 'both')),
  wordcount: (value) => whole(written(value).match(/[\p{L}\p{N}_]+/gu)?.length ?? 0),
  format: (value, { args, named }) =>
    text(formatPercent(written(value), named.size > 0 ? mapping(named) : tuple(args))),
  tojson: (value, given) => text(json(value, jsonOptions(given))),
};

interface JsonOptions {
  indent: string | null;
  between: string;
  colon: string;
  sorted: boolean;
  ascii: boolean;
}

function jsonOptions(given: Arguments): JsonOptions {
  const width = argument(given, 1, 'indent');
  const indent = isText(width) ? width.value : numberOf(width) === null ? null : ' '.repeat(numberOf(width)!);
  const separators = given.named.get('separators');
  const [between, colon] = isList(separators) ? separators.value.map(written) : [indent === null ? ', ' : ',', ': '];
  if (between === undefined || colon === undefined) throw new Error('tojson() needs two separators');
  return {
    indent,
    between,
    colon,
    sorted: flag({ args: [], named: given.named }, 0, 'sort_keys'),
    ascii: flag({ args: [], named: given.named }, 0, 'ensure_ascii'),
  };
}

function json(value: Value, options: JsonOptions, depth = 0): string {
  const content: unknown = value.value;
  if (isUndefined(value) || value.type === 'FunctionValue')
    throw new Error(`${nameOf(value)} cannot be written as JSON`);
  if (typeof content === 'string') return jsonString(content, options.ascii);
  if (typeof content === 'number') return written(value).replace('inf', 'Infinity').replace('nan', 'NaN');
  if (value.type === 'NullValue') return 'null';
  if (typeof content === 'boolean') return String(content);
  const wrapped = (open: string, parts: string[], close: string): string => {
    if (options.indent === null || parts.length === 0) return open + parts.join(options.between) + close;
    const line = `\n${options.indent.repeat(depth + 1)}`;
    return `${open}${line}${parts.join(options.between + line)}\n${options.indent.repeat(depth)}${close}`;
  };
  if (isList(value)) {
    return wrapped(
      '[',
      value.value.map((one) => json(one, options, depth + 1)),
      ']',
    );
  }
  const entries = [...(content as Map<string, Value>)];
  if (options.sorted) entries.sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
  const parts = entries.map(
    ([key, one]) => jsonString(key, options.ascii) + options.colon + json(one, options, depth + 1),
  );
  return wrapped('{', parts, '}');
}

/** Python escapes what JSON must, and with `ensure_ascii` everything that is not ASCII. */
function jsonString(value: string, ascii: boolean): string {
  const plain = JSON.stringify(value);
  const escape = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return ascii ? plain.replace(/[\u007f-\uffff]/g, escape) : plain;
}
