/**
 * Gives every global, filter, method and operator of a template the largest values that the bounds allow, and prints how long each took: a
 * process of its own, run by jinja-bounds.test.ts with a bounded heap. Each line is JSON: `{name}` before a run, `{name, ms, end}` after it.
 */
import { writeSync } from 'node:fs';
import { parseJinja } from '../jinja.ts';
import { FILTER_CALLS, FILTERS, METHOD_CALLS, METHODS, OTHERS } from './large-expressions.ts';

/** Texts of 2^20 characters and lists of 30,000, made as a template would. */
const LARGE = (seed: string, doublings: number) =>
  `{% set ns = namespace(t='${seed}') %}{% for i in range(${doublings}) %}{% set ns.t = ns.t ~ ns.t %}{% endfor %}`;
const VALUES: Readonly<Record<string, string>> = {
  letters: `${LARGE('a', 20)}{% set v = ns.t %}`,
  kana: `${LARGE('あ', 20)}{% set v = ns.t %}`,
  lines: `${LARGE('a\\n', 19)}{% set v = ns.t %}`,
  words: `${LARGE('ab c', 18)}{% set v = ns.t %}`,
  quotes: `${LARGE('\\u0001', 20)}{% set v = ns.t %}`,
  numbers: '{% set v = range(30000) %}',
  texts: `${LARGE('ab c', 13)}{% set v = ns.t.split(' ') %}`,
  'long texts': `${LARGE('ab c', 11)}{% set v = [ns.t ~ '1', ns.t ~ '2', ns.t ~ '3', ns.t ~ '4'] %}{% set v = v + v + v + v + v + v + v + v %}`,
  mapping: `${LARGE('ab c', 16)}{% set v = {'a': ns.t, 'b': ns.t ~ 'x', 'c': {'d': [ns.t]}} %}`,
  objects: `{% set v = [{'a': {'b': 'x'}}, {'a': {'b': 'y'}}] %}${'{% set v = v + v + v + v %}'.repeat(5)}`,
};
/** Where a whole block is worked on, not one value. */
const BLOCKS: Readonly<Record<string, string>> = {
  'a loop over it': '{% for x in v %}{{ x }}{% endfor %}',
  'a loop that prints it': '{% for i in range(300) %}{{ v }}{% endfor %}',
  'a loop that keeps it': `${Array.from({ length: 300 }, (_, i) => `{% set a${i} = v ~ ${i} %}{% if 'b' in a${i} %}{% endif %}`).join('')}`,
  'a filtered block': '{% filter upper %}{% for i in range(300) %}{{ v }}{% endfor %}{% endfilter %}',
  'a block that is set': '{% set b %}{% for i in range(300) %}{{ v }}{% endfor %}{% endset %}{{ b | upper }}',
  'a macro': '{% macro m(x) %}{{ x }}{{ x }}{% endmacro %}{{ m(v) | length }}{{ m(m(v)) | length }}',
  'a block that is called': '{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}{{ v }}{% endcall %}',
  'an empty loop': '{% for x in range(30000) %}{% for y in range(30000) %}{% endfor %}{% endfor %}',
};

/** At once, so that a process that runs out of memory has said what it was at. */
function say(line: object): void {
  writeSync(1, `${JSON.stringify(line)}\n`);
}

function run(name: string, source: string): void {
  say({ name });
  const started = process.cpuUsage();
  let end = 'rendered';
  try {
    parseJinja(source).render({ messages: [{ role: 'user', content: 'hi' }] });
  } catch (error) {
    end = error instanceof Error ? error.message.slice(0, 200) : String(error);
  }
  const { user, system } = process.cpuUsage(started);
  say({ name, ms: Math.round((user + system) / 1000), end });
}

// `--only-load`: compiles, for the next run.
for (const [value, made] of process.argv.includes('--only-load') ? [] : Object.entries(VALUES)) {
  const expressions = [
    ...FILTERS.map((filter) => `v | ${filter}`),
    ...METHODS.map((method) => `v.${method}()`),
    ...FILTER_CALLS.map((call) => `v | ${call}`),
    ...METHOD_CALLS.map((call) => `v.${call}`),
    ...OTHERS,
  ];
  for (const expression of expressions)
    run(`${value}: ${expression.slice(0, 60)}`, `${made}{% set r = ${expression} %}{{ r }}`);
  for (const [block, source] of Object.entries(BLOCKS)) run(`${value}: ${block}`, made + source);
}
