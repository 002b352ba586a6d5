"""A task with objects of its own: three cubes of two sizes."""

import numpy as np

from grasp_tfp.sim.geometry import TRAY, Box
from grasp_tfp.sim.tasks import Task
from grasp_tfp.trial import Scene

__all__ = ["CUBES", "LARGE", "SMALL"]

SMALL = Box(half_extents=(0.018, 0.018, 0.018), mass=0.05, colour=(0.13, 0.32, 0.62))
LARGE = Box(half_extents=(0.024, 0.024, 0.024), mass=0.10, colour=(0.88, 0.66, 0.10))


def three_cubes(rng: np.random.Generator) -> Scene:
    """Cubes at rest, one in each third of the tray: a scene is a function of the generator alone."""
    names = ["small-cube", "large-cube", "small-cube"]
    poses = []
    for name, third in zip(names, rng.permutation([-0.07, 0.0, 0.07]), strict=True):
        height = (SMALL if name == "small-cube" else LARGE).half_extents[2]
        x, y = TRAY.centre + np.array([third, rng.uniform(-0.07, 0.07)])
        yaw = rng.uniform(-np.pi, np.pi)
        poses.append([x, y, height, 0.0, 0.0, np.sin(yaw / 2), np.cos(yaw / 2)])
    return Scene(tuple(names), np.array(poses))


CUBES = Task("cubes", three_cubes)
