"""tests/data/dicom/* and tests/expected/dicom_series.json: every case written, read back, and compared
with SimpleITK and dcm2niix.

Run from the repository root:  python tests/expected/make_dicom_series.py
What decides is PS3.3 C.7.6.2 applied to the files as written (dicom_case.assemble); `agree` names
those of the two readers that give the same voxels and affine, `differ` says how the others do not.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

import nibabel
import numpy as np
import SimpleITK
from pydicom import dcmread

import make_dicom_containers
import make_dicom_geometry
import make_dicom_multiframe
import make_dicom_pixels
from dicom_case import ROOT

warnings.simplefilter("ignore")
SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
OUT = pathlib.Path(__file__).with_name("dicom_series.json")
LPS_RAS = np.diag([-1, -1, 1, 1])


def sitk_affine(image):
    affine = np.eye(4)
    direction = np.array(image.GetDirection()).reshape(3, 3)
    affine[:3, :3] = direction * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return affine


def compare(entry, affine, array):
    """None when the same, else what differs. `array` is [z, y, x] of real values."""
    if list(array.shape[::-1]) != entry["dims"]:
        return f"dims {list(array.shape[::-1])}"
    expected = np.array(entry["affine_lps"])
    if not np.allclose(affine, expected, atol=1e-4):
        # dcm2niix turns rows over; compare where each voxel lies instead of the matrices
        index = np.array([[0, 0, 0, 1], [*(np.array(entry["dims"]) - 1), 1]]).T
        corners = np.round((affine @ index)[:3].T, 3).tolist()
        right = np.round((expected @ index)[:3].T, 3).tolist()
        if corners == right:
            return f"affine {np.round(affine[:3], 4).tolist()}"
        return f"first and last voxel at {corners} instead of {right}"
    for t, x, y, z, value in entry["real"]:
        if t == 0 and not np.allclose(array[z, y, x], value, rtol=1e-5, atol=1e-3):
            return f"voxel {[x, y, z]} is {np.asarray(array[z, y, x]).tolist()}, not {value}"
    return None


def ask_simpleitk(entry, files):
    sets = [(f, dcmread(f, stop_before_pixels=True, force=True)) for f in files]
    mine = [f for f, ds in sets if ds.get("SeriesInstanceUID") == entry["uid"]]
    with tempfile.TemporaryDirectory() as folder:
        for i, f in enumerate(mine):
            (pathlib.Path(folder) / f"{i:04d}.dcm").write_bytes(pathlib.Path(f).read_bytes())
        names = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(folder, entry["uid"])
        if not names:
            return "not recognised as a series"
        try:
            if len(names) == 1:
                image = SimpleITK.ReadImage(names[0])
            else:
                image = SimpleITK.ReadImage(names)
        except RuntimeError as error:
            return str(error).strip().splitlines()[-1][-120:]
        if image.GetDimension() != 3:
            return f"{image.GetDimension()} dimensions"
        return compare(entry, sitk_affine(image), SimpleITK.GetArrayFromImage(image))


def unflip(entry, affine, array):
    """Bring dcm2niix's voxel order to ours where its axes are ours up to sign."""
    expected = np.array(entry["affine_lps"])
    for axis in range(3):
        if affine[:3, axis] @ expected[:3, axis] < 0:
            n = array.shape[2 - axis]
            affine = affine.copy()
            affine[:3, 3] += affine[:3, axis] * (n - 1)
            affine[:3, axis] *= -1
            array = np.flip(array, 2 - axis)
    return affine, array


def ask_dcm2niix(entry, folder):
    with tempfile.TemporaryDirectory() as out:
        run = subprocess.run(
            ["dcm2niix", "-b", "n", "-z", "n", "-m", "n", "-f", "%j_%s_%p_%i", "-o", out, folder],
            capture_output=True, text=True)
        found = sorted(p for p in pathlib.Path(out).glob("*.nii"))
        if not found:
            return f"no output ({run.stdout.strip().splitlines()[-1][:80]})"
        answers = []
        for path in found:
            image = nibabel.load(path)
            data = image.get_fdata() if image.get_data_dtype().names is None else None
            if data is None:
                answers.append("colour")
                continue
            array = data.T if data.ndim == 3 else data[..., 0].T if data.ndim == 4 else data.T[None]
            array = array.reshape(array.shape[-3:])
            answers.append(compare(entry, *unflip(entry, LPS_RAS @ image.affine, array)))
            if answers[-1] is None:
                return None
        return f"{path.stem[-8:]}: {answers[0]}" if len(found) == 1 else f"{len(found)} files, none equal: {answers[0]}"


def check(case, entry):
    folder = ROOT / case
    files = [str(p) for p in sorted(folder.rglob("*")) if p.is_file()]
    if entry.pop("skip_peers", False) or "affine_lps" not in entry or not folder.is_dir():
        return entry
    agree, differ = [], {}
    for name, answer in (("SimpleITK", ask_simpleitk(entry, files)),
                         ("dcm2niix", ask_dcm2niix(entry, str(folder)))):
        if answer is None:
            agree.append(name)
        else:
            differ[name] = answer
    return entry | {"agree": agree} | ({"differ": differ} if differ else {})


def main():
    table = {}
    for module in (make_dicom_geometry, make_dicom_pixels, make_dicom_multiframe,
                   make_dicom_containers):
        for case, make in module.CASES.items():
            if len(sys.argv) > 1 and case not in sys.argv[1:]:
                continue
            made = make()
            made = made if isinstance(made, dict) else {"series": made}
            made["series"] = [check(case, entry) for entry in made["series"]]
            made.setdefault("open", [f"tests/data/dicom/{case}"])
            table[case] = {"about": " ".join((make.__doc__ or "").split()), **made}
            for entry in made["series"]:
                print(case, entry["warnings"], entry.get("agree"), entry.get("differ", ""))
    if len(sys.argv) > 1:
        return
    lines = [f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'))}" for k, v in table.items()]
    OUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
