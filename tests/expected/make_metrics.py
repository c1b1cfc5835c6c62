"""Expected numbers for tests/metrics.rs, from the libraries that readers of papers trust.

Writes tests/data/metrics/expected.json. The inputs are whole numbers from formulas that tests/metrics.rs repeats, so
no image is stored. Needs numpy, scipy, scikit-image, scikit-learn, torch, monai and DeepMind's surface-distance
(`pip install --no-deps surface-distance`, version 0.1):

    python tests/expected/make_metrics.py
"""

import json
import pathlib
import warnings

import numpy as np
import scipy.ndimage
import scipy.spatial.distance
import scipy.stats
import sklearn.calibration
import sklearn.metrics
import skimage.metrics
import torch

warnings.filterwarnings("ignore")
np.Inf = np.inf  # surface-distance 0.1 was written for numpy 1
import surface_distance  # noqa: E402
from surface_distance import lookup_tables  # noqa: E402
from monai.metrics import CalibrationErrorMetric, MultiScaleSSIMMetric, PSNRMetric, SSIMMetric  # noqa: E402
from monai.metrics import compute_dice, compute_surface_dice  # noqa: E402
from monai.metrics.panoptic_quality import compute_panoptic_quality  # noqa: E402

OUT = pathlib.Path(__file__).parent.parent / "data" / "metrics" / "expected.json"


# Inputs, as in tests/metrics.rs

def hashed(n, seed):
    """A whole number below 2^32 for each whole number."""
    n = np.asarray(n, dtype=np.uint64) + np.uint64(seed * 0x9E3779B9)
    mask = np.uint64(0xFFFFFFFF)
    n = n & mask
    for factor in (0x7FEB352D, 0x846CA68B):
        n ^= n >> np.uint64(16)
        n = n * np.uint64(factor) & mask
    return (n ^ n >> np.uint64(15)).astype(np.int64)


def grid(size):
    """x, y, z of each voxel, as arrays [nz, ny, nx]."""
    z, y, x = np.indices(size[::-1]).astype(np.int64)
    return x, y, z


def flat(size):
    return np.arange(np.prod(size)).reshape(size[::-1])


def wave(n, half):
    """Up and down between 0 and half."""
    return np.abs(n % (2 * half) - half)


def reference_image(size):
    x, y, z = grid(size)
    smooth = 9 * wave(7 * x + 3 * y + z, 61) + 8 * wave(4 * y + 9 * z - x, 47) + 3 * wave(x * y + 5 * z, 83)
    return (smooth + hashed(flat(size), 1) % 40 - 900) / 4


def test_image(size):
    x, y, z = grid(size)
    error = 2 * wave(x + 2 * y + 3 * z, 29) + hashed(flat(size), 2) % 61 - 50
    return reference_image(size) + error / 4


def ball(size, centre, radius):
    """Within a radius in voxels of a centre given in half voxels."""
    return sum((2 * c - m) ** 2 for c, m in zip(grid(size), centre)) <= (2 * radius) ** 2


