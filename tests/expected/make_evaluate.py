"""Expected numbers of `evaluate`'s statistics by scipy, numpy and statsmodels: ../data/evaluate/expected.json.

The resamples of the bootstrap are fixed by `hashed`, which the test repeats, so that intervals can be compared to the last digits:
scipy's own code for BCa and percentile intervals gets the distribution that these resamples give.
"""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from scipy import stats
from statsmodels.stats.multitest import multipletests


def hashed(n, seed):
    mask = 0xFFFFFFFF
    n = (n + seed * 0x9E3779B9) & mask
    for factor in (0x7FEB352D, 0x846CA68B):
        n ^= n >> 16
        n = (n * factor) & mask
    return (n ^ (n >> 16)) & mask


def values(count, seed, steps=0, mean=0.0, scale=1.0, skew=1.0):
    """Sums of six uniform numbers; with `steps` rounded so that ties occur."""
    out = []
    for i in range(count):
        x = sum(hashed(6 * i + k, seed) / 2**32 for k in range(6)) - 3.0
        x = np.sign(x) * abs(x) ** skew * scale + mean
        out.append(round(x * steps) / steps if steps else x)
    return [float(v) for v in out]


def group_tests():
    cases = []
    for name, groups in {
        "two small without ties: exact": [values(5, 1), values(7, 2, mean=0.7)],
        "two, one of eight, exact": [values(8, 3), values(40, 4, mean=0.3)],
        "two of nine without ties: normal": [values(9, 5), values(9, 6, mean=0.5)],
        "two small with ties: normal": [values(6, 7, steps=2), values(8, 8, steps=2)],
        "two large with ties": [values(60, 9, steps=4), values(45, 10, steps=4, mean=0.2)],
        "two with the same middle": [[1.0, 4.0], [2.0, 3.0]],
        "three": [values(12, 11), values(15, 12, mean=0.4), values(9, 13, mean=0.9)],
        "three with ties": [values(12, 14, steps=2), values(15, 15, steps=2), values(9, 16, steps=2, mean=1.0)],
        "five of different sizes": [values(5 + 7 * k, 17 + k, mean=0.1 * k) for k in range(5)],
    }.items():
        if len(groups) == 2:
            result = stats.mannwhitneyu(*groups, alternative="two-sided", method="auto", use_continuity=True)
        else:
            result = stats.kruskal(*groups)
        cases.append({"name": name, "groups": groups, "statistic": float(result.statistic), "p": float(result.pvalue)})
    return cases


def wilcoxons():
    cases = []
    for name, differences in {
        "exact": values(12, 30, mean=0.4),
        "ties: normal": values(30, 31, steps=4, mean=0.2),
        "many: normal": values(80, 32, mean=0.1),
    }.items():
        result = stats.wilcoxon(differences, zero_method="wilcox", correction=False, method="auto")
        cases.append({"name": name, "differences": differences, "p": float(result.pvalue)})
    return cases


def bootstraps():
    cases = []
    resamples = 999
    for name, clusters, alpha in [
        ("normal", [[v] for v in values(25, 40, mean=2.0)], 0.05),
        ("skewed", [[np.exp(v)] for v in values(18, 41)], 0.05),
        ("skewed, 90 %", [[np.exp(v)] for v in values(40, 42)], 0.1),
        ("tied", [[v] for v in values(20, 43, steps=1)], 0.05),
        ("patients with one to three cases", [values(1 + hashed(k, 44) % 3, 45 + k, mean=1.0) for k in range(15)], 0.05),
    ]:
        n = len(clusters)
        sums = np.array([sum(c) for c in clusters])
        counts = np.array([len(c) for c in clusters], float)

        def mean(index):
            index = np.asarray(index, int)
            return sums[index].sum() / counts[index].sum()

        draws = np.array([mean([hashed(b * n + i, 99) % n for i in range(n)]) for b in range(resamples)])
        case = {"name": name, "clusters": [[float(v) for v in c] for c in clusters], "alpha": alpha, "resamples": resamples,
                "seed": 99, "mean": float(mean(range(n)))}
        for method in ("BCa", "percentile"):
            result = stats.bootstrap((np.arange(n),), mean, n_resamples=0, vectorized=False, confidence_level=1 - alpha,
                                     method=method, bootstrap_result=SimpleNamespace(bootstrap_distribution=draws))
            case[method.lower()] = [float(result.confidence_interval.low), float(result.confidence_interval.high)]
        cases.append(case)
    return cases


def descriptions():
    cases = []
    for count, seed in ((1, 60), (2, 61), (7, 62), (50, 63)):
        x = values(count, seed, mean=5.0)
        q = np.quantile(x, [0, 0.25, 0.5, 0.75, 1])
        cases.append({"values": x, "mean": float(np.mean(x)), "sd": float(np.std(x, ddof=1)) if count > 1 else None,
                      "quantiles": [float(v) for v in q]})
    return cases


def holms():
    lists = [[0.01], [0.04, 0.01, 0.03], [0.5, 0.0001, 0.02, 0.02, 0.9, 0.013]]
    return [{"p": p, "adjusted": [float(v) for v in multipletests(p, method="holm")[1]]} for p in lists]


if __name__ == "__main__":
    expected = {"group_tests": group_tests(), "wilcoxon": wilcoxons(), "bootstrap": bootstraps(), "descriptions": descriptions(), "holm": holms()}
    path = Path(__file__).parent.parent / "data" / "evaluate" / "expected.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(expected, indent=1) + "\n")
