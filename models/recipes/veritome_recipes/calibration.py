"""Guard statistics, temperature and conformal interval of a shipped model, by `veritome calibrate` itself, on generated heads
that were drawn for this alone.

A recipe gives `case(draw)`: {name of an input or output in the manifest: (volume, voxel size mm)}, or writes them itself by
`cases(folder, count)`; an output that is called like an input has the name `NAME_truth`. A recipe whose model takes minutes a head
says `GUARD_ONLY = True`: its guard is computed from the drawn inputs, and it has no interval. One that takes any contrast says
`ANY_CONTRAST = True`: random contrasts have no histogram in common, so the guard gets none. `CASES` is how many it has, else 14. The program is `$VERITOME`, else the release build of this repository.
"""

import json
import os
import pathlib
import subprocess
import tempfile

import numpy as np

from . import data
from .export import save_nifti
from .generator import Draw

CASES = 14
SEED = 90_000  # far from the seeds of training and of the tests


def program():
    """The program's path, or None."""
    file = pathlib.Path(os.environ.get("VERITOME", data.ROOT / "target" / "release" / "veritome"))
    return file if file.exists() else None


def write_cases(recipe, folder, count=CASES):
    """Cases as `veritome calibrate --data` takes them."""
    if not hasattr(recipe, "case"):
        recipe.cases(pathlib.Path(folder), count)
        return
    for n in range(count):
        for name, (volume, spacing) in recipe.case(Draw(SEED + n)).items():
            values = np.asarray(volume)
            whole = np.issubdtype(values.dtype, np.integer)
            save_nifti(pathlib.Path(folder) / f"case{n:02}" / f"{name}.nii.gz", values, spacing, np.uint8 if whole else np.float32)


def calibrate(recipe, folder):
    """Writes the numbers into `folder/manifest.toml` and returns what the program says, or None without a program or cases."""
    if program() is None or not (hasattr(recipe, "case") or hasattr(recipe, "cases")):
        return None
    with tempfile.TemporaryDirectory() as cases:
        write_cases(recipe, cases, getattr(recipe, "CASES", CASES))
        command = [program(), "calibrate", folder, "--data", cases, "--json"]
        if getattr(recipe, "GUARD_ONLY", False):
            command.append("--guard-only")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{recipe.NAME}: `veritome calibrate` failed: {done.stderr.strip()[-600:]}")
    found = json.loads(done.stdout)
    if getattr(recipe, "ANY_CONTRAST", False):
        manifest = pathlib.Path(folder) / "manifest.toml"
        lines = manifest.read_text().splitlines(keepends=True)
        manifest.write_text("".join(line for line in lines if not line.startswith("intensity_histogram")))
        (pathlib.Path(folder) / "guard.json").unlink(missing_ok=True)
        found["guard"] = dict.fromkeys(found["guard"])
    return found
