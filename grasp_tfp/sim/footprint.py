"""Which grasps can touch an object at all: the two-dimensional test that spares half the physics.

The fingers close inside the rectangle that they span when open, so a grasp whose rectangle meets no
object's footprint touches nothing and fails. The test is exact for objects that stand upright on a
face, and it is safe for any object when its footprint encloses the object seen from above.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["box_footprint", "jaw_footprint", "overlap", "rectangle"]

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


def overlap(first: Floats, second: Floats) -> bool:
    """Whether two convex polygons (n, 2), (m, 2) meet, by the separating-axis theorem."""
    for polygon in (first, second):
        edges = np.roll(polygon, -1, axis=0) - polygon
        normals = np.stack([-edges[:, 1], edges[:, 0]], axis=1)
        a, b = first @ normals.T, second @ normals.T
        if np.any((a.max(axis=0) < b.min(axis=0)) | (b.max(axis=0) < a.min(axis=0))):
            return False
    return True
