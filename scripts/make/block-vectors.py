"""Writes workers/engine/weights/blocks.vectors.json: what ONNX Runtime's own MatMulNBits quantiser makes of a few rows.

Needs numpy and onnxruntime. Values are sums of a few small whole fractions, so that float32 holds them exactly in JSON.
"""
import json
from pathlib import Path

import numpy as np
from onnxruntime.capi._pybind_state import quantize_matmul_4bits, quantize_matmul_8bits

ROWS, COLS = 4, 64


def values() -> np.ndarray:
    rng = np.random.default_rng(7)
    rows = np.round(rng.standard_normal((ROWS, COLS)) * 512) / 2048
    rows[1, :32] = 0  # a block of zeros
    rows[2] = np.abs(rows[2])  # nothing below zero
    rows[3, 32:] = -np.abs(rows[3, 32:]) - 0.25  # nothing above it
    return rows.astype(np.float32)


def quantised(weights: np.ndarray, bits: int, block: int, symmetric: bool) -> dict:
    n, k = weights.shape
    blocks = k // block
    codes = np.zeros((n, blocks, block * bits // 8), np.uint8)
    scales = np.zeros(n * blocks, np.float32)
    zeros = np.zeros(n * ((blocks * bits + 7) // 8), np.uint8)
    quantise = quantize_matmul_4bits if bits == 4 else quantize_matmul_8bits
    quantise(codes, np.ascontiguousarray(weights.T), scales, zeros, block, n, k, symmetric)
    return {
        "bits": bits,
        "block": block,
        "symmetric": symmetric,
        "codes": codes.ravel().tolist(),
        "scales": [float(scale) for scale in scales],
        "zeroPoints": None if symmetric else zeros.tolist(),
    }


weights = values()
cases = [quantised(weights, bits, block, symmetric) for bits in (4, 8) for block in (16, 32, 64) for symmetric in (True, False)]
document = {"source": "onnxruntime MatMulNBits, round to nearest", "rows": ROWS, "cols": COLS, "values": weights.ravel().tolist(), "cases": cases}
path = Path(__file__).resolve().parents[2] / "workers" / "engine" / "weights" / "blocks.vectors.json"
path.write_text(json.dumps(document, separators=(",", ":")) + "\n")
