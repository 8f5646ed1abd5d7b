"""Constructs of chat templates and what jinja2 makes of them: the reference of workers/engine/tokenizer/jinja-constructs.test.ts.

    python scripts/make/construct-vectors.py --out workers/engine/tokenizer/testing/construct-vectors.json

Needs jinja2 (3.1.6 made the recorded file), with the settings of transformers: `trim_blocks`, `lstrip_blocks`, loop controls and a
`tojson` that is `json.dumps`. `rendered` is null where jinja2 refuses or fails.
"""

import argparse
import json

from jinja2.sandbox import ImmutableSandboxedEnvironment

CONTEXT = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello, World! it's o'clock"},
        {"role": "assistant", "content": "<think>hm</think>\n\nHi.", "tool_calls": [{"name": "add", "arguments": {"a": 1, "b": [2, None, True]}}]},
        {"role": "tool", "content": [{"type": "text", "text": "3"}, {"type": "image"}]},
    ],
    "tree": [{"n": "a", "c": [{"n": "b", "c": []}, {"n": "d", "c": [{"n": "e", "c": []}]}]}, {"n": "f", "c": []}],
    "rows": [{"k": "x", "v": 3, "w": {"z": 1}}, {"k": "Y", "v": 1, "w": {"z": 2}}, {"k": "x", "v": 2, "w": {"z": 0}}, {"k": "y", "v": 5}],
    "tools": [{"type": "function", "function": {"name": "f", "description": "d é \"q\"", "parameters": {"type": "object", "properties": {"x": {"type": "number", "default": 1.5}}}}}],
    "n": 7, "f": 2.5, "t": True, "no": False, "nil": None, "s": "Hello, World", "empty": "", "xs": [3, 1, 2, 1], "ws": ["b", "A", "a", "C"], "d": {"b": 2, "a": 1},
    "add_generation_prompt": True, "big": 12345678901234, "text": "line one\n  line two\n\nline four\n",
}

