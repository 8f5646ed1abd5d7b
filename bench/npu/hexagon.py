"""Compiles a model with Qualcomm's compiler for Hexagon v73 (Snapdragon X) and runs it in Qualcomm's simulator, beside ONNX Runtime's CPU in float32.

usage: hexagon.py MODEL.onnx FEEDS.json [IDS.json]        FEEDS: {name: {dtype, dims, file}}, files are raw little-endian values beside it
With IDS, the tokens of the run, the head is computed on every row, and the loss of the text is compared (text.py).
Prints a last line `RESULT {json}`: {failed, message, compileMs, differences: {output: {largest, difference}}, text}.
"""

import json
import sys
import time

import numpy as np
import onnxruntime as ort
import onnxruntime_qnn as qnn
from text import SURE, compared, every_row, for_session, read_feeds

SNAPDRAGON_X = {"htp_arch": "73", "soc_model": "60", "enable_htp_fp16_precision": "1"}


def wrong_choice(want, got):
    """What the summary says of the likeliest token, where one leads: block and place are whole numbers, so either is right or wrong."""
    if "summary" not in want:
        return None
    best = np.sort(want["logits"].ravel())[-2:]
    right, said = (np.round(one["summary"].ravel()[:2]).tolist() for one in (want, got))
    if best[1] - best[0] <= SURE or right == said:
        return None
    return f"the likeliest token is in block and place {said} instead of {right}"


def main(model, feeds_path, ids_path=None):
    ort.set_default_logger_severity(3)
    ort.register_execution_provider_library("QNNExecutionProvider", qnn.get_library_path())
    device = [d for d in ort.get_ep_devices() if d.ep_name == "QNNExecutionProvider"][:1]
    feeds = read_feeds(feeds_path)
    if ids_path:
        model = every_row(model)
    reference = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    names = [output.name for output in reference.get_outputs()]
    feeds = for_session(reference, feeds)
    expected = reference.run(None, feeds)

    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    options.add_provider_for_devices(device, {"backend_path": qnn.get_qnn_htp_path(), **SNAPDRAGON_X})
    start = time.time()
    try:
        session = ort.InferenceSession(model, sess_options=options)
    except Exception as error:  # the compiler's refusal is the finding
        return {"failed": "compile", "message": str(error)[:600], "compileMs": 0, "differences": {}}
    compile_ms = round(1000 * (time.time() - start))
    differences, text = {}, None
    try:
        results = session.run(None, feeds)
        wrong = wrong_choice(dict(zip(names, expected)), dict(zip(names, results)))
        if wrong:
            return {"failed": "run", "message": wrong, "compileMs": compile_ms, "differences": {}}
        for name, want, got in zip(names, expected, results):
            if ids_path:
                with open(ids_path, encoding="utf-8") as file:
                    ids = json.load(file)
                got, want = got[: len(ids)], want[: len(ids)]  # rows behind them are padding
                text = compared(got.astype(np.float64), want.astype(np.float64), ids)
            want, got = want.astype(np.float32), got.astype(np.float32)
            differences[name] = {
                "largest": float(np.abs(want).max()),
                "difference": float(np.abs(want - got).max()) if np.isfinite(got).all() else None,
            }
    except Exception as error:
        return {"failed": "run", "message": str(error)[:600], "compileMs": compile_ms, "differences": {}}
    return {"failed": None, "message": "", "compileMs": compile_ms, "differences": differences, "text": text}


if __name__ == "__main__":
    print("RESULT " + json.dumps(main(*sys.argv[1:4])))
