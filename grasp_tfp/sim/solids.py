"""Objects as the cubes and cylinders that stand for them in a 3D view."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.sim.geometry import Box, Vector
from grasp_tfp.sim.objects import OBJECTS, rotation
from grasp_tfp.trial import Scene

__all__ = ["Solid", "solids"]

Floats = NDArray[np.float64]


class Solid(NamedTuple):
    """A box, or a cylinder that stands on its own z axis."""

    is_box: bool
    size: Floats
    """Along its own axes, (3,) [m]; of a cylinder two diameters and the height."""

    centre: Floats
    """In the base frame, (3,) [m]."""

    orientation: Floats
    """Quaternion (x, y, z, w)."""

    colour: Vector
    """Red, green and blue, 0 to 1."""


def solids(scene: Scene) -> Iterator[Solid]:
    """What stands for each object of a scene: a box for a box, else a cylinder around it; unknown ones are left out."""
    for name, pose in zip(scene.objects, scene.poses, strict=True):
        thing = OBJECTS.get(name)
        if isinstance(thing, Box):
            yield Solid(True, 2 * np.array(thing.half_extents), pose[:3], pose[3:], thing.colour)
        elif thing is not None:
            radii, heights = thing.outline.T
            size = np.array([2 * radii.max()] * 2 + [np.ptp(heights)])
            centre = pose[:3] + rotation(pose)[:, 2] * (heights.min() + heights.max()) / 2
            yield Solid(False, size, centre, pose[3:], thing.bands[0].colour)
