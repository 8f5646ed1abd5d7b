"""What a graph says of a text: logits behind every token, where the engine's graph computes the head on one row of a run.

usage: text.py IDS.json MODEL.onnx FEEDS.json [MODEL.onnx FEEDS.json ...]
Runs each model on ONNX Runtime's CPU. Prints a last line `RESULT [json]`, one object a model, compared with the first: see `compared`.
"""

import json
import os
import sys

import numpy as np
import onnx
import onnxruntime as ort

SURE = 0.3  # nats between the best token and the next: less may turn with any rounding


def read_feeds(path):
    with open(path, encoding="utf-8") as file:
        described = json.load(file)
    folder = os.path.dirname(path)
    return {
        name: np.fromfile(os.path.join(folder, feed["file"]), dtype=feed["dtype"]).reshape(feed["dims"])
        for name, feed in described.items()
    }


def every_row(path):
    """Writes the model with the head on all rows, beside it; returns the path. Weights stay where they are."""
    model = onnx.load(path, load_external_data=False)
    graph = model.graph
    chosen = next(node for node in graph.node if node.op_type == "Gather" and "row" in node.input)
    row, all_rows = chosen.output[0], chosen.input[0]
    graph.node.remove(chosen)
    for node in graph.node:
        for i, name in enumerate(node.input):
            if name == row:
                node.input[i] = all_rows
    logits = next(output for output in graph.output if output.name == "logits")
    width = next(value for value in graph.input if value.name == "x").type.tensor_type.shape.dim[0].dim_value
    logits.type.tensor_type.shape.dim[0].dim_value = width
    del graph.output[:]
    graph.output.append(logits)
    needed, nodes = {"logits"}, []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed |= set(node.input)
            nodes.append(node)
    inputs = [value for value in graph.input if value.name in needed]
    held = [value for value in graph.initializer if value.name in needed]
    del graph.node[:], graph.input[:], graph.initializer[:]
    graph.node.extend(reversed(nodes))
    graph.input.extend(inputs)
    graph.initializer.extend(held)
    target = path.replace(".onnx", ".rows.onnx")
    onnx.save(model, target)
    return target


def for_session(session, feeds):
    used = {feed.name for feed in session.get_inputs()}
    return {name: value for name, value in feeds.items() if name in used}


def run_on_cpu(path, feeds):
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["logits"], for_session(session, feeds))[0].astype(np.float64)


def nll(logits, ids):
    """Mean loss in nats of each token behind the first."""
    rows = logits[: len(ids) - 1]
    top = rows.max(axis=1, keepdims=True)
    log_sum = top[:, 0] + np.log(np.exp(rows - top).sum(axis=1))
    return float((log_sum - rows[np.arange(len(rows)), ids[1:]]).mean())


def compared(logits, reference, ids):
    """Largest logit and difference; steps whose best token leads by SURE, and those that keep it; loss, and how far it is off."""
    used = len(ids)
    got, want = logits[:used], reference[:used]
    finite = bool(np.isfinite(got).all())
    ordered = np.sort(want, axis=1)
    sure = ordered[:, -1] - ordered[:, -2] > SURE
    kept = got.argmax(axis=1) == want.argmax(axis=1)
    return {
        "largest": float(np.abs(want).max()),
        "difference": float(np.abs(got - want).max()) if finite else None,
        "sure": int(sure.sum()),
        "kept": int((sure & kept).sum()),
        "nll": nll(got, ids) if finite else None,
        "nllRise": nll(got, ids) - nll(want, ids) if finite else None,
    }


def main(ids_path, *models):
    with open(ids_path, encoding="utf-8") as file:
        ids = json.load(file)
    all_logits = [run_on_cpu(every_row(path), read_feeds(feeds)) for path, feeds in zip(models[::2], models[1::2])]
    return [compared(logits, all_logits[0], ids) for logits in all_logits]


if __name__ == "__main__":
    print("RESULT " + json.dumps(main(*sys.argv[1:])))
