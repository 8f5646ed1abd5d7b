"""Masks of tokens as llguidance makes them: the reference of workers/engine/constraint/mask-vectors.test.ts.

    python scripts/make/mask-vectors.py --tokenizer ../shared/fixtures/starter/tokenizer.json --out workers/engine/constraint/testing/mask-vectors.json

Needs llguidance and numpy (llguidance 1.9.1 made the recorded file). For each schema and reply it keeps the reply's tokens and, at each position, how many tokens may
follow and an FNV-1a hash of their ids. Where only one text can follow, llguidance gives just the tokenizer's own next token: that id is kept.
Tokens with the byte 0x7F are left out: llguidance forbids it in JSON strings, RFC 8259 does not.
"""

import argparse
import json

import llguidance
import numpy as np

SPELLING = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
DELETE = "\u0121"  # 0x7F in GPT-2's alphabet of bytes
ENDS = ["<|endoftext|>", "<|im_end|>"]


def closed(properties, required):
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


CASES = [
    (closed({"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0, "maximum": 120}}, ["name", "age"]), '{"name": "Ana \\"B\\" é", "age": 42}'),
    ({"type": "array", "items": {"enum": ["red", "green", "blue"]}, "minItems": 1, "maxItems": 3}, '["red", "blue"]'),
    (closed({"a": {"type": "boolean"}, "b": {"type": "null"}, "c": {"type": "number", "minimum": -1.5, "maximum": 2.25}}, ["b"]), '{"b": null, "c": -1.25}'),
    ({"type": "string", "pattern": "^[A-Z]{2}[0-9]{3}$"}, '"AB123"'),
    ({"type": "string", "pattern": "^(ja|nein)( bitte)*$"}, '"ja bitte bitte"'),
    ({"type": "string", "minLength": 2, "maxLength": 12}, '"hello"'),
    ({"type": "string", "maxLength": 40}, '"日本語 and plain words\\n"'),
    ({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "boolean"}}]}, "[true, false]"),
    ({"$ref": "#/$defs/t", "$defs": {"t": closed({"v": {"type": "integer"}, "c": {"type": "array", "items": {"$ref": "#/$defs/t"}}}, ["v"])}}, '{"v": 1, "c": [{"v": 22}]}'),
    ({"type": "array", "prefixItems": [{"type": "integer"}, {"const": "x"}], "items": {"type": "boolean"}, "minItems": 2, "maxItems": 4}, '[7, "x", true]'),
    ({"type": "integer", "minimum": -17, "exclusiveMaximum": 1205}, "1199"),
]


def fnv(ids):
    value = 0x811C9DC5
    for one in ids:
        for byte in one.to_bytes(4, "little"):
            value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--tokenizer", required=True)
    options.add_argument("--out", required=True)
    args = options.parse_args()
    with open(args.tokenizer, encoding="utf-8") as file:
        source = file.read()
    vocabulary = json.loads(source)["model"]["vocab"]
    left_out = {id for token, id in vocabulary.items() if DELETE in token or token in ENDS}
    tokenizer = llguidance.LLTokenizer(source)
    cases = []
    for schema, text in CASES:
        matcher = llguidance.LLMatcher(tokenizer, llguidance.LLMatcher.grammar_from_json_schema(json.dumps(schema), overrides=SPELLING))
        assert not matcher.is_error(), matcher.get_error()
        ids = tokenizer.tokenize_str(text)
        masks = []
        for id in ids:
            bits = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
            allowed = [int(one) for one in np.nonzero(np.unpackbits(bits, bitorder="little"))[0] if int(one) not in left_out]
            masks.append([1, allowed[0]] if len(allowed) == 1 else [len(allowed), fnv(allowed)])
            assert matcher.consume_token(id), (text, id)
        cases.append({"schema": schema, "text": text, "ids": ids, "masks": masks})
    with open(args.out, "w", encoding="utf-8") as file:
        json.dump({"llguidance": llguidance.get_version(), "cases": cases}, file, ensure_ascii=False)
        file.write("\n")


main()
