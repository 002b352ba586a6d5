"""What a grasp meets as seen from above: the two-dimensional tests that spare most of the physics.

The fingers close inside the rectangle that they span when open, so a grasp whose rectangle meets no
object's footprint touches nothing. The test is exact for objects that stand upright on a face, and it
is safe for any object when its footprint encloses the object seen from above.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["box_footprint", "convex_hull", "finger_footprints", "gap", "jaw_footprint", "rectangle"]

Floats = NDArray[np.float64]

FLAT = 1e-12
"""Triangles of less than half this area have no corner worth keeping [m²]."""

CORNERS = np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])


def rectangle(centre: Floats, half: tuple[float, float], yaw: float) -> Floats:
    """Corners (4, 2) of a rectangle with half sizes `half` [m] turned by `yaw` [rad]."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    corners: Floats = centre + (CORNERS * half) @ np.array([[cos, sin], [-sin, cos]])
    return corners


def box_footprint(pose: Floats, half_extents: tuple[float, float, float]) -> Floats:
    """Corners (4, 2) of a box lying flat at `pose` (7,): position and quaternion (x, y, z, w)."""
    yaw = 2.0 * np.arctan2(pose[5], pose[6])
    return rectangle(pose[:2], half_extents[:2], yaw)


def jaw_footprint(pose: Floats, opening: float, finger: tuple[float, float, float], margin: float = 0.002) -> Floats:
    """Corners (4, 2) of what the fingers sweep at gripper `pose` (4,), grown by `margin` [m]."""
    half = (opening / 2 + finger[0] + margin, finger[1] / 2 + margin)
    return rectangle(pose[:2], half, pose[3])


def finger_footprints(pose: Floats, opening: float, finger: tuple[float, float, float]) -> list[Floats]:
    """Corners (4, 2) of each open finger at gripper `pose` (4,)."""
    half = (finger[0] / 2, finger[1] / 2)
    across = (opening + finger[0]) / 2 * np.array([np.cos(pose[3]), np.sin(pose[3])])
    return [rectangle(pose[:2] + side * across, half, pose[3]) for side in (-1, 1)]


def convex_hull(points: Floats) -> Floats:
    """Corners (m, 2) of the convex hull of points (n, 2), counterclockwise from the lowest x (Andrew 1979)."""
    ordered = sorted(set(map(tuple, points.tolist())))
    corners = []
    for way in (ordered, ordered[::-1]):
        chain: list[tuple[float, float]] = []
        for x, y in way:
            while len(chain) > 1 and _turn(chain[-2], chain[-1], (x, y)) <= FLAT:
                chain.pop()
            chain.append((x, y))
        corners += chain[:-1]
    return np.array(corners)


def _turn(first: tuple[float, float], second: tuple[float, float], third: tuple[float, float]) -> float:
    """Twice the area of a triangle, positive when its corners turn counterclockwise."""
    (ax, ay), (bx, by), (cx, cy) = first, second, third
    return (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)


def gap(first: Floats, second: Floats) -> float:
    """How far two convex polygons (n, 2), (m, 2) lie apart, by the separating-axis theorem [m].

    The largest distance along a side's normal, which is no more than the true one; negative when the
    polygons meet: then it is how far one must move for them to part.
    """
    widest = -np.inf
    for polygon in (first, second):
        ahead = polygon.take(range(-len(polygon) + 1, 1), axis=0)
        sides = ahead - polygon
        normals = np.array([-sides[:, 1], sides[:, 0]]) / np.hypot(sides[:, 0], sides[:, 1])
        a, b = first @ normals, second @ normals
        apart = np.maximum(a.min(axis=0) - b.max(axis=0), b.min(axis=0) - a.max(axis=0))
        widest = max(widest, apart.max())
    return float(widest)