def label_map(size, seed):
    """Three balls, one over the border, with a rough rim; the second map lacks label 4, the first label 5."""
    nx, ny, nz = size
    shift = 2 * (seed - 1)
    labels = np.zeros(size[::-1], dtype=np.int64)
    labels[ball(size, (nx + shift, ny, nz), 6)] = 1
    labels[ball(size, (0, ny - shift, nz), 5 + seed)] = 2
    labels[ball(size, (2 * nx - 8, 2 * ny - 9 + shift, nz - shift), 4)] = 3
    labels[(hashed(flat(size), 4 + seed) % 11 == 0) & (labels > 0)] = 0
    labels[nz // 2, 0, nx - 1] = 3 + seed
    return labels


def masks(shape, size):
    """Pairs of masks that each try something."""
    nx, ny, nz = size
    none = np.zeros(size[::-1], dtype=bool)
    if shape == "balls":
        return ball(size, (nx, ny, nz), 7), ball(size, (nx + 5, ny - 3, nz + 2), 6)
    if shape == "rough":
        keep = [hashed(flat(size), seed) % 7 > 0 for seed in (8, 9)]
        return ball(size, (nx, ny, nz), 8) & keep[0], ball(size, (nx - 4, ny + 2, nz), 8) & keep[1]
    if shape == "scattered":
        return hashed(flat(size), 10) % 2 == 0, hashed(flat(size), 11) % 2 == 0
    if shape == "sparse":
        return hashed(flat(size), 12) % 97 == 0, hashed(flat(size), 13) % 89 == 0
    if shape == "border":
        return ball(size, (0, 0, 0), 9), ball(size, (3, -2, 0), 10)
    if shape == "single":
        a, b = none.copy(), none.copy()
        a[nz // 2, ny // 2, 1] = True
        b[0, ny - 1, nx - 1] = True
        return a, b
    if shape == "outlier":
        a, b = ball(size, (nx, ny, nz), 5), ball(size, (nx, ny, nz), 5)
        b[0, 0, 0] = True
        return a, b
    if shape == "full":
        return ~none, ball(size, (nx, ny, nz), 6)
    raise ValueError(shape)


# Numbers

def ssim(reference, test, data_range, **more):
    return skimage.metrics.structural_similarity(
        reference, test, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=data_range, **more
    )


def in_double(metric, reference, test):
    """MONAI's regression metrics cast to `torch.float`; this run has it stand for double."""
    single = torch.float
    torch.float = torch.float64
    torch.set_default_dtype(torch.float64)
    try:
        tensors = [torch.from_numpy(a.astype(np.float64))[None, None] for a in (test, reference)]
        return metric()(*tensors).item()
    finally:
        torch.float = single
        torch.set_default_dtype(torch.float32)


def errors(reference, test):
    reference, test = np.ravel(reference), np.ravel(test)
    mse = skimage.metrics.mean_squared_error(reference, test)
    return {
        "n": reference.size,
        "bias": np.mean(test - reference),
        "mae": sklearn.metrics.mean_absolute_error(reference, test),
        "rmse": np.sqrt(mse),
        "nmse": skimage.metrics.normalized_root_mse(reference, test) ** 2,
    }


def image_case(size, mask_radius):
    reference, test = reference_image(size), test_image(size)
    if size[2] == 1:
        reference, test = reference[0], test[0]
    data_range = reference.max() - reference.min()
    full_mean, full = ssim(reference, test, data_range, full=True)
    mask = ball(size, (size[0] + 3, size[1] - 2, size[2]), mask_radius).reshape(reference.shape)
    inside = np.zeros(reference.shape, dtype=bool)
    inside[tuple(slice(5, -5) for _ in reference.shape)] = True
    r, t = reference[mask], test[mask]
    dims = reference.ndim
    case = {
        "size": size,
        "mask_radius": mask_radius,
        "data_range": data_range,
        "whole": errors(reference, test),
        "masked": errors(r, t),
        "psnr_db": skimage.metrics.peak_signal_noise_ratio(reference, test, data_range=data_range),
        "ncc": scipy.stats.pearsonr(reference.ravel(), test.ravel()).statistic,
        "masked_ncc": scipy.stats.pearsonr(r, t).statistic,
        "ssim": full_mean,
        "monai_ssim": in_double(lambda: SSIMMetric(dims, data_range=data_range), reference, test),
        "masked_ssim": full[mask & inside].mean(),
        "ssim_map": {str(n): full.ravel()[n] for n in range(0, full.size, 97)},
        "nmi": skimage.metrics.normalized_mutual_information(reference, test, bins=100),
    }
    psnr = in_double(lambda: PSNRMetric(max_val=data_range), reference, test)
    assert np.isclose(case["psnr_db"], psnr, rtol=1e-12)
    bins = [np.histogram_bin_edges(v, 32) for v in (r, t)]
    numbers = [np.searchsorted(e[1:-1], v, side="right") for e, v in zip(bins, (r, t))]
    case["masked_mi"] = sklearn.metrics.mutual_info_score(*numbers)
    low, high = min(r.min(), t.min()), max(r.max(), t.max())
    p, q = (np.histogram(v, 32, (low, high))[0] / v.size for v in (r, t))
    case["histogram"] = {
        "total_variation": np.abs(p - q).sum() / 2,
        "jensen_shannon": scipy.spatial.distance.jensenshannon(p, q),
        "wasserstein": scipy.stats.wasserstein_distance(r, t),
    }
    if dims == 3:
        case["per_slice"] = [errors(a, b) for a, b in zip(reference, test)]
        case["ssim_per_slice"] = [ssim(a, b, data_range) for a, b in zip(reference, test)]
        labels = label_map(size, 1)
        case["by_label"] = {str(k): errors(reference[labels == k], test[labels == k]) for k in np.unique(labels)}
        bands = {"air": (-np.inf, -250), "soft tissue": (-250, 250), "bone": (250, np.inf)}
        case["by_tissue"] = {}
        # Four times the values, so that all three bands have voxels.
        for name, (lo, hi) in bands.items():
            held = (4 * reference >= lo) & (4 * reference < hi)
            case["by_tissue"][name] = errors(4 * reference[held], 4 * test[held])
    return case


def ms_ssim_case(size, weights):
    reference, test = reference_image(size), test_image(size)
    if size[2] == 1:
        reference, test = reference[0], test[0]
    data_range = reference.max() - reference.min()
    metric = lambda: MultiScaleSSIMMetric(reference.ndim, data_range=data_range, weights=weights)  # noqa: E731
    return {"size": size, "weights": weights, "data_range": data_range, "ms_ssim": in_double(metric, reference, test)}


def overlap_case(size, spacing):
    reference, test = label_map(size, 1), label_map(size, 2)
    voxel_ml = np.prod(spacing) / 1000
    rows = {}
    for k in np.union1d(reference, test)[1:]:
        a, b = reference == k, test == k
        row = {
            "dice": sklearn.metrics.f1_score(a.ravel(), b.ravel()),
            "iou": sklearn.metrics.jaccard_score(a.ravel(), b.ravel()),
            "reference_ml": a.sum() * voxel_ml,
            "test_ml": b.sum() * voxel_ml,
        }
        tensors = [torch.from_numpy(m[None, None]) for m in (b, a)]
        assert np.isclose(compute_dice(*tensors, ignore_empty=False).item(), row["dice"] if a.any() else 0)
        if a.any():
            row["sensitivity"] = sklearn.metrics.recall_score(a.ravel(), b.ravel())
        if b.any():
            row["precision"] = sklearn.metrics.precision_score(a.ravel(), b.ravel())
        rows[str(k)] = row
    return {"size": size, "spacing": spacing, "labels": rows}


def surface_case(shape, size, spacing):
    a, b = masks(shape, size)
    sampling = spacing[::-1]
    if size[2] == 1:
        a, b, sampling = a[0], b[0], sampling[1:]
    d = surface_distance.compute_surface_distances(a, b, sampling)
    distances = [d["distances_gt_to_pred"], d["distances_pred_to_gt"]]
    areas = [d["surfel_areas_gt"], d["surfel_areas_pred"]]
    tolerances = [0.0, min(spacing), 1.0, 2.5]
    case = {
        "shape": shape,
        "size": size,
        "spacing": spacing,
        "elements": [len(x) for x in distances],
        "areas": [x.sum() for x in areas],
        "hd": surface_distance.compute_robust_hausdorff(d, 100),
        "hd95": surface_distance.compute_robust_hausdorff(d, 95),
        "hd50": surface_distance.compute_robust_hausdorff(d, 50),
        "average": surface_distance.compute_average_surface_distance(d),
        "assd": np.average(np.concatenate(distances), weights=np.concatenate(areas)),
        "nsd": {str(t): surface_distance.compute_surface_dice_at_tolerance(d, t) for t in tolerances},
    }
    tensors = [torch.from_numpy(m[None, None]) for m in (b, a)]
    monai = compute_surface_dice(
        *tensors, class_thresholds=[2.5], include_background=True, spacing=sampling, use_subvoxels=True
    ).item()
    assert np.isclose(monai, case["nsd"]["2.5"], rtol=1e-4), (shape, monai, case["nsd"]["2.5"])
    return case


def area_case(spacing):
    return {
        "spacing": spacing,
        "areas": lookup_tables.create_table_neighbour_code_to_surface_area(spacing[::-1]),
        "lengths": lookup_tables.create_table_neighbour_code_to_contour_length(spacing[1::-1]),
    }


def detection_case(size):
    reference, test = label_map(size, 1) > 0, label_map(size, 2) > 0
    rows = []
    for connectivity in (1, 2, 3):
        structure = scipy.ndimage.generate_binary_structure(3, connectivity)
        a, n = scipy.ndimage.label(reference, structure)
        b, m = scipy.ndimage.label(test, structure)
        hit = len(np.unique(a[test & reference]))
        right = len(np.unique(b[test & reference]))
        tp, fp, fn, iou_sum = compute_panoptic_quality(
            torch.from_numpy(b), torch.from_numpy(a), output_confusion_matrix=True
        ).tolist()
        rows.append({
            "components": [n, m],
            "any_overlap": [hit, m - right, n - hit],
            "above_half": [tp, fp, fn],
            "panoptic": [
                compute_panoptic_quality(
                    torch.from_numpy(b), torch.from_numpy(a), metric_name=name, smooth_numerator=0.0
                ).item()
                for name in ("pq", "sq", "rq")
            ],
        })
    return {"size": size, "connectivity": rows}


def samples(n):
    """Scores in 1/64 (so with ties), truths that follow them loosely, errors and uncertainties."""
    scores = hashed(np.arange(n), 20) % 65 / 64
    truths = hashed(np.arange(n), 21) % 80 < 64 * scores
    uncertainties = hashed(np.arange(n), 22) % 50 / 8
    sizes = np.abs(hashed(np.arange(n), 23) % 64 / 16 - uncertainties / 4)
    return scores, truths, uncertainties, sizes


def ranking_case(n):
    scores, truths, _, _ = samples(n)
    fpr, tpr, thresholds = sklearn.metrics.roc_curve(truths, scores, drop_intermediate=False)
    precision, recall, pr_thresholds = sklearn.metrics.precision_recall_curve(truths, scores)
    dice = [sklearn.metrics.f1_score(truths, scores >= t) for t in pr_thresholds]
    return {
        "n": n,
        "roc": np.stack([thresholds, fpr, tpr], 1)[1:],
        "precision_recall": np.stack([pr_thresholds, precision[:-1], recall[:-1]], 1)[::-1],
        "roc_auc": sklearn.metrics.roc_auc_score(truths, scores),
        "average_precision": sklearn.metrics.average_precision_score(truths, scores),
        "best_dice": max(dice),
        "best_threshold": max(t for t, d in zip(pr_thresholds, dice) if d == max(dice)),
    }


def calibration_case(n, bins):
    scores, truths, _, _ = samples(n)
    share, mean = sklearn.calibration.calibration_curve(truths, scores, n_bins=bins)
    counts = np.histogram(np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], scores), np.arange(bins + 1))[0]
    gaps, filled = np.abs(share - mean), counts[counts > 0]
    monai = {}
    for reduction in ("expected", "maximum"):
        metric = CalibrationErrorMetric(num_bins=bins, include_background=True, calibration_reduction=reduction)
        metric(torch.from_numpy(scores[None, None]), torch.from_numpy(truths[None, None].astype(np.int64)))
        monai[reduction] = metric.aggregate().item()
    case = {
        "n": n,
        "bins": bins,
        "counts": counts,
        "mean_probability": mean,
        "share_positive": share,
        "ece": np.average(gaps, weights=filled),
        "mce": gaps.max(),
        "brier": sklearn.metrics.brier_score_loss(truths, scores),
    }
    assert np.isclose(monai["expected"], case["ece"], rtol=1e-4) and np.isclose(monai["maximum"], case["mce"], rtol=1e-4)
    return case


