"""Expected outputs of the inferers: sliding windows and slices by MONAI in PyTorch, nnU-Net's windows and mirroring by
its formulas in numpy and scipy, statistics of repeats by numpy.

Writes tests/data/inferers/: an image, small networks with fixed weights (as ONNX, and run here in PyTorch), cases.json
and one NIfTI a case. Run from the repository root; needs requirements-monai.txt and onnx, nibabel, scipy.
"""

import itertools
import json
import pathlib

import nibabel
import numpy as np
import onnx
import torch
import torch.nn.functional as F
from monai.inferers import SliceInferer, sliding_window_inference
from onnx import TensorProto, helper, numpy_helper
from scipy.ndimage import gaussian_filter

OUT = pathlib.Path(__file__).resolve().parents[1] / "data" / "inferers"
OUT.mkdir(exist_ok=True)
rng = np.random.default_rng(7)
SIZE = (21, 17, 13)
AFFINE = np.diag([1.5, 1.0, 2.0, 1.0])
AFFINE[:3, 3] = (-10, 4, 7)
image = rng.normal(0, 1, SIZE).astype(np.float32)
image[:, 9:, :] += 1.5
nibabel.save(nibabel.Nifti1Image(image, AFFINE), OUT / "image.nii.gz")


def weights(*shape):
    return (rng.normal(0, 1, shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)


# Three layers whose zero padding makes windows differ where they overlap.
W3 = [weights(4, 1, 3, 3, 3), weights(4, 4, 3, 3, 3), weights(1, 4, 3, 3, 3)]
WC = [weights(4, 1, 3, 3, 3), weights(3, 4, 3, 3, 3) * 3]
W2 = [weights(4, 1, 3, 3), weights(1, 4, 3, 3)]
W25 = [weights(4, 3, 3, 3), weights(1, 4, 3, 3)]


def graph(name, layers, spatial):
    free = ["n", layers[0].shape[1], *"xyz"[:spatial]]
    nodes, last = [], "image"
    for n, _ in enumerate(layers):
        final = n + 1 == len(layers)
        nodes.append(helper.make_node("Conv", [last, f"w{n}"], ["out" if final else f"c{n}"], pads=[1] * 2 * spatial))
        if not final:
            nodes.append(helper.make_node("LeakyRelu", [f"c{n}"], [f"r{n}"], alpha=0.1))
            last = f"r{n}"
    g = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, free)],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", layers[-1].shape[0], *"xyz"[:spatial]])],
        [numpy_helper.from_array(w, f"w{n}") for n, w in enumerate(layers)],
    )
    m = helper.make_model(g, opset_imports=[helper.make_opsetid("", 17)])
    m.ir_version = 8
    onnx.checker.check_model(m, full_check=True)
    (OUT / f"{name}.onnx").write_bytes(m.SerializeToString())


def network(layers, conv):
    def run(x):
        for n, w in enumerate(layers):
            x = conv(x, torch.from_numpy(w), padding=1)
            if n + 1 < len(layers):
                x = F.leaky_relu(x, 0.1)
        return x

    return run


graph("volume", W3, 3)
graph("classes", WC, 3)
graph("slice", W2, 2)
graph("slab", W25, 2)
net3, netc = network(W3, F.conv3d), network(WC, F.conv3d)
net2, net25 = network(W2, F.conv2d), network(W25, F.conv2d)
x = torch.from_numpy(image)[None, None]
cases = []


def keep(name, graph, inferer, values, kind="kind = \"image\"", more="", what="result"):
    nibabel.save(nibabel.Nifti1Image(np.asarray(values, np.float32), AFFINE), OUT / f"{name}.nii.gz")
    cases.append({"name": name, "graph": graph, "inferer": inferer, "output": kind, "more": more, "what": what})


