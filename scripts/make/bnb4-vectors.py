"""Random MatMulBnb4 products and what onnxruntime makes of them: the reference of workers/engine/weights/bnb4.test.ts.

    python scripts/make/bnb4-vectors.py --out workers/engine/weights/bnb4.vectors.json

Needs onnxruntime (1.27.0 made the recorded file), onnx and numpy. Every code occurs; rows and blocks do not end together.
"""

import argparse
import base64
import json

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

SHAPES = [(5, 24, 16), (4, 64, 64), (6, 40, 16), (3, 128, 32)]


def rows(n, k, block, quant_type, packed, absmax):
    """The operator's weights [n, k]: its product with the unit matrix, turned."""
    node = helper.make_node("MatMulBnb4", ["a", "b", "absmax"], ["y"], domain="com.microsoft", K=k, N=n, block_size=block, quant_type=quant_type)
    constants = [numpy_helper.from_array(packed, "b"), numpy_helper.from_array(absmax, "absmax")]
    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph([node], "bnb4", [value("a", [k, k])], [value("y", [k, n])], constants)
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"a": np.eye(k, dtype=np.float32)})[0].T


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    random = np.random.default_rng(1)
    text = lambda array: base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    cases = []
    for kind, quant_type in [("FP4", 0), ("NF4", 1)]:
        for n, k, block in SHAPES:
            packed = random.permutation(np.resize(np.arange(256, dtype=np.uint8), n * k // 2))
            absmax = random.uniform(0.01, 2, (n * k + block - 1) // block).astype(np.float32)
            values = rows(n, k, block, quant_type, packed, absmax).astype(np.float32)
            cases.append({"kind": kind, "n": n, "k": k, "block": block, "packed": text(packed), "absmax": text(absmax), "values": text(values)})
    with open(args.out, "w", encoding="utf-8") as file:
        json.dump(cases, file, indent=0)


main()
