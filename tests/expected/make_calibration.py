"""tests/expected/calibration.json: temperature, calibration error and conformal quantiles by scipy and numpy.

Run from the repository root with numpy and scipy:  python tests/expected/make_calibration.py
"""

import json
import pathlib

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

OUT = pathlib.Path(__file__).with_name("calibration.json")
rng = np.random.default_rng(5)


def nll(z, y, t):
    return -log_softmax(z / t, axis=1)[np.arange(len(y)), y].mean()


def ece(z, y, t, bins=15):
    p = np.exp(log_softmax(z / t, axis=1))
    confidence, right = p.max(1), p.argmax(1) == y
    edges = np.linspace(0, 1, bins + 1)
    total = 0.0
    for low, high in zip(edges[:-1], edges[1:]):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return total


def temperature(classes, n, sharpness):
    z = rng.normal(0, 2, (n, classes))
    p = np.exp(log_softmax(z, axis=1))
    y = np.array([rng.choice(classes, p=row) for row in p])
    z = (z * sharpness).astype(np.float32)
    z64 = z.astype(float)
    best = minimize_scalar(lambda t: nll(z64, y, np.exp(t)), bounds=(np.log(0.05), np.log(20)), method="bounded",
                           options={"xatol": 1e-9})
    t = float(np.exp(best.x))
    return {"classes": classes, "logits": z64.tolist(), "labels": y.tolist(), "best": t,
            "nll_before": nll(z64, y, 1), "nll_after": nll(z64, y, t), "ece_before": ece(z64, y, 1),
            "ece_after": ece(z64, y, t)}


def conformal(n, alpha):
    scores = rng.gamma(2.0, 1.0, n)
    level = np.ceil((n + 1) * (1 - alpha) - 1e-9) / n
    return {"scores": scores.tolist(), "alpha": alpha, "quantile": float(np.quantile(scores, level, method="inverted_cdf"))}


truth, found = rng.normal(size=200).astype(np.float32), rng.normal(size=200).astype(np.float32)
std = rng.uniform(0.2, 2, 200).astype(np.float32)
residual = np.abs(truth - found)
OUT.write_text(json.dumps({
    "temperature": [temperature(4, 200, 3.0), temperature(2, 150, 0.5)],
    "conformal": [conformal(9, 0.1), conformal(40, 0.1), conformal(33, 0.2), conformal(19, 0.05)],
    "case_score": {"truth": truth.tolist(), "found": found.tolist(), "std": std.tolist(),
                   "absolute": float(np.percentile(residual, 95)), "scaled": float(np.percentile(residual / std, 95))},
}) + "\n")
