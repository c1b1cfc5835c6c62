"""Contact sheets: input, output, truth and error of a few heads, as a small PNG."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np


def middle(volume, axis=2, at=0.5):
    return np.take(volume, int(volume.shape[axis] * at), axis)


def sheet(path, rows, columns, limit=500_000):
    """rows: [(title, [(slice [x, y], kind)])]; kind "image", "error" or "labels"."""
    for dpi in (100, 80, 64, 50, 40, 32):
        figure, axes = plt.subplots(len(rows), len(columns), figsize=(2.4 * len(columns), 2.7 * len(rows)),
                                    squeeze=False, facecolor="black")
        for line, (title, cells) in zip(axes, rows):
            for axis, (cell, kind), column in zip(line, cells, columns):
                look = {"image": {"cmap": "gray", "vmin": 0, "vmax": 1.05},
                        "error": {"cmap": "RdBu_r", "vmin": -0.15, "vmax": 0.15},
                        "labels": {"cmap": "viridis", "vmin": 0, "vmax": 3, "interpolation": "nearest"}}[kind]
                axis.imshow(cell.T, origin="lower", **look)
                axis.set_axis_off()
                axis.set_title(f"{column}\n{title}" if cell is cells[0][0] else column, color="white", fontsize=7)
        figure.tight_layout(pad=0.3)
        figure.savefig(path, dpi=dpi, facecolor="black")
        plt.close(figure)
        if path.stat().st_size < limit:
            return path
    raise ValueError(f"{path.name} is larger than {limit} bytes")
