/** Everything that a template can do with a value `v`: what jinja-bounds.test.ts goes through. */

const LONG = `'${'a'.repeat(16_000)}'`;

/** Filters without arguments. */
export const FILTERS = [
  'safe', 'tojson', 'list', 'first', 'last', 'length', 'reverse', 'sort', 'join', 'string', 'unique', 'upper', 'lower', 'title',
  'capitalize', 'trim', 'indent', 'int', 'float', 'abs', 'items', 'bool', 'dictsort',
]; // prettier-ignore
const FILTER_CALLS = [
  'tojson(indent=100)', `tojson(separators=(${LONG}, ${LONG}), ensure_ascii=true, sort_keys=true)`, `join(${LONG})`, "join(', ')", 'int(1)', 'float(1)',
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
];
const METHOD_CALLS = [
  `startswith(${LONG})`, `startswith(['a', ${LONG}])`, `endswith(${LONG})`, "split('a')", "split(' ')", `split(${LONG})`, "split('\\n', 1)", 'split(none, 2)',
  "replace('a', 'aaaa')", "replace('', 'b')", `replace(${LONG}, '')`, "replace('a', 'b', count=2)", "get('a')", 'get(v, v)', "dictsort(by='value')",
]; // prettier-ignore
/** Operators, globals and slices. */
export const OTHERS = [
  'v[::1]', 'v[::-1]', 'v[1:]', 'v[-1]', 'v ~ v', 'v + v', 'v == v ~ ""', "'b' in v", 'v in v', 'v[:100] in v', '[v, v, v]', "{'a': v}", 'v is string', 'v is lower', 'v is upper',
  'v is mapping', 'v and v', 'namespace(v)', 'namespace(a=v)', 'range(v | length)', 'range(30000)', 'range(0, 3000000, 100)', 'strftime_now(v)', `strftime_now('${'%B%A'.repeat(50)}')`,
  'raise_exception(v)', '10 ** 300', '-v', 'v * 3', "v.length", 'v | int | string',
]; // prettier-ignore

/** Filters and methods with arguments; each is tried as both. */
export const EXPRESSIONS = [...FILTER_CALLS, ...METHOD_CALLS];
