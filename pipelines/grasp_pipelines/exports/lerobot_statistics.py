"""Statistics of columns and images under the names that LeRobot normalises with."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Histogram", "image_statistics", "statistics"]

QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}


class Histogram:
    """How many pixels have each value, per channel: exact statistics of any number of images in little memory."""

    def __init__(self) -> None:
        self.counts = np.zeros((3, 256), np.int64)
        self.images = 0

    def add(self, image: NDArray[np.uint8]) -> None:
        """Counts an image (height, width, 3)."""
        self.counts += [np.bincount(image[..., channel].ravel(), minlength=256) for channel in range(3)]
        self.images += 1

    def merge(self, other: "Histogram") -> None:
        """Adds the counts of other images."""
        self.counts += other.counts
        self.images += other.images


def statistics(values: NDArray[Any]) -> dict[str, Any]:
    """Of each component of a column, (n,) or (n, d), as lists of d numbers."""
    rows = np.asarray(values, np.float64).reshape(len(values), -1)
    found = {"min": rows.min(0), "max": rows.max(0), "mean": rows.mean(0), "std": rows.std(0)}
    found |= dict(zip(QUANTILES, np.quantile(rows, list(QUANTILES.values()), axis=0), strict=True))
    return {name: value.tolist() for name, value in found.items()} | {"count": [len(rows)]}


def image_statistics(pixels: Histogram) -> dict[str, Any]:
    """Of each channel, scaled to [0, 1], as nested lists of shape (3, 1, 1)."""
    levels, counts = np.arange(256) / 255, pixels.counts
    below, total = counts.cumsum(1), counts.sum(1)
    mean = counts @ levels / total
    found = {
        "min": levels[(below > 0).argmax(1)],
        "max": levels[(below == total[:, None]).argmax(1)],
        "mean": mean,
        "std": np.sqrt(np.maximum(counts @ levels**2 / total - mean**2, 0)),
    }
    found |= {name: levels[(below >= share * total[:, None]).argmax(1)] for name, share in QUANTILES.items()}
    return {name: value.reshape(3, 1, 1).tolist() for name, value in found.items()} | {"count": [pixels.images]}
