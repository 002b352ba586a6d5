"""The same grasp elsewhere in the tray: one recorded grasp stands for as many scenes as there are places for it.

Contact knows neither place nor direction, nor left from right. Where no wall is near, objects and jaw may be mirrored,
turned and shifted together, and the grasp holds or fails as it did: boxes and lathes' works are their own mirrors.
"""

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.actions import wrap_yaw
from grasp_tfp.sim.footprint import finger_footprints
from grasp_tfp.sim.geometry import CLEAR, JAW, TRAY, Workspace
from grasp_tfp.sim.kinematics import feasible
from grasp_tfp.sim.objects import footprint
from grasp_tfp.trial import Scene

__all__ = ["carried"]

Floats = NDArray[np.float64]

MARGIN = 0.015
"""Smallest distance of an object from a wall, as in the scenes of the tasks [m]."""

DRAWS = 20
"""How many directions are tried."""


def carried(scene: Scene, grasp: Floats, workspace: Workspace, rng: np.random.Generator) -> tuple[Scene, Floats]:
    """Mirrors half of the time, turns and shifts objects and grasp together.

    Args:
        scene: The objects.
        grasp: Where the fingers close, (4,).
        workspace: Where the centres of objects and grasp stay.
        rng: The random choices.

    Returns:
        Both elsewhere; both as they are where the jaw is at a wall, or where `DRAWS` draws find no place.
    """
    fingers = np.concatenate(finger_footprints(grasp, JAW.opening, JAW.finger))
    if not scene.objects or TRAY.room(fingers) <= CLEAR:
        return scene, grasp
    things = zip(scene.objects, scene.poses, strict=True)
    outlines = np.concatenate([footprint(name, pose) for name, pose in things])
    centres = np.concatenate([scene.poses[:, :2], grasp[None, :2]])
    fingers, outlines, centres = (points - TRAY.centre for points in (fingers, outlines, centres))
    quaternions, yaw = scene.poses[:, 3:], grasp[3]
    if rng.integers(2):
        fingers, outlines, centres = (points * (1, -1) for points in (fingers, outlines, centres))
        quaternions, yaw = quaternions * (-1, 1, -1, 1), -yaw
    for _ in range(DRAWS):
        turn = rng.uniform(-np.pi, np.pi)
        turned = _rotated(centres, turn)
        low, high = -workspace.half_width - turned.min(axis=0), workspace.half_width - turned.max(axis=0)
        if np.any(low > high):
            continue
        shift = rng.uniform(low, high) + TRAY.centre
        *places, place = turned + shift
        closed = np.array([*place, grasp[2], wrap_yaw(yaw + turn)])
        clear = TRAY.room(_rotated(fingers, turn) + shift) > CLEAR
        if clear and TRAY.room(_rotated(outlines, turn) + shift) > MARGIN and feasible(closed):
            poses = np.column_stack([places, scene.poses[:, 2], _turned(quaternions, turn)])
            return Scene(scene.objects, poses), closed
    return scene, grasp


def _rotated(points: Floats, turn: float) -> Floats:
    cos, sin = np.cos(turn), np.sin(turn)
    rotated: Floats = points @ np.array([[cos, sin], [-sin, cos]])
    return rotated


def _turned(quaternions: Floats, turn: float) -> Floats:
    """Quaternions (n, 4), as (x, y, z, w), after a turn about z [rad]."""
    x, y, z, w = quaternions.T
    cos, sin = np.cos(turn / 2), np.sin(turn / 2)
    return np.column_stack([cos * x - sin * y, cos * y + sin * x, cos * z + sin * w, cos * w - sin * z])
