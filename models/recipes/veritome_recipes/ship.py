"""Evaluate a trained model, and make its folder in `models/` if, and only if, it beats its baselines."""

import json
import shutil
import time

import numpy as np

from . import calibration, card, evaluation
from .export import FOLDER, RESULTS, export
from .training import write_json

NOTICE = """Weights: {license}.

They were trained with images drawn from SPM's tissue probability maps (Wellcome Centre for Human Neuroimaging, GPL version 2
or later) and are offered under the same licence: you can redistribute and modify them under the terms of the GNU General
Public License as published by the Free Software Foundation, version 2 or any later one. They come without any warranty.
The text of the licence: GPL-2.0 in the SPDX licence list; the recipe that makes the weights is in models/recipes.

checks/ and the pictures show Colin27 and MNI152: Copyright (C) 1993-2009 Louis Collins, McConnell Brain Imaging Centre,
Montreal Neurological Institute, McGill University. Permission to use, copy, modify, and distribute for any purpose and
without fee is granted provided that this notice appears in all copies. They are provided "as is", without warranty.
"""


def evaluate(recipe):
    """Writes results/NAME.json and pictures; ships or withdraws the model's folder. Returns the result."""
    pictures = RESULTS / "pictures" / recipe.NAME
    file, exported = export(recipe)
    result = {"name": recipe.NAME, "version": recipe.VERSION, "export": exported, "time": recipe.clock(file) if hasattr(recipe, "clock") else clock(recipe, file),
              **recipe.evaluate(file, pictures)}
    s = result["summary"]
    result["beats"] = s["beats"]
    result["verdict"] = recipe.verdict(result) if hasattr(recipe, "verdict") else (
        f"It beats {' and '.join(s['baselines'])} in {' and '.join(s['metrics'])} (the interval of the advantage is above "
        f"{', '.join(str(evaluation.LEAST[m]) for m in s['metrics'])})." if s["beats"] else f"It does not beat {' and '.join(s['baselines'])} in every metric: not shipped.")
    write_json(RESULTS / f"{recipe.NAME}.json", result)
    folder = FOLDER / recipe.NAME
    if folder.exists():
        shutil.rmtree(folder)
    if result["beats"]:
        folder.mkdir(parents=True)
        for made in exported["files"].values():
            shutil.copy(file.parent / made["file"], folder / made["file"])
        for p in result["pictures"]:
            shutil.copy(pictures / p["file"], folder / p["file"])
        tolerance, text = recipe.sample(file, folder / "checks")
        (folder / "checks" / "README.md").write_text(text + "\n" + NOTICE.rsplit("\n\n", 1)[1])
        hashes = {role: made["sha256"] for role, made in exported["files"].items()}
        (folder / "manifest.toml").write_text(recipe.MANIFEST.format(
            version=recipe.VERSION, sha256=exported["sha256"], hashes=hashes, tolerance=tolerance, **result.get("manifest", {})))
        (folder / "LICENSE").write_text(NOTICE.format(license="GPL-2.0-or-later"))
        result["calibration"] = calibration.calibrate(recipe, folder)
        write_json(RESULTS / f"{recipe.NAME}.json", result)
        (folder / "CARD.md").write_text(card.card(recipe.NAME))
    card.table()
    return result


def calibrate(recipe):
    """Calibrates the shipped model and writes its result and card anew; what the program said."""
    file = RESULTS / f"{recipe.NAME}.json"
    result = json.loads(file.read_text())
    result["calibration"] = calibration.calibrate(recipe, FOLDER / recipe.NAME)
    write_json(file, result)
    card.rewrite(recipe.NAME)
    return result["calibration"]


def clock(recipe, file):
    """Seconds for one window, single thread, and what a whole head takes at that rate."""
    size = recipe.WINDOW
    network = evaluation.session(file, threads=1)
    volume = np.random.default_rng(0).random(size, np.float32)
    evaluation.run(network, volume)
    start = time.process_time()
    evaluation.run(network, volume)
    seconds = time.process_time() - start
    return (f"{seconds:.1f} s of one processor core for a window of {'x'.join(map(str, size))} voxels (ONNX Runtime "
            f"1.31.1, measured on a shared machine).")
