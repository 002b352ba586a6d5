"""Labels without a human: whether a grasp held, from the tray before and after the jaw opened over it (Section V).

After a grasp the arm leaves the view and a first image is taken; then the jaw opens over the tray, the arm leaves the
view again and a second image is taken. If an object was held, the second image shows it and the first does not.
Between the two, the camera may have moved a little and the light may have changed, so the images are first aligned.
How much two images differ when nothing was held is learned from pairs of the same cell.
"""

import dataclasses
import enum
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from grasp_tfp.errors import UsageError

__all__ = ["LABEL_SOURCE", "Difference", "ImageDifference", "Label", "difference", "polygon_mask"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

LABEL_SOURCE = "image-difference"
"""Of trials that were labelled so."""

FEWEST_PAIRS = 20

PATCH = 1 / 24
"""Edge of the patch whose mean difference counts, as a part of the image's: less than an object, more than an edge."""

FURTHEST = 1 / 20
"""Largest shift of the camera that is made good, as a part of the image's edge; beyond it a human is asked."""

KEPT = 0.9
"""Part of the pixels, those that changed least, from which the change of the light is found."""

LEAST = 1.0
"""A largest no-object score of less counts as this, one level of 0 to 255."""

ABOVE, FAR_ABOVE = 1.0, 2.5
"""How far above the largest no-object score a failure may lie, and a success must, in units of that score."""


class Label(enum.Enum):
    """Whether the jaw held an object."""

    SUCCESS = "success"
    FAILURE = "failure"
    ASK = "ask"
    """The images do not tell: a human has to."""


class Difference(NamedTuple):
    """How two images of the tray differ."""

    score: float
    """Largest mean difference of a patch within the tray, in levels of 0 to 255."""

    shift: tuple[float, float]
    """How far the camera's image moved between them, rows and columns [px]."""

    aligned: bool
    """Whether that was little enough to be made good."""


@dataclasses.dataclass(frozen=True)
class ImageDifference:
    """Labels grasps of one cell.

    Example:
        labeller = ImageDifference.fit(no_object_pairs, mask)
        labeller.label(after_grasp, after_drop)
    """

    mask: Mask
    """Pixels of the tray, (H, W)."""

    failure_below: float
    """Score up to which nothing was held."""

    success_above: float
    """Score from which something was."""

    @classmethod
    def fit(cls, pairs: Iterable[tuple[ArrayLike, ArrayLike]], mask: Mask) -> "ImageDifference":
        """Learns how much this cell's images differ when nothing was held.

        Args:
            pairs: Images (H, W, 3) after a grasp and after a drop, with an empty jaw; at least 20 pairs.
            mask: Pixels of the tray, (H, W).

        Raises:
            UsageError: There are fewer pairs.
        """
        found = [difference(first, second, mask) for first, second in pairs]
        if len(found) < FEWEST_PAIRS:
            raise UsageError(
                f"Cannot learn the threshold: expected at least {FEWEST_PAIRS} pairs of images with an empty jaw, "
                f"received {len(found)}. Take more."
            )
        if not all(own.aligned for own in found):
            raise UsageError("Cannot learn the threshold: the camera moved too far within a pair. Fasten it.")
        worst = max(LEAST, *(own.score for own in found))
        return cls(mask, worst * (1 + ABOVE), worst * (1 + FAR_ABOVE))

    def label(self, after_grasp: ArrayLike, after_drop: ArrayLike) -> tuple[Label, Difference]:
        """Whether the jaw held an object that it then dropped.

        Args:
            after_grasp: The tray with the arm out of view, before the jaw opened: RGB, (H, W, 3).
            after_drop: The same after it opened over the tray.
        """
        found = difference(after_grasp, after_drop, self.mask)
        if not found.aligned or self.failure_below < found.score < self.success_above:
            return Label.ASK, found
        return (Label.SUCCESS if found.score >= self.success_above else Label.FAILURE), found


def difference(first: ArrayLike, second: ArrayLike, mask: Mask) -> Difference:
    """How the tray differs in two images, whatever the camera's small shift and the light did.

    Args:
        first: RGB, (H, W, 3).
        second: RGB, (H, W, 3).
        mask: Pixels of the tray, (H, W).

    Raises:
        UsageError: The images or the mask have different sizes.
    """
    one, two = (np.asarray(image, np.float64) for image in (first, second))
    if one.shape != two.shape or one.shape != (*mask.shape, 3):
        raise UsageError(
            f"Expected two RGB images of the mask's size {mask.shape}, received {one.shape} and {two.shape}."
        )
    shift = _shift(one.mean(-1), two.mean(-1))
    aligned = max(map(abs, shift)) <= FURTHEST * max(mask.shape)
    if aligned:
        two = np.stack([ndimage.shift(two[..., k], shift, order=1, mode="nearest") for k in range(3)], axis=-1)
    changed = two - _relit(one, two, mask)
    size = max(3, round(PATCH * max(mask.shape)))
    means = np.stack([ndimage.uniform_filter(changed[..., k], size) for k in range(3)], axis=-1)
    return Difference(float(np.abs(means[mask]).max()), shift, aligned)


def polygon_mask(corners: Sequence[Sequence[float]], shape: tuple[int, int]) -> Mask:
    """The pixels (H, W) whose centres lie within a convex polygon of corners `(column, row)` in either turning."""
    rows, columns = np.indices(shape) + 0.5
    points = np.asarray(corners, np.float64)
    sides = [
        (b[0] - a[0]) * (rows - a[1]) - (b[1] - a[1]) * (columns - a[0])
        for a, b in zip(points, np.roll(points, -1, axis=0), strict=True)
    ]
    inside: Mask = np.all(np.array(sides) >= 0, axis=0) | np.all(np.array(sides) <= 0, axis=0)
    return inside


def _shift(one: Floats, two: Floats) -> tuple[float, float]:
    """By how much to move the second image onto the first: the peak of their phase correlation, rows and columns."""
    window = np.outer(np.hanning(one.shape[0]), np.hanning(one.shape[1]))
    spectra = [np.fft.rfft2((image - image.mean()) * window) for image in (one, two)]
    cross = spectra[0] * spectra[1].conj()
    frequency = np.hypot(np.fft.fftfreq(one.shape[0])[:, None], np.fft.rfftfreq(one.shape[1])[None])
    smooth = np.exp(-((frequency / 0.15) ** 2))
    surface = np.fft.irfft2(smooth * cross / np.maximum(np.abs(cross), 1e-9), one.shape)
    peak = np.unravel_index(int(np.argmax(surface)), surface.shape)
    return _refined(surface, peak, 0), _refined(surface, peak, 1)


def _refined(surface: Floats, peak: Sequence[np.intp], axis: int) -> float:
    """The top of the parabola through the peak and its neighbours along an axis, as a signed shift."""
    size = surface.shape[axis]
    line = np.take(surface, peak[1 - axis], axis=1 - axis)
    place = int(peak[axis])
    below, top, above = line[place - 1], line[place], line[(place + 1) % size]
    bend = below - 2 * top + above
    whole = place - size if place > size // 2 else place
    return float(whole + (0.5 * (below - above) / bend if bend < 0 else 0.0))


def _relit(one: Floats, two: Floats, mask: Mask) -> Floats:
    """The first image in the light of the second: gain and offset of each channel, and a slope across the image.

    They are fitted to the tray's pixels twice, the second time without those that changed most.
    """
    rows, columns = (np.indices(mask.shape) / max(mask.shape) - 0.5)[:, mask]
    relit = np.empty_like(one)
    grid_rows, grid_columns = np.indices(mask.shape) / max(mask.shape) - 0.5
    for k in range(3):
        values, wanted = one[mask][:, k], two[mask][:, k]
        design = np.stack([values, np.ones_like(values), values * rows, values * columns], axis=-1)
        weights = np.linalg.lstsq(design, wanted, rcond=None)[0]
        for _ in range(2):
            error = np.abs(wanted - design @ weights)
            kept = error <= np.quantile(error, KEPT)
            weights = np.linalg.lstsq(design[kept], wanted[kept], rcond=None)[0]
        gain, offset, down, across = weights
        relit[..., k] = one[..., k] * (gain + down * grid_rows + across * grid_columns) + offset
    return relit
