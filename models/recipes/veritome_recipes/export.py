"""A trained network as ONNX in a model folder, with its manifest, licence and sample."""

import gzip
import hashlib
import io
import warnings
from dataclasses import dataclass

import nibabel
import numpy as np
import onnx
import torch
from onnx import numpy_helper

from . import data, evaluation, training

FOLDER = data.ROOT / "models"
RESULTS = data.ROOT / "models" / "recipes" / "results"
LIMIT = 20 * 2**20


@dataclass
class Graph:
    """One file of a model: a module of the trained network with the tensors that it takes and gives."""

    role: str  # of the manifest's [files]: network, encoder, decoder, denoiser
    file: str
    module: torch.nn.Module
    example: dict  # {input: tensor}
    outputs: list
    free: dict  # {tensor: {axis: name}}


def graphs(recipe, network):
    """The files of a model: `recipe.graphs(network)`, else one file with one image in and one out, free along x, y and z."""
    if hasattr(recipe, "graphs"):
        return recipe.graphs(network)
    free = {0: "n", 2: "x", 3: "y", 4: "z"}
    return [Graph("network", "model.onnx", network, {"image": recipe.example() if hasattr(recipe, "example") else torch.rand(recipe.EXAMPLE)}, [recipe.OUTPUT],
                  {"image": free, recipe.OUTPUT: free})]


def export(recipe, folder=None):
    """Writes the model's ONNX files and returns (path of the first, facts); each graph is compared with PyTorch on a random
    image (`recipe.example()`, else noise). `facts["files"]` is {role: {file, sha256, bytes}}."""
    folder = folder or RESULTS / "onnx" / recipe.NAME
    folder.mkdir(parents=True, exist_ok=True)
    network, state = training.load(recipe)
    torch.manual_seed(0)
    files, worst, parameters, opset = {}, 0.0, 0, getattr(recipe, "OPSET", 17)
    for graph in graphs(recipe, network):
        file = folder / graph.file
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(graph.module.eval(), tuple(graph.example.values()), file, dynamo=False, opset_version=opset,
                              input_names=list(graph.example), output_names=graph.outputs, dynamic_axes=graph.free)
        made = halve(file)
        onnx.checker.check_model(made)
        with torch.no_grad():
            expected = graph.module(*graph.example.values())
        expected = [t.numpy() for t in (expected if isinstance(expected, tuple) else (expected,))]
        found = evaluation.session(file).run(graph.outputs, {k: v.numpy() for k, v in graph.example.items()})
        for e, f in zip(expected, found, strict=True):
            difference = float(np.abs(e - f).max())
            if difference > getattr(recipe, "DIFFERENCE", 1e-3) * max(1.0, float(np.abs(e).max())):
                raise RuntimeError(f"{recipe.NAME}: ONNX Runtime and PyTorch differ by {difference} in {graph.file}")
            worst = max(worst, difference)
        size = file.stat().st_size
        if size > LIMIT:
            raise RuntimeError(f"{recipe.NAME}: {graph.file}: {size} bytes are more than {LIMIT}")
        files[graph.role] = {"file": graph.file, "bytes": size, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
        parameters += sum(p.numel() for p in graph.module.parameters())
    first = next(iter(files.values()))
    return folder / first["file"], {
        "bytes": sum(f["bytes"] for f in files.values()), "sha256": first["sha256"], "files": files, "opset": opset,
        "ir": made.ir_version, "parameters": parameters, "onnx_difference": worst, "training": training.facts(state)}


def halve(file):
    """Weights that are numbers of 16 bits anyway (they travelled so from the machine that trained them), and maps that are bytes
    over 255, are stored as such and widened when the file is loaded: half the size or a quarter, not a bit of difference.
    Rewrites the file; returns the graph."""
    made = onnx.load(file)
    for node in [n for n in made.graph.node if n.op_type == "Constant" and n.attribute[0].t.ByteSize() > 4096]:
        constant = node.attribute[0].t
        constant.name = node.output[0]
        made.graph.initializer.append(constant)
        made.graph.node.remove(node)
    casts = []
    for tensor in list(made.graph.initializer):
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < 1024:
            continue
        byte = (values.clip(0, 1) * 255).round().astype(np.uint8)
        if np.array_equal(byte.astype(np.float32) / np.float32(255), values):
            stored = numpy_helper.from_array(byte, f"{tensor.name}_8")
            most = numpy_helper.from_array(np.float32(255), f"{tensor.name}_most")
            casts += [onnx.helper.make_node("Cast", [stored.name], [f"{tensor.name}_wide"], to=onnx.TensorProto.FLOAT),
                      onnx.helper.make_node("Div", [f"{tensor.name}_wide", most.name], [tensor.name])]
            made.graph.initializer.remove(tensor)
            made.graph.initializer.extend([stored, most])
            continue
        half = values.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), values):
            continue
        stored = numpy_helper.from_array(half, f"{tensor.name}_16")
        casts.append(onnx.helper.make_node("Cast", [stored.name], [tensor.name], to=onnx.TensorProto.FLOAT))
        made.graph.initializer.remove(tensor)
        made.graph.initializer.append(stored)
    if casts:
        nodes = casts + list(made.graph.node)
        del made.graph.node[:]
        made.graph.node.extend(nodes)
        onnx.save(made, file)
    return made


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
