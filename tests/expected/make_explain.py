"""tests/data/explain/: small trained networks and what independent code says of them.

Run from the repository root after make_inferers.py:  python tests/expected/make_explain.py
Needs requirements-monai.txt, onnx and nibabel. Everything is on the grid of tests/data/inferers/image.nii.gz or on
its first 16 x 16 x 12 voxels (`small.nii.gz`); arrays are listed with x fastest.

1. Slices: MONAI's OcclusionSensitivity of "less the mean change within a box" of the 2D networks of make_inferers.py,
   led over slices by PyTorch alone: one axis, one axis with neighbours, three axes.
2. HiResCAM: a network trained here; autograd's gradient of the class' logits, summed over the predicted region, by the
   activation, times the activation. The ONNX graph holds the gradient as an output, written out by hand.
3. Counterfactual: a VAE trained here; PyTorch's own walk along the slope of a classifier's logit in the latent space.
"""

import json
import pathlib

import nibabel
import numpy as np
import onnx
import torch
import torch.nn.functional as F
from monai.visualize import OcclusionSensitivity
from onnx import TensorProto, helper, numpy_helper

HERE = pathlib.Path(__file__).resolve().parents[1] / "data"
OUT = HERE / "explain"
OUT.mkdir(exist_ok=True)
torch.manual_seed(3)
torch.set_num_threads(1)
loaded = nibabel.load(HERE / "inferers/image.nii.gz")
image = loaded.get_fdata().astype(np.float32)
affine = loaded.affine
flat = lambda a: [round(float(v), 6) for v in np.asarray(a).transpose(2, 1, 0).ravel()]


def initial(name):
    graph = onnx.load(HERE / f"inferers/{name}.onnx").graph
    return [torch.from_numpy(numpy_helper.to_array(w).copy()) for w in graph.initializer]


def net2(layers):
    def run(x):
        for n, w in enumerate(layers):
            x = F.conv2d(x, w, padding=1)
            if n + 1 < len(layers):
                x = F.leaky_relu(x, 0.1)
        return x

    return run


def along(run, axis, neighbours=0):
    """A 2D network over every slice of [b, 1, x, y, z] across an axis."""

    def whole(x):
        slices = torch.movedim(x[:, 0], axis + 1, 1)
        n = slices.shape[1]
        index = torch.arange(n)
        stack = [slices[:, (index + d).clamp(0, n - 1)] for d in range(-neighbours, neighbours + 1)]
        stack = torch.stack(stack, 2).flatten(0, 1)
        y = run(stack)[:, 0].unflatten(0, (x.shape[0], n))
        return torch.movedim(y, 1, axis + 1)

    return whole


class Change(torch.nn.Module):
    def __init__(self, whole, reference, box):
        super().__init__()
        self.whole, self.box = whole, box
        self.reference = whole(reference)

    def forward(self, x):
        difference = (self.whole(x) - self.reference).abs()
        low, high = self.box
        inside = difference[:, low[0] : high[0], low[1] : high[1], low[2] : high[2]]
        return -inside.mean(dim=(1, 2, 3))[:, None]


def corners(low, high):
    """The target's corners, LPS mm, a quarter of a voxel beyond the outer centres."""
    a = affine @ [*(np.array(low) - 0.25), 1]
    b = affine @ [*(np.array(high) - 0.75), 1]
    return [-a[0], -a[1], a[2], -b[0], -b[1], b[2]]


low, high = (6, 4, 5), (13, 11, 8)
one, slab = net2(initial("slice")), net2(initial("slab"))
x = torch.from_numpy(image)[None, None]
cases = []
for name, graph, inferer, whole, crop in [
    ("axial", "slice", 'axis = "axial"', along(one, 2), (2, 5, 8)),
    ("coronal", "slice", 'axis = "coronal"', along(one, 1), (1, 4, 11)),
    ("neighbours", "slab", 'axis = "axial"\nneighbors = 1', along(slab, 2, 1), (2, 4, 9)),
    ("three_axes", "slice", 'axis = ["axial", "coronal", "sagittal"]',
     lambda x: (along(one, 0)(x) + along(one, 1)(x) + along(one, 2)(x)) / 3, (0, 0, 21)),
]:
    axis, first, last = crop
    part = torch.narrow(x, axis + 2, first, last - first)
    moved = [list(low), list(high)]
    for corner in moved:
        corner[axis] -= first
    for mode in ("gaussian", 0.0):
        with torch.no_grad():
            occ = OcclusionSensitivity(Change(whole, part, moved), mask_size=[min(5, n) for n in part.shape[2:]],
                                       n_batch=1, mode=mode, overlap=0.4,
                                       activate=False, verbose=False)
            found, _ = occ(part)
        full = np.zeros(image.shape, np.float32)
        at = [slice(None)] * 3
        at[axis] = slice(first, last)
        full[tuple(at)] = found[0, 0].numpy()
        cases.append({"name": f"{name}_{mode}", "graph": graph, "inferer": inferer, "corners": corners(low, high),
                      "cover": "gaussian" if mode == "gaussian" else "background", "mask_size": 5, "overlap": 0.4,
                      "axis": axis, "slices": [first, last], "map": flat(full)})
