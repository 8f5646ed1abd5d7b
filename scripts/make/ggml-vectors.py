"""Writes workers/engine/weights/ggml.vectors.json: random blocks of every ggml type that is read, with the values that the Python package `gguf`
(by the authors of llama.cpp) gives for them. That package does not decode Q1_0 and Q2_0, so their values come from ggml itself, which the source package
of llama-cpp-python contains. Needed only when a type is added:

    pip install gguf && pip download --no-binary :all: --no-deps llama-cpp-python && tar xzf llama_cpp_python-*.tar.gz
    cmake -S llama_cpp_python-*/vendor/llama.cpp -B build -DBUILD_SHARED_LIBS=ON && cmake --build build --target ggml-base
    python3 scripts/make/ggml-vectors.py build/bin/libggml-base.so
"""

import base64
import ctypes
import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, dequantize

TYPES = (
    "F32 F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ1_S IQ1_M IQ2_XXS IQ2_XS IQ2_S IQ3_XXS IQ3_S IQ4_NL IQ4_XS TQ1_0 TQ2_0 MXFP4 NVFP4"
).split()
# Type ids, weights and bytes of a block, by name.
FROM_GGML = {"Q1_0": (41, 128, 18), "Q2_0": (42, 64, 18)}
# Offsets of the float16 scales in a block; every other byte may be anything.
HALVES = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
    "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0],
    "IQ1_S": [0], "IQ2_XXS": [0], "IQ2_XS": [0], "IQ2_S": [0], "IQ3_XXS": [0], "IQ3_S": [0], "TQ1_0": [52], "TQ2_0": [64],
    "IQ1_M": [], "MXFP4": [], "NVFP4": [], "Q1_0": [0], "Q2_0": [0],
}  # fmt: skip
ROWS = 2

ggml = ctypes.CDLL(sys.argv[1])
ggml.ggml_version.restype = ctypes.c_char_p


def from_ggml(name, data):
    """Values of blocks by ggml's own function."""
    blocks = np.ascontiguousarray(data)
    values = np.zeros(blocks.size // FROM_GGML[name][2] * FROM_GGML[name][1], np.float32)
    decode = getattr(ggml, f"dequantize_row_{name.lower()}")
    decode(blocks.ctypes.data_as(ctypes.c_void_p), values.ctypes.data_as(ctypes.c_void_p), ctypes.c_int64(values.size))
    return values.reshape(ROWS, -1)


rng = np.random.default_rng(20260914)
vectors = []
for name in [*TYPES, *FROM_GGML]:
    own = FROM_GGML.get(name)
    kind = own[0] if own else GGMLQuantizationType[name]
    elements, size = own[1:] if own else GGML_QUANT_SIZES[kind]
    cols = max(elements, 64)
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
        if name == "NVFP4":  # every scale that stands for a number
            data[:, :, :4] = [[[0, 1, 7, 8]], [[56, 126, 127, 200]]]
        codes = np.setdiff1d(np.arange(size), [at + byte for at in HALVES[name] for byte in (0, 1)])
        if name in ("IQ1_M", "MXFP4"):
            codes = np.arange(1, 17)
        if name == "NVFP4":
            codes = np.arange(4, 20)
        data[0, 0, codes] = 255
        data = data.reshape(ROWS, -1)
    else:
        values = rng.normal(0, 1, (ROWS, cols)).astype(np.float32)
        values[0, :6] = [0.0, -0.0, 6e-8, -6e-5, 65504.0, -1.0]
        if name == "BF16":
            data = (values.view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)
        else:
            data = values.astype(np.float32 if name == "F32" else np.float16).view(np.uint8)
    values = from_ggml(name, data) if own else dequantize(data, kind).astype(np.float32)
    assert values.shape == (ROWS, cols) and np.isfinite(values).all(), name
    encode = lambda array: base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()  # noqa: E731
    vectors.append({"name": name, "id": int(kind), "rows": ROWS, "cols": cols, "bytes": encode(data), "float32": encode(values)})

out = Path(__file__).parents[2] / "workers/engine/weights/ggml.vectors.json"
out.write_text(json.dumps({"reference": f"gguf {version('gguf')} (Python), Q1_0 and Q2_0: ggml {ggml.ggml_version().decode()}", "vectors": vectors}, indent=1) + "\n")
print(out, out.stat().st_size, "bytes")
