"""Expected numbers for tests/leaks.rs, from numpy, scipy and scikit-learn.

Writes tests/data/leaks/expected.json. Inputs are whole numbers from formulas that tests/leaks.rs repeats; arms, patients
and folds are stored.

    python -m venv .venv && .venv/bin/pip install numpy scipy scikit-learn
    PYTHONWARNINGS=ignore .venv/bin/python tests/expected/make_leaks.py
"""

import json
import pathlib

import numpy as np
import scipy.ndimage
import scipy.stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

OUT = pathlib.Path(__file__).parent.parent / "data" / "leaks" / "expected.json"


def hashed(n, seed):
    """A whole number below 2^32 for each whole number."""
    n = np.asarray(n, dtype=np.uint64) + np.uint64(seed * 0x9E3779B9)
    mask = np.uint64(0xFFFFFFFF)
    n = n & mask
    for factor in (0x7FEB352D, 0x846CA68B):
        n ^= n >> np.uint64(16)
        n = n * np.uint64(factor) & mask
    return (n ^ n >> np.uint64(15)).astype(np.int64)


def column(j, arms, shift):
    """Unlike scales; column 2 is constant but for one image, column 3 has few values, 5 depends on 4."""
    n = np.arange(len(arms))
    noise = hashed(n, 50 + j) % 1001 + shift * (j % 3 == 1) * arms
    return [noise * 1e4, noise / 8.0, (n == 7) * 3.0 + 5.0, noise // 300 * 1.0, noise + hashed(n, 77) % 100,
            hashed(n, 54) % 1001 * 2.0 + 1.0 + noise // 100][j % 6]


def clustered_se(x, arms, patients):
    """Obuchowski 1997, from the definition, pair by pair; arm 1 above arm 0."""
    won = (x[arms == 1][:, None] > x[arms == 0][None]) + 0.5 * (x[arms == 1][:, None] == x[arms == 0][None])
    v10, v01, auc = won.mean(axis=1), won.mean(axis=0), won.mean()
    p1, p0 = patients[arms == 1], patients[arms == 0]
    everyone, n1, n0 = np.unique(patients), len(v10), len(v01)
    a = np.array([(v10[p1 == p] - auc).sum() for p in everyone])
    b = np.array([(v01[p0 == p] - auc).sum() for p in everyone])
    m1, m0, m = len(np.unique(p1)), len(np.unique(p0)), len(everyone)
    s10, s01 = m1 / ((m1 - 1) * n1) * (a**2).sum(), m0 / ((m0 - 1) * n0) * (b**2).sum()
    s11 = m / (m - 1) * (a * b).sum()
    return float(np.sqrt(s10 / n1 + s01 / n0 + 2 * s11 / (n1 * n0)))


def classifier_case(images, per_patient, columns, shift, c, design):
    n = np.arange(images)
    patients = n // per_patient
    arms = n % 2 if design == "paired" else patients % 2
    folds = hashed(patients, 91) % 5
    x = np.stack([column(j, arms, shift) for j in range(columns)], axis=1)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=c, tol=1e-12, max_iter=100000, solver="newton-cholesky"))
    scores = cross_val_predict(model, x, arms, cv=PredefinedSplit(folds), method="decision_function")
    model.fit(x, arms)
    se = [clustered_se(x[:, j], arms, patients) for j in range(columns)]
    return {"images": images, "columns": columns, "shift": shift, "c": c, "arms": arms.tolist(), "patients": patients.tolist(),
            "folds": folds.tolist(), "scores": scores.tolist(), "auc": roc_auc_score(arms, scores),
            "se": clustered_se(scores, arms, patients), "weights": model[-1].coef_[0].tolist(),
            "trait_auc": [roc_auc_score(arms, x[:, j]) for j in range(columns)], "trait_se": se}


def traits_case(dims, scale, offset, padding):
    """A volume [nz, ny, nx] of whole numbers over 4 with a padded rim on one side, in single precision."""
    nx, ny, nz = dims
    n = np.arange(nx * ny * nz).reshape(nz, ny, nx)
    x = n % nx
    v = ((hashed(n, 60) % 400 + 3 * (n // nx % ny) * (x + 1) % 500) * scale + offset).astype(np.float32)
    v[:, :, :2] = padding
    v = v.astype(np.float64)
    rim = np.ones((ny, nx), bool)
    rim[1:-1, 1:-1] = False
    border = v[:, rim]
    laplace = np.stack([scipy.ndimage.laplace(s)[1:-1, 1:-1] for s in v])
    low, high = v.min(), v.max()
    return {"dims": dims, "scale": scale, "offset": offset, "padding": padding, "minimum": low, "maximum": high,
            "share_at_minimum": (v == low).mean(), "share_at_maximum": (v == high).mean(), "share_zero": (v == 0).mean(),
            "distinct_values": len(np.unique(v)), "border_mean": border.mean(), "border_sd": border.std(),
            "border_padding_share": (border == padding).mean(), "high_frequency_ratio": (laplace**2).mean() / v.var(),
            "histogram": ((np.quantile(v, [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]) - low) / (high - low)).tolist(),
            "quantisation_step": float(np.gcd.reduce(np.diff(np.unique(np.rint(v * 4)).astype(int))) / 4)}


if __name__ == "__main__":
    result = {
        "classifier": [classifier_case(*case) for case in [
            (120, 1, 6, 0, 1.0, "nested"), (120, 2, 6, 100, 1.0, "paired"), (160, 4, 5, 250, 0.1, "nested"), (90, 3, 2, 500, 100.0, "nested")]],
        "traits": [traits_case([13, 11, 5], 1.0, -300, -1024), traits_case([40, 30, 1], 0.75, 0, 0), traits_case([7, 9, 20], 0.5, 10, 10)],
        "fisher": [{"with": w, "of": o, "p": scipy.stats.fisher_exact([[w[0], o[0] - w[0]], [w[1], o[1] - w[1]]]).pvalue}
                   for w, o in [([3, 0], [10, 10]), ([12, 0], [12, 12]), ([5, 9], [20, 17]), ([1, 7], [30, 9]), ([0, 0], [4, 5])]],
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(result, default=float) + "\n")
    print(OUT.stat().st_size, "bytes", [round(c["auc"], 3) for c in result["classifier"]])
