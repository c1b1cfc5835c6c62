"""Metrics, their confidence intervals over cases, the simple methods a sceptic would name, and the test images."""

import numpy as np
import onnxruntime
from scipy import ndimage
from scipy.special import ive
from skimage.metrics import structural_similarity
from skimage.restoration import denoise_nl_means

from . import data


def session(path, threads=2):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def run(network, volume):
    """The graph's first output [c, x, y, z] for one volume [x, y, z]."""
    name = network.get_inputs()[0].name
    return network.run(None, {name: np.ascontiguousarray(volume[None, None], np.float32)})[0][0]


def run_padded(network, volume, multiple, scale=1):
    """As `run`, for sizes that the network does not take: padded at the high end with zeros and cut again."""
    pad = [(0, -n % multiple) for n in volume.shape]
    out = run(network, np.pad(volume, pad))
    return out[(slice(None),) + tuple(slice(0, n * scale) for n in volume.shape)]


def unit(volume):
    """(volume, low, high): the manifest's `percentile_scale` 0..99.5 to 0..1, not clipped."""
    low, high = np.percentile(volume, [0.0, 99.5])
    return (volume - low) / (high - low), low, high


def psnr(truth, found, mask, peak=1.0):
    error = np.mean((truth[mask] - found[mask]) ** 2)
    return float(10 * np.log10(peak**2 / max(error, 1e-12)))


def ssim(truth, found, mask, peak=1.0):
    _, local = structural_similarity(truth, found, data_range=peak, full=True)
    return float(local[mask].mean())


def dice(a, b):
    total = a.sum() + b.sum()
    return float(2 * (a & b).sum() / total) if total else 1.0


def interval(values, seed=0, draws=5000, level=0.95):
    """Mean and bootstrap interval over cases."""
    values = np.asarray(values, float)
    picks = np.random.default_rng(seed).integers(0, len(values), (draws, len(values)))
    low, high = np.quantile(values[picks].mean(1), [(1 - level) / 2, (1 + level) / 2])
    return {"mean": float(values.mean()), "low": float(low), "high": float(high), "n": len(values)}


def paired(a, b, seed=0):
    """Interval of the mean difference a - b over cases, and the share of cases in which a is higher."""
    difference = np.asarray(a, float) - np.asarray(b, float)
    return interval(difference, seed) | {"wins": int((difference > 0).sum())}


def heads():
    """Test heads {name: (volume scaled so that the 99.5th percentile is 1, spacing mm)}; none was trained on.
    The air around the head is cut away to 4 voxels."""
    found = {}
    for name in ("colin27", "mni152c_t1", "t2", "pd"):
        volume, spacing, _ = data.image(name)
        volume = np.clip(volume / np.percentile(volume, 99.5), 0, None)
        box = ndimage.find_objects(head_mask(volume).astype(np.uint8))[0]
        volume = volume[tuple(slice(max(0, b.start - 4), b.stop + 4) for b in box)]
        found[name] = (np.ascontiguousarray(volume), spacing[0])
    volume, spacing = found["colin27"]
    found["colin27_inverted"] = (np.where(volume > 0.08, np.clip(1.15 - volume, 0.0, None), 0.25 * volume), spacing)
    return found


HEADS = {
    "colin27": "Colin27, one man's T1, 1 mm",
    "mni152c_t1": "MNI152 2009c, average T1 head, 1 mm",
    "colin27_inverted": "Colin27 with its grey values turned over (1.15 - x where x > 0.08): a contrast like T2",
    "t2": "SPM's average T2 head (152 people), 2 mm",
    "pd": "SPM's average proton-density head (152 people), 2 mm",
}


def octants(volume, margin=0, even=True):
    """The eight parts of a volume, each with even sizes."""
    cuts = []
    for n in volume.shape:
        half = n // 2 - (n // 2) % 2
        rest = n - half
        cuts.append((slice(0, half), slice(half, half + rest - rest % 2)))
    return [volume[a, b, c] for a in cuts[0] for b in cuts[1] for c in cuts[2]]


def head_mask(volume, air=0.0):
    """Where there is a head: not the air around it, whose level is `air`."""
    return ndimage.gaussian_filter(volume, 1.0) > 0.04 + air


def air(volume):
    """The level of the air around a head, by the corners of its image: the MNI152 average has 0.04 of its brightest there."""
    ends = (slice(0, 6), slice(-6, None))
    return float(np.median([volume[a, b, c] for a in ends for b in ends for c in ends]))


def non_local_means(noisy, sigma, h, patch=3, distance=4, unbias=True):
    """scikit-image's, told the true sigma; the Rician bias is taken off afterwards by the exact inverse of the mean of
    the Rice distribution (Koay and Basser, J Magn Reson 2006)."""
    smooth = denoise_nl_means(noisy, patch_size=patch, patch_distance=distance, h=h * sigma, sigma=sigma,
                              fast_mode=True)
    return rice_inverse(smooth, sigma) if unbias else smooth


def rice_inverse(mean, sigma):
    """The signal whose magnitude has this mean under noise of `sigma`."""
    signal = np.linspace(0, 20, 4001)
    t = signal**2 / 4
    expected = np.sqrt(np.pi / 2) * ((1 + 2 * t) * ive(0, t) + 2 * t * ive(1, t))
    ratio = mean / sigma
    return sigma * np.where(ratio < expected[-1], np.interp(ratio, expected, signal), ratio)


def cached(key, make):
    """An array of the cache, made at first use: baselines do not change with the network."""
    file = data.CACHE / "baselines" / f"{key}.npy"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part.npy")
        np.save(part, make())
        part.replace(file)
    return np.load(file)


# The interval of the advantage has to lie above this: one step of training moves a network off the baseline that it begins
# at, always to the better and by nothing that anybody could see.
LEAST = {"PSNR, dB": 0.1, "SSIM": 0.001, "Dice grey": 0.005, "Dice white": 0.005,
         "AUPRC": 0.02, "Best Dice": 0.02,
         "Fréchet distance": 0.05, "Moments": 0.005, "Histogram": 0.001, "Spectrum": 0.02,
         "MAE": 0.001, "MAE, HU": 2.0,
         "Spearman": 0.0, "AUSE": 0.0}  # the diffusion does not begin at the GAN that it is measured against


def summarise(cases, metrics, ours, baselines, groups):
    """The tables of a card. A case is {"values": {method: {metric: number}}, group: its member, ...}."""
    def table(some):
        rows = {}
        for metric in metrics:
            values = {m: [c["values"][m][metric] for c in some] for m in [ours, *baselines]}
            row = {m: interval(v) for m, v in values.items()}
            sign = 1 if metrics[metric] == "higher" else -1
            for b in baselines:
                row[b]["difference"] = paired([sign * v for v in values[ours]], [sign * v for v in values[b]])
            rows[metric] = row
        return rows

    members = {g: list(dict.fromkeys(c[g] for c in cases)) for g in groups}
    whole = table(cases)
    beats = all(whole[m][b]["difference"]["low"] > LEAST[m] for m in metrics for b in baselines)
    return {
        "ours": ours, "baselines": list(baselines), "metrics": metrics, "cases": len(cases), "all": whole,
        "groups": {g: [{"member": str(m), "table": table([c for c in cases if c[g] == m])} for m in members[g]]
                   for g in groups},
        "beats": beats,
    }
