"""New axial slices of brains, by a denoiser that begins with noise; beside it a plain variational autoencoder, to be beaten."""

import functools
import math
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ..generator import FLUID, WHITE, Anatomy, Draw, bias, blur, rician
from ..latent import SliceDenoiser, SliceVae

NAME = "brain-sampler"
VERSION = "0.1.0"
RATE = 6e-4
KEEP = 0.999
SIZE = (96, 112)
BRAINS = {"train": 1500, "holdout": 500}  # four slices each
PLANES = (1, 7, 12, 17)
SEEDS = {"train": 4001, "holdout": 4002}
T, STEPS = 1000, 40
TIMESTEPS = (50, 150, 300, 500)  # of the membership attack


class Both(nn.Module):
    """The model and the baseline, trained side by side on the same slices."""

    def __init__(self):
        super().__init__()
        self.denoiser, self.vae = SliceDenoiser(), SliceVae(SIZE)


def network():
    return Both()


def brain(draw, anatomy):
    """Four slices [4, 96, 112] of a brain that nobody has, T1-like, 2 mm, without skull; 0..1."""
    d, size, mm = draw, (144, 168, 20), 4 / 3
    center = [d.uniform(0.48, 0.52), d.uniform(0.48, 0.52), d.uniform(0.47, 0.53)]
    labels = anatomy.labels(d, size, [mm] * 3, center, 0.7, d.uniform(0.15, 0.5))
    fluid, grey, white = d.uniform(0.05, 0.18), d.uniform(0.42, 0.58), d.uniform(0.74, 0.88)
    values = d.tensor([grey, white, fluid, 0, 0, 0])
    image = values[labels] + 0.015 * d.field(size, 3) * (labels <= WHITE)
    image = image * bias(d, size, 0.15)
    image = rician(d, blur(image.clamp_min(0), d.uniform(0.5, 0.8)), 0.01)
    inside = (blur((labels <= WHITE).float(), 1.5) > 0.25) & (labels <= FLUID)
    image = image * blur(inside.float(), 0.5)
    pairs = torch.stack([(image[..., k] + image[..., k + 1]) / 2 for k in PLANES])[:, None]
    return F.interpolate(pairs, size=SIZE, mode="bilinear", antialias=True, align_corners=False)[:, 0].clamp(0, 1)


def slices(part, device="cpu"):
    """The finite set `train` or `holdout` [n, 1, 96, 112] in -1..1 (half precision on a graphics processor), the same at each call on one
    kind of device: four neighbours in the list are of one brain."""
    device = torch.device(device)
    key = part, device.type, BRAINS[part]
    if key not in _kept:
        from .. import data
        file = data.CACHE / "slices" / f"{part}-{BRAINS[part]}-v1.npy"
        if device.type == "cpu" and file.exists():
            made = torch.from_numpy(np.load(file))
        else:
            draw, anatomy = Draw(SEEDS[part], device), Anatomy(device)
            with torch.no_grad():
                made = torch.cat([(brain(draw, anatomy) * 255).round().to(torch.uint8) for _ in range(BRAINS[part])])
            if device.type == "cpu" and BRAINS[part] >= 100:
                file.parent.mkdir(parents=True, exist_ok=True)
                np.save(file, made.numpy())
        made = made[:, None].float() / 127.5 - 1
        _kept[key] = made if device.type == "cpu" else made.half()
    return _kept[key]


_kept = {}


@functools.lru_cache
def alphas(device="cpu"):
    """The variance of the signal that is left at each timestep: MONAI's and Veritome's cosine schedule."""
    share = torch.arange(T + 1, dtype=torch.float64) / T
    left = torch.cos((share + 8e-3) / (1 + 8e-3) * math.pi / 2) ** 2
    beta = (1 - left[1:] / left[:-1]).clamp(0, 0.999)
    return (1 - beta).cumprod(0).float().to(device)


