"""Tiny random Phi models of shapes that the fixtures lack: heads of 96, 128, 80 and 48, one key head for all, heads wider than the residual, odd vocabularies, partial rotations.

    pip install numpy safetensors && python3 scripts/make/reference-models/shapes.py OUT_FOLDER
"""

import json

import numpy as np

from safetensors.numpy import save_file

from phi import FIXTURES, companions, config_of, head_dim, logits, out_folder, random_weights, write_expected

# name, fixture that tokenizer and the rest of the configuration come from, what is different.
SHAPES = [
    ("head-96-window", "phi3-mini-4k", {"hidden_size": 384, "num_attention_heads": 4, "num_key_value_heads": 4, "intermediate_size": 1024, "sliding_window": 30}),
    ("head-128-one-key-head", "phi4-mini", {"hidden_size": 512, "num_attention_heads": 4, "num_key_value_heads": 1, "intermediate_size": 768}),
    ("heads-wider-than-residual", "phi4", {"hidden_size": 256, "num_attention_heads": 3, "num_key_value_heads": 3, "head_dim": 128, "vocab_size": 1003}),
    ("head-80-rotary-32", "phi4-mini", {"hidden_size": 320, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 864, "num_hidden_layers": 1,
                                        "partial_rotary_factor": 0.4, "rms_norm_eps": 1e-6, "vocab_size": 777}),
    ("columns-of-16", "phi4", {"hidden_size": 240, "num_attention_heads": 5, "num_key_value_heads": 5, "intermediate_size": 496, "num_hidden_layers": 2}),
    ("group-of-3", "phi3.5-mini", {"hidden_size": 384, "num_attention_heads": 6, "num_key_value_heads": 2, "num_hidden_layers": 5, "tie_word_embeddings": True}),
]


def resized(config):
    """LongRoPE's factors for the rotated dimensions that there are now."""
    scaling = config.get("rope_scaling")
    if scaling:
        half = int(head_dim(config) * config.get("partial_rotary_factor", 1.0)) // 2
        sets = {name: np.array(scaling[name]) for name in ("short_factor", "long_factor")}
        stretched = {name: [float(one) for one in np.interp(np.linspace(0, len(old) - 1, half), np.arange(len(old)), old)] for name, old in sets.items()}
        config["rope_scaling"] = {**scaling, **stretched}
    return config


if __name__ == "__main__":
    for seed, (name, kind, different) in enumerate(SHAPES):
        config = resized({**config_of(kind), **different})
        folder = out_folder() / f"shape-{name}"
        companions(FIXTURES / kind, folder)
        weights, window = random_weights(config, 900 + seed), config.get("sliding_window")
        save_file({name: value.astype(np.float16) for name, value in weights.items()}, folder / "model.safetensors")
        (folder / "config.json").write_text(json.dumps(config))
        write_expected(folder / "expected.json", "NumPy", lambda ids: logits(weights, config, ids, window), seed)
        print(folder)
