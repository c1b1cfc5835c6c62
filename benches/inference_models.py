"""Models and images for the inference benchmarks, and the peers' timings.

  python benches/inference_models.py make DIR       two model folders and three images
  python benches/inference_models.py monai DIR      the same network, windows and image by MONAI in PyTorch
  python benches/inference_models.py bare DIR       the bare ONNX Runtime calls of the same windows

Needs numpy, onnx, nibabel; torch and monai, onnxruntime for the peers.
"""

import hashlib
import pathlib
import sys
import time

import numpy as np

PATCH, OVERLAP = 96, 0.25
rng = np.random.default_rng(3)


def layers(classes):
    def w(*shape):
        return (rng.normal(0, 1, shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)

    return [w(16, 1, 3, 3, 3), w(16, 16, 3, 3, 3), w(16, 16, 3, 3, 3), w(classes, 16, 1, 1, 1)]


def make(root):
    import nibabel
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    for name, classes, light in [("bench-two", 2, False), ("bench-25", 25, True)]:
        weights = layers(classes)
        if light:
            weights = [rng.normal(0, 1, (4, 1, 3, 3, 3)).astype(np.float32), rng.normal(0, 1, (classes, 4, 1, 1, 1)).astype(np.float32)]
        nodes, last = [], "image"
        for n, w in enumerate(weights):
            final = n + 1 == len(weights)
            pad = w.shape[2] // 2
            nodes.append(helper.make_node("Conv", [last, f"w{n}"], ["out" if final else f"c{n}"], pads=[pad] * 6))
            if not final:
                nodes.append(helper.make_node("LeakyRelu", [f"c{n}"], [f"r{n}"], alpha=0.1))
                last = f"r{n}"
        graph = helper.make_graph(
            nodes, name,
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 1, "x", "y", "z"])],
            [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", classes, "x", "y", "z"])],
            [numpy_helper.from_array(w, f"w{n}") for n, w in enumerate(weights)],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 8
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        data = model.SerializeToString()
        (folder / "model.onnx").write_bytes(data)
        np.savez(folder / "weights.npz", *weights)
        labels = ", ".join(f'{{ value = {n}, name = "Class {n}" }}' for n in range(1, classes))
        (folder / "manifest.toml").write_text(f"""schema = 1
name = "{name}"
version = "1.0.0"
title = "Benchmark"
task = "segmentation"
status = "demonstration"
intended_use = "Benchmark"
license = "MIT"
files.network = {{ path = "model.onnx", sha256 = "{hashlib.sha256(data).hexdigest()}" }}
[[inputs]]
name = "image"
tensor = "image"
[inferer]
kind = "sliding_window"
patch = [{PATCH}, {PATCH}, {PATCH}]
overlap = {OVERLAP}
blend = "gaussian"
[[outputs]]
name = "classes"
tensor = "out"
kind = "logits"
activation = "softmax"
labels = [{labels}]
""")
    for name, size in [("small", (192, 192, 160)), ("large", (512, 512, 256))]:
        grid = np.meshgrid(*[np.linspace(-1, 1, n, dtype=np.float32) for n in size], indexing="ij", sparse=True)
        r = np.sqrt(sum(g * g for g in grid))
        image = (1000 * np.exp(-3 * r) + 100 * np.sin(20 * r)).astype(np.int16)
        nibabel.save(nibabel.Nifti1Image(image, np.eye(4)), root / f"{name}.nii")


def windows(size):
    step = int(PATCH * (1 - OVERLAP))
    along = []
    for n in size:
        starts, d = [], 0
        while True:
            starts.append(min(d, n - PATCH))
            if d + PATCH >= n:
                break
            d += step
        along.append(starts)
    return [(x, y, z) for x in along[0] for y in along[1] for z in along[2]]


def image(root, name):
    import nibabel

    return np.asarray(nibabel.load(root / f"{name}.nii").dataobj).astype(np.float32)


def bare(root):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 2
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(str(root / "bench-two/model.onnx"), options, providers=["CPUExecutionProvider"])
    x = image(root, "small")
    cut = [np.ascontiguousarray(x[a : a + PATCH, b : b + PATCH, c : c + PATCH])[None, None] for a, b, c in windows(x.shape)]
    session.run(None, {"image": cut[0]})
    start = time.perf_counter()
    for w in cut:
        session.run(None, {"image": w})
    print(f"bare {len(cut)} calls {time.perf_counter() - start:.3f} s")


def monai(root):
    import torch
    import torch.nn.functional as F
    from monai.inferers import sliding_window_inference

    torch.set_num_threads(2)
    weights = [torch.from_numpy(w) for w in np.load(root / "bench-two/weights.npz").values()]

    def net(x):
        for n, w in enumerate(weights):
            x = F.conv3d(x, w, padding=w.shape[2] // 2)
            if n + 1 < len(weights):
                x = F.leaky_relu(x, 0.1)
        return x

    x = torch.from_numpy(image(root, "small"))[None, None]
    with torch.inference_mode():
        net(x[..., :PATCH, :PATCH, :PATCH])
        start = time.perf_counter()
        y = sliding_window_inference(x, (PATCH,) * 3, 1, net, overlap=OVERLAP, mode="gaussian")
        torch.softmax(y, 1).argmax(1)
        print(f"monai {time.perf_counter() - start:.3f} s")


{"make": make, "bare": bare, "monai": monai}[sys.argv[1]](pathlib.Path(sys.argv[2]))