class Batches:
    """(slices [n, 1, 96, 112], timesteps [n], noise)"""

    def __init__(self, seed, count=None, device="cpu"):
        on_processor = torch.device(device).type == "cpu"
        if not on_processor:
            torch.backends.cudnn.benchmark = True
        self.draw, self.count = Draw(seed, device), count or (8 if on_processor else 64)
        self.all = slices("train", device)

    def next(self):
        d = self.draw
        picks = torch.randint(0, len(self.all), (self.count,), generator=d.random).to(d.device)
        image = self.all[picks].float()
        turned = (torch.rand(self.count, generator=d.random) < 0.5).to(d.device)
        image = torch.where(turned[:, None, None, None], image.flip(2), image)
        return image, torch.randint(0, T, (self.count,), generator=d.random).to(d.device), d.normal(*image.shape)


def noised(image, timestep, noise):
    """(noisy image, velocity) at each one's timestep."""
    left = alphas(image.device)[timestep][:, None, None, None]
    return left.sqrt() * image + (1 - left).sqrt() * noise, left.sqrt() * noise - (1 - left).sqrt() * image


def fast(device):
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def loss(net, batch):
    """The velocity's squared error, and minus the autoencoder's evidence bound a pixel with its best noise (sigma-VAE)."""
    image, timestep, noise = batch
    noisy, velocity = noised(image, timestep, noise)
    with fast(image.device):
        found = net.denoiser(noisy.contiguous(memory_format=torch.channels_last), timestep)
        mean, logvar = net.vae.encode(image)
        made = net.vae.decode(mean + (0.5 * logvar).exp() * torch.randn_like(mean))
    error = (found.float() - velocity).square().mean()
    pixels = image[0].numel()
    gap = (made.float() - image).square().mean().clamp_min(1e-5)
    kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).sum(1).mean()
    return error + 0.1 * (0.5 * gap.log() + kl / pixels)


# --- drawing ------------------------------------------------------------------------------------

def visited():
    """Trailing spacing, from the noisiest on, as the manifest says."""
    return [int(np.round(T - i * T / STEPS)) - 1 for i in range(STEPS)]


@torch.no_grad()
def ddim(denoise, noise):
    """Samples out of noise, step by step as Veritome does them; from the last timestep to a signal of 1."""
    left = alphas("cpu").double()
    image, steps = noise, visited()
    for k, t in enumerate(steps):
        now, after = left[t].item(), left[steps[k + 1]].item() if k + 1 < len(steps) else 1.0
        velocity = denoise(image, torch.full((len(image),), float(t), device=image.device))
        clean = (now**0.5 * image - (1 - now) ** 0.5 * velocity).clamp(-1, 1)
        rest = (1 - now) ** 0.5 * image + now**0.5 * velocity
        image = after**0.5 * clean + (1 - after) ** 0.5 * rest
    return image


def random_features(images):
    """Mean and spread of the answers of 32 fixed random filters at three scales in four quarters [n, 768]; no network that
    was trained on anything."""
    bank = torch.randn(32, 1, 7, 7, generator=torch.Generator().manual_seed(5))
    bank = bank - bank.mean((2, 3), keepdim=True)
    bank = (bank / bank.flatten(1).norm(dim=1).view(-1, 1, 1, 1)).to(images.device)
    out, x = [], images.float()
    for _ in range(3):
        y = F.relu(F.conv2d(x, bank))
        mean = F.adaptive_avg_pool2d(y, 2)
        spread = (F.adaptive_avg_pool2d(y * y, 2) - mean * mean).clamp_min(0).sqrt()
        out += [mean.flatten(1), spread.flatten(1)]
        x = F.avg_pool2d(x, 2)
    return torch.cat(out, 1)


def chunks(function, images, size=256):
    return torch.cat([function(images[k:k + size]) for k in range(0, len(images), size)])


class Principal:
    """The first components of features, fitted on the training slices, each of variance 1 there."""

    def __init__(self, features, count=24):
        self.mean, self.scale = features.mean(0), features.std(0) + 1e-6
        z = (features - self.mean) / self.scale
        _, s, v = torch.linalg.svd(z, full_matrices=False)
        count = min(count, len(s))
        self.basis = v[:count].T / (s[:count] / len(z) ** 0.5).clamp_min(1e-4)

    def __call__(self, features):
        return ((features - self.mean) / self.scale) @ self.basis


