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
    file, exported = export(recipe)
    result = measured(recipe, file, exported)
    folder = FOLDER / recipe.NAME
    if folder.exists():
        shutil.rmtree(folder)
    if result["beats"]:
        folder.mkdir(parents=True)
        for made in exported["files"].values():
            shutil.copy(file.parent / made["file"], folder / made["file"])
        tolerance = sample(recipe, file, folder)
        hashes = {role: made["sha256"] for role, made in exported["files"].items()}
        (folder / "manifest.toml").write_text(recipe.MANIFEST.format(
            version=recipe.VERSION, sha256=exported["sha256"], hashes=hashes, tolerance=tolerance, **result.get("manifest", {})))
        (folder / "LICENSE").write_text(NOTICE.format(license="GPL-2.0-or-later"))
        result["calibration"] = calibration.calibrate(recipe, folder)
        shown(recipe, result)
    card.table()
    return result


def again(recipe):
    """Measures the model that ships anew, by its own graph, where a measure was mended and the checkpoint is gone; one that no longer
    beats its baselines is withdrawn. Its manifest stays as it is."""
    kept = json.loads((RESULTS / f"{recipe.NAME}.json").read_text())
    folder = FOLDER / recipe.NAME
    result = measured(recipe, graph(folder), kept["export"], version=kept["version"])
    if result["beats"]:
        result |= {k: kept[k] for k in ("calibration",) if k in kept}
        shown(recipe, result)
    else:
        shutil.rmtree(folder)
    card.table()
    return result


def measured(recipe, file, exported, version=None):
    """The result of a network beside its baselines, and its pictures, as they are kept in `results`."""
    result = {"name": recipe.NAME, "version": version or recipe.VERSION, "export": exported,
              "time": recipe.clock(file) if hasattr(recipe, "clock") else clock(recipe, file),
              **recipe.evaluate(file, RESULTS / "pictures" / recipe.NAME)}
    s = result["summary"]
    result["beats"] = s["beats"]
    result["verdict"] = recipe.verdict(result) if hasattr(recipe, "verdict") else (
        f"It beats {' and '.join(s['baselines'])} in {' and '.join(s['metrics'])} (the interval of the advantage is above "
        f"{', '.join(str(evaluation.LEAST[m]) for m in s['metrics'])})." if s["beats"] else f"It does not beat {' and '.join(s['baselines'])} in every metric: not shipped.")
    write_json(RESULTS / f"{recipe.NAME}.json", result)
    return result


def shown(recipe, result):
    """Pictures and card into the folder of a model that ships, and the result with what calibration found."""
    folder = FOLDER / recipe.NAME
    for p in result["pictures"]:
        shutil.copy(RESULTS / "pictures" / recipe.NAME / p["file"], folder / p["file"])
    write_json(RESULTS / f"{recipe.NAME}.json", result)
    (folder / "CARD.md").write_text(card.card(recipe.NAME))


def graph(folder):
    """The first graph of a model's folder."""
    return next(folder / name for name in ("model.onnx", "denoiser.onnx", "encoder.onnx") if (folder / name).exists())


def sample(recipe, file, folder):
    """Writes the input and the expected answer of the manifest's check; how far the program's may be from it."""
    tolerance, text = recipe.sample(file, folder / "checks")
    (folder / "checks" / "README.md").write_text(text + "\n" + NOTICE.rsplit("\n\n", 1)[1])
    return tolerance


def shipped_sample(recipe):
    """The same anew for the model that ships, by its own graph; what its manifest may allow."""
    folder = FOLDER / recipe.NAME
    return sample(recipe, graph(folder), folder)


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
