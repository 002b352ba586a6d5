"""How far a grasp is from the one that a person would choose: what a success rate does not tell.

A policy that is blind to yaw looks healthy on every other scalar.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.actions import relative_action
from grasp_tfp.sim.footprint import gap, rectangle
from grasp_tfp.sim.objects import footprint
from grasp_tfp.sim.tasks import possible_grasps
from grasp_tfp.trial import Scene

__all__ = ["GraspError", "grasp_error"]

Floats = NDArray[np.float64]

POINT = (1e-6, 1e-6)
"""Half sizes of a rectangle that stands for a point [m]."""


class GraspError(NamedTuple):
    """Distance from the nearest good grasp of the object that is aimed at."""

    across: float
    """In the direction in which the jaw closes [m]; a grasp anywhere along a block is as good."""

    yaw: float
    """[rad], up to a quarter turn; 0 for an object that stands, to whose middle every direction is as good."""


def grasp_error(scene: Scene, pose: Floats) -> GraspError:
    """The error of the grasp at gripper `pose` (4,), whose object is the one it is nearest to."""
    point = rectangle(pose[:2], POINT, 0.0)
    objects = list(zip(scene.objects, scene.poses, strict=True))
    name, where = min(objects, key=lambda thing: gap(point, footprint(*thing)))
    candidates = possible_grasps(name, where)
    stands = bool(np.ptp(candidates[:, 3]) > 0)
    closing = pose[3] if stands else candidates[0, 3]
    offset = relative_action(candidates[0], pose)
    across = abs(float(offset[:2] @ [np.cos(closing), np.sin(closing)]))
    return GraspError(across, 0.0 if stands else abs(float(offset[3])))
