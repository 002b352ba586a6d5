"""What a grasp meets as seen from above: the two-dimensional tests that spare most of the physics.

The fingers close inside the rectangle that they span when open, so a grasp whose rectangle meets no
object's footprint touches nothing. The test is exact for objects that stand upright on a face, and it
is safe for any object when its footprint encloses the object seen from above.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["box_footprint", "finger_footprints", "gap", "jaw_footprint", "rectangle"]

Floats = NDArray[np.float64]

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
