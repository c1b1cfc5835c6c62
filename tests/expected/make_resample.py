"""tests/expected/resample.json: planes and slabs sampled out of a small sheared volume.

Nearest and linear by scipy.ndimage.map_coordinates (order 0 and 1); cubic by a numpy reference of Keys'
convolution with a = -1/2 (Catmull-Rom), indices clamped at the border. A point counts as inside up to
half a voxel beyond the outer centres and takes the border's value there; `null` is outside.
"""

import json
import pathlib

import numpy as np
from scipy import ndimage

OUT = pathlib.Path(__file__).with_name("resample.json")
SHAPE = (8, 10, 12)  # z, y, x
AFFINE = np.array([[0.9, 0.05, 0.2, -4.0], [-0.1, 1.2, 0.5, 3.0], [0.02, -0.1, 2.1, 10.0], [0, 0, 0, 1]])


def volume():
    z, y, x = np.mgrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    smooth = 300 * np.sin(x / 2.3) + 200 * np.cos(y / 1.7 + z) + 40 * z
    return np.round(smooth + (x * 37 + y * 11 + z * 53) % 61).astype(np.int16)


def inside(index):
    size = np.array(SHAPE[::-1])[:, None]
    return ((index >= -0.5) & (index < size - 0.5)).all(axis=0)


def sample(array, index, kind):
    """`index` [3, n] in x, y, z order."""
    if kind in ("nearest", "linear"):
        size = np.array(SHAPE[::-1])[:, None]
        order = 0 if kind == "nearest" else 1
        return ndimage.map_coordinates(array.astype(float), np.clip(index, 0, size - 1)[::-1], order=order, mode="nearest")
    base = np.floor(index).astype(int)
    t = index - base
    weights = np.stack([
        -0.5 * t**3 + t**2 - 0.5 * t, 1.5 * t**3 - 2.5 * t**2 + 1,
        -1.5 * t**3 + 2 * t**2 + 0.5 * t, 0.5 * t**3 - 0.5 * t**2])
    out = np.zeros(index.shape[1])
    for k in range(4):
        for j in range(4):
            for i in range(4):
                x, y, z = (np.clip(base[a] + o - 1, 0, SHAPE[2 - a] - 1) for a, o in enumerate((i, j, k)))
                out += weights[i, 0] * weights[j, 1] * weights[k, 2] * array[z, y, x]
    return out


def to_index(points):
    return (np.linalg.inv(AFFINE) @ np.vstack([points, np.ones(points.shape[1])]))[:3]


def listed(values, ok):
    return [round(float(v), 6) if good else None for v, good in zip(values, ok)]


PLANES = {
    "axial": ([-5.03, 1.57, 17.91], [0.83, 0, 0], [0, 0.97, 0], (14, 13)),
    "coronal": ([-5.03, 8.61, 27.3], [0.83, 0, 0], [0, 0, -1.13], (13, 16)),
    "oblique": ([-3.31, 5.27, 12.43], [0.61, 0.37, 0.29], [-0.33, 0.58, 0.71], (17, 15)),
    "double_oblique_fine": ([0.517, 8.013, 15.027], [0.157, 0.081, -0.173], [0.067, 0.171, 0.141], (21, 19)),
}


def main():
    array = volume()
    made = {
        "volume": {"dims": list(SHAPE[::-1]), "affine_lps": AFFINE.tolist(), "voxels_i16": array.ravel().tolist()},
        "planes": [], "slabs": [],
    }
    for name, (origin, right, down, (width, height)) in PLANES.items():
        origin, right, down = map(np.array, (origin, right, down))
        rows, columns = np.mgrid[:height, :width]
        points = origin[:, None] + right[:, None] * columns.ravel() + down[:, None] * rows.ravel()
        index = to_index(points)
        ok = inside(index)
        tie = np.abs(index - np.floor(index) - 0.5).min()
        assert tie > 1e-5 and ok.any(), (name, tie)
        entry = {"name": name, "origin": origin.tolist(), "right": right.tolist(), "down": down.tolist(),
                 "size": [width, height]}
        made["planes"].append(entry | {
            kind: listed(sample(array, index, kind), ok) for kind in ("nearest", "linear", "cubic")})
        normal = np.cross(right, down) / np.linalg.norm(np.cross(right, down))
        for thickness, count in ((3.0, 7), (8.0, 19)):
            offsets = (np.arange(count) / (count - 1) - 0.5) * thickness
            stack, hits = [], []
            for offset in offsets:
                at = to_index(points + normal[:, None] * offset)
                hits.append(inside(at))
                stack.append(sample(array, at, "linear"))
            stack, hits = np.array(stack), np.array(hits)
            some = hits.any(axis=0)
            masked = np.where(hits, stack, np.nan)[:, some]
            result = {}
            for mode, reduce in (("mean", np.nanmean), ("mip", np.nanmax), ("minip", np.nanmin)):
                full = np.zeros(len(some))
                full[some] = reduce(masked, axis=0)
                result[mode] = listed(full, some)
            made["slabs"].append(entry | {"thickness_mm": thickness, "samples": count,
                                          "offsets_mm": [round(float(o), 9) for o in offsets], **result})
    OUT.write_text(json.dumps(made, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
