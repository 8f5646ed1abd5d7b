import { describe, expect, it, vi } from 'vitest';
import { expectWithin } from '../../testing/timing.ts';
import { PhiError } from '../../shared/errors.ts';
import { parseJinja, TemplateRefusal } from './jinja.ts';

const render = (source: string, variables: Record<string, unknown> = {}) => parseJinja(source).render(variables);
const messages = [{ role: 'user', content: 'hi' }];

describe('templates as files have them', () => {
  it.each<[string, string]>([
    ['{% for m in messages %}{{ m.role }}: {{ m["content"] | trim }}{% endfor %}', 'user: hi'],
    ['{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}', '1'],
    ['{% macro show(text) %}[{{ text }}]{% endmacro %}{{ show("a") }}{{ show(messages[0].content) }}', '[a][hi]'],
    ['{% if strftime_now is defined %}{{ strftime_now("%Y") | length }}{% endif %}', '4'],
    ['{{ "a</think>b".split("</think>")[-1] }}{{ messages[0].content.startswith("h") }}', 'bTrue'],
    ['{{ range(3) | join(",") }} {{ range(5, 0, -2) | join(",") }}', '0,1,2 5,3,1'],
    ['{{ messages | tojson(indent=2) | length }}', '51'],
    ['{% for m in messages | selectattr("role", "equalto", "user") | list %}{{ loop.index }}{% endfor %}', '1'],
    ['{%- if tools %}T{% else %}-{% endif -%}', '-'],
    // The values of jinja2 3.1.6.
    [
      '{{ messages | map(attribute="role") | map("upper") | join(",") }} {{ "a , b".split(",") | map("trim") | list }}',
      "USER ['a', 'b']",
    ],
    ['{{ ["a.b", "c"] | map("replace", ".", "-") | join(" ") }}', 'a-b c'],
    ['{{ ", ".join(["a", "b"]) }} {{ ", ".join([]) }}|', 'a, b |'],
    ['{{ -7 % 3 }} {{ 7 % -3 }} {{ 7 % 3 }} {{ 5 % 3.5 }}', '2 -2 1 1.5'],
  ])('%s', (source, expected) => {
    expect(render(source, { messages, tools: null })).toBe(expected);
  });

  it('write the date in English', () => {
    expect(render('{{ strftime_now("%d %b %Y, %A %B %H:%M:%S %m %a %% %q") }}')).toMatch(
      /^\d\d [A-Z][a-z]{2} \d{4}, [A-Z][a-z]+day [A-Z][a-z]+ \d\d:\d\d:\d\d \d\d [A-Z][a-z]{2} % %q$/,
    );
  });

  it('write the date as glibc does', () => {
    vi.useFakeTimers({ now: new Date(2026, 2, 5, 15, 4, 9), toFake: ['Date'] });
    expect(render('{{ strftime_now("%-d|%e|%j|%y|%I:%M %p|%-I|%F|%T|%D|%R|%-m|%%F|%-q|100%") }}')).toBe(
      '5| 5|064|26|03:04 PM|3|2026-03-05|15:04:09|03/05/26|15:04|3|%F|%-q|100%',
    );
    vi.setSystemTime(new Date(2024, 11, 31, 0, 30));
    expect(render('{{ strftime_now("%j %I %p %-H") }}')).toBe('366 12 AM 0');
    vi.useRealTimers();
  });

  it('refuse with their own words', () => {
    expect(() => render('{{ raise_exception("roles must alternate") }}')).toThrow(
      new TemplateRefusal('roles must alternate'),
    );
  });

  it('render long conversations', () => {
    const long = Array.from({ length: 2000 }, (_, i) => ({
      role: i % 2 ? 'assistant' : 'user',
      content: 'text '.repeat(100),
    }));
    const source = '{% for m in messages %}{{ "<|" + m.role + "|>" + m.content.strip() + "<|end|>" }}{% endfor %}';
    expect(render(source, { messages: long }).length).toBeGreaterThan(1_000_000);
  });
});