EXPRESSIONS = """
n is divisibleby(7)|n is divisibleby 3|n is not divisibleby 2|n is odd|n is even|n is number|t is number|f is float|n is integer|t is integer
s is string|nil is none|nil is not none|missing is defined|missing is undefined|missing is not defined|s is defined and n is defined|d is mapping|xs is sequence|s is sequence
d is iterable|n is iterable|xs is iterable|3 is in xs|9 is not in xs|3 is in(xs)|n is eq 7|n is eq(7)|n is equalto(8)|n is ne 7|n is lt 8|n is ge(7)|n is gt f
s is lower|'abc' is lower|'ABC' is upper|'12' is upper|n is sameas n|t is sameas true|nil is sameas none|s is callable|range is callable|n is == 7
1 < n < 10|1 < n > 10|1 < n <= 7 == 7|(1 < n) == true|n == 7 == true|3 in xs == true|1 < f < 3 and n > f > 1|not 1 < n < 3
(1,)|()|(1,2,)|(1,)[0]|(1, 2)[1]|[1,]|((1,),)|('a',) + ('b',)|(n)
'%s and %d' % (s, n)|'%05.2f|%-5s|%5s|' % (f, 'ab', 'cd')|'%s' % n|'%s' % [1, 'a']|'%x %X %o %%' % (255, 255, 8)|'%(a)s-%(b)03d' % d|'%+d % d' % (n, n)|'%r' % s|'%e' % f|'%s' % nil|'%s' % (t,)
'%s %s' | format(s, n)|'%(x)s' | format(x=3)|'%.3f' | format(f)|'{} {}'.format(s, n)|'{0}{1}{0}'.format('a', 'b')|'{x:>5}|{y:<5}|{z:^5}|'.format(x=1, y='b', z='c')|'{:.2f} {:05d} {:,}'.format(f, n, big)|'{{}}'.format(1)|'{:x} {:b}'.format(255, 5)|'{:>8.3f}'.format(f)|'{!r}'.format(s)|'{0[0]} {1[a]}'.format(xs, d)
xs | select | list|xs | select('odd') | list|xs | select('gt', 1) | list|xs | reject('equalto', 1) | list|xs | reject('in', [1, 2]) | list|[0, 1, '', 'a', none] | select | list
rows | selectattr('v') | map(attribute='k') | list|rows | selectattr('v', '>', 2) | map(attribute='v') | list|rows | selectattr('w.z') | list | length|rows | rejectattr('w', 'defined') | map(attribute='k') | join(',')|rows | selectattr('k', 'in', ['x', 'q']) | list | count|messages | selectattr('role', 'equalto', 'user') | first
rows | groupby('k')|rows | groupby('k', case_sensitive=true) | map('first') | list|rows | groupby('v') | map(attribute='grouper') | list
xs | sum|rows | sum(attribute='v')|[1.5, 2] | sum|xs | sum(start=10)|xs | min|xs | max|ws | min|ws | max|rows | max(attribute='v')|rows | map(attribute='v') | max|[] | max|xs | unique | list|ws | unique | list
xs | batch(2) | list|xs | batch(3, 0) | list|xs | sort|xs | sort(reverse=true)|ws | sort|ws | sort(case_sensitive=true)|rows | sort(attribute='v') | map(attribute='v') | list|rows | sort(attribute='k,v') | map(attribute='v') | list|d | dictsort|d | items | list|d.items() | list|d.keys() | list|d.values() | list|d | list
f | round|3.5 | round|2.567 | round(2)|2.1 | round(method='ceil')|n | round|'12' | int|'12abc' | int|'12.7' | int|'x' | int(5)|'1.5' | float|'' | float|f | int|t | int|'0x1A' | int|n | float|nil | int|n | abs|-2.5 | abs
s | title|"it's o'clock foo-bar" | title|'hELLO wORLD' | capitalize|'ß' | upper|s | length|d | length|xs | length|s | first|s | last|xs | first|xs | last|[] | first|s | reverse|xs | reverse | list|s | list | length|xs | count
'  a b ' | trim|'xxaxx' | trim('x')|'one two-three' | wordcount|missing | upper|missing | length|missing | default('x')|nil | default('x')|nil | default('x', true)|missing | d('y')|empty | default('x', boolean=true)|missing | default|xs | join|xs | join('-')|rows | join(', ', attribute='k')|missing | join(',')
1.0 | tojson|[1.0, 2.50] | tojson|d | tojson|tools | tojson|tools | tojson(indent=2)|messages[2].tool_calls | tojson|'é"\\\\\\n/<b>' | tojson|'é\\x7f' | tojson(ensure_ascii=true)|nil | tojson|[] | tojson(indent=2)|{} | tojson|[1, [2, {'a': []}]] | tojson(indent=4)|d | tojson(sort_keys=true)|d | tojson(separators=(',', ':'))|1e100 | tojson|0.1 | tojson|[t, no, nil] | tojson|s | tojson|{'a': 1.5e-7} | tojson|d | tojson(indent=2, separators=(',', ': '))
s.upper()|s.lower()|s.title()|s.capitalize()|s.swapcase()|'  a '.strip()|'xxaxx'.strip('x')|'xyaxy'.lstrip('xy')|'axy'.rstrip('yx')|s.split(', ')|s.split()|'a b c'.split(' ', 1)|'a b c'.split(maxsplit=1)|'a,b,c'.rsplit(',', 1)|'a,b,c'.rsplit(',')|s.partition(', ')|s.rpartition('o')|s.partition('zz')
s.startswith('Hell')|s.startswith(('x', 'H'))|s.endswith('d')|s.find('o')|s.find('zz')|s.find('o', 5)|s.index('W')|s.index('zz')|s.count('l')|s.count('')|'7'.zfill(3)|'-7'.zfill(4)|s.replace('l', 'L')|s.replace('l', 'L', 1)|s.removeprefix('Hello')|s.removesuffix('World')|s.removesuffix('x')
text.splitlines()|text.splitlines(true)|'a\\r\\nb'.splitlines()|''.splitlines()|'abc'.isalpha()|'a1'.isalnum()|'12'.isdigit()|''.isdigit()|'²'.isdigit()|' '.isspace()|'ABC'.isupper()|'A1'.isupper()|'abc'.islower()|'1'.islower()|'12'.isnumeric()|'a b'.isalpha()
'-' * 5|3 * 'ab'|[0] * 3|'a' * 0|'a' * -1|n // 2|-n // 2|n / 2|4 / 2|f // 1|2 ** 3|2 ** -1|-7 % 3|7.5 % 2|n + f|t + 1|'a' + 'b'|[1] + [2]|'a' ~ 1 ~ none ~ true|n % 2 == 1|1 / 0
[1] == [1]|d == {'a': 1, 'b': 2}|(1, 2) == [1, 2]|1 == 1.0|1 == true|'a' < 'b'|[1, 2] < [1, 3]|nil == none|missing == none|'a' in s|'H' in 'Hello'|'a' in d|3 in xs|1 in d|'1' in '123'|[1] in [[1]]|s != 'x'
s[0]|s[-1]|s[1:4]|s[::-1]|s[:-1]|xs[::2]|xs[-2:]|xs[1]|d['a']|d.a|d.get('q')|d.get('q', 5)|d['q']|xs[99]|s[99]|messages[-1]['role']|messages[1:] | length|messages[3].content[0].text|messages[::-1] | map(attribute='role') | list
'a' if t|'a' if no|'a' if no else 'b'|'a' if no else 'b' if no else 'c'|t and s|no or s|not t|nil or 'x'|'' or 0|1 and 2
dict(a=1, b='x')|dict(a=1).a|namespace(a=1).a|range(3) | list|range(5, 0, -2) | list|true|True|none|None|1_000|0x1F|1e3|[1, 'a', none, true, 1.0, {'k': (1, 2)}]|{'a': 'b'}|'a' 'b'|'it''s'
rows | map(attribute='q', default='-') | list|ws | map('upper') | list|ws | map('default', 'x') | list|xs | map('string') | list|rows | map(attribute='w.z') | list|['a b'] | map('replace', ' ', '_') | list|ws | map('lower') | unique | list|['1', '2'] | map('int') | sum
s | replace('o', '0')|s | replace('o', '0', 1)|text | indent|text | indent(2)|text | indent(2, true)|text | indent(width=3, first=true, blank=true)|s | string|n | string|xs | string|'<a>' | safe
"""

