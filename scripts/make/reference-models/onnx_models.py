"""Tiny random Phi models as ONNX, quantised by ONNX Runtime's own quantisers in ways that the fixtures lack; reference: ONNX Runtime on the file with float32 activations.

    pip install numpy onnx onnx-ir onnxruntime && python3 scripts/make/reference-models/onnx_models.py OUT_FOLDER
"""

import copy

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantFormat
from onnxruntime.quantization.matmul_nbits_quantizer import (
    DefaultWeightOnlyQuantConfig,
    KQuantWeightOnlyQuantConfig,
    MatMulNBitsQuantizer,
    RTNWeightOnlyQuantConfig,
)

from phi import FIXTURES, companions, config_of, head_dim, out_folder, random_weights, write_expected

SOURCE = "onnx-cpu-int4"


def blocks(size, **more):
    return DefaultWeightOnlyQuantConfig(block_size=size, accuracy_level=4, **more)


QDQ = {"quant_format": QuantFormat.QDQ}
GATHER = {"op_types_to_quantize": ("MatMul", "Gather")}
# name, kind, quantiser (None: none), q, k and v apart, block of the head that the embedding shares (0: it does not).
MODELS = [
    ("64-zero-points", "phi4", blocks(64), False, 0),
    ("64-zero-points-tied", "phi4-mini", blocks(64), False, 64),
    ("64-zero-points", "phi3.5-mini", blocks(64), False, 0),
    ("64-zero-points-split", "phi3-mini-4k", blocks(64), True, 0),
    ("128-zero-points", "phi4", blocks(128), False, 0),
    ("256-zero-points", "phi4-mini", blocks(256), False, 0),
    ("16-tied", "phi4-mini", blocks(16, is_symmetric=True), False, 16),
    ("64-8-bits", "phi4", blocks(64, bits=8), False, 0),
    ("32-8-bits-tied", "phi4-mini", blocks(32, bits=8, is_symmetric=True), False, 32),
    ("32-8-bits-zero-points-tied", "phi4-mini", blocks(32, bits=8), False, 32),
    ("64-gather", "phi4", blocks(64, **GATHER), False, 0),
    ("32-gather", "phi3.5-mini", blocks(32, is_symmetric=True, **GATHER), False, 0),
    ("qdq-64-zero-points", "phi4", blocks(64, **QDQ), False, 0),
    ("qdq-32", "phi4-mini", blocks(32, is_symmetric=True, **QDQ), False, 0),
    ("qdq-channel", "phi3.5-mini", blocks(32, is_symmetric=True, channel_wised_quantize=True, **QDQ), False, 0),
    ("qdq-128-zero-points-split", "phi3-mini-4k", blocks(128, **QDQ), True, 0),
    ("k-quant", "phi4", KQuantWeightOnlyQuantConfig(), False, 0),
    ("rtn", "phi4-mini", RTNWeightOnlyQuantConfig(), False, 0),
    ("float32", "phi4-mini", None, False, 0),
]


def matrices(weights, config):
    """By the names of the model builder, `[out, in]`."""
    found = {"lm_head": weights.get("lm_head.weight", weights["model.embed_tokens.weight"])}
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        gate, up = np.split(weights[at + "mlp.gate_up_proj.weight"], 2)
        found |= {at + "mlp.gate_proj": gate, at + "mlp.up_proj": up, at + "mlp.down_proj": weights[at + "mlp.down_proj.weight"]}
        found |= {at + f"attn.{name}": weights[at + f"self_attn.{name}.weight"] for name in ("qkv_proj", "o_proj")}
    return found


