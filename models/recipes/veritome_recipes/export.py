"""A trained network as ONNX in a model folder, with its manifest, licence and sample."""

import gzip
import hashlib
import io
import warnings

import nibabel
import numpy as np
import onnx
import torch

from . import data, evaluation, training

FOLDER = data.ROOT / "models"
RESULTS = data.ROOT / "models" / "recipes" / "results"
LIMIT = 20 * 2**20


def export(recipe, folder=None):
    """Writes model.onnx and returns (path, facts); the graph is compared with PyTorch on a random image."""
    folder = folder or RESULTS / "onnx" / recipe.NAME
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "model.onnx"
    network, state = training.load(recipe)
    torch.manual_seed(0)
    example = torch.rand(recipe.EXAMPLE)
    free = {0: "n", 2: "x", 3: "y", 4: "z"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(network, example, file, dynamo=False, opset_version=17, input_names=["image"],
                          output_names=[recipe.OUTPUT], dynamic_axes={"image": free, recipe.OUTPUT: free})
    graph = onnx.load(file)
    onnx.checker.check_model(graph)
    with torch.no_grad():
        expected = network(example).numpy()
    found = evaluation.session(file).run(None, {"image": example.numpy()})[0]
    difference = float(np.abs(expected - found).max())
    if difference > 1e-3 * max(1.0, float(np.abs(expected).max())):
        raise RuntimeError(f"{recipe.NAME}: ONNX Runtime and PyTorch differ by {difference}")
    size = file.stat().st_size
    if size > LIMIT:
        raise RuntimeError(f"{recipe.NAME}: {size} bytes are more than {LIMIT}")
    return file, {"bytes": size, "sha256": hashlib.sha256(file.read_bytes()).hexdigest(), "opset": 17,
                  "ir": graph.ir_version, "parameters": sum(p.numel() for p in network.parameters()),
                  "onnx_difference": difference, "training": training.facts(state)}


def save_nifti(path, volume, spacing, dtype=np.float32, origin=(0, 0, 0)):
    """A .nii.gz whose bytes depend on its content alone."""
    affine = np.diag([*([spacing] * 3 if np.isscalar(spacing) else spacing), 1.0])
    affine[:3, 3] = origin
    image = nibabel.Nifti1Image(volume.astype(dtype), affine)
    image.header.set_xyzt_units("mm")
    raw = io.BytesIO()
    image.file_map["image"].fileobj = raw
    image.to_file_map()
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as out, gzip.GzipFile(fileobj=out, mode="wb", filename="", mtime=0) as zipped:
        zipped.write(raw.getvalue())


def one_window(network, volume, patch, scale=1):
    """What a sliding window gives for a volume no larger than the patch: padded around with zeros, run, cut."""
    before = [(p - n) // 2 for p, n in zip(patch, volume.shape)]
    pad = [(b, p - n - b) for b, p, n in zip(before, patch, volume.shape)]
    out = evaluation.run(network, np.pad(volume, pad))
    cut = tuple(slice(b * scale, (b + n) * scale) for b, n in zip(before, volume.shape))
    return out[(slice(None),) + cut]
