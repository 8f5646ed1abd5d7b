"""Tokenizers with added tokens of every kind, and the ids that the `tokenizers` crate gives: the reference of added-tokens.test.ts.

    python scripts/make/tokenizer-vectors.py --count 360 --fixtures ../shared/fixtures --bases tiny-bytes,tiny-pieces,starter \
        --out workers/engine/tokenizer/testing/added-token-vectors.json

Needs the PyPI package `tokenizers` (0.23.3 made the recorded file). Each variant is a tokenizer of the fixtures, or a tiny one that is
written out in full, with random added tokens (`normalized`, `lstrip`, `rstrip`, `single_word`) and sometimes another normaliser. Texts are
joined from added tokens, words, white space and accents in both normal forms.
"""

import argparse
import json
import os
import random

from tokenizers import Tokenizer

CONTENTS = ["<tool_call>", "</tool_call>", "[X]", "foo", "foobar", "\u00e9t\u00e9", "e\u0301", " lead", "trail ", "\ufb01n", "<think>", "  ", "\n\n", "日本", "s", "▁odd",
            "a b", "<|end|>", "Ⅷ", "🙂", "\u00a0"]
WORDS = ["Hi", "x", "foo", "bar", "tool", "été", "e\u0301te\u0301", "naïve", "nai\u0308ve", "1 2", "42", "_", "'s", "日本語", "क्षि", "🙂", "fin", "ﬁn", "Å", "A\u030a", "<", ">", "|", "-",
         "don't", "\u200d", "²", "▁"]
SPACES = [" ", " ", "  ", "\t", "\n", "\n\n", "\u00a0", "\u3000", "\u0085", "", "", "", "\ufeff", "   \n "]
NORMALIZERS = [{"type": kind} for kind in ["NFC", "NFD", "NFKC", "NFKD"]]
REPLACES = [
    {"type": "Replace", "pattern": {"String": "foo"}, "content": "f$&o"},
    {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "},
    {"type": "Replace", "pattern": {"Regex": "[0-9]"}, "content": "##"},
    {"type": "Replace", "pattern": {"Regex": "e(?=t)|t$"}, "content": "E"},
]


def byte_alphabet():
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [b for b in range(256) if b not in printable]
    return [chr(b) for b in printable] + [chr(0x100 + i) for i in range(len(rest))]


def tiny_bytes():
    merges = ["f o", "fo o", "Ġ f", "Ã ©", "t o", "to o", "Ġ Ġ", "Ċ Ċ"]
    vocab = byte_alphabet() + [merge.replace(" ", "") for merge in merges]
    split = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "pre_tokenizer": split, "post_processor": None,
            "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": False,
                      "byte_fallback": False, "ignore_merges": False, "vocab": {token: i for i, token in enumerate(vocab)}, "merges": merges}}


def tiny_pieces():
    merges = ["▁ f", "o o", "▁f oo", "▁ H", "▁H i", "▁ ▁", "t o"]
    pieces = ["<unk>"] + [f"<0x{b:02X}>" for b in range(256)] + list("▁foobarxHit,_<>|'s12é") + [merge.replace(" ", "") for merge in merges]
    vocab = {}
    for piece in pieces:
        vocab.setdefault(piece, len(vocab))
    marks = [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]
    decoders = [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0}]
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": {"type": "Sequence", "normalizers": marks},
            "pre_tokenizer": None, "post_processor": None, "decoder": {"type": "Sequence", "decoders": decoders},
            "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": True,
                      "byte_fallback": True, "ignore_merges": False, "vocab": vocab, "merges": merges}}


def added_tokens(rng, base):
    used = {token["content"] for token in base["added_tokens"]} | set(base["model"]["vocab"])
    top = max([token["id"] for token in base["added_tokens"]] + list(base["model"]["vocab"].values())) + 1
    contents = [content for content in rng.sample(CONTENTS, rng.randrange(1, 8)) if content not in used]
    flags = ["single_word", "lstrip", "rstrip", "normalized"]
    return [{"id": top + i, "content": content, "special": rng.random() < 0.3, **{flag: rng.random() < 0.4 for flag in flags}} for i, content in enumerate(contents)]


def normalizer(rng, base):
    own = base["normalizer"]
    if rng.random() < 0.5:
        return own
    steps = [rng.choice(NORMALIZERS + REPLACES)] + ([own] if own else [])
    if rng.random() < 0.3:
        steps.insert(0, rng.choice(REPLACES))
    return {"type": "Sequence", "normalizers": steps}


def pre_tokenizer(rng, name, base):
    """Metaspace in place of the normaliser's marks, for the tokenizers that have none of their own."""
    if name != "tiny-pieces" or rng.random() < 0.6:
        return None
    return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": rng.choice(["first", "always", "never"]), "split": rng.random() < 0.5}


def text(rng, added):
    pool = [token["content"] for token in added] * 3 + CONTENTS
    return "".join(rng.choice([rng.choice(WORDS), rng.choice(pool), rng.choice(SPACES)]) for _ in range(rng.randrange(1, 14)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=360)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fixtures", required=True)
    parser.add_argument("--bases", default="tiny-bytes,tiny-pieces,starter,phi-3,phi-4-mini")
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    files = {"starter": "starter/tokenizer.json", "phi-3": "tokenizers/phi-3/tokenizer.json", "phi-4-mini": "tokenizers/phi-4-mini/tokenizer.json"}
    tiny = {"tiny-bytes": tiny_bytes, "tiny-pieces": tiny_pieces}
    names = args.bases.split(",")
    each = max(20, args.count // (len(names) * 8))
    bases, variants = {}, []
    for name in names:
        if name in tiny:
            base = bases[name] = tiny[name]()
        else:
            with open(os.path.join(args.fixtures, files[name]), encoding="utf-8") as file:
                base = json.load(file)
        for v in range(max(1, round(args.count / len(names) / each))):
            rng = random.Random(f"{args.seed}-{name}-{v}")
            added = added_tokens(rng, base)
            changes = {"normalizer": normalizer(rng, base)}
            metaspace = pre_tokenizer(rng, name, base)
            if metaspace:
                changes = {"pre_tokenizer": metaspace, "normalizer": rng.choice([None, *NORMALIZERS])}
            tokenizer = Tokenizer.from_str(json.dumps({**base, **changes, "added_tokens": base["added_tokens"] + added}))
            cases = []
            while len(cases) < each:
                one = text(rng, added)
                try:
                    cases.append({"text": one, "ids": tokenizer.encode(one, add_special_tokens=False).ids})
                except BaseException as error:  # The crate panics where an added token of white space lies in what another stripped.
                    if type(error).__name__ != "PanicException":
                        raise
            variants.append({"base": name, "added": added, "changes": changes, "cases": cases})
    with open(args.out, "w", encoding="utf-8") as file:
        json.dump({"bases": bases, "variants": variants}, file, ensure_ascii=True)


main()
