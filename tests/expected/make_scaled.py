"""Expected outputs of networks whose answer is larger or smaller than their window: MONAI's sliding window and slices in
PyTorch, on the grid that has the image's faces and its voxels divided.

Writes into tests/data/inferers/ small networks with fixed weights, scaled_cases.json and one NIfTI a case; the image is
that of make_inferers.py. Run from the repository root; needs requirements-monai.txt and onnx, nibabel, scipy.
"""

import json
import pathlib

import nibabel
import numpy as np
import onnx
import torch
import torch.nn.functional as F
from monai.inferers import SliceInferer, sliding_window_inference
from onnx import TensorProto, helper, numpy_helper
from scipy.ndimage import map_coordinates

OUT = pathlib.Path(__file__).resolve().parents[1] / "data" / "inferers"
rng = np.random.default_rng(11)
given = nibabel.load(OUT / "image.nii.gz")
image, AFFINE = given.get_fdata(dtype=np.float32), given.affine
SIZE = image.shape
x = torch.from_numpy(image)[None, None]


def weights(*shape):
    return (rng.normal(0, 1, shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)


FIRST = {3: weights(4, 1, 3, 3, 3), 2: weights(4, 1, 3, 3)}
UP = {3: weights(4, 1, 2, 2, 2), 2: weights(4, 1, 2, 2)}
UP3 = weights(4, 3, 2, 2, 2) * 3
DOWN = weights(1, 4, 2, 2, 2)
LINEAR = np.array([1, 1, 1.5, 1.5, 1.5], np.float32)


def graph(name, spatial, last, out_channels, constants):
    free = ["n", 1, *"xyz"[:spatial]]
    nodes = [
        helper.make_node("Conv", ["image", "w0"], ["c0"], pads=[1] * 2 * spatial),
        helper.make_node("LeakyRelu", ["c0"], ["r0"], alpha=0.1),
        *last,
    ]
    g = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, free)],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", out_channels, *"abc"[:spatial]])],
        [numpy_helper.from_array(FIRST[spatial], "w0"), *(numpy_helper.from_array(v, k) for k, v in constants.items())],
    )
    m = helper.make_model(g, opset_imports=[helper.make_opsetid("", 17)])
    m.ir_version = 8
    onnx.checker.check_model(m, full_check=True)
    (OUT / f"{name}.onnx").write_bytes(m.SerializeToString())


transposed = lambda n: [helper.make_node("ConvTranspose", ["r0", "w1"], ["out"], kernel_shape=[2] * n, strides=[2] * n)]
graph("up", 3, transposed(3), 1, {"w1": UP[3]})
graph("up_classes", 3, transposed(3), 3, {"w1": UP3})
graph("up_slice", 2, transposed(2), 1, {"w1": UP[2]})
graph("down", 3, [helper.make_node("Conv", ["r0", "w1"], ["out"], kernel_shape=[2] * 3, strides=[2] * 3)], 1, {"w1": DOWN})
graph(
    "up_half",
    3,
    [
        helper.make_node("Conv", ["r0", "w1"], ["c1"], pads=[1] * 6),
        helper.make_node("Resize", ["c1", "", "scales"], ["out"], mode="linear", coordinate_transformation_mode="half_pixel"),
    ],
    1,
    {"w1": weights(1, 4, 3, 3, 3), "scales": LINEAR},
)
HALF = numpy_helper.to_array(onnx.load(OUT / "up_half.onnx").graph.initializer[1])

t = torch.from_numpy
first3 = lambda v: F.leaky_relu(F.conv3d(v, t(FIRST[3]), padding=1), 0.1)
up = lambda v: F.conv_transpose3d(first3(v), t(UP[3]), stride=2)
up_classes = lambda v: F.conv_transpose3d(first3(v), t(UP3), stride=2)
up_slice = lambda v: F.conv_transpose2d(F.leaky_relu(F.conv2d(v, t(FIRST[2]), padding=1), 0.1), t(UP[2]), stride=2)
down = lambda v: F.conv3d(first3(v), t(DOWN), stride=2)
up_half = lambda v: F.interpolate(
    F.conv3d(first3(v), t(HALF.copy()), padding=1), scale_factor=1.5, mode="trilinear", align_corners=False
)
cases = []