(OUT / "slices.json").write_text(json.dumps(cases) + "\n")
print("slices", len(cases))


# A ball of random place and size in noise: what the next networks are trained on.
SIZE = (16, 16, 12)
grid = torch.stack(torch.meshgrid(*[torch.arange(n).float() for n in SIZE], indexing="ij"))


def balls(n, generator):
    draw = lambda low, high: low + (high - low) * torch.rand(n, generator=generator)
    centre = torch.stack([draw(5, s - 5) for s in SIZE], 1)
    radius, bright = draw(2.5, 4.5), draw(0.7, 1.3)
    distance = (grid[None] - centre[:, :, None, None, None]).norm(dim=1)
    soft = torch.sigmoid(2 * (radius[:, None, None, None] - distance))
    clean = soft * bright[:, None, None, None]
    noise = 0.1 * torch.randn(n, *SIZE, generator=generator)
    return clean[:, None], (clean + noise)[:, None], (soft > 0.5).long(), radius


generator = torch.Generator().manual_seed(5)
_, test, _, _ = balls(1, generator)
nibabel.save(nibabel.Nifti1Image(test[0, 0].numpy(), affine), OUT / "small.nii.gz")


def save(name, nodes, inputs, outputs, constants):
    info = helper.make_tensor_value_info
    g = helper.make_graph(
        nodes, name, [info(n, TensorProto.FLOAT, s) for n, s in inputs],
        [info(n, TensorProto.FLOAT, s) for n, s in outputs],
        [numpy_helper.from_array(np.ascontiguousarray(a), n) for n, a in constants])
    m = helper.make_model(g, opset_imports=[helper.make_opsetid("", 17)])
    m.ir_version = 8
    onnx.checker.check_model(m, full_check=True)
    (OUT / f"{name}.onnx").write_bytes(m.SerializeToString())


def array(t, kind=np.float32):
    return t.detach().numpy().astype(kind)


