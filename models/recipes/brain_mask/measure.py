"""Run models/brain-mask as its manifest says, in numpy and ONNX Runtime, and compare with a mask.

    python models/recipes/brain_mask/measure.py T1.nii.gz MASK.nii.gz     Dice, and Dice by sub-case
    python models/recipes/brain_mask/measure.py --write-checks T1.nii.gz  models/brain-mask/checks

This is the reference for the Rust engine: every step is written out, nothing is a library's default.
"""

import sys
import time
import tomllib

import nibabel
import numpy as np
from scipy import ndimage

from build import MODEL, session

MANIFEST = tomllib.loads((MODEL / "manifest.toml").read_text())


def sample_linear(volume, index, outside):
    """Trilinear at continuous voxel indices [3, ...]; border value up to half a voxel out."""
    size = np.array(volume.shape).reshape(3, *[1] * (index.ndim - 1))
    inside = ((index >= -0.5) & (index < size - 0.5)).all(axis=0)
    clamped = np.clip(index, 0, size - 1)
    values = ndimage.map_coordinates(volume, clamped, order=1, mode="nearest")
    return np.where(inside, values, outside)


def model_grid(shape, affine):
    """The manifest's grid along the patient's own axes (RAS+), same centre as the image."""
    spacing, size = MANIFEST["preprocess"]["spacing_mm"], MANIFEST["preprocess"]["size"]
    grid = np.diag([*spacing, 1.0])
    center = affine[:3, :3] @ ((np.array(shape) - 1) / 2) + affine[:3, 3]
    grid[:3, 3] = center - grid[:3, :3] @ ((np.array(size) - 1) / 2)
    return tuple(size), grid


def resample(volume, affine, shape, to_affine, outside):
    index = np.indices(shape, dtype=np.float64).reshape(3, -1)
    map_ = np.linalg.inv(affine) @ to_affine
    source = map_[:3, :3] @ index + map_[:3, 3:]
    return sample_linear(volume, source, outside).reshape(shape)


def normalize(grid):
    """percentile_scale {lower 0, upper 99.5, to [0, 1], clip}: numpy's linear percentiles of the
    voxels inside the image; NaN, outside it, takes no part and becomes 0 afterwards."""
    (step,) = MANIFEST["preprocess"]["normalize"]
    low, high = np.nanpercentile(grid, [step["lower"], step["upper"]])
    return np.nan_to_num(np.clip((grid - low) / (high - low), 0, 1), nan=0.0)


def brain(volume, affine, network):
    """(probability, mask) on the image's own grid."""
    shape, grid_affine = model_grid(volume.shape, affine)
    grid = normalize(resample(volume.astype(np.float64), affine, shape, grid_affine, np.nan))
    (out,) = network.run(None, {"image": grid[None, None].astype(np.float32)})
    probability = resample(out[0, 0].astype(np.float64), grid_affine, volume.shape, affine, 0.0)
    mask = probability > MANIFEST["postprocess"]["threshold"]
    parts, count = ndimage.label(mask, np.ones((3, 3, 3)))
    if count > 1:
        mask = parts == 1 + np.argmax(np.bincount(parts.ravel())[1:])
    return probability, mask


def dice(a, b):
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def load(path):
    image = nibabel.load(path)
    return np.asarray(image.dataobj, np.float64), image.affine


def measure(t1_path, mask_path):
    volume, affine = load(t1_path)
    truth = load(mask_path)[0] > 0
    network = session((MODEL / "model.onnx").read_bytes())
    rng = np.random.default_rng(0)
    noisy = np.hypot(volume + rng.normal(0, 0.04 * volume.max(), volume.shape),
                     rng.normal(0, 0.04 * volume.max(), volume.shape))
    ramp = 1 + 0.3 * np.linspace(-1, 1, volume.shape[0])[:, None, None]
    thick = affine @ np.diag([1, 1, 5, 1])
    flipped = affine @ np.array([[0, 0, -1, volume.shape[0] - 1], [1, 0, 0, 0], [0, 1, 0, 0],
                                 [0, 0, 0, 1]])
    turned = volume.transpose(1, 2, 0)[:, :, ::-1]
    cases = {
        "as it is": (volume, affine, truth),
        "Rician noise, 4 % of the maximum": (noisy, affine, truth),
        "bias field, 0.7 to 1.3 across": (volume * ramp, affine, truth),
        "every fifth slice": (volume[:, :, ::5], thick, truth[:, :, ::5]),
        "axes turned and flipped, same patient": (turned, flipped,
                                                  truth.transpose(1, 2, 0)[:, :, ::-1]),
        "lower 50 mm cut away": (volume[:, :, 50:], affine, truth[:, :, 50:]),
        "brain only, skull removed": (volume * truth, affine, truth),
        "inverted grey (as a T2 roughly is)": ((volume.max() - volume) * (volume > 0), affine, truth),
    }
    for name, (image, at, expected) in cases.items():
        start = time.perf_counter()
        _, mask = brain(image, at, network)
        seconds = time.perf_counter() - start
        ml = mask.sum() * abs(np.linalg.det(at[:3, :3])) / 1000
        print(f"{name:40} Dice {dice(mask, expected):.4f}  {ml:6.0f} ml  {seconds:.1f} s")


def blocks_of_three(volume, affine, start):
    """Mean of 3x3x3 blocks from voxel `start` on, as uint8, and its affine."""
    n = [(s - o) // 3 for s, o in zip(volume.shape, start)]
    x, y, z = (slice(o, o + 3 * k) for o, k in zip(start, n))
    blocks = volume[x, y, z].reshape(n[0], 3, n[1], 3, n[2], 3)
    at = affine @ np.vstack([np.column_stack([np.eye(3) * 3, np.array(start) + 1]), [0, 0, 0, 1]])
    return np.round(blocks.mean(axis=(1, 3, 5))).astype(np.uint8), at


def write_checks(t1_path):
    """The head at 3 mm, what the model makes of it, and no voxel so near the threshold that another
    provider's rounding could turn it over (of 27 ways to cut blocks, the first that keeps clear)."""
    volume, affine = load(t1_path)
    network = session((MODEL / "model.onnx").read_bytes())
    for start in np.ndindex(3, 3, 3):
        small, at = blocks_of_three(volume, affine, start)
        probability, mask = brain(small, at, network)
        margin = np.abs(probability - MANIFEST["postprocess"]["threshold"]).min()
        if margin > 1e-4:
            break
    print(f"cut at {start}, {small.shape}, nearest to the threshold: {margin:.1e}, "
          f"mask {mask.sum() * 27 / 1000:.0f} ml")

    def save(array, name):
        image = nibabel.Nifti1Image(array, at)
        image.header.set_xyzt_units("mm")
        path = MODEL / "checks" / name
        nibabel.save(image, path)
        print(name, path.stat().st_size, "bytes")

    (MODEL / "checks").mkdir(exist_ok=True)
    save(small, "t1.nii.gz")
    save(mask.astype(np.uint8), "brain.nii.gz")
    # In steps of 1/255, for tests with a tolerance of 1/255.
    save(np.round(probability * 255).astype(np.uint8), "brain_probability_255.nii.gz")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write-checks"] and len(sys.argv) == 3:
        write_checks(sys.argv[2])
    elif len(sys.argv) == 3:
        measure(*sys.argv[1:])
    else:
        sys.exit(__doc__)
