"""Expected numbers for tests/sets.rs, from the libraries that readers of papers trust.

Writes tests/data/sets/expected.json. The features are whole numbers from a formula, over a power of two, which
tests/sets.rs repeats; no feature is stored. Needs numpy, scipy, scikit-learn, mpmath and Naver's prdc (0.2):

    python -m venv .venv && .venv/bin/pip install numpy scipy scikit-learn mpmath prdc
    PYTHONWARNINGS=ignore .venv/bin/python tests/expected/make_sets.py

The Frechet distance that counts is mpmath's, with 60 digits (general eigenvalues of S1 S2). Beside it stand what
pytorch-fid (scipy.linalg.sqrtm, with and without its offset of 1e-6) and torchmetrics (eigvals) give for the same.
"""

import json
import pathlib
import warnings

import mpmath
import numpy as np
import scipy.linalg
import scipy.stats
import sklearn.metrics
from prdc import compute_prdc
from sklearn.neighbors import NearestNeighbors

warnings.filterwarnings("ignore")
OUT = pathlib.Path(__file__).parent.parent / "data" / "sets" / "expected.json"


# Inputs, as in tests/sets.rs

def hashed(n, seed):
    """A whole number below 2^32 for each whole number."""
    n = np.asarray(n, dtype=np.uint64) + np.uint64(seed * 0x9E3779B9)
    mask = np.uint64(0xFFFFFFFF)
    n = n & mask
    for factor in (0x7FEB352D, 0x846CA68B):
        n ^= n >> np.uint64(16)
        n = n * np.uint64(factor) & mask
    return (n ^ n >> np.uint64(15)).astype(np.int64)


def features(n, d, rank, shift, seed):
    """n x d; every column depends on two of `rank` columns of noise."""
    i, j = np.indices((n, d))

    def raw(j):
        return hashed(i * d + j % rank, seed) % 2001 - 1000

    return (raw(j) * (1 + j % 5) + 3 * raw(j + 1) + shift * (j % 3)) / 1024.0


