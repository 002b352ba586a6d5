"""Scenes of bottles, cans and cups that lie or stand at rest.

An object's rest poses follow from its outline, and objects keep a distance, so a scene is at rest as drawn: nothing
has to be dropped and waited for, and a scene is a function of the generator alone.
"""

import functools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.sim.geometry import TRAY
from grasp_tfp.sim.objects import LATHES, footprint
from grasp_tfp.trial import Scene

__all__ = ["STANDING_HEIGHT", "scatter"]

Floats = NDArray[np.float64]

STANDING_HEIGHT = 0.077
"""Objects up to this height may stand; they end below the free space [m]."""

STANDING = 0.525
"""Share of those that do. All others lie, 65 % of the objects."""

DRAWS = 60
"""How many places are tried for an object before the whole scene is drawn again."""


class _Covered(NamedTuple):
    """A rectangle of the floor."""

    x: float
    y: float
    """Its centre [m]."""

    length: float
    width: float
    """Its half sizes [m]."""

    cos: float
    sin: float
    """Of the direction of its length."""


def scatter(
    names: tuple[str, ...], count: tuple[int, int], spawn: float, apart: float, rng: np.random.Generator
) -> Scene:
    """Draws objects at rest, apart from each other and from the walls (Section VI-C).

    Args:
        names: Of the objects to choose from, with repetition.
        count: Fewest and most objects.
        spawn: Largest distance of a centre from the tray's centre, along each axis [m].
        apart: Smallest distance between two objects, and twice that from an object to a wall [m].
        rng: The random choices.
    """
    while True:
        number = rng.integers(count[0], count[1] + 1)
        chosen = [names[k] for k in rng.integers(len(names), size=number)]
        poses: list[Floats] = []
        taken: list[_Covered] = []
        for name in chosen:
            lying = LATHES[name].height > STANDING_HEIGHT or rng.random() >= STANDING
            placed = _place(name, lying, taken, spawn, apart, rng)
            if placed is None:
                break
            pose, covered = placed
            poses.append(pose)
            taken.append(covered)
        else:
            return Scene(tuple(chosen), np.array(poses))


def _place(
    name: str, lying: bool, taken: list[_Covered], spawn: float, apart: float, rng: np.random.Generator
) -> tuple[Floats, _Covered] | None:
    """A pose (7,) with the rectangle that it covers, grown by half of `apart`; None where there was no room."""
    middle, length, width = _extent(name, lying)
    length, width = length + apart / 2, width + apart / 2
    for _ in range(DRAWS):
        u, v, w = rng.random(3).tolist()
        x, y, yaw = -spawn + 2 * spawn * u, -spawn + 2 * spawn * v, -math.pi + 2 * math.pi * w
        cos, sin = math.cos(yaw), math.sin(yaw)
        centre = x + middle * cos, y + middle * sin
        across, along = length * abs(cos) + width * abs(sin), length * abs(sin) + width * abs(cos)
        if max(abs(centre[0]) + across, abs(centre[1]) + along) > TRAY.inner_half:
            continue
        covered = _Covered(*centre, length, width, cos, sin)
        if all(_separated(covered, other) or _separated(other, covered) for other in taken):
            pose = LATHES[name].resting_pose(lying, yaw)
            pose[:2] = TRAY.centre[0] + x, TRAY.centre[1] + y
            return pose, covered
    return None


def _separated(one: _Covered, other: _Covered) -> bool:
    """Whether an axis of the first separates two rectangles (separating-axis theorem)."""
    dx, dy = other.x - one.x, other.y - one.y
    cos = abs(one.cos * other.cos + one.sin * other.sin)
    sin = abs(one.cos * other.sin - one.sin * other.cos)
    along = one.length + other.length * cos + other.width * sin
    across = one.width + other.length * sin + other.width * cos
    return abs(dx * one.cos + dy * one.sin) > along or abs(dy * one.cos - dx * one.sin) > across


@functools.cache
def _extent(name: str, lying: bool) -> tuple[float, float, float]:
    """Middle along x and half sizes of the rectangle that an object covers whose axis points along x [m]."""
    corners = footprint(name, LATHES[name].resting_pose(lying, 0.0))
    low, high = corners.min(axis=0), corners.max(axis=0)
    return float(low[0] + high[0]) / 2, float(high[0] - low[0]) / 2, float(high[1] - low[1]) / 2
