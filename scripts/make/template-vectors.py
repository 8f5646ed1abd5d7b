"""Chat templates and what jinja2 makes of them: the reference of workers/engine/tokenizer/jinja-lexer.test.ts.

    python scripts/make/template-vectors.py --count 400 --out workers/engine/tokenizer/testing/template-vectors.json

Needs jinja2 (3.1.6 made the recorded file). Templates are joined from pieces by a seed: white space and line ends of every kind around
tags with every sign, raw blocks, comments, strings with every escape, numbers in every spelling. `rendered` is null where jinja2 refuses.
"""

import argparse
import json
import random

from jinja2 import Environment, TemplateError

LINE_ENDS = ["\n", "\r\n", "\r"]
TEXTS = ["a", "<|user|>", "{ x", "}", "%}", "#}", "{-", "-}", "=}}", "é", "日本", "|", "{", "\x0b", "\u2028", "\u00a0", "\x85", "\x1c", "  - x", "'", '"']
BLANKS = ["", "", " ", "    ", "\t", " \t", "\u3000", "\n", "\n\n", "\n  ", "  \n", " \n \n "]
ESCAPES = ["\\n", "\\t", "\\d", "\\s", "\\\\", "\\'", '\\"', "\\x41", "\\u00e9", "\\u65e5", "\\U0001f642", "\\101", "\\7", "\\0", "\\a", "\\b", "\\f",
           "\\v", "\\r", "\\é", "\\日", "\\🙂", "\\|", "\\.", "\\{", "\\\n", "\\x4", "\\u12", "\\8", "\\_", "\\-"]
PLAIN = ["a", " ", "{{", "}}", "{%", "%}", "{#", "#}", "</think>", "<|end|>", "é", "🙂", "\n", "(", "]", "{% raw %}", "{% generation %}", "#", "x: "]
NUMBERS = ["0", "7", "42", "1_000", "0x1F", "0b101", "0o17", "2.5", "1e2", "1_0.2_5"]


def string(rng):
    quote = rng.choice("'\"")
    other = '"' if quote == "'" else "'"
    parts = [rng.choice([rng.choice(PLAIN), rng.choice(ESCAPES), other]) for _ in range(rng.randrange(5))]
    return quote + "".join(parts) + quote


def expression(rng):
    kind = rng.randrange(9)
    if kind < 4:
        return string(rng)
    if kind == 4:
        return string(rng) + rng.choice(["", " ", "\n"]) + string(rng)
    if kind == 5:
        return rng.choice(NUMBERS)
    if kind == 6:
        return "m.content" if rng.random() < 0.5 else "m['role']"
    if kind == 7:
        return "{'}}': " + string(rng) + "}['}}']"
    return "[" + string(rng) + ", '%}'][0]"


def tag(rng, code, open_="{%", close="%}", end_signs=("", "", "", "-", "+")):
    sign = rng.choice(["", "", "", "-", "+"])
    space = rng.choice([" ", " ", "", "\n", "  "]) if code[:1] not in "+-" else " "
    return open_ + sign + (space if sign == "" else " ") + code + rng.choice([" ", " ", "\n"]) + rng.choice(end_signs) + close


def blanks(rng):
    return "".join(rng.choice(BLANKS) for _ in range(rng.randrange(3)))


def body(rng, depth):
    parts = []
    for _ in range(rng.randrange(1, 5)):
        kind = rng.randrange(10)
        if kind < 3:
            parts.append(rng.choice(TEXTS))
        elif kind < 6:
            parts.append(tag(rng, expression(rng), "{{", "}}", ("", "", "-")))
        elif kind == 6:
            parts.append("{#" + rng.choice(["", "-", "+"]) + rng.choice([" c ", "", "'", "{{ x }}", "\n"]) + rng.choice(["", "-", "+"]) + "#}")
        elif kind == 7:
            parts.append(tag(rng, "raw", end_signs=("", "-")) + rng.choice(["{{ x }}", " {% if %}\n", "\n  ", "{# c", ""]) + tag(rng, "endraw"))
        elif kind == 8 and depth < 2:
            parts.append(tag(rng, rng.choice(["if m", "if not m", "if true"])) + body(rng, depth + 1) + tag(rng, "endif"))
        elif kind == 9 and depth < 2:
            parts.append(tag(rng, "for m in messages") + body(rng, depth + 1) + tag(rng, "endfor"))
        else:
            parts.append(tag(rng, "set m = messages[0]"))
        parts.append(blanks(rng))
    return blanks(rng) + "".join(parts)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    environment = Environment(trim_blocks=True, lstrip_blocks=True)
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo\n"}]
    cases = []
    for i in range(args.count):
        rng = random.Random(f"{args.seed}-{i}")
        source = body(rng, 0)
        end = rng.choice(LINE_ENDS)
        source = source.replace("\n", end) if rng.random() < 0.7 else "".join(rng.choice(LINE_ENDS) if c == "\n" else c for c in source)
        try:
            rendered = environment.from_string(source).render(messages=messages, m=messages[1])
            rendered.encode("utf-8")
        except (TemplateError, UnicodeEncodeError):
            rendered = None
        cases.append({"template": source, "rendered": rendered})
    with open(args.out, "w", encoding="utf-8") as file:
        json.dump({"messages": messages, "cases": cases}, file, ensure_ascii=True, indent=0)


main()