# 2. HiResCAM.
class Segment(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Conv3d(1, 6, 3, padding=1)
        self.second = torch.nn.Conv3d(6, 6, 3, padding=1)
        self.up = torch.nn.ConvTranspose3d(6, 2, 2, stride=2)

    def forward(self, x):
        tap = torch.relu(self.second(F.max_pool3d(torch.relu(self.first(x)), 2)))
        return tap, self.up(tap)


net = Segment()
optimiser = torch.optim.Adam(net.parameters(), 1e-2)
for step in range(150):
    _, noisy, truth, _ = balls(8, generator)
    loss = F.cross_entropy(net(noisy)[1], truth)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
print("segmentation", float(loss))
tap, logits = net(test)
region = (logits[:, 1] > logits[:, 0]).float()
# The engine's own rule: the class wins where no other is above it.
score = (logits[:, 1] * region.detach()).sum()
(gradient,) = torch.autograd.grad(score, tap)
cam = (gradient * tap).sum(1, keepdim=True)
cam = F.interpolate(cam, size=SIZE, mode="trilinear", align_corners=False)
assert region.sum() > 20
node = helper.make_node
up = array(net.up.weight)
save(
    "segment",
    [
        node("Conv", ["image", "w1", "b1"], ["c1"], pads=[1] * 6),
        node("Relu", ["c1"], ["r1"]),
        node("MaxPool", ["r1"], ["p1"], kernel_shape=[2] * 3, strides=[2] * 3),
        node("Conv", ["p1", "w2", "b2"], ["c2"], pads=[1] * 6),
        node("Relu", ["c2"], ["tap"]),
        node("ConvTranspose", ["tap", "w3", "b3"], ["logits"], strides=[2] * 3),
        # The gradient of the sum of class 1's logits where it wins: the transpose of the last layer.
        node("Split", ["logits", "one_one"], ["l0", "l1"], axis=1),
        node("Greater", ["l1", "l0"], ["wins"]),
        node("Cast", ["wins"], ["region"], to=1),
        node("Conv", ["region", "w3_class1"], ["tap_grad"], strides=[2] * 3),
    ],
    [("image", [1, 1, *SIZE])],
    [("logits", [1, 2, *SIZE]), ("tap_grad", [1, 6, 8, 8, 6])],
    [
        ("w1", array(net.first.weight)), ("b1", array(net.first.bias)),
        ("w2", array(net.second.weight)), ("b2", array(net.second.bias)),
        ("w3", up), ("b3", array(net.up.bias)), ("w3_class1", up[:, 1:2]), ("one_one", np.array([1, 1], np.int64)),
    ],
)
hires = {"score": float(score), "voxels": int(region.sum()), "map": flat(cam[0, 0].detach().numpy())}

# 3. Counterfactual: encoder and decoder of 3 numbers, a classifier of large balls.
LATENT = 3


class Vae(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inward = torch.nn.Conv3d(1, 4, 4, stride=4)
        self.mean = torch.nn.Linear(4 * 4 * 4 * 3, LATENT)
        self.spread = torch.nn.Linear(4 * 4 * 4 * 3, LATENT)
        self.out1 = torch.nn.Linear(LATENT, 8)
        self.out2 = torch.nn.Linear(8, int(np.prod(SIZE)))

    def encode(self, x):
        h = torch.tanh(self.inward(x)).flatten(1)
        return self.mean(h), self.spread(h)

    def decode(self, z):
        return self.out2(torch.tanh(self.out1(z))).reshape(-1, 1, *SIZE)


class Large(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Conv3d(1, 4, 3, padding=1)
        self.head = torch.nn.Linear(4, 2)

    def forward(self, x):
        return self.head(torch.tanh(self.first(x)).mean(dim=(2, 3, 4)))


vae, large = Vae(), Large()
optimiser = torch.optim.Adam([*vae.parameters(), *large.parameters()], 5e-3)
for step in range(400):
    clean, noisy, _, radius = balls(16, generator)
    mean, spread = vae.encode(noisy)
    z = mean + torch.exp(spread / 2) * torch.randn(mean.shape, generator=generator)
    kl = 0.5 * (mean**2 + spread.exp() - 1 - spread).sum(1).mean()
    loss = ((vae.decode(z) - clean) ** 2).sum(dim=(1, 2, 3, 4)).mean() + kl
    loss = loss + 20 * F.cross_entropy(large(noisy), (radius > 3.5).long())
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
print("vae", float(loss))
with torch.no_grad():
    z = vae.encode(test)[0]
zg = z.clone().requires_grad_()
(slope,) = torch.autograd.grad(large(vae.decode(zg))[0, 1], zg)
DISTANCE, STEPS = 2.0, 4
with torch.no_grad():
    direction = slope / slope.norm()
    positions = [DISTANCE * n / STEPS for n in range(-STEPS, STEPS + 1)]
    images = [vae.decode(z + t * direction) for t in positions]
    scores = [float(large(i)[0, 1]) for i in images]
strongest = max(range(len(scores)), key=lambda n: abs(scores[n] - scores[STEPS]))
walk = {
    "distance": DISTANCE, "steps": STEPS, "positions": positions, "scores": scores, "shown": positions[strongest],
    "direction": [float(v) for v in direction[0]],
    "map": flat((images[strongest] - images[STEPS])[0, 0].numpy()),
    "last": flat(images[-1][0, 0].numpy()),
}
save(
    "encoder",
    [
        node("Conv", ["image", "w", "b"], ["c"], strides=[4] * 3),
        node("Tanh", ["c"], ["t"]),
        node("Flatten", ["t"], ["f"]),
        node("Gemm", ["f", "wm", "bm"], ["mean"], transB=1),
        node("Gemm", ["f", "ws", "bs"], ["log_variance"], transB=1),
    ],
    [("image", [1, 1, *SIZE])],
    [("mean", [1, LATENT]), ("log_variance", [1, LATENT])],
    [
        ("w", array(vae.inward.weight)), ("b", array(vae.inward.bias)),
        ("wm", array(vae.mean.weight)), ("bm", array(vae.mean.bias)),
        ("ws", array(vae.spread.weight)), ("bs", array(vae.spread.bias)),
    ],
)
save(
    "decoder",
    [
        node("Gemm", ["z", "w1", "b1"], ["h"], transB=1),
        node("Tanh", ["h"], ["t"]),
        node("Gemm", ["t", "w2", "b2"], ["f"], transB=1),
        node("Reshape", ["f", "size"], ["decoded"]),
    ],
    [("z", [1, LATENT])],
    [("decoded", [1, 1, *SIZE])],
    [
        ("w1", array(vae.out1.weight)), ("b1", array(vae.out1.bias)),
        ("w2", array(vae.out2.weight)), ("b2", array(vae.out2.bias)), ("size", np.array([1, 1, *SIZE], np.int64)),
    ],
)
save(
    "large",
    [
        node("Conv", ["image", "w", "b"], ["c"], pads=[1] * 6),
        node("Tanh", ["c"], ["t"]),
        node("ReduceMean", ["t"], ["m"], axes=[2, 3, 4], keepdims=0),
        node("Gemm", ["m", "wh", "bh"], ["out"], transB=1),
    ],
    [("image", [1, 1, *SIZE])],
    [("out", [1, 2])],
    [
        ("w", array(large.first.weight)), ("b", array(large.first.bias)),
        ("wh", array(large.head.weight)), ("bh", array(large.head.bias)),
    ],
)
(OUT / "trained.json").write_text(json.dumps({"hires_cam": hires, "counterfactual": walk}) + "\n")
print("scores", scores, "voxels", hires["voxels"])