describe('nothing of JavaScript is in reach', () => {
  it.each([
    '{{ messages.constructor }}',
    '{{ messages["__proto__"] }}',
    '{{ "".constructor.constructor("return 1")() }}',
    '{{ raise_exception.constructor }}',
    '{{ range.call }}',
    '{{ globalThis }}{{ self }}{{ window }}{{ process }}',
    '{{ messages[0].__proto__.polluted }}',
    '{{ toString }}{{ hasOwnProperty }}{{ constructor }}',
  ])('%s', (source) => {
    let text = '';
    try {
      text = render(source, { messages });
    } catch (error) {
      expect(error).toMatchObject({ code: 'unsupported-model' });
    }
    expect(text).toBe('');
  });

  it('a namespace named __proto__ pollutes nothing', () => {
    render(
      '{% set ns = namespace() %}{% set ns.__proto__ = 1 %}{% set ns.polluted = 1 %}{{ {"__proto__": {"polluted": 1}} | tojson }}',
    );
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });
});

describe('hostile templates end', () => {
  const doubling = (start: string, times: number) =>
    `{% set ns = namespace(x=${start}) %}{% for i in range(${times}) %}{% set ns.x = ns.x + ns.x %}{% endfor %}`;
  it.each<[string, string]>([
    ['a giant range', '{% for i in range(10**9) %}{{ i }}{% endfor %}'],
    [
      'nested loops',
      '{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% endfor %}{% endfor %}',
    ],
    ['doubled text', `${doubling('"ab"', 60)}{{ ns.x }}`],
    ['doubled lists', `${doubling('[1]', 60)}{{ ns.x }}`],
    [
      'lists of lists',
      '{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}',
    ],
    ['namespaces of namespaces', '{% set a = namespace() %}{% set a.b = [a, a] %}{{ a }}'],
    ['a namespace inside itself', '{% set a = namespace() %}{% set a.a = a %}{{ a }}'],
    [
      'a long output',
      '{% for a in range(9999) %}{% for b in range(99) %}{{ "x" * 1 if false else "long text, long text, long text, long text" }}{% endfor %}{% endfor %}',
    ],
    ['recursion', '{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}'],
    ['a wide indent', '{{ "a\nb" | indent(10**8) }}'],
    ['a wide JSON', '{{ messages | tojson(indent=10**8) }}'],
    ['a growing replace', `${doubling('"a"', 18)}{{ ns.x.replace("a", ns.x) }}`],
    ['a growing replace filter', `${doubling('"a"', 18)}{{ ns.x | replace("a", ns.x) }}`],
    ['a growing join', `${doubling('"a"', 18)}{{ ns.x | join(ns.x) }}`],
    ['a slow search', `${doubling('"a"', 19)}{{ (ns.x + "b" + ns.x) in (ns.x + ns.x) }}`],
    ['a method kept for later', '{% set f = "a".replace %}{{ f("a", "b") }}'],
    ['a method handed on', '{% macro g(f) %}{{ f("a", "b") }}{% endmacro %}{{ g("a".replace) }}'],
    ['a method in a list', '{{ ["a".replace][0]("a", "b") }}'],
    ['deep nesting', `{{ ${'['.repeat(100)}${']'.repeat(100)} }}`],
    ['deeper nesting', `{{ ${'('.repeat(50_000)}1${')'.repeat(50_000)} }}`],
    ['many blanks', ' '.repeat(100_000)],
    ['too long', 'x'.repeat(200_000)],
    ['an open tag', '{{ messages'],
    ['an open text', '{{ "abc'],
    ['a statement that is none', '{% frobnicate %}'],
    ['an end without a start', '{% endfor %}'],
    ['nothing to call', '{{ nothing() }}'],
  ])('%s', (_, source) => {
    const started = performance.now();
    let error: unknown;
    try {
      render(source, { messages });
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(PhiError);
    expect(['bad-model', 'unsupported-model']).toContain((error as PhiError).code);
    expectWithin(performance.now() - started, 5000);
  });

  it('at the deadline, whatever they do', () => {
    const source = '{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}';
    expect(() => parseJinja(source).render({}, 50)).toThrow(/takes too long/);
  });
});
