"""Writes layers.onnx and segment.onnx: small networks whose taps, layers and explanations are tested.

Run from the repository root:  python tests/data/onnx/make_layers.py      (needs onnx and numpy)

layers.onnx: image [1, 1, x, y, z] -> Conv "kernel" + "bias" (4 channels) -> Relu -> global mean -> Gemm-like "head"
-> out [1, 2]. "head" is kept as float_data, the others as raw_data.
segment.onnx: logits [1, 2, x, y, z] = (0, 3 * local mean of 3x3x3 - 1.5): class 1 where the image is bright; the
tap "smooth" is the local mean.
"""

import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = pathlib.Path(__file__).resolve().parent
F = TensorProto.FLOAT
rng = np.random.default_rng(1)


def save(name, nodes, output, weights):
    graph = helper.make_graph(
        nodes, name, [helper.make_tensor_value_info("image", F, [1, 1, "x", "y", "z"])],
        [helper.make_tensor_value_info("out", F, output)], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    (HERE / f"{name}.onnx").write_bytes(model.SerializeToString())


raw = lambda name, array: numpy_helper.from_array(np.asarray(array, np.float32), name)
head = rng.normal(0, 1, (4, 2)).astype(np.float32)
save("layers", [
    helper.make_node("Conv", ["image", "kernel", "bias"], ["features"], pads=[1] * 6),
    helper.make_node("Relu", ["features"], ["active"]),
    helper.make_node("GlobalAveragePool", ["active"], ["pooled"]),
    helper.make_node("Flatten", ["pooled"], ["flat"]),
    helper.make_node("MatMul", ["flat", "head"], ["out"]),
], [1, 2], [
    raw("kernel", rng.normal(0, 0.5, (4, 1, 3, 3, 3))), raw("bias", rng.normal(0, 0.1, 4)),
    helper.make_tensor("head", F, head.shape, head.ravel().tolist()),
])
save("segment", [
    helper.make_node("Conv", ["image", "mean"], ["smooth"], pads=[1] * 6),
    helper.make_node("Conv", ["smooth", "to_logits", "offset"], ["out"]),
], [1, 2, "x", "y", "z"], [
    raw("mean", np.full((1, 1, 3, 3, 3), 1 / 27)),
    raw("to_logits", np.array([0.0, 3.0]).reshape(2, 1, 1, 1, 1)), raw("offset", [0.0, -1.5]),
])
