"""Sizes and places of everything in the simulated cell, in the robot base frame [m]."""

import dataclasses
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BLOCK",
    "CAMERA",
    "CLEAR",
    "JAW",
    "TRAY",
    "WORKSPACE",
    "Box",
    "Camera",
    "Jaw",
    "Tray",
    "Vector",
    "Workspace",
    "describe_cell",
]

Vector = tuple[float, float, float]

CLEAR = 0.002
"""A finger comes down this far from every object and wall without touching one [m]."""


@dataclasses.dataclass(frozen=True)
class Tray:
    """An open box on the table; its inner floor lies at z = 0."""

    centre: tuple[float, float] = (0.55, 0.0)
    inner_half: float = 0.17
    wall_height: float = 0.06
    thickness: float = 0.01
    colour: Vector = (0.62, 0.64, 0.66)

    def room(self, points: NDArray[np.float64]) -> float:
        """Smallest distance of points (n, 2) from the walls, negative beyond them [m]."""
        return self.inner_half - float(np.abs(points - self.centre).max())


@dataclasses.dataclass(frozen=True)
class Jaw:
    """A parallel jaw of two box fingers; its origin lies between the fingertips, x across the opening."""

    opening: float = 0.08
    """Distance between the open fingers' inner faces."""

    finger: Vector = (0.012, 0.024, 0.085)
    """Size of a finger: thickness across the opening, width, length upwards."""

    palm: Vector = (0.14, 0.05, 0.04)
    """Size of the body above the fingers."""

    grasp_height: float = 0.006
    """Height of the fingertips above the tray's floor at the bottom of the descent."""

    lift: float = 0.15
    """How far the jaw rises after closing."""

    force: float = 25.0
    """Closing force of each finger [N]."""

    colour: Vector = (0.16, 0.17, 0.19)


@dataclasses.dataclass(frozen=True)
class Workspace:
    """Where gripper poses are allowed: a box around the tray's centre and free of every object."""

    half_width: float = 0.08
    z_low: float = 0.08
    z_high: float = 0.22


@dataclasses.dataclass(frozen=True)
class Box:
    """A cuboid object."""

    half_extents: Vector
    mass: float
    """[kg]"""

    colour: Vector


@dataclasses.dataclass(frozen=True)
class Camera:
    """A pinhole camera with square pixels, seen over the robot's shoulder (Section V)."""

    eye: Vector = (-0.05, -0.50, 0.82)
    target: Vector = (0.52, 0.0, 0.10)
    up: Vector = (0.0, 0.0, 1.0)
    field_of_view: float = 33.0
    """Vertical [degrees]."""


TRAY = Tray()
JAW = Jaw()
WORKSPACE = Workspace()
CAMERA = Camera()
BLOCK = Box(half_extents=(0.085, 0.021, 0.02), mass=0.1, colour=(0.80, 0.28, 0.16))


def describe_cell(workspace: Workspace = WORKSPACE) -> dict[str, Any]:
    """Camera, jaw, tray and workspace as JSON values: what a policy has to be trained for."""
    cell: dict[str, Any] = {"camera": CAMERA, "jaw": JAW, "tray": TRAY, "workspace": workspace}
    described: dict[str, Any] = json.loads(json.dumps({name: dataclasses.asdict(part) for name, part in cell.items()}))
    return described