def float_model(kind, weights, config, split):
    """The fixture's graph with plain products of `weights`."""
    model = onnx.load(FIXTURES / kind / SOURCE / "model.onnx")
    graph, source, added, dropped, nodes = model.graph, matrices(weights, config), {}, set(), []
    kv = config["num_key_value_heads"] * head_dim(config)
    for node in graph.node:
        name = node.name.replace("_Q4", "")
        if node.op_type == "MatMulNBits":
            dropped |= set(node.input[1:])
            key = name.removesuffix("/MatMul").strip("/").replace("/", ".")
            parts = {"qkv": source[key]}
            if split and key.endswith("qkv_proj"):
                parts = dict(zip("qkv", np.split(source[key], [config["hidden_size"], config["hidden_size"] + kv]), strict=True))
            for part, matrix in parts.items():
                one = key.replace("qkv_proj", f"{part}_proj")
                added[f"{one}.MatMul.weight"] = matrix.T
                out = node.output[0].replace("qkv_proj", f"{part}_proj")
                nodes.append(helper.make_node("MatMul", [node.input[0], f"{one}.MatMul.weight"], [out], name=name.replace("qkv_proj", f"{part}_proj")))
        elif "embed_tokens" in node.name:
            if node.op_type != "Reshape":
                dropped |= set(node.input)
                added["model.embed_tokens.weight"] = weights["model.embed_tokens.weight"]
                nodes.append(helper.make_node("Gather", ["model.embed_tokens.weight", "input_ids"], node.output, name="/model/embed_tokens/Gather"))
        else:
            if split and node.op_type == "GroupQueryAttention":
                node.input[:3] = [node.input[0].replace("qkv_proj", f"{part}_proj") for part in "qkv"]
            nodes.append(node)
    for tensor in graph.initializer:
        if tensor.name.endswith("layernorm.weight"):
            added[tensor.name] = weights["model.norm.weight" if "final_norm" in tensor.name else tensor.name]
    kept = [tensor for tensor in graph.initializer if tensor.name not in dropped and tensor.name not in added]
    tensors = kept + [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in added.items()]
    nodes = [copy.deepcopy(node) for node in nodes]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(tensors)
    return model


def share_embedding(model, block):
    """The embedding out of the head's tensors, as the model builder ties them."""
    graph = model.graph
    head = next(node for node in graph.node if node.op_type == "MatMulNBits" and "lm_head" in node.name)
    gather = next(node for node in graph.node if node.name == "/model/embed_tokens/Gather")
    sizes = {attribute.name: attribute.i for attribute in head.attribute}
    shapes = {"embed_shape": [sizes["N"], sizes["K"] * sizes["bits"] // 8], "zeros_shape": [sizes["N"], -1]}
    graph.initializer.extend(numpy_helper.from_array(np.array(shape), name) for name, shape in shapes.items())
    inputs, nodes = ["embed_codes", "input_ids", head.input[2]], [helper.make_node("Reshape", [head.input[1], "embed_shape"], ["embed_codes"])]
    if len(head.input) > 3:
        nodes.append(helper.make_node("Reshape", [head.input[3], "zeros_shape"], ["embed_zeros"]))
        inputs.append("embed_zeros")
    how = {"bits": sizes["bits"], "block_size": block, "gather_axis": 0, "quantize_axis": 1}
    nodes.append(helper.make_node("GatherBlockQuantized", inputs, gather.output, domain="com.microsoft", **how))
    at = list(graph.node).index(gather)
    del graph.node[at]
    for i, node in enumerate(nodes):
        graph.node.insert(at + i, node)
    table = next(tensor for tensor in graph.initializer if tensor.name == "model.embed_tokens.weight")
    graph.initializer.remove(table)


def runner(model, config):
    """ONNX Runtime without integer activations: neither those of the file nor those of its own rewriting of QDQ."""
    exact = copy.deepcopy(model)
    for node in exact.graph.node:
        for attribute in node.attribute:
            if attribute.name == "accuracy_level":
                attribute.i = 1
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(exact.SerializeToString(), options, providers=["CPUExecutionProvider"])
    empty = np.zeros((1, config["num_key_value_heads"], 0, head_dim(config)), np.float32)
    past = {port.name: empty for port in session.get_inputs() if port.name.startswith("past")}

    def run(ids):
        feeds = {"input_ids": np.array([ids]), "attention_mask": np.ones((1, len(ids)), np.int64)}
        return session.run(["logits"], feeds | past)[0][0]

    return run


if __name__ == "__main__":
    for seed, (name, kind, quantiser, split, tied) in enumerate(MODELS):
        config, folder = config_of(kind), out_folder() / f"onnx-{kind}-{name}"
        model = float_model(kind, random_weights(config, 500 + seed), config, split)
        if quantiser:
            quantised = MatMulNBitsQuantizer(model, block_size=32, is_symmetric=True, accuracy_level=4, nodes_to_exclude=[], algo_config=quantiser)
            quantised.process()
            model = quantised.model.model
        if tied:
            share_embedding(model, tied)
        companions(FIXTURES / kind / SOURCE, folder)
        companions(FIXTURES / kind / SOURCE, folder, ("genai_config.json",))
        write_expected(folder / "expected.json", "ONNX Runtime, float32 activations", runner(model, config), seed)
        data = folder / "model.onnx.data"
        data.unlink(missing_ok=True)
        onnx.save(model, folder / "model.onnx", save_as_external_data=True, location=data.name, size_threshold=0)
        print(folder)
