"""Areas under ROC curves and accuracies of two classifiers on forty cases, by scikit-learn.

Writes tests/data/evaluate/classes.json. Run from anywhere; needs numpy and scikit-learn.
"""

import json
import pathlib

import numpy as np
from sklearn.metrics import accuracy_score, roc_auc_score

OUT = pathlib.Path(__file__).resolve().parents[1] / "data" / "evaluate" / "classes.json"


def main():
    rng = np.random.default_rng(11)
    truth = np.arange(40) % 2 == 1
    models = []
    for spread in (1.2, 2.0):
        logit = np.where(truth, 1.0, -1.0) + spread * rng.normal(size=40)
        p = np.round(1 / (1 + np.exp(-logit)), 4)
        models.append({
            "auc": float(roc_auc_score(truth, p)),
            "accuracy": float(accuracy_score(truth, p > 0.5)),
            "cases": [{"p": float(a), "malignant": bool(t)} for a, t in zip(p, truth)],
        })
    OUT.write_text(json.dumps({"models": models}, indent=1) + "\n")


main()
