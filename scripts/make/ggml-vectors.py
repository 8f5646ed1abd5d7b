"""Writes workers/engine/weights/ggml.vectors.json: random blocks of every ggml type that is read, with the values that the Python package `gguf`
(by the authors of llama.cpp) gives for them. Needed only when a type is added:

    pip install gguf && python3 scripts/make/ggml-vectors.py
"""

import base64
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, dequantize

TYPES = (
    "F32 F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ1_S IQ1_M IQ2_XXS IQ2_XS IQ2_S IQ3_XXS IQ3_S IQ4_NL IQ4_XS TQ1_0 TQ2_0 MXFP4"
).split()
# Offsets of the float16 scales in a block; every other byte may be anything.
HALVES = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
    "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0],
    "IQ1_S": [0], "IQ2_XXS": [0], "IQ2_XS": [0], "IQ2_S": [0], "IQ3_XXS": [0], "IQ3_S": [0], "TQ1_0": [52], "TQ2_0": [64],
    "IQ1_M": [], "MXFP4": [],
}  # fmt: skip
ROWS = 2

rng = np.random.default_rng(20260914)
vectors = []
for name in TYPES:
    kind = GGMLQuantizationType[name]
    elements, size = GGML_QUANT_SIZES[kind]
    cols = 256 if elements == 256 else 64
    if name in HALVES:
        data = rng.integers(0, 256, (ROWS, cols // elements, size), dtype=np.uint8)
        for at in HALVES[name]:
            scales = rng.normal(0, 0.05, (ROWS, cols // elements)).astype(np.float16)
            scales[1, 0] = np.float16(3e-7)  # subnormal
            data[:, :, at : at + 2] = scales.view(np.uint8).reshape(ROWS, -1, 2)
        if name == "IQ1_M":  # the scale is the upper nibbles of four halves
            scales = rng.normal(0, 0.05, (ROWS, cols // elements)).astype(np.float16).view(np.uint16)
            for i in range(4):
                byte = data[:, :, 49 + 2 * i]
                byte[:] = (byte & 15) | (((scales >> (4 * i)) & 15) << 4).astype(np.uint8)
        if name == "MXFP4":  # exponents whose values float32 holds
            data[:, :, 0] = rng.integers(100, 150, (ROWS, cols // elements))
            data[1, 0, 0] = 0
        codes = np.setdiff1d(np.arange(size), [at + byte for at in HALVES[name] for byte in (0, 1)])
        if name in ("IQ1_M", "MXFP4"):
            codes = np.arange(1, 17)
        data[0, 0, codes] = 255
        data = data.reshape(ROWS, -1)
    else:
        values = rng.normal(0, 1, (ROWS, cols)).astype(np.float32)
        values[0, :6] = [0.0, -0.0, 6e-8, -6e-5, 65504.0, -1.0]
        if name == "BF16":
            data = (values.view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)
        else:
            data = values.astype(np.float32 if name == "F32" else np.float16).view(np.uint8)
    values = dequantize(data, kind).astype(np.float32)
    assert values.shape == (ROWS, cols) and np.isfinite(values).all(), name
    encode = lambda array: base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()  # noqa: E731
    vectors.append({"name": name, "id": int(kind), "rows": ROWS, "cols": cols, "bytes": encode(data), "float32": encode(values)})

out = Path(__file__).parents[2] / "workers/engine/weights/ggml.vectors.json"
out.write_text(json.dumps({"reference": f"gguf {version('gguf')} (Python)", "vectors": vectors}, indent=1) + "\n")
print(out, out.stat().st_size, "bytes")
