"""tests/expected/occlusion.json: MONAI's occlusion sensitivity of a linear score.

Run from the repository root with torch and MONAI (1.6.1):  python tests/expected/make_occlusion.py
The score is sum(w * x), one class, no activation; MONAI's map is the score of the covered image.
For `mean_patch` MONAI 1.6.1 swaps the factor and the addend, so that it multiplies by the patch's mean instead of
filling with it; here they are put right.
Arrays are listed with x fastest ([nz, ny, nx]); `size` is [nx, ny, nz].
"""

import json
import pathlib

import numpy as np
import torch
from monai.visualize import OcclusionSensitivity

OUT = pathlib.Path(__file__).with_name("occlusion.json")


def addend_then_factor(x, value, mask_size):
    return torch.full((*x.shape[:2], *mask_size), value), 0


class Linear(torch.nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.weights = torch.nn.Parameter(weights)

    def forward(self, x):
        return (x * self.weights).sum(dim=(1, 2, 3, 4))[:, None]


def case(size, mask_size, overlap, cover, value, seed):
    rng = np.random.default_rng(seed)
    shape = size[::-1]
    image = np.round(rng.uniform(0, 2, shape), 3).astype(np.float32)
    weights = np.round(rng.normal(0, 0.1, shape), 3).astype(np.float32)
    mode = {"background": value, "mean_patch": "mean_patch", "gaussian": "gaussian"}[cover]
    occ = OcclusionSensitivity(Linear(torch.tensor(weights)), mask_size=mask_size, n_batch=4, mode=mode,
                               overlap=overlap, activate=False, verbose=False)
    right = OcclusionSensitivity.constant_occlusion
    if cover == "mean_patch":
        OcclusionSensitivity.constant_occlusion = staticmethod(addend_then_factor)
    with torch.no_grad():
        found, _ = occ(torch.tensor(image)[None, None])
    OcclusionSensitivity.constant_occlusion = staticmethod(right)
    values = found[0, 0].numpy()
    return {"size": size, "mask_size": mask_size, "overlap": overlap, "cover": cover, "value": value,
            "image": image.ravel().tolist(), "weights": weights.ravel().tolist(),
            "map": [round(float(v), 6) for v in values.ravel()]}


CASES = [
    ([8, 7, 6], 4, 0.6, "background", 0.25, 1),
    ([8, 7, 6], 3, 0.25, "mean_patch", 0.0, 2),
    ([9, 8, 7], 6, 0.6, "gaussian", 0.0, 3),
    ([8, 8, 5], 5, 0.25, "gaussian", 0.0, 4),
]
OUT.write_text(json.dumps([case(*c) for c in CASES]) + "\n")
