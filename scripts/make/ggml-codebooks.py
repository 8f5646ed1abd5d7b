"""Writes workers/engine/weights/ggml-codebooks.json: the codebooks of ggml's IQ1, IQ2 and IQ3 types, which are lists of numbers that a format fixes.

They are taken from the Python package `gguf` (by the authors of llama.cpp). Needed only when a codebook is added:

    pip install gguf && python3 scripts/make/ggml-codebooks.py

Each entry of a codebook is 8 (IQ1, IQ2) or 4 (IQ3) levels; `values` says what a level stands for. Levels are packed in `bits` bits, lowest first.
"""

import base64
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
from gguf import quants

NAMES = "IQ2_XXS IQ2_XS IQ2_S IQ3_XXS IQ3_S IQ1_S".split()

books = {}
for name in NAMES:
    kind = getattr(quants, name)
    kind.init_grid()
    grid = kind.grid.reshape(kind.grid_shape)
    values = [int(value) for value in kind.grid_map]
    levels = np.array([values.index(int(value)) for value in grid.reshape(-1)], dtype=np.uint8)
    bits = 2 if len(values) <= 4 else 4
    per_byte = 8 // bits
    packed = np.zeros(len(levels) // per_byte, dtype=np.uint8)
    for i in range(per_byte):
        packed |= levels[i::per_byte] << (bits * i)
    books[name] = {"width": grid.shape[1], "bits": bits, "values": values, "levels": base64.b64encode(packed.tobytes()).decode()}

out = Path(__file__).parents[2] / "workers/engine/weights/ggml-codebooks.json"
out.write_text(json.dumps({"source": f"gguf {version('gguf')} (Python)", "books": books}, indent=1) + "\n")
print(out, out.stat().st_size, "bytes")
