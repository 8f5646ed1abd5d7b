"""Tiny random Phi models in MLX's packed integers, quantised by MLX itself, and in bfloat16 with and without shards.

    pip install numpy safetensors 'mlx[cpu]' && python3 scripts/make/reference-models/safetensors_models.py OUT_FOLDER
"""

import json
import struct

import mlx.core as mx
import numpy as np

from phi import FIXTURES, companions, config_of, logits, out_folder, random_weights, write_expected

# kind, bits, group, type of scales and norms, whether head and embedding are one.
MLX = [
    ("phi4-mini", 4, 32, "float16", True),
    ("phi4-mini", 8, 32, "bfloat16", True),
    ("phi3.5-mini", 4, 32, "bfloat16", False),
    ("phi4", 4, 128, "float16", False),
    ("phi3-mini-4k", 8, 128, "float32", False),
    ("phi4", 8, 64, "float16", True),
]
BFLOAT16 = [("phi4-mini", 2), ("phi3.5-mini", 1), ("phi4", 4), ("phi3-mini-4k", 1)]


def write_config(folder, config, quantisation=None):
    more = {} if quantisation is None else {"quantization": quantisation, "quantization_config": quantisation}
    (folder / "config.json").write_text(json.dumps({**config, **more}))


def make_mlx(out, seed, kind, bits, group, dtype, tied):
    config = {**config_of(kind), "tie_word_embeddings": tied}
    folder = out / f"mlx-{kind}-{bits}bit-{group}-{dtype}"
    companions(FIXTURES / kind, folder)
    tensors, plain = {}, {}
    for name, value in random_weights(config, 300 + seed).items():
        array = mx.array(value).astype(getattr(mx, dtype))
        if value.ndim == 1:
            tensors[name], plain[name] = array, np.array(array.astype(mx.float32))
            continue
        codes, scales, biases = mx.quantize(array, group_size=group, bits=bits)
        stem = name.removesuffix(".weight")
        tensors |= {name: codes, f"{stem}.scales": scales, f"{stem}.biases": biases}
        exact = mx.dequantize(codes, scales.astype(mx.float32), biases.astype(mx.float32), group_size=group, bits=bits)
        plain[name] = np.array(exact)
    mx.save_safetensors(str(folder / "model.safetensors"), tensors, metadata={"format": "mlx"})
    write_config(folder, config, {"group_size": group, "bits": bits})
    finish(folder, plain, config, "NumPy on mlx.dequantize", seed)


def save_bfloat16(path, tensors):
    header, pieces, at = {}, [], 0
    for name, value in tensors.items():
        piece = (value.view(np.uint32) >> 16).astype(np.uint16).tobytes()
        header[name] = {"dtype": "BF16", "shape": list(value.shape), "data_offsets": [at, at + len(piece)]}
        at += len(piece)
        pieces.append(piece)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(pieces))


def make_bfloat16(out, seed, kind, shards):
    config, folder = config_of(kind), out / f"bfloat16-{kind}-{shards}"
    companions(FIXTURES / kind, folder)
    weights = {name: (value.view(np.uint32) & 0xFFFF0000).view(np.float32) for name, value in random_weights(config, 400 + seed).items()}
    if shards == 1:
        save_bfloat16(folder / "model.safetensors", weights)
    else:
        files = [f"model-{part + 1:05}-of-{shards:05}.safetensors" for part in range(shards)]
        places = {name: files[i % shards] for i, name in enumerate(sorted(weights))}
        for file in files:
            save_bfloat16(folder / file, {name: weights[name] for name, place in places.items() if place == file})
        (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    write_config(folder, config)
    finish(folder, weights, config, "NumPy", seed)


def finish(folder, weights, config, reference, seed):
    window = config.get("sliding_window")
    write_expected(folder / "expected.json", reference, lambda ids: logits(weights, config, ids, window), seed)
    print(folder)


if __name__ == "__main__":
    for seed, model in enumerate(MLX):
        make_mlx(out_folder(), seed, *model)
    for seed, model in enumerate(BFLOAT16):
        make_bfloat16(out_folder(), seed, *model)
