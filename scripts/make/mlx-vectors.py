"""Writes workers/engine/checkpoint/safetensors/mlx.vectors.json: a few rows that MLX quantised in every number of bits that it has, with the values
that mlx.core.dequantize gives for them in float32. Needed only when a number of bits is added:

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
for bits, group in [(2, 64), (3, 32), (3, 64), (4, 32), (4, 128), (5, 64), (5, 128), (6, 32), (6, 64), (8, 64)]:
    values = mx.array(rng.normal(0.01, 0.05, (ROWS, COLS)).astype(np.float32)).astype(mx.float16)
    codes, scales, biases = mx.quantize(values, group_size=group, bits=bits)
    exact = mx.dequantize(codes, scales.astype(mx.float32), biases.astype(mx.float32), group_size=group, bits=bits)
    encode = lambda array: base64.b64encode(np.ascontiguousarray(np.array(array)).tobytes()).decode()  # noqa: E731
    parts = {"weight": encode(codes), "scales": encode(scales), "biases": encode(biases), "float32": encode(exact)}
    vectors.append({"bits": bits, "group": group, "rows": ROWS, "cols": COLS, **parts})

out = Path(__file__).resolve().parents[2] / "workers/engine/checkpoint/safetensors/mlx.vectors.json"
out.write_text(json.dumps({"reference": f"mlx {version('mlx')}", "vectors": vectors}, indent=1) + "\n")
print(out, out.stat().st_size, "bytes")