def nearest(images, others, own=None, size=256):
    """Root mean square distance to the nearest of `others`, turned over or not, and its number; `own`: the brain of each that
    does not count."""
    flat, found, which = others.flatten(1).float(), [], []
    brains = torch.arange(len(others), device=others.device) // len(PLANES)
    for k in range(0, len(images), size):
        part = images[k:k + size].float()
        rows = torch.stack([torch.cdist(p.flatten(1), flat, compute_mode="use_mm_for_euclid_dist") for p in (part, part.flip(2))]).amin(0)
        if own is not None:
            rows = rows.masked_fill(own[k:k + size, None] == brains[None], float("inf"))
        low = rows.min(1)
        found.append(low.values / flat.shape[1] ** 0.5)
        which.append(low.indices)
    return torch.cat(found), torch.cat(which)


def statistics(images):
    """What a group of images is compared by: mean, spread, sorted grey values, power at each frequency."""
    x = (images[:, 0].float() + 1) / 2
    values = x[x > 0.02]
    values = values if len(values) else x.flatten()
    at = torch.linspace(0, 1, 129, device=x.device)
    order = values.sort().values
    quantiles = order[(at * (len(order) - 1)).long()]
    size = x.shape[1:]
    frequency = (torch.fft.fftfreq(size[0], device=x.device)[:, None].square()
                 + torch.fft.fftfreq(size[1], device=x.device)[None].square()).sqrt()
    ring = (frequency * 96).round().long().clamp_max(48).flatten()
    power = torch.fft.fft2(x).abs().square().mean(0).flatten()
    sums = torch.zeros(49, device=x.device).index_add_(0, ring, power)
    counts = torch.zeros(49, device=x.device).index_add_(0, ring, torch.ones_like(power))
    spectrum = (sums / counts + 1e-6).log10()
    return {"mean": x.mean(0), "std": x.std(0), "n": len(x), "quantiles": quantiles, "spectrum": spectrum[1:48]}


def distances(group, truth):
    """(moments, histogram, spectrum) of a group of images against the holdout's. The squared distance of the mean images is
    freed of what few images alone would add."""
    chance = (group["std"].square() / group["n"] + truth["std"].square() / truth["n"]).sum()
    mean = (group["mean"] - truth["mean"]).square().sum() - chance
    std = (group["std"] - truth["std"]).square().sum()
    moments = (mean + std) / truth["std"].square().sum()
    return [moments.item(), (group["quantiles"] - truth["quantiles"]).abs().mean().item(),
            (group["spectrum"] - truth["spectrum"]).square().mean().sqrt().item()]


def fingerprint(network):
    import hashlib
    digest = hashlib.sha256()
    for tensor in network.state_dict().values():
        digest.update(np.ascontiguousarray(tensor.detach().float().cpu().numpy()).tobytes())
    return digest.hexdigest()


GROUP = 64


