"""A whole run beside MONAI's: orientation, spacing, windows, and back onto the image, on any head.

  python tests/expected/compare_pipeline.py VERITOME HEAD.nii.gz WORK

Cuts an anisotropic piece out of the head, stores it with its axes in the order P S L, runs the three-class network of
tests/data/inferers through `veritome run` and through MONAI's transforms, and prints how far the two answers differ.
No normalisation by non-zero voxels: MONAI's resampling leaves 1e-6 where the image is 0, which such a mask then holds
for tissue. Needs requirements-monai.txt and onnx, nibabel.
"""

import hashlib
import pathlib
import subprocess
import sys

import nibabel
import numpy as np
import onnx
import torch
import torch.nn.functional as F
from monai.data import MetaTensor
from monai.inferers import sliding_window_inference
from monai.transforms import Compose, Invertd, LoadImaged, Orientationd, Spacingd
from nibabel import orientations
from onnx import numpy_helper

veritome, head, work = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
network = pathlib.Path(__file__).resolve().parents[1] / "data/inferers/classes.onnx"
folder = work / "model"
folder.mkdir(parents=True, exist_ok=True)
(folder / "model.onnx").write_bytes(network.read_bytes())
(folder / "manifest.toml").write_text(f"""schema = 1
name = "pipeline"
version = "1.0.0"
title = "Pipeline"
task = "segmentation"
status = "research"
intended_use = "Comparison"
license = "MIT"
files.network = {{ path = "model.onnx", sha256 = "{hashlib.sha256(network.read_bytes()).hexdigest()}" }}
[[inputs]]
name = "image"
tensor = "image"
[preprocess]
orientation = "RAS"
spacing_mm = [1.5, 1.5, 2.0]
[inferer]
kind = "sliding_window"
patch = [48, 40, 32]
overlap = 0.5
blend = "gaussian"
mean = "logits"
[[outputs]]
name = "seg"
tensor = "out"
kind = "logits"
activation = "softmax"
labels = [{{ value = 1, name = "One" }}, {{ value = 2, name = "Two" }}]
[[outputs]]
name = "raw"
tensor = "out"
kind = "image"
channels = [1]
""")
image = nibabel.load(head)
piece = np.asarray(image.dataobj)[20:161, 10:190, 5:170:3]
move = np.diag([1.0, 1.0, 3.0, 1.0])
move[:3, 3] = (20, 10, 5)
piece = nibabel.Nifti1Image(np.ascontiguousarray(piece).astype(np.int16), image.affine @ move)
turn = orientations.ornt_transform(
    nibabel.io_orientation(piece.affine), orientations.axcodes2ornt(("P", "S", "L"))
)
piece = piece.as_reoriented(turn)
nibabel.save(piece, work / "piece.nii.gz")
subprocess.run([veritome, "run", folder, "-i", work / "piece.nii.gz", "-o", work / "out"], check=True)

weights = [torch.from_numpy(numpy_helper.to_array(w).copy()) for w in onnx.load(network).graph.initializer]


def net(x):
    for n, w in enumerate(weights):
        x = F.conv3d(x, w, padding=1)
        if n + 1 < len(weights):
            x = F.leaky_relu(x, 0.1)
    return x


forward = Compose([
    LoadImaged("image", ensure_channel_first=True),
    Orientationd("image", "RAS"),
    Spacingd("image", (1.5, 1.5, 2.0), mode="bilinear"),
])
x = forward({"image": work / "piece.nii.gz"})
y = sliding_window_inference(x["image"][None], (48, 40, 32), 1, net, overlap=0.5, mode="gaussian")
for key, values in [("seg", torch.softmax(y, 1)[0]), ("raw", y[0, 1:2])]:
    x[key] = MetaTensor(values, affine=x["image"].affine, meta=dict(x["image"].meta))
    x[key].applied_operations = x["image"].applied_operations[:]
back = Invertd(["seg", "raw"], transform=forward, orig_keys="image", nearest_interp=False)(x)
labels, raw = back["seg"].argmax(0).numpy(), back["raw"][0].numpy()
ours = nibabel.load(work / "out/seg.nii.gz")
o, r = np.asarray(ours.dataobj), np.asarray(nibabel.load(work / "out/raw.nii.gz").dataobj)
inside = (slice(3, -3),) * 3
print("affine differs by", np.abs(ours.affine - piece.affine).max())
print("labels agree in", (labels == o).mean())
print("grey values differ by at most", np.abs(raw - r)[inside].max(), "of", np.abs(raw).max())
