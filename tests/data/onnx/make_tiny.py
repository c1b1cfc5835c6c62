"""Writes the tiny ONNX graphs that the tests of src/inference run, and the probe of `runtime status`.

Run from the repository root:  python tests/data/onnx/make_tiny.py      (needs onnx and numpy)
"""

import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = pathlib.Path(__file__).resolve().parent
ASSETS = HERE.parents[2] / "assets" / "inference"
FREE = [1, 1, "x", "y", "z"]


def save(path, nodes, inputs, outputs, weights=()):
    graph = helper.make_graph(
        nodes,
        path.stem,
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs],
        [helper.make_tensor_value_info(n, t, s) for n, t, s in outputs],
        [numpy_helper.from_array(np.asarray(a), n) for n, a in weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    if path.stem != "outside":
        onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())
    return model


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs, outputs, **attributes)


F = TensorProto.FLOAT
image = [("image", FREE)]

# A 3D convolution whose answer is known: 27 ones over a padded cube of ones.
save(
    ASSETS / "probe.onnx",
    [node("Conv", ["image", "w"], ["c"], pads=[1] * 6), node("Relu", ["c"], ["out"])],
    [("image", [1, 1, 4, 4, 4])],
    [("out", F, [1, 1, 4, 4, 4])],
    [("w", np.ones((1, 1, 3, 3, 3), np.float32))],
)
save(HERE / "identity.onnx", [node("Identity", ["image"], ["out"])], image, [("out", F, FREE)])
save(
    HERE / "nan.onnx",
    [node("Sub", ["image", "big"], ["below"]), node("Log", ["below"], ["out"])],
    image,
    [("out", F, FREE)],
    [("big", np.float32(1e9))],
)
# What is below -0.5 becomes 1: a structure that the source does not have.
save(
    HERE / "invent.onnx",
    [node("Less", ["image", "low"], ["dark"]), node("Where", ["dark", "one", "image"], ["out"])],
    image,
    [("out", F, FREE)],
    [("low", np.float32(-0.5)), ("one", np.float32(1))],
)
fixed = [1, 2, 8, 8, 8]
save(HERE / "two_channels.onnx", [node("Identity", ["image"], ["out"])], [("image", fixed)], [("out", F, fixed)])
# Three classes out of one channel: logits 2 - 4x, 0.5, 4x - 2: class 0 below about 0.4, 2 above about 0.6.
save(
    HERE / "three_classes.onnx",
    [node("Conv", ["image", "w", "b"], ["out"])],
    image,
    [("out", F, [1, 3, "x", "y", "z"])],
    [
        ("w", np.array([-4, 0, 4], np.float32).reshape(3, 1, 1, 1, 1)),
        ("b", np.array([2, 0.5, -2], np.float32)),
    ],
)
save(
    HERE / "argmax.onnx",
    [
        node("Conv", ["image", "w", "b"], ["c"]),
        node("ArgMax", ["c"], ["out"], axis=1, keepdims=0),
    ],
    image,
    [("out", TensorProto.INT64, [1, "x", "y", "z"])],
    [
        ("w", np.array([-4, 0, 4], np.float32).reshape(3, 1, 1, 1, 1)),
        ("b", np.array([2, 0.5, -2], np.float32)),
    ],
)
# Two inputs in tensors of their own.
save(
    HERE / "difference.onnx",
    [node("Sub", ["first", "second"], ["out"])],
    [("first", FREE), ("second", FREE)],
    [("out", F, FREE)],
)
# Long, of many short steps: for cancelling.
steps = 400
save(
    HERE / "slow.onnx",
    [node("Conv", ["image", "in"], ["h0"], pads=[1] * 6)]
    + [node("Conv", [f"h{i}", "w"], [f"h{i + 1}"], pads=[1] * 6) for i in range(steps)]
    + [node("Conv", [f"h{steps}", "last"], ["out"])],
    image,
    [("out", F, FREE)],
    [
        ("in", np.zeros((8, 1, 3, 3, 3), np.float32)),
        ("w", np.zeros((8, 8, 3, 3, 3), np.float32)),
        ("last", np.zeros((1, 8, 1, 1, 1), np.float32)),
    ],
)
# Three dropouts: one that was switched off, one on by an initializer, one on by a Constant node; then a softmax.
save(
    HERE / "dropout.onnx",
    [
        node("Conv", ["image", "w"], ["c"]),
        node("Dropout", ["c", "ratio", "off"], ["d1"]),
        node("Dropout", ["d1", "ratio", "on"], ["d2"]),
        node("Constant", [], ["also_on"], value=numpy_helper.from_array(np.array(True), "")),
        node("Dropout", ["d2", "ratio", "also_on"], ["d3"]),
        node("Softmax", ["d3"], ["s"], axis=1),
        node("Identity", ["s"], ["out"]),
    ],
    image,
    [("out", F, [1, 2, "x", "y", "z"])],
    [
        ("w", np.array([-4, 4], np.float32).reshape(2, 1, 1, 1, 1)),
        ("ratio", np.float32(0.5)),
        ("off", np.array(False)),
        ("on", np.array(True)),
    ],
)
# Networks for the exports in ../import: background and one class; three regions of four contrasts; nnU-Net's names.
IMPORT = HERE.parent / "import"


def linear(path, channels, values, names, shape=("x", "y", "z")):
    (IMPORT / path).parent.mkdir(parents=True, exist_ok=True)
    weights = np.array(values, np.float32).reshape(-1, channels, 1, 1, 1)
    save(
        IMPORT / path,
        [node("Conv", [names[0], "w"], [names[1]])],
        [(names[0], [1, channels, *shape])],
        [(names[1], F, [1, len(weights), *shape])],
        [("w", weights)],
    )


linear("spleen/models/model.onnx", 1, [0.5, 1], ("image", "pred"))
linear("brats/models/model.onnx", 4, [0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0], ("image", "pred"))
linear("pancreas_yaml/models/model.onnx", 1, [0.5, 1, 2], ("image", "pred"))
linear("nnunet_ct/model.onnx", 1, [0.5, 1, 2], ("input", "output"), (32, 64, 48))
# Weights that claim to lie outside the model's folder.
path = HERE / "outside.onnx"
model = save(
    path,
    [node("Add", ["image", "w"], ["out"])],
    image,
    [("out", F, FREE)],
    [("w", np.zeros(1, np.float32))],
)
weight = model.graph.initializer[0]
weight.ClearField("raw_data")
weight.data_location = TensorProto.EXTERNAL
weight.external_data.add(key="location", value="../../secret.bin")
path.write_bytes(model.SerializeToString())
