"""Tiny random Phi models and their reference numbers, computed with NumPy in float64: what the makers beside this file have in common.

Shapes, tokenizers and templates come from ../shared/fixtures/phi (whose own expected.json `python3 phi.py` reproduces to 3e-5); weights are new.
"""

import json
import math
import shutil
import sys
from pathlib import Path

import numpy as np

FIXTURES = Path(__file__).resolve().parents[4] / "shared/fixtures/phi"
KINDS = ("phi3-mini-4k", "phi3.5-mini", "phi4-mini", "phi4")
PROMPTS = (5, 40, 60, 100)
GREEDY = 16


def config_of(kind):
    return json.loads((FIXTURES / kind / "config.json").read_text())


def head_dim(config):
    return config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]


def random_weights(config, seed):
    """Hugging Face's names; values that float16 holds, one matrix with a mean, so that a wrong zero point shows."""
    random = np.random.default_rng(seed)
    hidden, inner, size = config["hidden_size"], config["intermediate_size"], head_dim(config)
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]

    def matrix(rows, cols, deviation, mean=0.0):
        return (random.standard_normal((rows, cols)) * deviation + mean).astype(np.float16).astype(np.float32)

    def norm():
        return (1 + 0.1 * random.standard_normal(hidden)).astype(np.float16).astype(np.float32)

    weights = {"model.embed_tokens.weight": matrix(config["vocab_size"], hidden, 0.5), "model.norm.weight": norm()}
    if not config["tie_word_embeddings"]:
        weights["lm_head.weight"] = matrix(config["vocab_size"], hidden, 0.5)
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        weights[at + "input_layernorm.weight"] = norm()
        weights[at + "post_attention_layernorm.weight"] = norm()
        weights[at + "self_attn.qkv_proj.weight"] = matrix((heads + 2 * kv_heads) * size, hidden, 0.04, 0.02 * (random.random() - 0.5))
        weights[at + "self_attn.o_proj.weight"] = matrix(hidden, heads * size, 0.04)
        weights[at + "mlp.gate_up_proj.weight"] = matrix(2 * inner, hidden, 0.04)
        weights[at + "mlp.down_proj.weight"] = matrix(hidden, inner, 0.04)
    return weights


def rotation(config, tokens):
    """cos, sin `[tokens, rotary / 2]` as transformers has them, and rotary."""
    rotary = int(head_dim(config) * config.get("partial_rotary_factor", 1.0))
    frequencies = 1.0 / config["rope_theta"] ** (np.arange(0, rotary, 2) / rotary)
    factor, scaling = 1.0, config.get("rope_scaling")
    if scaling:
        original = config["original_max_position_embeddings"]
        frequencies = frequencies / np.array(scaling["long_factor" if tokens > original else "short_factor"])
        factor = math.sqrt(1 + math.log(config["max_position_embeddings"] / original) / math.log(original))
    angles = np.outer(np.arange(tokens), frequencies)
    return np.cos(angles) * factor, np.sin(angles) * factor, rotary


def logits(weights, config, ids, window=None):
    """`[tokens, vocab]`. `window`: key j is seen from i when i - j < window."""
    tokens, size = len(ids), head_dim(config)
    heads, kv_heads, inner = config["num_attention_heads"], config["num_key_value_heads"], config["intermediate_size"]
    cos, sin, rotary = rotation(config, tokens)
    ages = np.arange(tokens)[:, None] - np.arange(tokens)[None, :]
    hidden_keys = (ages < 0) | (ages >= window if window else False)

    def norm(x, weight):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + config["rms_norm_eps"]) * weight

    def linear(x, name):
        return x @ weights[name].T.astype(np.float64)

    def rotate(x):
        a, b = x[..., : rotary // 2], x[..., rotary // 2 : rotary]
        c, s = cos[:, None, :], sin[:, None, :]
        return np.concatenate([a * c - b * s, b * c + a * s, x[..., rotary:]], -1)

    x = weights["model.embed_tokens.weight"][ids].astype(np.float64)
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        qkv = linear(norm(x, weights[at + "input_layernorm.weight"]), at + "self_attn.qkv_proj.weight").reshape(tokens, -1, size)
        q, k, v = rotate(qkv[:, :heads]), rotate(qkv[:, heads : heads + kv_heads]), qkv[:, heads + kv_heads :]
        k, v = (np.repeat(part, heads // kv_heads, 1) for part in (k, v))
        scores = np.einsum("ihd,jhd->hij", q, k) / math.sqrt(size)
        scores[:, hidden_keys] = -np.inf
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        x = x + linear(np.einsum("hij,jhd->ihd", scores, v).reshape(tokens, -1), at + "self_attn.o_proj.weight")
        gate_up = linear(norm(x, weights[at + "post_attention_layernorm.weight"]), at + "mlp.gate_up_proj.weight")
        gate, up = gate_up[:, :inner], gate_up[:, inner:]
        x = x + linear(gate / (1 + np.exp(-gate)) * up, at + "mlp.down_proj.weight")
    head = "lm_head.weight" if "lm_head.weight" in weights else "model.embed_tokens.weight"
    return linear(norm(x, weights["model.norm.weight"]), head)


def write_expected(path, reference, compute, seed, vocab=640):
    """Logits and greedy ids of random prompts; `compute(ids)` gives `[tokens, vocab]`."""
    random, cases = np.random.default_rng(seed + 999), []
    for length in PROMPTS:
        ids = [int(one) for one in random.integers(3, vocab, length)]
        prompt, sequence = compute(ids), list(ids)
        for _ in range(GREEDY):
            sequence.append(int(np.argmax(compute(sequence)[-1])))
        case = {"input_ids": ids, "last_logits": [float(one) for one in prompt[-1]], "argmax_all": [int(one) for one in prompt.argmax(-1)]}
        cases.append({**case, "greedy": sequence[length:]})
    Path(path).write_text(json.dumps({"reference": reference, "cases": cases}))


def companions(source, folder, names=("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")):
    """Copies what lies beside the weights of a fixture, as far as it has it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        if (source / name).exists():
            shutil.copy(source / name, folder / name)


def out_folder():
    if len(sys.argv) != 2:
        sys.exit(f"usage: python3 {sys.argv[0]} OUT_FOLDER")
    return Path(sys.argv[1])


if __name__ == "__main__":
    from safetensors.numpy import load_file

    for kind in KINDS:
        config, expected = config_of(kind), json.loads((FIXTURES / kind / "expected.json").read_text())
        weights = {name: value.astype(np.float32) for name, value in load_file(FIXTURES / kind / "model.safetensors").items()}
        for case in expected["cases"]:
            ours = logits(weights, config, case["input_ids"], config.get("sliding_window"))[-1]
            print(kind, len(case["input_ids"]), float(np.abs(ours - np.array(case["last_logits"])).max()))
