"""tests/expected/guard.json and guard_identity.npz: numbers of the guard by numpy and scipy.

Run from the repository root with numpy and scipy:  python tests/expected/make_guard.py
The Wasserstein distance is of two histograms, each bin's share at the bin's centre.
"""

import json
import pathlib

import numpy as np
from scipy.stats import wasserstein_distance

HERE = pathlib.Path(__file__).parent
rng = np.random.default_rng(3)
values = rng.normal(0.3, 0.8, 500).astype(np.float32)
edges = np.linspace(-2, 2, 9)
shares = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0] / len(values)
mean = rng.dirichlet(np.ones(8))
centres = (edges[1:] + edges[:-1]) / 2
levels = [0.5, 5, 25, 50, 75, 95, 99.5]
d = 5
a = rng.normal(size=(40, d)) @ rng.normal(size=(d, d))
mu, cov = a.mean(0), np.cov(a.T)
f = rng.normal(size=d)
off = f - mu
shrunk = 0.8 * cov + 0.2 * np.trace(cov) / d * np.eye(d)
(HERE / "guard.json").write_text(json.dumps({
    "values": values.tolist(), "edges": edges.tolist(), "shares": shares.tolist(), "mean": mean.tolist(),
    "wasserstein": wasserstein_distance(centres, centres, shares, mean),
    "levels": levels, "quantiles": np.percentile(values.astype(float), levels).tolist(),
    "feature_mean": mu.tolist(), "feature_cov": cov.ravel().tolist(), "features": f.tolist(),
    "mahalanobis": float(off @ np.linalg.solve(cov, off)),
    "mahalanobis_shrunk": float(off @ np.linalg.solve(shrunk, off)),
}) + "\n")
np.savez(HERE / "guard_identity.npz", mean=np.zeros(2), cov=np.eye(2))
