"""Tokenizers of the kinds that Phi models have, made from nothing but a seed, with the ids that the PyPI package `tokenizers` gives for texts.py:
`byte-level` (o200k's pre-tokenizer and a vocabulary of 200,029 tokens, as Phi-4-mini has) and `sentencepiece` (32,045 pieces with byte fallback, as Phi-3 has).
tokenizer.json is compressed with Brotli; the tests write the same vocabulary into a GGUF. Takes some minutes. The trainer breaks ties at random, so
another run gives other tokenizers of the same kinds: the files in the repository stay as they are.

    pip install tokenizers==0.23.3 brotli==1.2.1 && python3 scripts/make/tokenizers/make.py e2e/fixtures/tokenizers
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import brotli
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from corpus import lines
from texts import TEXTS

SEED = 20261130
CHAT_TEMPLATE = "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
LINE_TEMPLATE = CHAT_TEMPLATE.replace("|>{{ message['content'] }}", "|>\n{{ message['content'] }}").replace("<|end|>", "<|end|>\n").replace("<|assistant|>", "<|assistant|>\n")
# Of the tokenizer of o200k: words by case, three digits at most, punctuation with the slashes and line ends behind it.
O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
    r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# Ids as Phi-4-mini has them: the last 18 ordinary tokens lie between two added ones.
BYTE_LEVEL_TOKENS = 200_017
BYTE_LEVEL_ADDED = {
    "<|endoftext|>": 199_999, "<|endofprompt|>": 200_018, "<|assistant|>": 200_019, "<|end|>": 200_020, "<|user|>": 200_021, "<|system|>": 200_022,
    "<|tool|>": 200_023, "<|/tool|>": 200_024, "<|tool_call|>": 200_025, "<|/tool_call|>": 200_026, "<|tool_response|>": 200_027, "<|tag|>": 200_028,
}  # fmt: skip
SENTENCEPIECE_TOKENS = 32_000
SENTENCEPIECE_ADDED = [
    "<|endoftext|>", "<|assistant|>", *(f"<|placeholder{i}|>" for i in range(1, 5)), "<|system|>", "<|end|>", "<|placeholder5|>", "<|placeholder6|>", "<|user|>",
    *(f"<|placeholder{i}|>" for i in range(7, 41)),
]  # fmt: skip
STRIPLESS = ("<|endoftext|>", "<|endofprompt|>")
STRIPLESS_SENTENCEPIECE = ("<|endoftext|>", "<|system|>", "<|end|>", "<|user|>")


def added(content, id_, rstrip, special=True):
    return {"id": id_, "content": content, "single_word": False, "lstrip": False, "rstrip": rstrip, "normalized": False, "special": special}


def byte_level():
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(O200K), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=BYTE_LEVEL_TOKENS, min_frequency=1, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(lines(SEED, 400_000, 120_000), trainer)
    spec = json.loads(tokenizer.to_str())
    if len(spec["model"]["vocab"]) != BYTE_LEVEL_TOKENS:
        raise SystemExit(f"The text gives {len(spec['model']['vocab'])} tokens of {BYTE_LEVEL_TOKENS}: make it longer.")
    first, second = STRIPLESS
    ids = {token: id_ + (id_ >= BYTE_LEVEL_ADDED[first]) for token, id_ in spec["model"]["vocab"].items()}
    # `tokenizers` numbers added tokens anew unless the vocabulary has them.
    ids |= {token: BYTE_LEVEL_ADDED[token] for token in (first, second)}
    spec["model"]["vocab"] = dict(sorted(ids.items(), key=lambda one: one[1]))
    spec["added_tokens"] = [added(content, id_, content not in STRIPLESS) for content, id_ in BYTE_LEVEL_ADDED.items()]
    spec["model"]["merges"] = [" ".join(pair) for pair in spec["model"]["merges"]]
    return spec


def score_merges(pieces, scores):
    """Every cut of a piece into two pieces, best score first: what transformers' converter makes of a SentencePiece vocabulary."""
    merges = []
    for piece, id_ in pieces.items():
        cuts = [(piece[:at], piece[at:]) for at in range(1, len(piece)) if piece[:at] in pieces and piece[at:] in pieces]
        merges += [(scores[id_], id_, pieces[left], pieces[right], left, right) for left, right in cuts]
    merges.sort(key=lambda one: (-one[0], one[1], one[2], one[3]))
    return [f"{left} {right}" for *_, left, right in merges]


