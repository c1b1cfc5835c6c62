"""tests/data/audit/: two generative networks whose memory is known, and the images that one of them was made of.

Both are the optimal denoiser of a diffusion (beta linear from 1e-4 to 2e-2) over images of 16 x 16: `by_heart` of the
eight training images alone (a mixture of points, so that what it makes is one of them), `fresh` of a normal distribution
around the mean of all images. Training and hold-out images come from one distribution. Run from the repository root;
needs onnx and numpy.
"""

import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OUT = pathlib.Path(__file__).resolve().parents[1] / "data" / "audit"
SIDE, COUNT, PIXELS = 16, 8, 256
N = helper.make_node


def images():
    """Three soft blobs each, from 0 to 1: `[2 COUNT, SIDE, SIDE]`, the first half for training."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:SIDE, :SIDE]
    made = []
    for _ in range(2 * COUNT):
        image = np.zeros((SIDE, SIDE))
        for _ in range(3):
            cx, cy, r = rng.uniform(2, 14), rng.uniform(2, 14), rng.uniform(1.5, 4)
            image += np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * r * r))
        made.append(np.clip(image, 0, 1))
    return np.round(np.array(made) * 1000) / 1000


def save(name, nodes, weights):
    free = ["n", 1, SIDE, SIDE]
    graph = helper.make_graph(
        nodes,
        name,
        [
            helper.make_tensor_value_info("image", TensorProto.FLOAT, free),
            helper.make_tensor_value_info("t", TensorProto.INT64, ["n"]),
        ],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, free)],
        [numpy_helper.from_array(v, k) for k, v in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    (OUT / f"{name}.onnx").write_bytes(model.SerializeToString())


def main():
    OUT.mkdir(exist_ok=True)
    all_images = images()
    np.savetxt(OUT / "images.csv", all_images.reshape(2 * COUNT, PIXELS), fmt="%.3f", delimiter=",")
    # Networks work on -1 to 1.
    known = (all_images[:COUNT].reshape(COUNT, PIXELS) * 2 - 1).astype(np.float32)
    a = np.cumprod(1 - np.linspace(1e-4, 2e-2, 1000))
    signal, noise = np.sqrt(a).astype(np.float32)[:, None], np.sqrt(1 - a).astype(np.float32)[:, None]
    common = {
        "signal": signal,
        "noise": noise,
        "flat": np.array([-1, PIXELS], np.int64),
        "square": np.array([-1, 1, SIDE, SIDE], np.int64),
    }
    # Weights of the known images: softmax of -|x - s m|^2 / (2 (1 - a)), of which |x|^2 is the same for all.
    save(
        "by_heart",
        [
            N("Reshape", ["image", "flat"], ["x"]),
            N("Gather", ["signal", "t"], ["s"]),
            N("Gather", ["noise", "t"], ["e"]),
            N("Mul", ["e", "e"], ["variance"]),
            N("MatMul", ["x", "known_t"], ["inner"]),
            N("Mul", ["inner", "s"], ["inner_s"]),
            N("Mul", ["s", "s"], ["ss"]),
            N("Mul", ["ss", "half_norms"], ["norms"]),
            N("Sub", ["inner_s", "norms"], ["closeness"]),
            N("Div", ["closeness", "variance"], ["logits"]),
            N("Softmax", ["logits"], ["weights"], axis=1),
            N("MatMul", ["weights", "known"], ["clean"]),
            N("Mul", ["clean", "s"], ["clean_s"]),
            N("Sub", ["x", "clean_s"], ["rest"]),
            N("Div", ["rest", "e"], ["epsilon"]),
            N("Reshape", ["epsilon", "square"], ["out"]),
        ],
        common | {"known": known, "known_t": known.T.copy(), "half_norms": (known**2).sum(1)[None].astype(np.float32) / 2},
    )
    everything = all_images.reshape(2 * COUNT, PIXELS) * 2 - 1
    mean, variance = everything.mean(0), everything.var(0).mean()
    factor = noise.astype(np.float64) / (a * variance + 1 - a)[:, None]
    save(
        "fresh",
        [
            N("Reshape", ["image", "flat"], ["x"]),
            N("Gather", ["signal", "t"], ["s"]),
            N("Gather", ["factor", "t"], ["f"]),
            N("Mul", ["mean", "s"], ["mean_s"]),
            N("Sub", ["x", "mean_s"], ["rest"]),
            N("Mul", ["rest", "f"], ["epsilon"]),
            N("Reshape", ["epsilon", "square"], ["out"]),
        ],
        {k: v for k, v in common.items() if k != "noise"}
        | {"mean": mean[None].astype(np.float32), "factor": factor.astype(np.float32)},
    )


main()
