"""Tiny random Phi models in every quantisation of llama.cpp that is read, quantised by llama.cpp itself; reference: the weights as the `gguf` package gives them back.

    pip install numpy gguf llama-cpp-python==0.3.36 && python3 scripts/make/reference-models/gguf_models.py OUT_FOLDER
"""

import ctypes

import llama_cpp
import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter, dequantize

from phi import FIXTURES, config_of, head_dim, logits, out_folder, random_weights, write_expected

TYPES = {
    "phi4-mini": "Q5_0 Q5_1 Q2_K Q3_K_S Q3_K_M Q3_K_L Q4_K_S Q5_K_S IQ4_XS IQ4_NL BF16 Q4_1 Q4_K_M Q6_K",
    "phi3-mini-4k": "Q5_0 Q5_1 Q2_K Q3_K_M Q4_K_S IQ4_XS",
    "phi3.5-mini": "Q5_1 Q2_K Q3_K_M IQ4_XS",
    "phi4": "Q5_0 Q4_K_S Q2_K IQ4_XS",
}
PLAIN = (GGMLQuantizationType.F32, GGMLQuantizationType.F16)


def names(config):
    """Hugging Face's name of each tensor, and ggml's."""
    pairs = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
    parts = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.qkv_proj": "attn_qkv"}
    parts |= {"self_attn.o_proj": "attn_output", "mlp.gate_up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
    for layer in range(config["num_hidden_layers"]):
        pairs |= {f"model.layers.{layer}.{theirs}": f"blk.{layer}.{ggml}" for theirs, ggml in parts.items()}
    return {f"{theirs}.weight": f"{ggml}.weight" for theirs, ggml in pairs.items()}


def permuted(rows, heads, size, back=False):
    """llama.cpp's order of the rows of q and k in files of architecture `llama`: pairs side by side."""
    shape = (heads, size // 2, 2, -1) if back else (heads, 2, size // 2, -1)
    return rows.reshape(shape).swapaxes(1, 2).reshape(rows.shape)


def write_float16(path, kind, weights, config, llama):
    source = GGUFReader(FIXTURES / kind / "gguf/q8_0.gguf")
    writer = GGUFWriter(path, "llama" if llama else "phi3")
    for field in source.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture" or (llama and "sliding_window" in field.name):
            continue
        item = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
        writer.add_key_value(field.name.replace("phi3.", "llama.") if llama else field.name, field.contents(), field.types[0], item)
    tensors = {ggml: weights[theirs] for theirs, ggml in names(config).items() if theirs in weights}
    if llama:
        size, heads, kv_heads = head_dim(config), config["num_attention_heads"], config["num_key_value_heads"]
        for layer in range(config["num_hidden_layers"]):
            at = f"blk.{layer}."
            q, k, v = np.split(tensors.pop(at + "attn_qkv.weight"), [heads * size, (heads + kv_heads) * size])
            tensors |= {at + "attn_q.weight": permuted(q, heads, size), at + "attn_k.weight": permuted(k, kv_heads, size), at + "attn_v.weight": v}
            tensors[at + "ffn_gate.weight"], tensors[at + "ffn_up.weight"] = np.split(tensors[at + "ffn_up.weight"], 2)
    tensors |= {tensor.name: np.array(tensor.data) for tensor in source.tensors if tensor.name.startswith("rope_")}
    for name, value in tensors.items():
        writer.add_tensor(name, value.astype(np.float32 if value.ndim == 1 else np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def read_back(path, config, llama):
    tensors = {}
    for tensor in GGUFReader(path).tensors:
        values = np.array(tensor.data) if tensor.tensor_type in PLAIN else dequantize(tensor.data, tensor.tensor_type)
        tensors[tensor.name] = values.astype(np.float32)
    if llama:
        size, heads, kv_heads = head_dim(config), config["num_attention_heads"], config["num_key_value_heads"]
        for layer in range(config["num_hidden_layers"]):
            at = f"blk.{layer}."
            q, k = permuted(tensors[at + "attn_q.weight"], heads, size, True), permuted(tensors[at + "attn_k.weight"], kv_heads, size, True)
            tensors[at + "attn_qkv.weight"] = np.concatenate([q, k, tensors[at + "attn_v.weight"]])
            tensors[at + "ffn_up.weight"] = np.concatenate([tensors[at + "ffn_gate.weight"], tensors[at + "ffn_up.weight"]])
    return {theirs: tensors[ggml] for theirs, ggml in names(config).items() if ggml in tensors}


def quantise(source, target, name):
    options = llama_cpp.llama_model_quantize_default_params()
    options.ftype = getattr(llama_cpp, f"LLAMA_FTYPE_MOSTLY_{name}")
    if llama_cpp.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(options)):
        raise RuntimeError(f"llama.cpp does not make {target}")


if __name__ == "__main__":
    out = out_folder()
    out.mkdir(parents=True, exist_ok=True)
    for seed, (kind, types) in enumerate(TYPES.items()):
        # Phi-4 is published under both architectures.
        for llama in (False, True) if kind == "phi4" else (False,):
            config, stem = config_of(kind), f"{kind}-llama" if llama else kind
            window = None if llama else config.get("sliding_window")
            whole = out / f"{stem}.f16.gguf"
            write_float16(whole, kind, random_weights(config, 100 + seed), config, llama)
            for name in ["F16", *types.split()]:
                path = out / f"{stem}.{name.lower()}.gguf"
                if name != "F16":
                    quantise(whole, path, name)
                weights = read_back(path, config, llama)
                write_expected(path.with_suffix(".expected.json"), "NumPy on gguf.dequantize", lambda ids: logits(weights, config, ids, window), seed)
                print(path)
