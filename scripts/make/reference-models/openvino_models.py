"""Tiny Phi models as OpenVINO IR, compressed by NNCF in ways that the fixtures lack; reference: OpenVINO's CPU plugin in float32.

    pip install numpy openvino nncf && python3 scripts/make/reference-models/openvino_models.py OUT_FOLDER
"""

import logging

import nncf
import numpy as np
import openvino as ov
from openvino import opset13

from phi import FIXTURES, companions, out_folder, write_expected

MODE = nncf.CompressWeightsMode
# name, fixture that the graph is taken from, how it is compressed (None: not at all).
MODELS = [
    ("int4-asym-32", "phi4-mini/openvino-int4", {"mode": MODE.INT4_ASYM, "group_size": 32, "ratio": 1.0, "all_layers": True}),
    ("int4-asym-32-mixed", "phi4/openvino-int4-sym", {"mode": MODE.INT4_ASYM, "group_size": 32, "ratio": 0.8}),
    ("int4-sym-32", "phi4/openvino-int4-sym", {"mode": MODE.INT4_SYM, "group_size": 32, "ratio": 1.0}),
    ("int4-asym-128-mixed", "phi3.5-mini/openvino-int4-npu", {"mode": MODE.INT4_ASYM, "group_size": 128, "ratio": 0.6}),
    ("int4-asym-channel", "phi3-mini-4k/openvino-int8", {"mode": MODE.INT4_ASYM, "group_size": -1, "ratio": 1.0}),
    ("int4-sym-32-all", "phi3-mini-4k/openvino-int8", {"mode": MODE.INT4_SYM, "group_size": 32, "ratio": 1.0, "all_layers": True}),
    ("int8-sym", "phi4-mini/openvino-int4", {"mode": MODE.INT8_SYM}),
    ("int8-asym", "phi3.5-mini/openvino-int4-npu", {"mode": MODE.INT8_ASYM}),
    ("int4-asym-16", "phi4-mini/openvino-int4", {"mode": MODE.INT4_ASYM, "group_size": 16, "ratio": 1.0}),
    ("float32", "phi4/openvino-int4-sym", None),
    ("float16", "phi4-mini/openvino-int4", None),
]
EXACT = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0", "KV_CACHE_PRECISION": "f32"}
core = ov.Core()


def restore_floats(model, seed):
    """Puts new float32 constants, the old weights moved at random, where compressed ones are."""
    random = np.random.default_rng(seed)
    for node in model.get_ordered_ops():
        if node.get_type_name() not in ("MatMul", "Gather"):
            continue
        for port in node.inputs():
            decompressed = base = port.get_source_output().get_node()
            while base.get_type_name() in ("Convert", "Reshape"):
                base = base.input_value(0).get_node()
            if base.get_type_name() != "Multiply" or len(port.get_partial_shape()) != 2 or port.get_partial_shape().is_dynamic:
                continue
            values = core.compile_model(ov.Model([decompressed], []), "CPU", EXACT)({})[0]
            moved = (values * (1 + 0.3 * random.standard_normal(values.shape))).astype(np.float16).astype(np.float32)
            port.replace_source_output(opset13.constant(moved).output(0))
    return model


def runner(path):
    compiled = core.compile_model(path, "CPU", EXACT)
    known = {name for port in compiled.inputs for name in port.get_names()}

    def run(ids):
        request = compiled.create_infer_request()
        request.reset_state()
        feeds = {"input_ids": np.array([ids]), "attention_mask": np.ones((1, len(ids)), np.int64)}
        feeds |= {"position_ids": np.arange(len(ids))[None], "beam_idx": np.zeros(1, np.int32)}
        return request.infer({name: value for name, value in feeds.items() if name in known})[compiled.output("logits")][0].copy()

    return run


if __name__ == "__main__":
    nncf.set_log_level(logging.ERROR)
    for seed, (name, fixture, how) in enumerate(MODELS):
        source, folder = FIXTURES / fixture, out_folder() / f"openvino-{fixture.split('/')[0]}-{name}"
        model = restore_floats(core.read_model(source / "openvino_model.xml"), 700 + seed)
        if how:
            model = nncf.compress_weights(model, **how)
        companions(source, folder)
        companions(source, folder, ("config.json", "generation_config.json", "openvino_config.json"))
        ov.save_model(model, folder / "openvino_model.xml", compress_to_fp16=name == "float16")
        write_expected(folder / "expected.json", "OpenVINO CPU, float32", runner(folder / "openvino_model.xml"), seed)
        print(folder)