# 1. MONAI's sliding window.
for name, patch, overlap, blend, sigma, pad, batch in [
    ("constant", (8, 8, 8), 0.25, "constant", 0.125, "constant", 1),
    ("gaussian", (8, 8, 8), 0.25, "gaussian", 0.125, "constant", 1),
    ("half", (10, 8, 6), 0.5, "gaussian", 0.125, "constant", 2),
    ("dense", (9, 7, 5), 0.7, "constant", 0.125, "constant", 3),
    ("tight", (8, 8, 8), 0.0, "constant", 0.125, "constant", 1),
    ("wide", (12, 12, 12), 0.625, "gaussian", 0.25, "constant", 1),
    ("odd", (7, 11, 9), 0.3, "gaussian", 0.125, "constant", 4),
    ("larger", (32, 20, 16), 0.5, "gaussian", 0.125, "constant", 1),
    ("one_axis_larger", (12, 24, 8), 0.5, "gaussian", 0.125, "constant", 1),
    ("reflected", (25, 20, 16), 0.25, "constant", 0.125, "reflect", 1),
    ("replicated", (24, 10, 16), 0.25, "gaussian", 0.125, "replicate", 1),
    ("wrapped", (24, 20, 13), 0.25, "constant", 0.125, "circular", 1),
]:
    y = sliding_window_inference(
        x, patch, batch, net3, overlap=overlap, mode=blend, sigma_scale=sigma, padding_mode=pad
    )
    inferer = f"""kind = "sliding_window"
patch = {list(patch)}
overlap = {overlap}
blend = "{blend}"
sigma = {sigma}
pad_mode = "{pad}"
batch = {batch}
"""
    keep(name, "volume", inferer, y[0, 0])
    if name == "half":
        # The same network led over the same image with another order of axes gives the same.
        t = sliding_window_inference(
            x.permute(0, 1, 4, 3, 2).contiguous(), patch[::-1], batch, net3, overlap=overlap, mode=blend
        )
        keep("transposed", "volume", inferer + 'layout = "NCZYX"\n', t[0, 0].permute(2, 1, 0))

# 2. nnU-Net: even steps, its Gaussian, mirroring inside each window, logits averaged.
patch = (10, 8, 8)


def even(dim, tile, step=0.5):
    count = int(np.ceil((dim - tile) / (tile * step))) + 1
    actual = (dim - tile) / (count - 1) if count > 1 else 0
    return [int(np.round(actual * i)) for i in range(count)]


bump = np.zeros(patch)
bump[tuple(n // 2 for n in patch)] = 1
bump = gaussian_filter(bump, [n / 8 for n in patch], order=0, mode="constant", cval=0)
bump = (bump / bump.max()).astype(np.float32)
bump[bump == 0] = bump[bump > 0].min()
for name, flips in [("even", [()]), ("mirrored", [(), (2,), (3,), (4,)])]:
    total, count = np.zeros((3, *SIZE)), np.zeros(SIZE)
    for start in itertools.product(*[even(n, p) for n, p in zip(SIZE, patch)]):
        at = tuple(slice(s, s + p) for s, p in zip(start, patch))
        window = x[(slice(None), slice(None), *at)]
        y = sum(torch.flip(netc(torch.flip(window, f)), f) for f in flips) / len(flips)
        total[(slice(None), *at)] += y[0].numpy() * bump
        count[at] += bump
    p = torch.softmax(torch.from_numpy(total / count), 0).numpy()
    inferer = f"""kind = "sliding_window"
patch = {list(patch)}
overlap = 0.5
blend = "gaussian"
starts = "even"
mean = "logits"
"""
    tta = ", ".join('{ flip = "%s" }' % "xyz"[f[0] - 2] for f in flips if f)
    more = f'[uncertainty]\nsources = ["tta"]\ntta = [{tta}]\n' if tta else ""
    kind = """kind = "logits"
activation = "softmax"
labels = [{ value = 1, name = "One" }, { value = 2, name = "Two" }]
"""
    keep(name, "classes", inferer, p.argmax(0), kind, more)

# 3. Repeats: flips of the whole window (the image is one window), statistics by numpy.
inferer = 'kind = "whole"\n'
repeats = []
for f in [(), (2,), (3,)]:
    repeats.append(torch.softmax(torch.flip(netc(torch.flip(x, f)), f), 1)[0].double().numpy())
p = np.stack(repeats)
mean = p.mean(0)
entropy = lambda p, axis: -(p * np.log(np.maximum(p, 1e-300))).sum(axis)
kind = """kind = "logits"
activation = "softmax"
labels = [{ value = 1, name = "One" }, { value = 2, name = "Two" }]
"""
more = '[uncertainty]\nsources = ["tta"]\ntta = [{ flip = "x" }, { flip = "y" }]\n'
total, expected = entropy(mean, 0), entropy(p, 1).mean(0)
for what, values in [
    ("result", mean.argmax(0)),
    ("predictive_entropy", total),
    ("expected_entropy", expected),
    ("mutual_information", total - expected),
    ("variance", p.var(0, ddof=1).sum(0)),
]:
    keep(f"repeats_{what}", "classes", inferer, values, kind, more, what)
values = np.stack([torch.flip(net3(torch.flip(x, f)), f)[0, 0].double().numpy() for f in [(), (2,), (3,)]])
keep("repeats_mean", "volume", inferer, values.mean(0), more=more)
keep("repeats_std", "volume", inferer, values.std(0, ddof=1), more=more, what="standard_deviation")

# 4. Slices: one axis with windows in the plane, the mean of three axes, neighbours as channels.
y = SliceInferer(roi_size=(8, 8), spatial_dim=2, sw_batch_size=4, overlap=0.5, mode="gaussian")(x, net2)
keep("slices", "slice", 'kind = "slices"\nlayout = "NCXY"\naxis = "axial"\npatch = [8, 8, 8]\noverlap = 0.5\nblend = "gaussian"\nbatch = 4\n', y[0, 0])
three = []
for axis in (2, 1, 0):
    moved = torch.movedim(x[0, 0], axis, 0)[:, None]
    three.append(torch.movedim(net2(moved)[:, 0], 0, axis))
keep("three_axes", "slice", 'kind = "slices"\nlayout = "NCXY"\naxis = ["axial", "coronal", "sagittal"]\nbatch = 5\n', torch.stack(three).mean(0))
moved = torch.movedim(x[0, 0], 2, 0)
index = torch.arange(SIZE[2])
stack = torch.stack([moved[(index + d).clamp(0, SIZE[2] - 1)] for d in (-1, 0, 1)], 1)
keep("neighbours", "slab", 'kind = "slices"\nlayout = "NCXY"\naxis = "axial"\nneighbors = 1\n', torch.movedim(net25(stack)[:, 0], 0, 2))

# 5. Networks whose answer is known in closed form.
def save(name, nodes, inputs, outputs, constants=()):
    g = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(n, t, s) for n, t, s in inputs],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs],
        [numpy_helper.from_array(np.asarray(a), n) for n, a in constants],
    )
    m = helper.make_model(g, opset_imports=[helper.make_opsetid("", 17)])
    m.ir_version = 8
    onnx.checker.check_model(m, full_check=True)
    (OUT / f"{name}.onnx").write_bytes(m.SerializeToString())


