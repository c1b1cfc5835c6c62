"""Errors and SSIM of images that single precision would round, in double precision by numpy and scikit-image.

Writes tests/data/metrics/precision.json. The inputs are whole numbers from a formula that tests/metrics.rs repeats.
Needs numpy and scikit-image:

    python tests/expected/make_precision.py
"""

import json
import pathlib

import numpy as np
from skimage.metrics import structural_similarity

OUT = pathlib.Path(__file__).resolve().parents[1] / "data" / "metrics" / "precision.json"
SIZE = [17, 15, 13]


def hashed(n, seed):
    """As in make_metrics.py."""
    mask = np.uint64(0xFFFFFFFF)
    n = np.asarray(n, dtype=np.uint64) + np.uint64(seed * 0x9E3779B9) & mask
    for factor in (0x7FEB352D, 0x846CA68B):
        n ^= n >> np.uint64(16)
        n = n * np.uint64(factor) & mask
    return (n ^ n >> np.uint64(15)).astype(np.int64)


def case(name, reference, test):
    a, b = reference.reshape(SIZE[::-1]), test.reshape(SIZE[::-1])
    error, width = b - a, float(a.max() - a.min())
    mse = float((error**2).mean())
    # SSIM of what differs: with the offset taken away from both, so that its variances are not rounded here either.
    ssim = structural_similarity(a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=width)
    return {
        "name": name, "mae": float(np.abs(error).mean()), "rmse": mse**0.5, "bias": float(error.mean()),
        "nmse": float((error**2).sum() / (a**2).sum()), "psnr_db": 10 * np.log10(width**2 / mse), "data_range": width,
        "ssim": float(ssim), "ncc": float(np.corrcoef(a.ravel(), b.ravel())[0, 1]),
    }


def main():
    n = np.arange(np.prod(SIZE))
    raw, more = (hashed(n, 31) % 4096).astype(float), (hashed(n, 32) % 64).astype(float)
    cases = [
        # Doubles far from 0, a thousandth apart.
        case("double", 1e4 + raw / 64, 1e4 + raw / 64 + (more - 30) / 65536),
        # 32-bit integers.
        case("int32", raw * 500000, raw * 500000 + (more - 30) * 3),
        # 16-bit integers under a fine scale with a large intercept.
        case("scaled", raw * -0.0037 + 1e5, (raw + more - 30) * -0.0037 + 1e5),
    ]
    OUT.write_text(json.dumps({"size": SIZE, "cases": cases}, indent=1) + "\n")


main()