def keep(name, graph, inferer, values, factors, kind='kind = "image"', more="", what="result"):
    """`factors`: output voxels for one of the image; faces stay where they are."""
    step = np.diag([*(1 / f for f in factors), 1.0])
    step[:3, 3] = [0.5 / f - 0.5 for f in factors]
    values = np.asarray(values, np.float32)
    nibabel.save(nibabel.Nifti1Image(values, AFFINE @ step), OUT / f"{name}.nii.gz")
    cases.append({"name": name, "graph": graph, "inferer": inferer, "output": kind, "more": more, "what": what})
    print(f"{name:24} {values.shape}")


def window(patch, overlap, blend, batch):
    return f'kind = "sliding_window"\npatch = {list(patch)}\noverlap = {overlap}\nblend = "{blend}"\nbatch = {batch}\n'


for name, patch, overlap, blend, batch in [
    ("doubled", (8, 8, 8), 0.25, "constant", 1),
    ("doubled_gaussian", (10, 8, 6), 0.5, "gaussian", 2),
    ("doubled_odd", (7, 11, 9), 0.3, "gaussian", 4),
    ("doubled_larger", (32, 20, 16), 0.5, "gaussian", 1),
]:
    y = sliding_window_inference(x, patch, batch, up, overlap=overlap, mode=blend)
    keep(name, "up", window(patch, overlap, blend, batch), y[0, 0], (2, 2, 2))
keep("doubled_whole", "up", 'kind = "whole"\n', up(x)[0, 0], (2, 2, 2))

# Slices: doubled in their plane, as many as before.
y = SliceInferer(roi_size=(8, 8), spatial_dim=2, sw_batch_size=4, overlap=0.5, mode="gaussian")(x, up_slice)
keep(
    "doubled_slices",
    "up_slice",
    'kind = "slices"\nlayout = "NCXY"\naxis = "axial"\npatch = [8, 8, 8]\noverlap = 0.5\nblend = "gaussian"\nbatch = 4\n',
    y[0, 0],
    (2, 2, 1),
)

# One and a half: the windows' starts are multiples of two, the last one's is not and is rounded down.
y = sliding_window_inference(x, (8, 8, 8), 1, up_half, overlap=0.25, mode="constant")
keep("half_more", "up_half", window((8, 8, 8), 0.25, "constant", 1), y[0, 0], (1.5, 1.5, 1.5))

# Coarser answers come back onto the image's own grid: linear between coarse centres, the border's value beyond.
for name, blend in [("coarser", "constant"), ("coarser_gaussian", "gaussian")]:
    y = sliding_window_inference(x, (8, 8, 8), 1, down, overlap=0.25, mode=blend)[0, 0].numpy()
    at = np.stack(np.meshgrid(*[(np.arange(n) + 0.5) / 2 - 0.5 for n in SIZE], indexing="ij"))
    keep(name, "down", window((8, 8, 8), 0.25, blend, 1), map_coordinates(y, at, order=1, mode="nearest"), (1, 1, 1))

# Repeats and classes on the finer grid.
more = '[uncertainty]\nsources = ["tta"]\ntta = [{ flip = "x" }, { flip = "y" }]\n'
each = np.stack([torch.flip(up(torch.flip(x, f)), f)[0, 0].double().numpy() for f in [(), (2,), (3,)]])
keep("doubled_mean", "up", 'kind = "whole"\n', each.mean(0), (2, 2, 2), more=more)
keep("doubled_std", "up", 'kind = "whole"\n', each.std(0, ddof=1), (2, 2, 2), more=more, what="standard_deviation")
kind = """kind = "logits"
activation = "softmax"
labels = [{ value = 1, name = "One" }, { value = 2, name = "Two" }]
"""
y = sliding_window_inference(x, (8, 8, 8), 1, lambda v: torch.softmax(up_classes(v), 1), overlap=0.5, mode="gaussian")
keep("doubled_classes", "up_classes", window((8, 8, 8), 0.5, "gaussian", 1), y[0].argmax(0), (2, 2, 2), kind)

(OUT / "scaled_cases.json").write_text(json.dumps(cases, indent=1) + "\n")
