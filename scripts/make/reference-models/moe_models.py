"""A tiny random Phi MoE as Microsoft publishes them: bfloat16 in two shards, 16 experts, a head size of its own; reference: transformers' PhimoeForCausalLM in float32.

    pip install numpy safetensors torch transformers==5.24.0 && python3 scripts/make/reference-models/moe_models.py OUT_FOLDER

Written to e2e/fixtures/phi/phi-moe. It is smaller than its siblings (2 layers, hidden size 64), because experts are many.
"""

import json

import numpy as np
import torch
from transformers import PhimoeConfig, PhimoeForCausalLM

from phi import FIXTURES, companions, out_folder, write_expected
from safetensors_models import save_bfloat16

CONFIG = {
    "architectures": ["PhiMoEForCausalLM"],
    "model_type": "phimoe",
    "vocab_size": 640,
    "hidden_size": 64,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 1,
    "head_dim": 48,
    "rms_norm_eps": 1e-05,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "num_local_experts": 16,
    "num_experts_per_tok": 2,
    "max_position_embeddings": 512,
    "attention_bias": True,
    "lm_head_bias": True,
    "tie_word_embeddings": False,
    "rope_theta": 10000.0,
    "sliding_window": 47,
    "router_jitter_noise": 0.01,
    "input_jitter_noise": 0.0,
    "hidden_act": "silu",
    "rope_scaling": None,
    "torch_dtype": "bfloat16",
}
SEED = 20


def weights_of(config):
    """By the names that Microsoft publishes; values that bfloat16 holds."""
    random = np.random.default_rng(SEED)
    hidden, inner, size = config["hidden_size"], config["intermediate_size"], config["head_dim"]
    rows = {"q": config["num_attention_heads"] * size, "k": config["num_key_value_heads"] * size, "v": config["num_key_value_heads"] * size}

    def draw(deviation, *shape, mean=0.0):
        values = (random.standard_normal(shape) * deviation + mean).astype(np.float32)
        return (values.view(np.uint32) & 0xFFFF0000).view(np.float32)

    weights = {
        "model.embed_tokens.weight": draw(1.0, config["vocab_size"], hidden),
        "lm_head.weight": draw(0.5, config["vocab_size"], hidden),
        "lm_head.bias": draw(0.5, config["vocab_size"]),
    }
    norms = ["model.norm"]
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        norms += [at + "input_layernorm", at + "post_attention_layernorm"]
        for part, count in rows.items():
            weights |= {f"{at}self_attn.{part}_proj.weight": draw(0.12, count, hidden), f"{at}self_attn.{part}_proj.bias": draw(0.3, count)}
        weights |= {at + "self_attn.o_proj.weight": draw(0.12, hidden, rows["q"]), at + "self_attn.o_proj.bias": draw(0.2, hidden)}
        moe = at + "block_sparse_moe."
        # Scores of a few units, as trained routers have: near enough to each other that the jitter mask keeps some and drops others.
        weights[moe + "gate.weight"] = draw(0.15, config["num_local_experts"], hidden)
        for expert in range(config["num_local_experts"]):
            for name, shape in (("w1", (inner, hidden)), ("w2", (hidden, inner)), ("w3", (inner, hidden))):
                weights[f"{moe}experts.{expert}.{name}.weight"] = draw(0.2, *shape)
    for name in norms:
        weights |= {name + ".weight": draw(0.1, hidden, mean=1.0), name + ".bias": draw(0.2, hidden)}
    return weights


def reference(config, weights):
    options = {key: value for key, value in config.items() if key not in ("architectures", "model_type", "torch_dtype", "rope_theta", "rope_scaling")}
    model = PhimoeForCausalLM(PhimoeConfig(**options, rope_parameters={"rope_type": "default", "rope_theta": config["rope_theta"]}, attn_implementation="eager"))
    own = {}
    for name, value in model.state_dict().items():
        at, _, part = name.partition(".mlp.")
        moe = f"{at}.block_sparse_moe."
        experts = [f"{moe}experts.{i}." for i in range(config["num_local_experts"])]
        if name in weights:
            own[name] = weights[name]
        elif part == "router.weight":
            own[name] = weights[moe + "gate.weight"]
        elif part == "experts.gate_up_proj":
            own[name] = np.stack([np.concatenate([weights[one + "w1.weight"], weights[one + "w3.weight"]]) for one in experts])
        elif part == "experts.down_proj":
            own[name] = np.stack([weights[one + "w2.weight"] for one in experts])
        else:
            raise KeyError(name)
        assert own[name].shape == tuple(value.shape), (name, own[name].shape, value.shape)
    model.load_state_dict({name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in own.items()})
    return model.float().eval()


if __name__ == "__main__":
    folder = out_folder() / "phi-moe"
    companions(FIXTURES / "phi-tiny-moe", folder)
    weights = weights_of(CONFIG)
    model = reference(CONFIG, weights)
    files = [f"model-0000{part}-of-00002.safetensors" for part in (1, 2)]
    places = {name: files[i % 2] for i, name in enumerate(sorted(weights))}
    for file in files:
        save_bfloat16(folder / file, {name: weights[name] for name, place in places.items() if place == file})
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    (folder / "config.json").write_text(json.dumps(CONFIG, indent=1))

    def compute(ids):
        with torch.no_grad():
            return model(torch.tensor([ids])).logits[0].numpy()

    write_expected(folder / "expected.json", "transformers 5.24.0 PhimoeForCausalLM in float32", compute, SEED, CONFIG["vocab_size"])
    print(folder)
