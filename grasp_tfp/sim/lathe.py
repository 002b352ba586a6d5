"""Bodies of revolution: the surface that the camera sees and the convex parts that physics needs, from one outline.

An outline is a line of points (radius, height) in the half plane beside the axis. The mesh is that line turned
around the axis. In physics a turned body is a prism of `SIDES` flat sides that encloses it, so that it rests on
a side and does not creep, and a hollow body's wall is one convex wedge per side; nothing has to be searched for.
"""

import dataclasses
import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.sim.footprint import convex_hull
from grasp_tfp.sim.geometry import Vector

__all__ = ["SIDES", "Band", "Lathe", "Outline"]

Floats = NDArray[np.float64]
Outline = tuple[tuple[float, float], ...]

SIDES = 12
"""Flat sides of a turned body in physics; a multiple of four, so that a jaw meets two of them squarely."""


class Band(NamedTuple):
    """A stretch of the surface in one colour."""

    outline: Outline
    colour: Vector


@dataclasses.dataclass(frozen=True)
class Lathe:
    """A turned body; its frame lies on the axis at the centre of mass, z along the axis."""

    bands: tuple[Band, ...]
    """The surface from the axis at the bottom, up the outside, to the axis again; heights from the bottom."""

    solids: tuple[Outline, ...]
    """Convex outlines of the parts that reach the axis; heights from the bottom."""

    wall: Outline
    """Of a hollow body: the wall at bottom inside, bottom outside, top outside, top inside; else empty."""

    centre: float
    """Height of the centre of mass above the bottom [m]."""

    mass: float
    """[kg]"""

    @property
    def outline(self) -> Floats:
        """The whole surface in the body's frame, (n, 2)."""
        return np.array([point for band in self.bands for point in band.outline]) - [0.0, self.centre]

    @property
    def height(self) -> float:
        """Length along the axis [m]."""
        return float(np.ptp(self.outline[:, 1]))

    @functools.cached_property
    def vertices(self) -> Floats:
        """Corners of a prism's convex hull that holds the body, in the body's frame, (n, 3)."""
        radii, heights = convex_hull(np.concatenate([self.outline, self.outline * [-1.0, 1.0]])).T
        return _rings(radii[radii > 0], heights[radii > 0]).reshape(-1, 3)

    def parts(self, margin: float = 0.0) -> list[Floats]:
        """Corners (n, 3) of each convex part in the body's frame, drawn in by `margin` [m]."""
        down = [0.0, self.centre]
        parts = [_solid(np.array(outline) - down, margin) for outline in self.solids]
        return parts + (_wedges(np.array(self.wall) - down, margin) if self.wall else [])

    @functools.cached_property
    def lean(self) -> float:
        """Angle between the axis and the vertical when the body lies on its flank [rad]."""
        low, high = self._flank
        return float(np.arctan2(high[1] - low[1], high[0] - low[0]))

    def resting_pose(self, lying: bool, yaw: float) -> Floats:
        """The pose (7,) at rest on the floor over the base frame's origin.

        Args:
            lying: On the flank instead of the bottom.
            yaw: Turn about the vertical [rad]; the axis of a lying body points that way.
        """
        lean = self.lean if lying else 0.0
        radius, height = self._flank[0]
        z = radius * np.sin(lean) - height * np.cos(lean) if lying else self.centre
        sin, cos = np.sin(lean / 2), np.cos(lean / 2)
        turn = [-np.sin(yaw / 2) * sin, np.cos(yaw / 2) * sin, np.sin(yaw / 2) * cos, np.cos(yaw / 2) * cos]
        return np.array([0.0, 0.0, z, *turn])

    @functools.cached_property
    def _flank(self) -> tuple[Floats, Floats]:
        """Ends (radius, height) of the straight side below the centre of mass of the lying body."""
        hull = convex_hull(np.concatenate([self.outline, self.outline * [-1.0, 1.0]]))
        for low, high in zip(hull, np.roll(hull, -1, axis=0), strict=True):
            if low[1] < 0.0 <= high[1]:
                break
        return low, high


def _rings(radii: Floats, heights: Floats) -> Floats:
    """Corners of regular polygons around the axis whose sides are `radii` away from it, the first square to x.

    Args:
        radii: Distance of the sides from the axis [m], (n,).
        heights: [m], (n,).

    Returns:
        Corners in turn, (n, SIDES, 3).
    """
    turns = 2 * np.pi * (np.arange(SIDES) - 0.5) / SIDES
    far = radii[:, None] / np.cos(np.pi / SIDES)
    return np.stack(np.broadcast_arrays(far * np.cos(turns), far * np.sin(turns), heights[:, None]), axis=-1)


def _solid(outline: Floats, margin: float) -> Floats:
    low, high = outline[:, 1].min() + margin, outline[:, 1].max() - margin
    return _rings(outline[:, 0] - margin, np.clip(outline[:, 1], low, high)).reshape(-1, 3)


def _wedges(wall: Floats, margin: float) -> list[Floats]:
    drawn_in = wall + margin * np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    rings = _rings(*drawn_in.T)
    return [np.concatenate([rings[:, side], rings[:, (side + 1) % SIDES]]) for side in range(SIDES)]
