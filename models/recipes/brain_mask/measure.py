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


def sample_linear(volume, index):
    """Trilinear at continuous voxel indices [3, ...]; border value up to half a voxel out, then 0."""
    size = np.array(volume.shape).reshape(3, *[1] * (index.ndim - 1))
    inside = ((index >= -0.5) & (index < size - 0.5)).all(axis=0)
    clamped = np.clip(index, 0, size - 1)
    return np.where(inside, ndimage.map_coordinates(volume, clamped, order=1, mode="nearest"), 0)


def model_grid(shape, affine):
    """RAS-ordered grid of the manifest, same centre as the image: (shape, affine), directions kept."""
    spacing, size = MANIFEST["preprocess"]["spacing_mm"], MANIFEST["preprocess"]["size"]
    codes = nibabel.orientations.io_orientation(affine)  # voxel axis -> nearest patient axis, sign
    grid = np.eye(4)
    for axis, (patient_axis, sign) in enumerate(codes):
        direction = affine[:3, axis] / np.linalg.norm(affine[:3, axis])
        grid[:3, int(patient_axis)] = direction * sign * spacing[int(patient_axis)]
    center = affine[:3, :3] @ ((np.array(shape) - 1) / 2) + affine[:3, 3]
    grid[:3, 3] = center - grid[:3, :3] @ ((np.array(size) - 1) / 2)
    return tuple(size), grid


def resample(volume, affine, shape, to_affine):
    index = np.indices(shape, dtype=np.float64).reshape(3, -1)
    map_ = np.linalg.inv(affine) @ to_affine
    source = map_[:3, :3] @ index + map_[:3, 3:]
    return sample_linear(volume, source).reshape(shape)


def normalize(grid):
    """percentile_scale {lower 0, upper 99.5, to [0, 1], clip}: numpy's linear percentiles of all
    voxels of the grid, the zeros outside the image too."""
    (step,) = MANIFEST["preprocess"]["normalize"]
    low, high = np.percentile(grid, [step["lower"], step["upper"]])
    return np.clip((grid - low) / (high - low), 0, 1)


def brain(volume, affine, network):
    """(probability, mask) on the image's own grid."""
    shape, grid_affine = model_grid(volume.shape, affine)
    grid = normalize(resample(volume.astype(np.float64), affine, shape, grid_affine))
    (out,) = network.run(None, {"image": grid[None, None].astype(np.float32)})
    probability = resample(out[0, 0].astype(np.float64), grid_affine, volume.shape, affine)
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


def write_checks(t1_path):
    """The head at 3 mm (mean of 3x3x3 blocks), what the model makes of it, and no voxel so near the
    threshold that another provider's rounding could turn it over."""
    volume, affine = load(t1_path)
    n = [s // 3 for s in volume.shape]
    blocks = volume[: n[0] * 3, : n[1] * 3, : n[2] * 3].reshape(n[0], 3, n[1], 3, n[2], 3)
    small = np.round(blocks.mean(axis=(1, 3, 5))).astype(np.uint8)
    at = affine @ np.array([[3, 0, 0, 1], [0, 3, 0, 1], [0, 0, 3, 1], [0, 0, 0, 1]])
    probability, mask = brain(small, at, session((MODEL / "model.onnx").read_bytes()))
    margin = np.abs(probability - MANIFEST["postprocess"]["threshold"]).min()
    print(f"nearest to the threshold: {margin:.1e}; mask {mask.sum() * 27 / 1000:.0f} ml")

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
