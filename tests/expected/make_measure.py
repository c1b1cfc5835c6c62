"""tests/data/measure/expected.json and tests/data/evaluate/delong.json.

Lengths, angles and regions on a tilted grid: SimpleITK (index to physical point, LabelStatisticsImageFilter) and numpy. For
slices of the grid a voxel counts when its middle lies inside; an oblique region is sampled with SimpleITK's own linear
interpolation.
DeLong's test of two areas: the formula of the paper in numpy, all pairs one by one.
"""

import json
import math
import pathlib
from statistics import NormalDist

import numpy as np
import SimpleITK as sitk

ROOT = pathlib.Path(__file__).parent.parent / "data"
SIZE = (24, 20, 9)  # x, y, z
SPACING = (0.8, 1.1, 2.5)
ORIGIN = (-12.0, 7.5, 30.0)
ANGLE = math.radians(25)


def image():
    z, y, x = np.mgrid[: SIZE[2], : SIZE[1], : SIZE[0]]
    values = (x * 13 + y * 7 + z * 29) % 97 - 40
    out = sitk.GetImageFromArray(values.astype(np.int16))
    out.SetSpacing(SPACING)
    out.SetOrigin(ORIGIN)
    c, s = math.cos(ANGLE), math.sin(ANGLE)
    # Columns: right along the rows, down, normal; turned about the second axis.
    out.SetDirection([c, 0, s, 0, 1, 0, -s, 0, c])
    return out


def physical(img, index):
    return np.array(img.TransformContinuousIndexToPhysicalPoint([float(i) for i in index]))


def mask_statistics(img, inside):
    mask = sitk.GetImageFromArray(inside.astype(np.uint8))
    mask.CopyInformation(img)
    f = sitk.LabelStatisticsImageFilter()
    f.Execute(sitk.Cast(img, sitk.sitkFloat64), mask)
    # SimpleITK divides by n - 1.
    return {"n": f.GetCount(1), "mean": f.GetMean(1), "sd": f.GetSigma(1), "min": f.GetMinimum(1), "max": f.GetMaximum(1)}


def slice_region(img, outline, a, b, k):
    """Corners a and b in voxels of slice k."""
    z, y, x = np.mgrid[: SIZE[2], : SIZE[1], : SIZE[0]]
    center = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2]
    half = [abs(a[0] - b[0]) / 2, abs(a[1] - b[1]) / 2]
    u, v = (x - center[0]) / half[0], (y - center[1]) / half[1]
    inside = (u * u + v * v <= 1) if outline == "ellipse" else (abs(u) <= 1) & (abs(v) <= 1)
    inside &= z == k
    width, height = 2 * half[0] * SPACING[0], 2 * half[1] * SPACING[1]
    area = width * height * (math.pi / 4 if outline == "ellipse" else 1)
    found = mask_statistics(img, inside)
    return {
        "outline": outline, "a": physical(img, [*a, k]).tolist(), "b": physical(img, [*b, k]).tolist(),
        "area": area, "interpolated": False, **found,
    }


def oblique_region(img):
    """A rectangle in the patient's axial plane, which cuts the tilted grid: sampled as finely as the smallest edge."""
    a, b = np.array([-6.0, 12.0, 38.0]), np.array([2.4, 21.6, 38.0])
    step = min(SPACING)
    across, along = (max(1, round(abs(d) / step)) for d in (b - a)[:2])
    u = (np.arange(across) + 0.5) / across
    v = (np.arange(along) + 0.5) / along
    uu, vv = np.meshgrid(u, v)
    points = np.stack([a[0] + uu * (b - a)[0], a[1] + vv * (b - a)[1], np.full_like(uu, a[2])], -1).reshape(-1, 3)
    real = sitk.Cast(img, sitk.sitkFloat64)
    index = [img.TransformPhysicalPointToContinuousIndex([float(c) for c in p]) for p in points]
    values = np.array([real.EvaluateAtContinuousIndex(i, sitk.sitkLinear) for i in index])
    return {
        "outline": "rectangle", "a": a.tolist(), "b": b.tolist(), "area": float(abs((b - a)[0] * (b - a)[1])),
        "interpolated": True, "n": len(values), "mean": values.mean(), "sd": values.std(ddof=1),
        "min": values.min(), "max": values.max(),
    }


def delong(truth, a, b):
    pos, neg = np.where(truth)[0], np.where(~truth)[0]
    psi = lambda s: (s[pos][:, None] > s[neg][None]) + 0.5 * (s[pos][:, None] == s[neg][None])
    placed = [psi(s) for s in (a, b)]
    auc = [p.mean() for p in placed]
    s10 = np.cov([p.mean(1) for p in placed])
    s01 = np.cov([p.mean(0) for p in placed])
    s = s10 / len(pos) + s01 / len(neg)
    se = math.sqrt(s[0, 0] + s[1, 1] - 2 * s[0, 1])
    d = auc[0] - auc[1]
    return {"auc_a": auc[0], "auc_b": auc[1], "p": 2 * NormalDist().cdf(-abs(d / se)), "low": d - NormalDist().inv_cdf(0.975) * se}


def main():
    img = image()
    lengths = []
    for i, j in [([1, 2, 3], [17, 9, 3]), ([0, 0, 0], [23, 19, 0]), ([5.5, 4.25, 8], [5.5, 18, 8])]:
        a, b = physical(img, i), physical(img, j)
        lengths.append({"a": a.tolist(), "b": b.tolist(), "mm": float(np.linalg.norm(b - a))})
    angles = []
    for i, j, k in [([2, 2, 4], [10, 10, 4], [20, 3, 4]), ([0, 5, 1], [12, 5, 1], [23, 5.01, 1])]:
        a, v, b = (physical(img, p) for p in (i, j, k))
        u, w = a - v, b - v
        cos = np.dot(u, w) / np.linalg.norm(u) / np.linalg.norm(w)
        angles.append({"points": [p.tolist() for p in (a, v, b)], "degrees": math.degrees(math.acos(np.clip(cos, -1, 1)))})
    regions = [
        slice_region(img, "ellipse", [3.2, 4.1], [17.7, 15.3], 4),
        slice_region(img, "rectangle", [2.5, 1.5], [9.5, 12.5], 0),
        slice_region(img, "rectangle", [-4.2, -3.3], [30.1, 5.2], 8),
        oblique_region(img),
    ]
    (ROOT / "measure").mkdir(exist_ok=True)
    data = {
        "size": SIZE, "spacing": SPACING, "origin": ORIGIN, "direction": img.GetDirection(), "lengths": lengths,
        "angles": angles, "regions": regions,
    }
    (ROOT / "measure" / "expected.json").write_text(json.dumps(data, indent=1) + "\n")
    truth = np.array([1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], bool)
    a = np.array([0.9, 0.8, 0.7, 0.6, 0.3, 0.5, 0.4, 0.35, 0.2, 0.1, 0.65, 0.15])
    b = np.array([0.6, 0.9, 0.2, 0.5, 0.4, 0.55, 0.3, 0.1, 0.45, 0.7, 0.25, 0.35])
    (ROOT / "evaluate" / "delong.json").write_text(json.dumps(delong(truth, a, b), indent=1) + "\n")


main()
