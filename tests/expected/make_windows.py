"""tests/expected/windows.json: LINEAR, LINEAR_EXACT and SIGMOID at many values, output 0 to 255.

PS3.3 C.11.2.1.2.1 (LINEAR), C.11.2.1.3.2 (LINEAR_EXACT), C.11.2.1.3.1 (SIGMOID), in f64.
"""

import json
import pathlib

import numpy as np

OUT = pathlib.Path(__file__).with_name("windows.json")
PAIRS = [(40, 400), (50, 1), (0, 2), (-600, 1500), (127.5, 255), (2048, 4096), (0.3, 0.75), (1e6, 3e5), (-3.5, 7.25)]


def linear(x, c, w):
    low, high = c - 0.5 - (w - 1) / 2, c - 0.5 + (w - 1) / 2
    if x <= low:
        return 0.0
    if x > high:
        return 255.0
    return ((x - (c - 0.5)) / (w - 1) + 0.5) * 255


def linear_exact(x, c, w):
    if x <= c - w / 2:
        return 0.0
    if x > c + w / 2:
        return 255.0
    return ((x - c) / w + 0.5) * 255


def sigmoid(x, c, w):
    return 255 / (1 + np.exp(-4 * (x - c) / w))


def main():
    rows = []
    for function in (linear, linear_exact, sigmoid):
        for c, w in PAIRS:
            if function is linear and w < 1:
                continue
            edges = [c - 0.5 - (w - 1) / 2, c - 0.5 + (w - 1) / 2, c - w / 2, c + w / 2]
            inside = c + w * np.linspace(-0.7, 0.7, 15)
            xs = sorted({float(v) for v in [*edges, *inside, c, c - 0.5, c + 0.5, c - 3 * w, c + 3 * w]})
            pairs = [[x, round(float(function(x, c, w)), 9)] for x in xs]
            rows.append({"function": function.__name__.upper(), "center": c, "width": w, "xy": pairs})
    OUT.write_text("[\n" + ",\n".join(json.dumps(r, separators=(",", ":")) for r in rows) + "\n]\n")


if __name__ == "__main__":
    main()
