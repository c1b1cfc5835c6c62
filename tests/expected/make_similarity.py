"""tests/expected/similarity.json: Spearman (scipy) and SSIM (scikit-image) of small maps.

Run from the repository root with numpy, scipy, scikit-image:  python tests/expected/make_similarity.py
Arrays are listed with x fastest; `size` is [nx, ny, nz]. For SSIM each map is divided by its largest
absolute value; scikit-image's mean leaves out the border of half a window, as ours does.
"""

import json
import pathlib

import numpy as np
from scipy.stats import spearmanr
from skimage.metrics import structural_similarity

OUT = pathlib.Path(__file__).with_name("similarity.json")


def case(size, noise, levels, seed):
    rng = np.random.default_rng(seed)
    shape = size[::-1]
    a = np.round(rng.normal(size=shape) * levels) / levels
    b = np.round((a + noise * rng.normal(size=shape)) * levels) / levels
    window = min(7, *(n if n % 2 else n - 1 for n in size))
    x, y = a / np.abs(a).max(), b / np.abs(b).max()
    return {"size": size, "a": a.ravel().tolist(), "b": b.ravel().tolist(),
            "spearman": float(spearmanr(a.ravel(), b.ravel()).statistic),
            "ssim": float(structural_similarity(x, y, data_range=2.0, win_size=window))}


OUT.write_text(json.dumps([case([9, 8, 7], 0.3, 4, 1), case([7, 9, 8], 2.0, 2, 2), case([12, 7, 7], 0.05, 8, 3)]) + "\n")