def uncertainty_case(n, steps):
    scores, _, uncertainties, sizes = samples(n)
    curves = {}
    for name, key in (("by_uncertainty", uncertainties), ("by_error", sizes)):
        order = np.argsort(-key, kind="stable")
        curves[name] = [sizes[order][k * n // steps:].mean() / sizes.mean() for k in range(steps)]
    removed = [k * n // steps / n for k in range(steps)]
    gap = np.subtract(curves["by_uncertainty"], curves["by_error"])
    low, high = scores - uncertainties / 16, scores + uncertainties / 16
    return {
        "n": n,
        "steps": steps,
        "removed": removed,
        **curves,
        "ause": np.trapezoid(gap, removed),
        "spearman": scipy.stats.spearmanr(sizes, uncertainties).statistic,
        "coverage": np.mean((sizes >= low) & (sizes <= high)),
        "mean_width": np.mean(high - low),
        "quantiles": {
            str(c): np.quantile(sizes, np.ceil((n + 1) * c) / n, method="inverted_cdf") for c in (0.5, 0.8, 0.9, 0.95)
        },
    }


def plain(value):
    if isinstance(value, dict):
        return {key: plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(v) for v in value]
    if isinstance(value, (np.floating, float)):
        return float(value)
    return int(value) if isinstance(value, np.integer) else value


MS_SSIM = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)

expected = {
    "images": [image_case((23, 19, 17), 8), image_case((37, 29, 1), 11), image_case((12, 31, 13), 6)],
    "ms_ssim": [
        ms_ssim_case((181, 199, 1), MS_SSIM),
        ms_ssim_case((47, 45, 44), (0.3, 0.3, 0.4)),
        ms_ssim_case((25, 23, 1), (0.5, 0.5)),
    ],
    "overlap": [overlap_case((29, 27, 15), (0.7, 0.9, 2.5))],
    "areas": [area_case((1.0, 1.0, 1.0)), area_case((0.7, 0.9, 2.5)), area_case((3.0, 0.5, 1.1))],
    "surfaces": [
        surface_case(*case)
        for case in (
            ("balls", (33, 29, 31), (1.0, 1.0, 1.0)),
            ("balls", (33, 29, 31), (0.7, 0.9, 2.5)),
            ("rough", (27, 25, 23), (0.5, 1.5, 1.1)),
            ("scattered", (13, 12, 11), (0.8, 1.0, 1.3)),
            ("sparse", (19, 21, 17), (0.7, 0.7, 3.0)),
            ("border", (15, 17, 14), (0.9, 1.2, 2.0)),
            ("single", (9, 8, 7), (0.7, 1.3, 2.1)),
            ("outlier", (25, 27, 21), (0.8, 0.8, 2.5)),
            ("full", (15, 14, 13), (1.1, 0.9, 1.7)),
            ("balls", (33, 29, 1), (0.7, 0.9, 5.0)),
            ("rough", (27, 25, 1), (1.3, 0.6, 1.0)),
            ("scattered", (31, 33, 1), (1.0, 0.8, 1.0)),
            ("single", (9, 8, 1), (0.7, 1.3, 1.0)),
        )
    ],
    "detection": [detection_case((29, 27, 15))],
    "ranking": [ranking_case(7), ranking_case(500)],
    "calibration": [calibration_case(500, 15), calibration_case(40, 10)],
    "uncertainty": [uncertainty_case(500, 20), uncertainty_case(37, 10)],
}

OUT.parent.mkdir(parents=True, exist_ok=True)
OUT.write_text(json.dumps(plain(expected), indent=None, separators=(",", ":")) + "\n")
print(OUT, OUT.stat().st_size, "bytes")
