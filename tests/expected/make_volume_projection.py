"""tests/expected/volume_mip.json: parallel projections of a small volume.

`axes`: maximum, minimum and mean over the voxels along each voxel axis, exactly what a ray through
voxel centres gives. `rays`: oblique rays through the trilinear volume (border value up to half a voxel
beyond the outer centres, nothing beyond), sampled every 0.02 mm: the limit that a renderer approaches.
"""

import json
import pathlib

import numpy as np

import make_resample

OUT = pathlib.Path(__file__).with_name("volume_mip.json")
SPACING, ORIGIN = np.array([1.5, 1.25, 2.0]), np.array([-9.0, -6.0, 20.0])


def camera(azimuth, elevation):
    """Right, down and into the screen in LPS. Azimuth 0 looks from the front, 90 from the patient's
    left; elevation 90 looks from the head."""
    a, e = np.radians([azimuth, elevation])
    eye = np.array([np.sin(a) * np.cos(e), -np.cos(a) * np.cos(e), np.sin(e)])
    into = -eye
    right = np.array([np.cos(a), np.sin(a), 0])
    return right, np.cross(into, right), into


def main():
    array = make_resample.volume()
    dims = np.array(array.shape[::-1])
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = np.diag(SPACING), ORIGIN
    made = {"volume": {"dims": dims.tolist(), "affine_lps": affine.tolist(), "voxels_i16": array.ravel().tolist()},
            "axes": [], "rays": []}
    for axis, name in ((2, "x"), (1, "y"), (0, "z")):
        made["axes"].append({
            "along": name, "order": "rows are the slower of the two axes that stay, z over y over x",
            "mip": array.max(axis).ravel().tolist(), "minip": array.min(axis).ravel().tolist(),
            "mean": np.round(array.mean(axis), 6).ravel().tolist()})
    center = ORIGIN + SPACING * (dims - 1) / 2
    step, reach = 0.02, 40.0
    depth = np.arange(-reach, reach, step)
    for azimuth, elevation in ((0, 0), (90, 0), (0, 90), (20, 15), (-130, -40)):
        right, down, into = camera(azimuth, elevation)
        mm, size = 1.7, (15, 13)
        mip, minip, mean, length = [], [], [], []
        for row in range(size[1]):
            for column in range(size[0]):
                start = center + right * mm * (column - (size[0] - 1) / 2) + down * mm * (row - (size[1] - 1) / 2)
                points = start[:, None] + into[:, None] * depth
                index = (points - ORIGIN[:, None]) / SPACING[:, None]
                ok = make_resample.inside(index)
                if not ok.any():
                    for out in (mip, minip, mean):
                        out.append(None)
                    length.append(0)
                    continue
                values = make_resample.sample(array, index[:, ok], "linear")
                mip.append(round(float(values.max()), 2))
                minip.append(round(float(values.min()), 2))
                mean.append(round(float(values.mean()), 2))
                length.append(round(float(ok.sum() * step), 2))
        made["rays"].append({
            "azimuth_deg": azimuth, "elevation_deg": elevation, "target": center.tolist(), "mm_per_pixel": mm,
            "size": list(size), "right": np.round(right, 9).tolist(), "down": np.round(down, 9).tolist(),
            "into": np.round(into, 9).tolist(), "mip": mip, "minip": minip, "mean": mean, "length_mm": length})
    OUT.write_text(json.dumps(made, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
