"""SSIM and HD95 by scikit-image, DeepMind's surface-distance and MONAI, on arrays that `veritome bench metrics` reads too.

usage: metrics_peers.py write FOLDER     makes the arrays
       metrics_peers.py time FOLDER      times the peers, two threads
then   veritome bench metrics --data FOLDER
needs numpy, scikit-image, surface-distance, torch, monai
"""
import pathlib
import sys
import time

import numpy as np

N = 256
SPACING = (1.5, 0.8, 0.8)


def write(folder):
    random = np.random.default_rng(1)
    z, y, x = np.meshgrid(*[np.arange(N, dtype=np.float32)] * 3, indexing="ij", sparse=True)

    def noise():
        return random.standard_normal((N, N, N), dtype=np.float32)

    def ball(center, radius, rough):
        distance = np.sqrt((x - center[0]) ** 2 + (y - center[1]) ** 2 + (z - center[2]) ** 2)
        return distance + rough * noise() < radius

    folder.mkdir(parents=True, exist_ok=True)
    reference = 300 * np.sin(x / 9) * np.cos(y / 13) + 400 * np.sin(z / 17 + x / 40) + 20 * noise()
    test = reference + 40 * np.sin(x / 5 + z / 7) + 30 * noise()
    reference.astype("<f4").tofile(folder / "reference.raw")
    test.astype("<f4").tofile(folder / "test.raw")
    for name, a, b in (("organ", ball((128, 128, 128), 60, 1), ball((133, 125, 130), 58, 1)),
                       ("wide", ball((128, 128, 128), 120, 2), ball((120, 131, 126), 118, 2))):
        a.astype(np.uint8).tofile(folder / f"{name}_a.raw")
        b.astype(np.uint8).tofile(folder / f"{name}_b.raw")


def row(name, work):
    start = time.perf_counter()
    value = work()
    print(f"{name:40} {time.perf_counter() - start:8.3f} s   {value:.9f}", flush=True)


def peers(folder):
    np.Inf = np.inf  # surface-distance 0.1 is older than numpy 2
    import surface_distance
    import torch
    from monai.metrics import compute_hausdorff_distance
    from skimage.metrics import structural_similarity
    torch.set_num_threads(2)

    def load(name, kind):
        return np.fromfile(folder / f"{name}.raw", dtype=kind).reshape(N, N, N)

    reference, test = load("reference", "<f4"), load("test", "<f4")
    width = float(reference.max()) - float(reference.min())
    for kind in (np.float32, np.float64):
        a, b = reference.astype(kind), test.astype(kind)
        row(f"scikit-image ssim, {np.dtype(kind)}", lambda: structural_similarity(
            a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=width))
    for shape in ("organ", "wide"):
        a, b = load(f"{shape}_a", "u1") > 0, load(f"{shape}_b", "u1") > 0
        row(f"surface-distance hd95, {shape}", lambda: surface_distance.compute_robust_hausdorff(
            surface_distance.compute_surface_distances(a, b, SPACING), 95))
        one, other = (torch.from_numpy(m[None, None]) for m in (b, a))
        row(f"MONAI hd95, {shape}", lambda: compute_hausdorff_distance(
            one, other, include_background=True, percentile=95, spacing=SPACING).item())


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("write", "time"):
        sys.exit(__doc__)
    {"write": write, "time": peers}[sys.argv[1]](pathlib.Path(sys.argv[2]))
