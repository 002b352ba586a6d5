"""The tray as the camera sees it after a grasp, and after the jaw has opened over it again."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.sim.geometry import CAMERA, TRAY
from grasp_tfp.sim.objects import top
from grasp_tfp.sim.physics import LIFTED, GraspWorld
from grasp_tfp.sim.renderer import camera_matrix
from grasp_tfp.trial import Scene

__all__ = ["Dropped", "grasp_and_drop", "tray_corners"]

Floats = NDArray[np.float64]

DROP_HEIGHT = 0.08
"""Of the lowest point above the tray's floor when the jaw opens [m]."""

SPREAD = 0.06
"""Largest distance from the tray's centre at which it opens, along each axis [m]."""

SETTLED = 1.5
"""Time that objects get to come to rest [s]."""


class Dropped(NamedTuple):
    """A grasp, and what it left behind."""

    success: bool
    after_grasp: Scene
    """What lies in the tray while the jaw holds what it holds."""

    after_drop: Scene


def grasp_and_drop(world: GraspWorld, scene: Scene, gripper_pose: Floats, rng: np.random.Generator) -> Dropped:
    """Grasps, takes what was held out of the tray, and drops it somewhere over the tray's middle.

    Args:
        world: Runs the contact physics.
        scene: The objects at rest.
        gripper_pose: Where the fingers close, (4,).
        rng: Where the jaw opens.
    """
    outcome = world.grasp(scene, gripper_pose)
    held = outcome.object_poses[:, 2] > LIFTED
    rest = Scene(scene.objects, outcome.object_poses)
    if not held.any():
        lying = Scene(scene.objects, world.settle(rest, SETTLED))
        return Dropped(False, lying, lying)
    left = Scene(tuple(np.array(scene.objects)[~held].tolist()), outcome.object_poses[~held])
    if left.objects:
        left = Scene(left.objects, world.settle(left, SETTLED))
    names = tuple(np.array(scene.objects)[held].tolist())
    falling = outcome.object_poses[held].copy()
    falling[:, :2] += TRAY.centre + rng.uniform(-SPREAD, SPREAD, 2) - falling[0, :2]
    lowest = 2 * falling[0, 2] - top(names[0], falling[0])
    falling[:, 2] += DROP_HEIGHT - lowest
    together = Scene(left.objects + names, np.concatenate([left.poses, falling]))
    return Dropped(True, left, Scene(together.objects, world.settle(together, SETTLED)))


def tray_corners(size: int) -> Floats:
    """Where the camera sees the corners of the tray's floor in an image of that size, `(column, row)`, (4, 2)."""
    x, y = TRAY.centre
    signs = np.array([[1, 1], [1, -1], [-1, -1], [-1, 1]])
    points = np.column_stack([signs * TRAY.inner_half + (x, y), np.zeros(4), np.ones(4)])
    seen = points @ camera_matrix(CAMERA, size).T
    return np.asarray(seen[:, :2] / seen[:, 2:])