def sentencepiece():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    # Single characters take room as well: the common ones of each script are tokens, the others are bytes.
    trainer = trainers.BpeTrainer(vocab_size=SENTENCEPIECE_TOKENS - 259, min_frequency=2, limit_alphabet=3_000, max_token_length=16, show_progress=False)
    tokenizer.train_from_iterator(lines(SEED + 7, 60_000, 60_000), trainer)
    trained = sorted(json.loads(tokenizer.to_str())["model"]["vocab"].items(), key=lambda one: one[1])
    joined, single = [[piece for piece, _ in trained if (len(piece) > 1) is long] for long in (True, False)]
    head = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    tokens = [*head, *joined, *single]
    if len(tokens) != SENTENCEPIECE_TOKENS:
        raise SystemExit(f"The text gives {len(tokens)} pieces of {SENTENCEPIECE_TOKENS}: make it longer.")
    scores = [0.0] * len(head) + [-float(rank) for rank in range(len(joined) + len(single))]
    pieces = {piece: len(head) + i for i, piece in enumerate([*joined, *single])}
    prepend = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    model = models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    shell = Tokenizer(model)
    shell.normalizer, shell.decoder = prepend, decoder
    spec = json.loads(shell.to_str())
    spec["model"]["vocab"] = {token: id_ for id_, token in enumerate(tokens)}
    spec["model"]["merges"] = score_merges(pieces, scores)
    ids = enumerate(SENTENCEPIECE_ADDED, SENTENCEPIECE_TOKENS)
    spec["added_tokens"] = [
        *(added(token, id_, token == "</s>", token != "</s>") for id_, token in enumerate(head[:3])),
        *(added(token, id_, token not in STRIPLESS_SENTENCEPIECE) for id_, token in ids),
    ]
    return spec


def squeeze(path, data):
    # A window of 16 MB: the list of merges repeats what the vocabulary says, megabytes before it.
    path.write_bytes(brotli.compress(data, quality=11, lgwin=24))
    print(f"{path}: {len(data):,} bytes, {path.stat().st_size:,} compressed")


def write(folder, name, spec, template, config):
    target = folder / name
    target.mkdir(parents=True, exist_ok=True)
    text = json.dumps(spec, ensure_ascii=False, separators=(",", ":"))
    squeeze(target / "tokenizer.json.br", text.encode())
    (target / "tokenizer_config.json").write_text(json.dumps({**config, "chat_template": template}, indent=1) + "\n")
    reference = Tokenizer.from_str(text)
    cases = [{"text": one, "ids": reference.encode(one, add_special_tokens=False).ids} for one in TEXTS]
    expected = {"reference": f"tokenizers {version('tokenizers')} (PyPI)", "cases": cases}
    (target / "expected.json").write_text(json.dumps(expected, ensure_ascii=True, separators=(",", ":")) + "\n")


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    folder = Path(sys.argv[1])
    end = "<|endoftext|>"
    tokens = {"bos_token": "<s>", "eos_token": end, "add_bos_token": False, "add_eos_token": False}
    write(folder, "sentencepiece", sentencepiece(), LINE_TEMPLATE, tokens)
    tokens = {"bos_token": end, "eos_token": end, "add_bos_token": False, "add_eos_token": False}
    write(folder, "byte-level", byte_level(), CHAT_TEMPLATE, tokens)


if __name__ == "__main__":
    main()
