/** Everything that a template can do with a value `v`: what jinja-bounds.test.ts goes through. */

const LONG = `'${'a'.repeat(16_000)}'`;

/** Filters without arguments. */
export const FILTERS = [
  'safe', 'tojson', 'list', 'first', 'last', 'length', 'reverse', 'sort', 'join', 'string', 'unique', 'upper', 'lower', 'title',
  'capitalize', 'trim', 'indent', 'int', 'float', 'abs', 'items', 'bool', 'dictsort', 'count', 'sum', 'min', 'max', 'round', 'select', 'reject', 'wordcount',
  'default', 'd',
]; // prettier-ignore
/** Filters with arguments. */
export const FILTER_CALLS = [
  'tojson(indent=100)', `tojson(separators=(${LONG}, ${LONG}), ensure_ascii=true, sort_keys=true)`, `join(${LONG})`, "join(', ')", 'int(1)', 'float(1)',
  "groupby('a')", `groupby('${'a.'.repeat(8000)}b')`, `join('', attribute='${'a.'.repeat(8000)}b')`, `sum('${'a.'.repeat(8000)}b')`, "groupby('a.b', case_sensitive=true)", "select('in', v)", "reject('in', v)", "select('gt', 'a')", "select('divisibleby', 3)", 'batch(1)', 'batch(30000, 0)', 'batch(1000000000, 0)', "batch(2, 'x')", 'format(v)',
  "format(v, v)", "max(attribute='a.b')", "sum(start=1)", 'unique(true)', "join('', attribute='a')", "trim('a')", `trim(${LONG})`, "trim('ab c')",
  "default('')", 'default(v, true)', 'sort(true)', "sort(attribute='a.b')", `sort(attribute='${'a.'.repeat(63)}b')`, "selectattr('a')",
  "selectattr('a', 'equalto', 'x')", `selectattr('a', 'eq', ${LONG})`, "rejectattr('a')", "map(attribute='a.b')", "map(attribute='a', default=v)", 'indent(100, true, true)',
  'indent(100)', "replace('a', 'aaaa')", "replace('', 'a')", `replace(${LONG}, 'b')`, `replace('a', ${LONG})`, "replace('a', 'b', 3)", "dictsort(false, 'value', true)",
]; // prettier-ignore
/** Methods without arguments. */
export const METHODS = [
  'upper',
  'lower',
  'strip',
  'title',
  'capitalize',
  'rstrip',
  'lstrip',
  'split',
  'items',
  'keys',
  'values',
  'dictsort',
  'swapcase',
  'splitlines',
  'isdigit',
  'isnumeric',
  'isdecimal',
  'isalpha',
  'isalnum',
  'isspace',
  'isupper',
  'islower',
  'format',
];
/** Methods with arguments. */
export const METHOD_CALLS = [
  `startswith(${LONG})`, `startswith(['a', ${LONG}])`, `endswith(${LONG})`, "split('a')", "split(' ')", `split(${LONG})`, "split('\\n', 1)", 'split(none, 2)',
  "strip('a')", "strip('ab c')", `lstrip(${LONG})`, `rstrip(${LONG})`, `removeprefix(${LONG})`, "removesuffix('a')", "rsplit('a')", "rsplit('a', 1)", "split(maxsplit=3)", "partition('b')",
  `rpartition(${LONG})`, "count('a')", "count('')", `count(${LONG})`, "find('b')", `find(${LONG})`, "index('b')", 'zfill(1000)', 'zfill(1000000)', 'splitlines(true)', 'format(v)',
  "replace('a', 'aaaa')", "replace('', 'b')", `replace(${LONG}, '')`, "replace('a', 'b', count=2)", "get('a')", 'get(v, v)', "dictsort(by='value')",
]; // prettier-ignore
/** Operators, globals and slices. */
export const OTHERS = [
  'v[::1]', 'v[::-1]', 'v[1:]', 'v[-1]', 'v ~ v', 'v + v', 'v == v ~ ""', "'b' in v", 'v in v', 'v[:100] in v', '[v, v, v]', "{'a': v}", 'v is string', 'v is lower', 'v is upper',
  'v is mapping', 'v and v', 'namespace(v)', 'namespace(a=v)', 'range(v | length)', 'range(30000)', 'range(0, 3000000, 100)', 'strftime_now(v)', `strftime_now('${'%B%A'.repeat(50)}')`,
  'v * 1000000', '[v] * 30000', 'v < v ~ 1', 'v == v == v', 'v is in [v, v]', 'v is eq v', "'%s' % v", "'%999d' % 1", "v % v", "'{}'.format(v)", "'{:>999}{:>999}'.format(v, v)", '(v,)', 'dict(a=v)',
  "'%' ~ v", "'%s' * 30000 % v", "('%s' * 20000) % (v, v)",
  'raise_exception(v)', '10 ** 300', '-v', 'v * 3', "v.length", 'v | int | string',
]; // prettier-ignore
