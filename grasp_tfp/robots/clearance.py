"""How far an arm's links keep from the table and from each other, each taken as a capsule between two joints."""

import itertools

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.robots.chain import Chain

__all__ = ["Clearance"]

Floats = NDArray[np.float64]

TINY = 1e-12
"""Squared length below which a link is a point [m²]."""


class Clearance:
    """Looks at the links of a chain; the shapes of its URDF are not read.

    Args:
        chain: The arm's kinematics; at its home, which somebody has looked at, nothing touches.
        radius: Largest distance of a link's surface from the line between its joints [m].
        table: Height that no link behind the second joint may touch [m]; the jaw below the flange may.
    """

    def __init__(self, chain: Chain, radius: float, table: float) -> None:
        self._chain, self._radius, self._table = chain, radius, table
        count = len(chain.names) + 1
        pairs = np.array(list(itertools.combinations(range(count), 2)))
        self._pairs = pairs[_distances(chain.joints(chain.home), pairs) > 2 * radius]

    def keeps(self, angles: Floats) -> NDArray[np.bool_]:
        """Whether joint angles (..., n) keep every link off the table and off each other, (...).

        Links that are nearer than two radii at home are neighbours, and are not compared.
        """
        joints = self._chain.joints(angles)
        above = np.all(joints[..., 3:-1, 2] >= self._table + self._radius, axis=-1)
        return np.asarray(above & np.all(_distances(joints, self._pairs) >= 2 * self._radius, axis=-1))


def _distances(joints: Floats, pairs: NDArray[np.int64]) -> Floats:
    """Between the lines of each pair (p, 2) of links, by where their joints (..., n+2, 3) are, (..., p) [m]."""
    (start, end), (other_start, other_end) = (
        (joints[..., pairs[:, side], :], joints[..., pairs[:, side] + 1, :]) for side in (0, 1)
    )
    one, two, between = end - start, other_end - other_start, start - other_start
    a, e, b = _dot(one, one), _dot(two, two), _dot(one, two)
    c, f = _dot(one, between), _dot(two, between)
    skew = a * e - b * b
    s = np.where(skew > TINY, np.clip((b * f - c * e) / np.maximum(skew, TINY), 0, 1), 0.0)
    t = np.clip((b * s + f) / np.maximum(e, TINY), 0, 1)
    s = np.clip((b * t - c) / np.maximum(a, TINY), 0, 1)
    gap = between + s[..., None] * one - t[..., None] * two
    return np.asarray(np.sqrt(_dot(gap, gap)))


def _dot(first: Floats, second: Floats) -> Floats:
    return np.asarray(np.einsum("...k,...k->...", first, second))