TEMPLATES = [
    "{% for x in xs %}{{ x }}{% if x == 1 %}!{% break %}{% endif %},{% endfor %}|",
    "{% for x in xs %}[{{ x }}{% if x == 1 %}c{% continue %}{% endif %}]{% endfor %}|",
    "{% for x in xs %}{% for y in xs %}{{ y }}{% if y == 1 %}{% break %}{% endif %}{% endfor %};{% endfor %}",
    "{% for x in xs %}a{% with y = x %}{{ y }}{% if y == 1 %}{% break %}{% endif %}{% endwith %}b{% endfor %}",
    "{% for x in xs %}{{ loop.cycle('odd', 'even') }} {% endfor %}",
    "{% for x in xs | sort %}{% if loop.changed(x) %}{{ x }};{% endif %}{% endfor %}",
    "{% for x in xs %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }}|{% endfor %}",
    "{% for x in xs %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }};{% endfor %}",
    "{% for x in xs %}{{ loop.previtem is defined }}{{ loop.nextitem is undefined }};{% endfor %}",
    "{% for node in tree recursive %}{{ loop.depth }}{{ node.n }}({{ loop(node.c) }}){% endfor %}",
    "{%- for node in tree recursive -%}\n  {{ node.n }}{% if node.c %}[{{ loop(node.c) }}]{% endif %}\n{%- endfor -%}",
    "{% for k, v in d.items() recursive %}{{ k }}{{ v }}{% endfor %}",
    "{% for x in xs if x > 1 %}{{ loop.index }}:{{ x }} {% else %}none{% endfor %}",
    "{% for x in xs if x > 10 %}{{ x }}{% else %}none{% endfor %}",
    "{% for x in [] %}{{ x }}{% else %}empty{% endfor %}",
    "{% for x in missing %}{{ x }}{% else %}nothing{% endfor %}",
    "{% for c in 'aé日' %}{{ c }}-{% endfor %}",
    "{% for k in d %}{{ k }}{% endfor %}",
    "{% for k, v in d | dictsort %}{{ k }}={{ v }};{% endfor %}",
    "{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for a, b in [(1, 2, 3)] %}{{ a }}{% endfor %}",
    "{% for x in nil %}{% endfor %}",
    "{% set x = 0 %}{% for i in xs %}{% set x = x + i %}{{ x }} {% endfor %}{{ x }}",
    "{% for i in xs %}{{ y is defined }}{% set y = i %}{% endfor %}",
    "{% set ns = namespace(n=0, l=[]) %}{% for i in xs %}{% set ns.n = ns.n + i %}{% set ns.l = ns.l + [i] %}{% endfor %}{{ ns.n }}{{ ns.l }}",
    "{% with %}{% set a = 1 %}{{ a }}{% endwith %}{{ a is defined }}",
    "{% set a = 1 %}{% with a = 2, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}",
    "{% with m = messages[0] %}{{ m.role }}{% endwith %}",
    "{% set x %}a {{ n }} b{% endset %}[{{ x }}]{{ x | length }}",
    "{% set x | upper | replace('A', '-') %}a{{ s }}{% endset %}{{ x }}",
    "{% set x %}{% set y = 1 %}{{ y }}{% endset %}{{ x }}{{ y is defined }}",
    "{% filter upper %}a{{ s }}{% endfilter %}",
    "{% filter replace('l', 'L') %}{{ s }}{% endfilter %}",
    "{% filter indent(2, true) %}a\nb{% endfilter %}",
    "{% macro f(a, b=2, c=none) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ f(1) }}|{{ f(1, c=3) }}|{{ f(b=5, a=4) }}",
    "{% macro box(t) %}[{{ t }}:{{ caller() }}]{% endmacro %}{% call box('x') %}in {{ n }}{% endcall %}",
    "{% macro each(l) %}{% for x in l %}{{ caller(x) }}{% endfor %}{% endmacro %}{% call(x) each(xs) %}<{{ x }}>{% endcall %}",
    "{% macro r(k) %}{{ k }}{% if k > 0 %}{{ r(k - 1) }}{% endif %}{% endmacro %}{{ r(3) }}",
    "{% macro m(msgs) %}{% for x in msgs %}{% if x.role == 'tool' %}T{% break %}{% endif %}{{ x.role[0] }}{% endfor %}{% endmacro %}{{ m(messages) }}",
    "{% if n is divisibleby(7) and not (s is lower) %}yes{% elif n %}no{% else %}never{% endif %}",
    "{% if messages[0].role == 'system' and messages[1]['role'] is in ['user', 'tool'] %}ok{% endif %}",
    "{%- for m in messages -%}\n  {%- if m.content is string -%}\n{{ m.role }}: {{ m.content | trim }}\n  {%- else -%}\n{{ m.role }}: {%- for p in m.content if p.type == 'text' %}{{ p.text }}{% endfor %}\n  {%- endif -%}\n{%- endfor -%}",
    "{%- set loop_messages = messages[1:] if messages[0]['role'] == 'system' else messages -%}{% for m in loop_messages %}{{ '<|' + m['role'] + '|>' }}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}",
    "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 1) %}x{% endif %}{{ loop.index0 }}{% endfor %}",
    "{% for m in messages if m.tool_calls is defined and m.tool_calls %}{% for c in m.tool_calls %}{{ c.name }}({% for k, v in c.arguments.items() %}{{ k }}={{ v | tojson }}{{ ', ' if not loop.last }}{% endfor %}){% endfor %}{% endfor %}",
    "{% set content = messages[2].content %}{% if '</think>' in content %}{{ content.split('</think>')[-1].lstrip('\\n') }}|{{ content.split('</think>')[0].split('<think>')[-1].strip('\\n') }}{% endif %}",
    "{% for t in tools %}{{ t.function.name }}: {{ t.function.description }}{% for k, p in t.function.parameters.properties.items() %} {{ k }}: {{ p.type }}{% if p.default is defined %} = {{ p.default }}{% endif %}{% endfor %}{% endfor %}",
    "{{- '' }}{% for g, l in rows | groupby('k') %}{{ g }}:{{ l | map(attribute='v') | join('+') }};{% endfor %}",
    "{% for g in rows | groupby('k') %}{{ g.grouper }}{{ g.list | length }}{% endfor %}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set c = (1,) %}{{ c }}",
    "{% set x = [1, 2] %}{% set y = x %}{{ x + y }}{{ x | length }}",
    "{% set d2 = dict(d, c=3) %}{{ d2 }}",
    "{% generation %}a{% endgeneration %}",
    "{% raw %}{{ n }}{% endraw %}{# c #}{{ n }}",
    "{% break %}", "{{ n.foo.bar }}", "{{ n | nofilter }}", "{{ n is notest }}", "{% include 'x' %}", "{% block a %}x{% endblock %}", "{{ xs.append(4) }}", "{% do xs.append(4) %}",
    "{% for x in xs %}{{ x }}{{ ',' if not loop.last else '.' }}{% endfor %}",
    "{{ messages | map(attribute='role') | unique | join(' ') }}",
    "{% if t and (n > 3 or no) and not no %}{{ 'a' if n > 3 else 'b' }}{% endif %}",
    "{{ 'x' if messages | selectattr('role', 'equalto', 'tool') | list | length > 0 else 'y' }}",
    "{% set last = messages | last %}{{ last.role }}{% set first = messages | first %}{{ first['content'] }}",
    "{% for m in messages | reverse %}{{ m.role }},{% endfor %}",
    "{% for m in messages[::-1] %}{% set i = (messages | length - 1) - loop.index0 %}{{ i }}{% endfor %}",
    "{% set ns = namespace(found=false) %}{% for m in messages %}{% if m.role == 'user' and not ns.found %}{% set ns.found = true %}{{ loop.index0 }}{% endif %}{% endfor %}{{ ns.found }}",
]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env.filters["tojson"] = tojson
    cases = []
    sources = [f"{{{{ {one} }}}}" for line in EXPRESSIONS.strip().split("\n") for one in split(line)] + TEMPLATES
    for source in sources:
        try:
            rendered = env.from_string(source).render(**CONTEXT)
        except Exception:
            rendered = None
        cases.append({"source": source, "rendered": rendered})
    with open(args.out, "w", encoding="utf-8") as file:
        json.dump({"context": CONTEXT, "cases": cases}, file, ensure_ascii=False, indent=1)
        file.write("\n")


def split(line):
    """At `|` without blanks around it."""
    parts, at = [], 0
    for i, c in enumerate(line):
        if c == "|" and line[i - 1 : i] != " " and line[i + 1 : i + 2] != " " and not inside(line[at:i]):
            parts.append(line[at:i])
            at = i + 1
    return [*parts, line[at:]]


def inside(text):
    """In a string."""
    quote = None
    for c in text:
        if quote is None and c in "'\"":
            quote = c
        elif c == quote:
            quote = None
    return quote is not None


if __name__ == "__main__":
    main()