def scores(n, seed, shift, steps):
    return np.array([(hashed(i, seed) % 1000 + hashed(i, seed + 1) % 1000 + shift) // steps for i in range(n)]) / 8.0


# Frechet

def moments(x):
    return x.mean(axis=0), np.atleast_2d(np.cov(x, rowvar=False))


def pytorch_fid(x, y, offset):
    """calculate_frechet_distance of pytorch-fid 0.3.0; its offset is added when the root is not finite, here at will."""
    (m1, s1), (m2, s2) = moments(x), moments(y)
    add = np.eye(len(s1)) * offset
    root = scipy.linalg.sqrtm((s1 + add) @ (s2 + add))
    diff = m1 - m2
    return float(diff @ diff + np.trace(s1) + np.trace(s2) - 2 * np.trace(root.real))


def torchmetrics_fid(x, y):
    """_compute_fid of torchmetrics 1.x."""
    (m1, s1), (m2, s2) = moments(x), moments(y)
    shared = np.sqrt(scipy.linalg.eigvals(s1 @ s2) + 0j).real.sum()
    return float(((m1 - m2) ** 2).sum() + np.trace(s1) + np.trace(s2) - 2 * shared)


def exact_fid(x, y):
    mpmath.mp.dps = 60

    def fit(a):
        a = mpmath.matrix(a.tolist())
        n, d = a.rows, a.cols
        mean = [mpmath.fsum(a[i, j] for i in range(n)) / n for j in range(d)]
        c = mpmath.matrix(n, d)
        for i in range(n):
            for j in range(d):
                c[i, j] = a[i, j] - mean[j]
        return mean, c.T * c / (n - 1)

    (m1, s1), (m2, s2) = fit(x), fit(y)
    values = mpmath.eig(s1 * s2, left=False, right=False)
    shared = mpmath.fsum(mpmath.re(mpmath.sqrt(v)) for v in values)
    trace = mpmath.fsum(s1[i, i] + s2[i, i] for i in range(s1.rows)) - 2 * shared
    mean = mpmath.fsum((a - b) ** 2 for a, b in zip(m1, m2))
    return {"squared": float(mean + trace), "mean_part": float(mean), "covariance_part": float(trace)}


# Kernel

def polynomial_mmd(x, y):
    """polynomial_mmd of torch-fidelity 0.3 (mmd_est "unbiased", degree 3, gamma 1/d, coef0 1), for two sizes."""
    kernel = lambda a, b: sklearn.metrics.pairwise.polynomial_kernel(a, b, degree=3, gamma=None, coef0=1)
    xx, yy, xy = kernel(x, x), kernel(y, y), kernel(x, y)
    n, m = len(x), len(y)
    return float((xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1)) - 2 * xy.mean())


def kernel_case(x, y):
    rng = np.random.default_rng(5)
    size = min(len(x), len(y)) // 2
    subsets = [[rng.choice(len(a), size, replace=False).tolist() for a in (x, y)] for _ in range(4)]
    found = [polynomial_mmd(x[a], y[b]) for a, b in subsets]
    return {"whole": polynomial_mmd(x, y), "subsets": subsets, "mean": float(np.mean(found)), "sd": float(np.std(found))}


def neighbours(queries, references, k, own=False):
    found = NearestNeighbors(n_neighbors=k + own, algorithm="brute").fit(references).kneighbors(queries)
    distance, index = (a[:, int(own):] for a in found)
    # scikit-learn expands the square; its indices, but distances by differences.
    exact = np.sqrt(((queries[:, None] - references[index]) ** 2).sum(axis=2))
    assert np.allclose(exact, distance, rtol=1e-6, atol=1e-5)
    return exact, index


def set_case(n, m, d, rank, shift):
    x, y = features(n, d, rank, 0, 1), features(m, d, rank, shift, 2)
    exact = exact_fid(x, y)
    peers = {"pytorch_fid": pytorch_fid(x, y, 0.0), "pytorch_fid_offset": pytorch_fid(x, y, 1e-6),
             "torchmetrics": torchmetrics_fid(x, y)}
    off = {name: abs(value / exact["squared"] - 1) for name, value in peers.items()}
    print(f"n {n} m {m} d {d} rank {rank}: FID {exact['squared']:.6f}, peers off by", {k: f"{v:.1e}" for k, v in off.items()})
    coverage = []
    for k in (1, 3, 5):
        coverage.append({"k": k, **{name: float(v) for name, v in compute_prdc(x, y, k).items()}})
    distance, index = neighbours(y, x, 3)
    own_distance, own_index = neighbours(x, x, 3, own=True)
    return {"n": n, "m": m, "d": d, "rank": rank, "shift": shift, "frechet": exact, "frechet_of_peers": peers,
            "kernel": kernel_case(x, y), "coverage": coverage,
            "neighbours": {"distance": distance.tolist(), "index": index.tolist(),
                           "own_distance": own_distance.tolist(), "own_index": own_index.tolist()}}


# Memorisation

def memorisation():
    """60 generated images, 15 of which are training images with a little added; 80 training, 50 hold-out images; three
    images a patient."""
    d = 10
    training, holdout = features(80, d, d, 0, 11), features(50, d, d, 0, 12)
    generated = features(60, d, d, 0, 13)
    copied = 3 * np.arange(15)
    generated[:15] = training[copied] + features(15, d, d, 0, 14) / 8
    to_training, index = neighbours(generated, training, 4)
    to_holdout, holdout_index = neighbours(generated, holdout, 1)
    own, _ = neighbours(training, training, 1, own=True)
    unseen, _ = neighbours(holdout, training, 1)
    nearer = int((to_training[:, 0] < to_holdout[:, 0]).sum())
    result = scipy.stats.binomtest(nearer, 60, 80 / 130, alternative="greater")
    two_sided = scipy.stats.binomtest(nearer, 60)
    # compute_authpct of dgm-eval (Stein et al. 2023).
    authentic = own[index[:, 0], 0] < to_training[:, 0]
    p = [(1 + int((unseen <= t).sum())) / 51 for t in to_training[:, 0]]
    quantiles = lambda values: np.quantile(values, [0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95]).tolist()

    # Exact chance that relabelling leaves as many images nearer to "training": all ways of choosing units.
    def permutation_p(unit_of, training_units, holdout_units):
        weights = [0] * (training_units + holdout_units)
        for t, h, ti, hi in zip(to_training[:, 0], to_holdout[:, 0], index[:, 0], holdout_index[:, 0]):
            weights[unit_of(0, ti) if t < h else training_units + unit_of(1, hi)] += 1
        ways = {(0, 0): 1}
        for w in weights:
            new = dict(ways)
            for (count, total), number in ways.items():
                key = (count + 1, total + w)
                new[key] = new.get(key, 0) + number
            ways = new
        chosen = {total: number for (count, total), number in ways.items() if count == training_units}
        return sum(v for k, v in chosen.items() if k >= nearer) / sum(chosen.values())

    # Nearest training image of another patient.
    pairs = sklearn.metrics.pairwise_distances(training)
    pairs[np.arange(80)[:, None] // 3 == np.arange(80)[None] // 3] = np.inf
    other = pairs.min(axis=1)
    return {
        "nearer": nearer, "share": nearer / 60, "interval": list(two_sided.proportion_ci(0.95, method="exact")),
        "expected": 80 / 130, "p_binomial": result.pvalue,
        "p_permutation_images": permutation_p(lambda _, image: image, 80, 50),
        "p_permutation_patients": permutation_p(lambda _, image: image // 3, 27, 17),
        "authentic_share": float(authentic.mean()), "authentic_share_other_patients": float((other[index[:, 0]] < to_training[:, 0]).mean()),
        "ratio": (to_training[:, 0] / own[index[:, 0], 0]).tolist(), "p": p,
        "training_distance": to_training[:, 0].tolist(), "training_index": index[:, 0].tolist(),
        "holdout_distance": to_holdout[:, 0].tolist(), "holdout_index": holdout_index[:, 0].tolist(),
        "neighbour_index": index.tolist(),
        "quantiles": {"generated_to_training": quantiles(to_training[:, 0]), "generated_to_holdout": quantiles(to_holdout),
                      "training_to_training": quantiles(own), "holdout_to_training": quantiles(unseen)},
    }


# Membership

def delong_se(members, others):
    """From the definition, pair by pair."""
    won = (members[:, None] > others[None]) + 0.5 * (members[:, None] == others[None])
    return float(np.sqrt(won.mean(axis=1).var(ddof=1) / len(members) + won.mean(axis=0).var(ddof=1) / len(others)))


def membership_case(n, m, shift, steps):
    """Members score higher."""
    members, others = scores(n, 31, shift, steps), scores(m, 33, 0, steps)
    truth = np.r_[np.ones(n), np.zeros(m)]
    fpr, tpr, thresholds = sklearn.metrics.roc_curve(truth, np.r_[members, others], drop_intermediate=False)
    auc, se = sklearn.metrics.roc_auc_score(truth, np.r_[members, others]), delong_se(members, others)
    rates = []
    for wanted in (0.01, 0.05):
        at = np.flatnonzero(fpr * m <= wanted * m + 1e-9)[-1]
        k = round(tpr[at] * n)
        ci = scipy.stats.binomtest(k, n).proportion_ci(0.95, method="exact")
        rates.append({"fpr": fpr[at], "tpr": tpr[at], "threshold": None if at == 0 else thresholds[at], "k": k,
                      "interval": [ci.low, ci.high]})
    half = scipy.stats.norm.ppf(0.975) * se
    return {"n": n, "m": m, "shift": shift, "steps": steps, "auc": auc, "se": se,
            "interval": None if se == 0 else [max(0, auc - half), min(1, auc + half)], "rates": rates,
            "p": scipy.stats.mannwhitneyu(members, others, method="asymptotic").pvalue,
            "advantage": float((tpr - fpr).max())}


if __name__ == "__main__":
    cases = [(60, 70, 8, 8, 400), (12, 15, 24, 24, 300), (40, 10, 16, 16, 200), (50, 45, 12, 5, 500),
             (150, 140, 32, 32, 100), (3, 2, 5, 5, 900)]
    result = {
        "sets": [set_case(*case) for case in cases if min(case[:2]) > 5],
        "frechet_only": [{"n": n, "m": m, "d": d, "rank": r, "shift": s,
                          "frechet": exact_fid(features(n, d, r, 0, 1), features(m, d, r, s, 2))}
                         for n, m, d, r, s in [(3, 2, 5, 5, 900), (10, 200, 40, 40, 0)]],
        "memorisation": memorisation(),
        "membership": [membership_case(*case) for case in [(120, 150, 150, 1), (40, 30, 400, 100), (200, 300, 0, 7), (20, 25, 9000, 1)]],
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(result) + "\n")
    print(OUT.stat().st_size, "bytes")