@torch.no_grad()
def on_device(network, folder, device, groups=12, checked=1000, seconds=12.0):
    """Draws samples of both models and measures them against both sets: numbers.npz. Fewer groups (4 at least) where the time
    is up."""
    import time
    device = torch.device(device)
    torch.backends.cuda.matmul.allow_tf32 = False  # distances are differences of large numbers
    network = network.to(device).eval()
    train, holdout = slices("train", device), slices("holdout", device)
    random = torch.Generator().manual_seed(99)

    def denoise(image, timestep):
        with fast(device):
            return network.denoiser(image.contiguous(memory_format=torch.channels_last), timestep).float()

    drawn, start = [], time.monotonic()
    while len(drawn) < groups and (len(drawn) < 4 or time.monotonic() - start < seconds):
        noise = torch.randn(GROUP, 1, *SIZE, generator=random).to(device)
        drawn.append(ddim(denoise, noise))
        if device.type == "cuda":
            torch.cuda.synchronize()
    took = (time.monotonic() - start) / (len(drawn) * GROUP)
    ours = torch.cat(drawn).clamp(-1, 1)
    latent = torch.randn(len(ours), network.vae.latent, generator=random).to(device)
    prior = chunks(lambda z: network.vae.decode(z).float(), latent).clamp(-1, 1)
    picks = torch.randperm(len(train), generator=random).to(device)

    features = chunks(random_features, train)
    principal = Principal(features)
    encoder = Principal(chunks(lambda x: network.vae.encode(x.float())[0], train))
    sets = {"ours": ours, "prior": prior, "holdout": holdout, "train": train[picks[:len(ours)]].float()}
    out = {"fingerprint": np.array(fingerprint(network)), "seconds": np.array(took), "samples": np.array(len(ours))}
    for name, images in sets.items():
        out[f"features_{name}"] = principal(chunks(random_features, images)).cpu().numpy()
        codes = chunks(lambda x: network.vae.encode(x.float())[0], images)
        out[f"codes_{name}"] = encoder(codes).cpu().numpy()
    truth = statistics(holdout)
    for name in ("ours", "prior", "train"):
        out[f"groups_{name}"] = np.array([distances(statistics(sets[name][k:k + GROUP]), truth)
                                          for k in range(0, len(sets[name]) - GROUP + 1, GROUP)])
        out[f"std_{name}"] = statistics(sets[name])["std"].cpu().numpy()
        out[f"spectrum_{name}"] = statistics(sets[name])["spectrum"].cpu().numpy()
    out["std_holdout"], out["spectrum_holdout"] = truth["std"].cpu().numpy(), truth["spectrum"].cpu().numpy()

    some, others = train[picks[:checked]], holdout[torch.randperm(len(holdout), generator=random).to(device)[:checked]]
    gap, which = nearest(ours, train)
    out["near_ours"], out["near_prior"] = gap.cpu().numpy(), nearest(prior, train)[0].cpu().numpy()
    out["near_holdout"] = nearest(others, train)[0].cpu().numpy()
    out["near_train"] = nearest(some, train, picks[:checked] // len(PLANES))[0].cpu().numpy()

    losses = {}
    for name, images in (("train", some), ("holdout", others)):
        rows = []
        for t in TIMESTEPS:
            both = torch.zeros(len(images))
            for _ in range(2):
                noise = torch.randn(images.shape, generator=random).to(device)
                for k in range(0, len(images), 128):
                    x, z = images[k:k + 128].float(), noise[k:k + 128]
                    steps = torch.full((len(x),), t, device=device)
                    noisy, velocity = noised(x, steps, z)
                    both[k:k + 128] += (denoise(noisy, steps.float()) - velocity).square().mean((1, 2, 3)).cpu()
            rows.append(both.numpy() / 2)
        losses[name] = np.stack(rows)
    out["attack_train"], out["attack_holdout"] = losses["train"], losses["holdout"]

    grey = lambda x: ((x.float()[:, 0] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
    closest = gap.argsort()[:6]
    out["show_ours"], out["show_prior"] = grey(ours[:24]), grey(prior[:6])
    out["show_holdout"], out["show_closest"] = grey(holdout[::max(1, len(holdout) // 6)][:6]), grey(ours[closest])
    match = train[which[closest]].float()
    turn = (match - ours[closest]).square().mean((1, 2, 3)) > (match.flip(2) - ours[closest]).square().mean((1, 2, 3))
    out["show_match"] = grey(torch.where(turn[:, None, None, None], match.flip(2), match))
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / "numbers.npz", **out)
    return folder / "numbers.npz"


# --- export, evaluation, card -------------------------------------------------------------------

TRAINED_ON = ["tpm"]
TESTED_ON = []


def graphs(net):
    from ..export import Graph
    return [Graph("denoiser", "denoiser.onnx", net.denoiser,
                  {"image": torch.randn(2, 1, *SIZE), "t": torch.tensor([24.0, 699.0])}, ["velocity"],
                  {"image": {0: "n"}, "t": {0: "n"}, "velocity": {0: "n"}})]


MANIFEST = """schema = 1
name = "brain-sampler"
version = "{version}"
title = "New slices of brains that nobody has"
task = "sampling"
status = "demonstration"
intended_use = "Teaching: shows that a network draws brains out of noise, and how to tell whether it copies its training images"
not_for = "Diagnosis, training of other models, or any use as an image of a person"
license = "GPL-2.0-or-later"
license_code = "MIT"
license_data = "SPM tissue probability maps GPL-2.0-or-later"
source = "recipes/veritome_recipes brain-sampler: slices of generated brains, no patient images"
inputs = []

[files]
denoiser = {{ path = "denoiser.onnx", sha256 = "{hashes[denoiser]}" }}

[preprocess]
orientation = "RAS"
spacing_mm = [2.0, 2.0, 2.0]
size = [96, 112, 1]

[inferer]
kind = "diffusion"
layout = "NCXY"

[diffusion]
scheduler = "ddim"
train_steps = 1000
steps = 40
schedule = "cosine"
prediction = "v"
clip_sample = true
eta = 0.0
condition = "none"
sample_tensor = "image"
timestep_tensor = "t"
timestep_spacing = "trailing"

[[outputs]]
name = "slice"
tensor = "velocity"
kind = "image"
channels = [0]
value = {{ kind = "affine", scale = 500.0, offset = 500.0 }}
unit = "arbitrary"
modality = "MR"

[[checks]]
output = "checks/slice.nii.gz"
max_abs_difference = {tolerance}
"""

CARD = {
    "title": "New slices of brains that nobody has",
    "task": "Sampling: an axial slice of a T1-like brain without skull, 96 x 112 pixels of 2 mm, out of noise.",
    "license": "Weights GPL-2.0-or-later, because the tissue probability maps that shaped the training brains are (SPM); code "
               "MIT.",
    "intended_use": "Teaching and demonstration: how diffusion draws an image, that a seed repeats it, and how to ask whether a "
                    "model repeats its training images.",
    "not_for": "Diagnosis; training of other models; anything in which the slice would stand for a person. No patient was "
               "seen in training, so it cannot say anything about patients.",
    "data": "No patient's image was trained on. A fixed set of 6,000 slices of 1,500 generated brains (four each, near the "
            "lateral ventricles; SPM's tissue probability maps, deformed, with folds, T1-like grey values, weak shading "
            "and noise) trains; 2,000 slices of 500 other brains of the same generator are held out and are what samples "
            "are compared with. The sets repeat by their seeds on one kind of processor. How near generated brains are to real ones "
            "is not measured here.",
    "method": "U-Net that predicts the velocity of a diffusion with cosine schedule; 40 DDIM steps, no noise on the way, so that "
              "seed and slice belong together. Slices are turned over left to right in half of the draws.",
    "baseline": "The prior of a plain variational autoencoder (64 numbers, convolutions and linear layers, noise at its "
                "best: sigma-VAE), trained beside the model on the same batches and steps; samples are the decoder's mean for "
                "draws from a standard normal. Fréchet distance: between Gaussians fitted to the first 24 principal components of "
                "768 features, which are mean and spread of the answers of fixed random filters (three scales, four quarters); no trained "
                "network has a say, and it is no FID of the literature. Moments: squared distance of mean and spread images over the holdout's "
                "total variance. Histogram: mean distance of the sorted grey values. Spectrum: root mean square distance "
                "of the decimal logarithm of the power at each frequency. Each against the whole holdout.",
    "invents": "Everything. The slice is of nobody. It may show what no brain has: doubled ventricles, cortex that ends, two unlike "
               "halves. It knows three grey values in healthy generated brains and no disease, vessels or age.",
    "calibration": "None: nothing is predicted about an input.",
}

METRICS = {"Fréchet distance": "lower", "Moments": "lower", "Histogram": "lower", "Spectrum": "lower"}
METHODS = {"network": "ours", "VAE prior": "prior"}


def frechet(a, b):
    """Between the Gaussians of two lists of features."""
    gap = ((a.mean(0) - b.mean(0)) ** 2).sum()
    one, two = np.cov(a.T), np.cov(b.T)
    values = np.linalg.eigvals(one @ two).real.clip(0)
    return float(gap + np.trace(one) + np.trace(two) - 2 * np.sqrt(values).sum())


def spread(function, *lists, draws=200, seed=3):
    """(value, low, high) of a statistic by bootstrap over the members of each list."""
    random = np.random.default_rng(seed)
    found = [function(*(x[random.integers(0, len(x), len(x))] for x in lists)) for _ in range(draws)]
    return (float(function(*lists)), *map(float, np.quantile(found, [0.025, 0.975])))


def area(members, others):
    """Area under the curve of an attack that takes a low loss for membership."""
    order = np.sort(others)
    return (len(order) - (np.searchsorted(order, members, "left") + np.searchsorted(order, members, "right")) / 2).mean() / len(order)


def told(value):
    return f"{value[0]:.3f} ({value[1]:.3f} to {value[2]:.3f})"


def numbers():
    """What was measured on the graphics processor, if it was this network; else it is measured here."""
    from .. import export, training
    folder = export.RESULTS / "device" / NAME
    file = folder / "numbers.npz"
    net, _ = training.load(sys.modules[__name__])
    if not file.exists() or str(np.load(file)["fingerprint"]) != fingerprint(net):
        on_device(net, folder, "cpu")
    return dict(np.load(file))


def evaluate(file, folder):
    """Everything that the card says, and its pictures into `folder`."""
    from .. import evaluation as e
    from ..sheet import sheet
    f = numbers()
    groups = len(f["groups_ours"])
    rows = []
    for k in range(groups):
        part = slice(k * GROUP, (k + 1) * GROUP)
        values = {}
        for method, key in METHODS.items():
            values[method] = dict(zip(METRICS, [frechet(f[f"features_{key}"][part], f["features_holdout"]), *map(float, f[f"groups_{key}"][k])]))
        rows.append({"values": values})
    real = {m: e.interval([frechet(f["features_train"][k * GROUP:(k + 1) * GROUP], f["features_holdout"]) if i == 0
                           else float(f["groups_train"][k][i - 1]) for k in range(len(f["groups_train"]))])
            for i, m in enumerate(METRICS)}
    whole = [[name, told(spread(frechet, f[f"features_{key}"], f["features_holdout"])),
              told(spread(frechet, f[f"codes_{key}"], f["codes_holdout"]))]
             for name, key in (("network", "ours"), ("VAE prior", "prior"), ("training slices", "train"))]

    def median_ratio(a, b):
        return np.median(a) / np.median(b)

    ratio = spread(median_ratio, f["near_ours"], f["near_holdout"])
    inner = spread(median_ratio, f["near_ours"], f["near_train"])
    limit = np.quantile(f["near_holdout"], 0.01)
    nearer = float((f["near_ours"] < limit).mean())
    near = [[name, len(f[key]), *(f"{q:.4f}" for q in np.quantile(f[key], [0, 0.05, 0.5, 0.95]))]
            for name, key in (("samples to training slices", "near_ours"), ("VAE prior's to training slices", "near_prior"),
                              ("holdout to training slices", "near_holdout"),
                              ("training slices to those of other brains", "near_train"))]
    attack = [[str(t), told(spread(area, a, b))] for t, a, b in zip(TIMESTEPS, f["attack_train"], f["attack_holdout"])]
    every = spread(area, f["attack_train"].mean(0), f["attack_holdout"].mean(0))
    attack.append(["mean of all", told(every)])
    folder.mkdir(parents=True, exist_ok=True)

    def show(key):
        return [(x / 255.0, "image") for x in f[key][:6]]

    sheet(folder / "samples.png", [(t, show(k)) for t, k in (("network", "show_ours"), ("VAE prior", "show_prior"), ("holdout", "show_holdout"))],
          [str(k + 1) for k in range(6)])
    sheet(folder / "nearest.png", [("closest samples", show("show_closest")), ("their training slices", show("show_match"))],
          [str(k + 1) for k in range(6)])
    clear = every[1] <= 0.5 and ratio[1] > 0.9
    return {
        "summary": e.summarise(rows, METRICS, "network", ["VAE prior"], []),
        "memorisation": {"ratio_to_holdout": ratio, "ratio_to_training": inner, "nearer_than_1_percent_of_holdout": nearer,
                         "attack_auc": every, "samples": int(f["samples"]), "seconds_a_sample_on_device": float(f["seconds"])},
        "case": f"a group of {GROUP} samples against the holdout",
        "interval_note": f"{int(f['samples'])} samples of each model. A few samples are further from the holdout than many, for both "
                         "alike: see what groups of as many training slices have.",
        "extra": [
            {"title": "What groups of training slices have", "text": f"The same, for groups of {GROUP} slices of the training set: "
             "no model can be asked for less.", "columns": ["Metric", "Training slices"],
             "rows": [[m, f"{r['mean']:.3f} ({r['low']:.3f} to {r['high']:.3f})"] for m, r in real.items()]},
            {"title": "All samples at once", "text": "Fréchet distance to the holdout, 95 % bootstrap interval over slices (resampling adds "
             "to it, so the value may lie below its interval). The second column has the autoencoder's own code for features, which favours its prior.",
             "columns": ["Slices", "Random filters", "Autoencoder's code"], "rows": whole},
            {"title": "Memorisation: nearest neighbours", "text": "Root mean square distance (grey values of -1 to 1) to the nearest training "
             f"slice, turned over or not. Median of the samples over that of holdout slices: {told(ratio)}; over that of training slices "
             f"among other brains: {told(inner)}; below 1 means nearer to the training set than a new brain is, as copies are, but also as smooth or average images are. "
             f"{100 * nearer:.1f} % of the samples are nearer than the nearest 1 % of holdout slices.",
             "columns": ["Distances", "n", "Least", "5 %", "Median", "95 %"], "rows": near},
            {"title": "Memorisation: membership attack", "text": "Area under the curve of an attacker who holds the weights and takes a low "
             f"denoising loss for membership, {f['attack_train'].shape[1]} training against {f['attack_holdout'].shape[1]} holdout slices, two noises each; 0.5 is chance. "
             + ("Neither check finds that training slices are recognised." if clear else
                "At least one of the two checks finds the training slices treated unlike new ones: the training set is not secret in these weights."),
             "columns": ["Timestep", "AUC"], "rows": attack}],
        "pictures": [
            {"file": "samples.png", "text": "The first six samples of the network, unselected; of the VAE prior; six holdout slices."},
            {"file": "nearest.png", "text": "The six samples that are nearest to a training slice, and that slice."}],
    }


def clock(file):
    """What the card says of time."""
    import time

    from .. import evaluation as e
    network = e.session(file, threads=1)
    feed = {"image": np.zeros((1, 1, *SIZE), np.float32), "t": np.array([500.0], np.float32)}
    network.run(None, feed)
    start = time.process_time()
    for _ in range(3):
        network.run(None, feed)
    return (f"{(time.process_time() - start) / 3 * STEPS:.1f} s of one processor core for a slice of {STEPS} steps (ONNX Runtime, "
            "measured on a shared machine).")


def sample(file, folder):
    """The slice that the program draws by itself: seed 0, its own noise."""
    from .. import evaluation as e
    from ..export import save_nifti
    from ..noise import Noise
    network = e.session(file)
    noise = torch.from_numpy(Noise(0, 0, "start").take(*SIZE))[None, None]
    found = ddim(lambda image, t: torch.from_numpy(network.run(None, {"image": image.numpy(), "t": t.numpy()})[0]), noise)
    save_nifti(folder / "slice.nii.gz", found[0, 0].numpy()[..., None] * 500 + 500, 2.0, origin=[1.0 - n for n in (*SIZE, 1)])
    return 0.05, ("`slice.nii.gz` is the slice that this model draws with seed 0, by `veritome_recipes`, which makes the noise and the steps "
                 "by itself, independent of Veritome; of values 0 to 1000. It is no image of a person.")
