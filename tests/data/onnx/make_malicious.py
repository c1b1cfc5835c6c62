"""Writes malicious/: graphs that ask for what no model needs. Every one is small; none is a valid model.

Run from the repository root:  python tests/data/onnx/make_malicious.py      (needs onnx and numpy)
"""

import pathlib

import numpy as np
from onnx import TensorProto, helper, numpy_helper

OUT = pathlib.Path(__file__).resolve().parent / "malicious"
OUT.mkdir(exist_ok=True)
FREE = [1, 1, "x", "y", "z"]
node = helper.make_node
huge = np.array([1 << 20, 1 << 20], np.int64)
named = lambda name, array: numpy_helper.from_array(np.asarray(array), name)


def save(name, nodes, weights=(), shape=FREE):
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, name, [info("image", TensorProto.FLOAT, shape)], [info("out", TensorProto.FLOAT, None)], list(weights))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    (OUT / f"{name}.onnx").write_bytes(model.SerializeToString())


def claim(dims, raw=b"\0\0\0\0"):
    t = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=dims)
    t.raw_data = raw
    return t


add = [node("Add", ["image", "w"], ["out"])]
save("claims_terabytes", add, [claim([1 << 20, 1 << 20])])
save("claims_beyond_64_bits", add, [claim([1 << 40, 1 << 40])])
save("claims_a_negative_side", add, [claim([-4])])
save("claims_more_than_it_holds", add, [claim([1000])])
last = node("Add", ["image", "big"], ["out"])
save("constant_of_shape", [node("ConstantOfShape", ["s"], ["big"], name="bomb"), last], [named("s", huge)])
save("shape_by_arithmetic", [
    node("Constant", [], ["a"], value_ints=[4096, 4096]),
    node("Constant", [], ["b"], value=numpy_helper.from_array(np.array([64], np.int64))),
    node("Mul", ["a", "b"], ["ab"]),
    node("Cast", ["ab"], ["s"], to=7),
    node("ConstantOfShape", ["s"], ["big"]),
    last,
])
save("expand", [node("Expand", ["one", "s"], ["big"], name="bomb"), last],
     [named("one", np.zeros(1, np.float32)), named("s", huge)])
save("tile", [node("Tile", ["thousand", "s"], ["big"], name="bomb"), last],
     [named("thousand", np.zeros(1000, np.float32)), named("s", np.array([1 << 30], np.int64))])
double = [node("ConstantOfShape", ["s"], ["c0"])]
double += [node("Concat", [f"c{n}", f"c{n}"], [f"c{n + 1}"], axis=0) for n in range(40)]
save("doubled_by_concat", [*double, node("Add", ["image", "c40"], ["out"])], [named("s", np.array([1 << 20], np.int64))])
save("range", [node("Range", ["from", "to", "by"], ["numbers"], name="bomb"),
               node("Cast", ["numbers"], ["big"], to=1), last],
     [named("from", np.int64(0)), named("to", np.int64(1 << 50)), named("by", np.int64(1))])
branch = lambda name, nodes: helper.make_graph(
    nodes, name, [], [helper.make_tensor_value_info("chosen", TensorProto.FLOAT, None)])
save("inside_a_branch", [
    node("Constant", [], ["yes"], value=numpy_helper.from_array(np.array(True))),
    node("If", ["yes"], ["big"],
         then_branch=branch("then", [node("ConstantOfShape", ["s"], ["chosen"], name="bomb")]),
         else_branch=branch("else", [node("Constant", [], ["chosen"], value_float=0.0)])),
    last,
], [named("s", huge)])
save("port", [node("Identity", ["image"], ["out"])], shape=[1, 1, 1 << 20, 1 << 20, 4])


def field(number, content):
    length, out = len(content), bytes([number << 3 | 2])
    while length >= 0x80:
        out += bytes([length & 0x7F | 0x80])
        length >>= 7
    return out + bytes([length]) + content


# Branches in branches, deeper than protobuf's own library would write them.
inner = b""
for depth in range(2000):
    inner = field(1, field(4, b"If") + field(5, field(1, b"then_branch") + field(6, inner)))
(OUT / "nested_2000.onnx").write_bytes(bytes([1 << 3, 8]) + field(7, inner) + field(8, bytes([2 << 3, 17])))
for name, location, offset in [
    ("outside_too_long", "weights.bin", 100),
    ("outside_parent", "../secret.bin", 0),
    ("outside_absolute", "/etc/hostname", 0),
    ("outside_windows", "..\\secret.bin", 0),
]:
    t = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[10**9] if "long" in name else [1])
    t.data_location = TensorProto.EXTERNAL
    t.external_data.add(key="location", value=location)
    t.external_data.add(key="offset", value=str(offset))
    save(name, add, [t])
t = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1])
t.data_location = TensorProto.EXTERNAL
t.external_data.add(key="location", value="weights.bin")
save("outside_linked", add, [t])
# The size follows the image, a million times over: only a run can know.
save("follows_the_image", [
    node("Shape", ["image"], ["own"]),
    node("Mul", ["own", "million"], ["s"]),
    node("ConstantOfShape", ["s"], ["big"]),
    last,
], [named("million", np.array([1, 1, 100000, 100000, 100000], np.int64))])