# The optimal denoiser of data ~ N(condition, SPREAD^2), voxel by voxel, for beta linear from 1e-4 to 2e-2:
# epsilon = sqrt(1 - a) (x - sqrt(a) c) / (a SPREAD^2 + 1 - a).
SPREAD = 0.5
a = np.cumprod(1 - np.linspace(1e-4, 2e-2, 1000))
N = helper.make_node
optimal = [
    N("Split", ["image", "one_one"], ["x", "c"], axis=1),
    N("Gather", ["signal", "t"], ["s"]),
    N("Gather", ["factor", "t"], ["f"]),
    N("Mul", ["s", "c"], ["sc"]),
    N("Sub", ["x", "sc"], ["d"]),
    N("Mul", ["f", "d"], ["out"]),
]
for name, axes in [("denoiser", ["x", "y"]), ("latent_denoiser", ["x", "y", "z"])]:
    shape = [1000] + [1] * (len(axes) + 1)
    save(
        name,
        optimal,
        [("image", TensorProto.FLOAT, ["n", 2, *axes]), ("t", TensorProto.INT64, ["n"])],
        [("out", ["n", 1, *axes])],
        [
            ("one_one", np.array([1, 1], np.int64)),
            ("signal", np.sqrt(a).astype(np.float32).reshape(shape)),
            ("factor", (np.sqrt(1 - a) / (a * SPREAD**2 + 1 - a)).astype(np.float32).reshape(shape)),
        ],
    )
free = ["n", 1, "x", "y", "z"]
save("double", [N("Mul", ["image", "k"], ["z"])], [("image", TensorProto.FLOAT, free)], [("z", free)], [("k", np.float32(2))])
save("halve", [N("Mul", ["z", "k"], ["out"])], [("z", TensorProto.FLOAT, free)], [("out", free)], [("k", np.float32(0.5))])

# An autoencoder that keeps the mean of each cube of 2^3 voxels; its log variance is -2 everywhere.
save(
    "pool",
    [
        N("AveragePool", ["image"], ["mean"], kernel_shape=[2, 2, 2], strides=[2, 2, 2]),
        N("Mul", ["mean", "zero"], ["nothing"]),
        N("Add", ["nothing", "minus_two"], ["log_variance"]),
    ],
    [("image", TensorProto.FLOAT, free)],
    [("mean", ["n", 1, "a", "b", "c"]), ("log_variance", ["n", 1, "a", "b", "c"])],
    [("zero", np.float32(0)), ("minus_two", np.float32(-2))],
)
save(
    "unpool",
    [N("Resize", ["z", "", "scales"], ["out"], mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")],
    [("z", TensorProto.FLOAT, free)],
    [("out", free)],
    [("scales", np.array([1, 1, 2, 2, 2], np.float32))],
)
# A classifier: the mean and the largest voxel.
save(
    "whole",
    [
        N("ReduceMean", ["image"], ["m"], axes=[2, 3, 4], keepdims=0),
        N("ReduceMax", ["image"], ["h"], axes=[2, 3, 4], keepdims=0),
        N("Concat", ["m", "h"], ["out"], axis=1),
    ],
    [("image", TensorProto.FLOAT, free)],
    [("out", ["n", 2])],
)

(OUT / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")
print(len(cases), "cases")
