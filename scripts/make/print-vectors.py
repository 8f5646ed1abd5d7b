"""What jinja2 writes for values of every kind: the reference of workers/engine/tokenizer/jinja-print.test.ts.

    python scripts/make/print-vectors.py --out workers/engine/tokenizer/testing/print-vectors.json

Needs jinja2 (3.1.6 made the recorded file). Each value stands alone, joined to a text, in a list, a tuple and a mapping, and in every kind of block.
"""

import argparse
import json

from jinja2 import Environment

VALUES = ["true", "false", "none", "missing", "0", "-3", "1.0", "2.5", "-0.5", "1e16", "1e15", "123456789012345.6", "0.0001", "0.00001", "1.5e-7", "2e300", "7 // 2", "7 / 2",
          "'text'", "''", "\"it's\"", "'say \"x\"'", "\"it's \\\"x\\\"\"", "'a\\nb\\tc\\r\\\\'", "'\\x00\\x7f\\xa0é日本🙂\\u200b\\u2028\\ue000'",
          "[]", "[1, 'a', none, true, 2.0]", "{}", "{'a': 1, 'b': [false]}", "(1, 'b')", "messages", "messages[0]", "messages[0].role == 'user'",
          "messages[0].content.startswith('H')", "'x' in 'xyz'", "not true", "messages | length", "namespace(a=1, b=none)", "missing is defined", "1 < 2", "'a' == 'a' and 'b'"]
SHAPES = ["{{ %s }}", "{{ 'x' ~ (%s) ~ 'y' }}", "{{ [%s, 'b'] }}", "{{ (%s, 1) }}", "{{ {'k': %s} }}", "{%% set v = %s %%}{{ v }}", "{%% set v %%}{{ %s }}{%% endset %%}{{ v }}",
          "{%% macro m(v) %%}[{{ v }}]{%% endmacro %%}{{ m(%s) }}", "{%% for v in [%s] %%}{{ v }}{%% else %%}none{%% endfor %%}", "{%% if true %%}{{ %s }}{%% endif %%}",
          "{%% if false %%}{%% else %%}{{ %s }}{%% endif %%}", "{{ (%s) | string }}", "{{ [%s, 'b'] | join('-') }}", "{%% filter upper %%}{{ %s }}{%% endfilter %%}"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    environment = Environment(trim_blocks=True, lstrip_blocks=True)
    messages = [{"role": "user", "content": "Hi", "n": 1.5, "on": True, "off": None}]
    # The app refuses namespaces inside of other values.
    templates = [shape % value for value in VALUES for shape in SHAPES if not value.startswith("namespace") or shape == SHAPES[0]]
    cases = [[template, environment.from_string(template).render(messages=messages)] for template in templates]
    with open(args.out, "w", encoding="utf-8") as file:
        json.dump({"messages": messages, "cases": cases}, file, ensure_ascii=True, indent=0)


main()
