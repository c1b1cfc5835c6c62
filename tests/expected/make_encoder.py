"""tests/data/audit/encoder.onnx: mean, maximum and mean square of an image `[1, 1, 16, 16, 1]`, as an encoder's features.

What it gives is known in closed form. Run from the repository root; needs onnx.
"""

import pathlib

import onnx
from onnx import TensorProto, helper

OUT = pathlib.Path(__file__).resolve().parents[1] / "data" / "audit" / "encoder.onnx"


def main():
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[2, 3, 4], keepdims=0),
        helper.make_node("ReduceMax", ["image"], ["highest"], axes=[2, 3, 4], keepdims=0),
        helper.make_node("Mul", ["image", "image"], ["square"]),
        helper.make_node("ReduceMean", ["square"], ["power"], axes=[2, 3, 4], keepdims=0),
        helper.make_node("Concat", ["mean", "highest", "power"], ["features"], axis=1),
    ]
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, 16, 16, 1])]
    outputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, 3])]
    graph = helper.make_graph(nodes, "encoder", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    OUT.write_bytes(model.SerializeToString())


main()
