"""Writes workers/engine/checkpoint/safetensors/mlx.vectors.json: a few rows that MLX quantised in every number of bits and in every mode that it has,
with the values that mlx.core.dequantize gives for them in float32. Needed only when one is added:

    pip install numpy 'mlx[cpu]' && python3 scripts/make/mlx-vectors.py
"""

import base64
import json
from importlib.metadata import version
from pathlib import Path

import mlx.core as mx
import numpy as np

ROWS, COLS = 3, 128

rng = np.random.default_rng(20261130)
vectors = []
float_vectors = []
for bits, group in [(2, 64), (3, 32), (3, 64), (4, 32), (4, 128), (5, 64), (5, 128), (6, 32), (6, 64), (8, 64)]:
    values = mx.array(rng.normal(0.01, 0.05, (ROWS, COLS)).astype(np.float32)).astype(mx.float16)
    codes, scales, biases = mx.quantize(values, group_size=group, bits=bits)
    exact = mx.dequantize(codes, scales.astype(mx.float32), biases.astype(mx.float32), group_size=group, bits=bits)
    encode = lambda array: base64.b64encode(np.ascontiguousarray(np.array(array)).tobytes()).decode()  # noqa: E731
    parts = {"weight": encode(codes), "scales": encode(scales), "biases": encode(biases), "float32": encode(exact)}
    vectors.append({"bits": bits, "group": group, "rows": ROWS, "cols": COLS, **parts})

for mode, (bits, group) in {"mxfp4": (4, 32), "nvfp4": (4, 16), "mxfp8": (8, 32)}.items():
    values = mx.array(rng.normal(0.01, 0.05, (ROWS, COLS)).astype(np.float32))
    codes, scales = mx.quantize(values, group_size=group, bits=bits, mode=mode)
    # Every code of a weight (8 bits: but NaN), and the ends of the scales' range.
    every = np.append(np.arange(127), 0).astype(np.uint8) if bits == 8 else np.arange(64, dtype=np.uint8) * 37
    codes = np.array(codes)
    codes[0] = every.view(np.uint32)
    codes[1] = (every ^ 128).view(np.uint32)
    scales = np.array(scales)
    scales[2, :3] = [0, 1, 126] if mode == "nvfp4" else [1, 100, 150]
    exact = mx.dequantize(mx.array(codes), mx.array(scales), group_size=group, bits=bits, mode=mode, dtype=mx.float32)
    assert np.isfinite(np.array(exact)).all(), mode
    parts = {"weight": encode(codes), "scales": encode(scales), "float32": encode(exact)}
    float_vectors.append({"mode": mode, "bits": bits, "group": group, "rows": ROWS, "cols": COLS, **parts})

out = Path(__file__).resolve().parents[2] / "workers/engine/checkpoint/safetensors/mlx.vectors.json"
out.write_text(json.dumps({"reference": f"mlx {version('mlx')}", "vectors": vectors, "floats": float_vectors}, indent=1) + "\n")
print(out, out.stat().st_size, "bytes")
