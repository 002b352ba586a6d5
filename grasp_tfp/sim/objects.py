"""Every object that may lie in the tray: the block, and the bottles, cans and cups that a seed turns on a lathe.

An object that may stand is lower than the free space's floor, so the jaw's poses stay above every object;
a full-sized bottle would not be, and always lies.
"""

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.errors import unknown_name
from grasp_tfp.extensions import installed
from grasp_tfp.sim.footprint import box_footprint, convex_hull
from grasp_tfp.sim.geometry import BLOCK, Box, Vector
from grasp_tfp.sim.lathe import Band, Lathe

__all__ = ["BOTTLES", "HELDOUT_BOTTLES", "LATHES", "OBJECTS", "find_object", "footprint", "rotation", "top"]

Floats = NDArray[np.float64]

GROUP = "graspctl.objects"
"""Entry points under which installed packages offer objects of their own, each a `Box` or a `Lathe`."""

COLOURS: tuple[Vector, ...] = (
    (0.10, 0.42, 0.24),
    (0.13, 0.32, 0.62),
    (0.72, 0.14, 0.12),
    (0.55, 0.30, 0.10),
    (0.88, 0.66, 0.10),
    (0.12, 0.52, 0.56),
    (0.46, 0.20, 0.52),
    (0.85, 0.42, 0.12),
    (0.80, 0.36, 0.50),
    (0.40, 0.56, 0.18),
)
LABELS: tuple[Vector, ...] = ((0.93, 0.91, 0.85), (0.95, 0.84, 0.38), (0.72, 0.85, 0.93))
CAPS: tuple[Vector, ...] = ((0.92, 0.92, 0.90), (0.16, 0.17, 0.19), (0.80, 0.16, 0.14), (0.86, 0.70, 0.20))
METAL: Vector = (0.74, 0.75, 0.77)
INSIDE: Vector = (0.96, 0.95, 0.92)

KINDS = ("bottle", "cup", "bottle", "cup", "small-bottle", "can", "cup", "bottle", "cup", "bottle")
"""Of the seeds that end in 0 … 9: of 30 objects 15 are bottles, 3 of them small, 3 cans and 12 cups."""

WALL = 0.004
"""Thickness of a cup's wall and floor [m]."""


def find_object(name: str) -> Box | Lathe:
    """The object of that name, of this package or of an installed one.

    Raises:
        UsageError: There is none.
    """
    if name not in OBJECTS:
        thing = installed(GROUP, name)
        if not isinstance(thing, Box | Lathe):
            raise unknown_name("object", name, OBJECTS)
        OBJECTS[name] = thing
    return OBJECTS[name]


def footprint(name: str, pose: Floats) -> Floats:
    """Corners (n, 2) of a convex polygon that holds the object at `pose` (7,) as seen from above."""
    thing = find_object(name)
    if isinstance(thing, Box):
        return box_footprint(pose, thing.half_extents)
    return pose[:2] + convex_hull(thing.vertices @ rotation(pose)[:2].T)


def top(name: str, pose: Floats) -> float:
    """Height of the highest point of the object at `pose` (7,) above the tray's floor [m]."""
    thing = find_object(name)
    if isinstance(thing, Box):
        return float(thing.half_extents[2] + pose[2])
    return float(pose[2] + (thing.vertices @ rotation(pose)[2]).max())


def rotation(pose: Floats) -> Floats:
    """Rotation matrix (3, 3) of a pose (7,): position and quaternion (x, y, z, w)."""
    x, y, z, w = pose[3:]
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def _bottle(rng: np.random.Generator, colour: Vector, label: Vector, cap: Vector, small: bool = False) -> Lathe:
    """A body with a label, a round shoulder, a neck and a cap."""
    radius = rng.uniform(0.025, 0.028) if small else rng.uniform(0.029, 0.034)
    height = rng.uniform(0.072, 0.076) if small else rng.uniform(0.13, 0.17)
    body, neck = height * rng.uniform(0.54, 0.60), radius * rng.uniform(0.40, 0.50)
    thread = height - (0.012 if small else 0.018)
    shoulder = body + 0.8 * (thread - body)
    turns = np.linspace(0, np.pi / 2, 5)
    curve = np.column_stack([neck + (radius - neck) * np.cos(turns), body + (shoulder - body) * np.sin(turns)])
    rounded = tuple(map(tuple, curve.tolist()))
    low, high, wide = 0.2 * body, 0.85 * body, neck + 0.0025
    bands = (
        Band(((0.0, 0.0), (radius - 0.003, 0.0), (radius, 0.003), (radius, low)), colour),
        Band(((radius, low), (radius, high)), label),
        Band(((radius, high), *rounded, (neck, thread)), colour),
        Band(((neck, thread), (wide, thread), (wide, height), (0.0, height)), cap),
    )
    solids = (((radius - 0.003, 0.0), (radius, 0.003), *rounded), ((wide, shoulder), (wide, height)))
    return Lathe(bands, solids, (), centre=0.45 * height, mass=0.08)


def _small_bottle(rng: np.random.Generator, colour: Vector, label: Vector, cap: Vector) -> Lathe:
    return _bottle(rng, colour, label, cap, small=True)


def _can(rng: np.random.Generator, colour: Vector, label: Vector, _: Vector) -> Lathe:
    """A cylinder with a rim of metal at both ends."""
    radius, height, edge = rng.uniform(0.029, 0.033), rng.uniform(0.070, 0.076), 0.005
    low, high = 0.35 * height, 0.65 * height
    outside = ((radius - 0.003, 0.0), (radius, edge), (radius, height - edge), (radius - 0.003, height))
    bands = (
        Band(((0.0, 0.0), outside[0], outside[1]), METAL),
        Band((outside[1], (radius, low)), colour),
        Band(((radius, low), (radius, high)), label),
        Band(((radius, high), outside[2]), colour),
        Band((outside[2], outside[3], (radius - 0.005, height - 0.002), (0.0, height - 0.002)), METAL),
    )
    return Lathe(bands, (outside,), (), centre=0.5 * height, mass=0.08)


def _cup(rng: np.random.Generator, colour: Vector, label: Vector, _: Vector) -> Lathe:
    """A hollow cup, wider at the top, with a stripe."""
    bottom, height = rng.uniform(0.0235, 0.0270), rng.uniform(0.068, 0.076)
    widest = bottom + rng.uniform(0.005, 0.007)
    part = np.array([0.0, 0.55, 0.72, 1.0])
    outside = tuple(map(tuple, np.column_stack([bottom + (widest - bottom) * part, part * height]).tolist()))
    bands = (
        Band(((0.0, 0.0), *outside[:2]), colour),
        Band(outside[1:3], label),
        Band(outside[2:], colour),
        Band((outside[3], (widest - WALL, height), (bottom - WALL, WALL), (0.0, WALL)), INSIDE),
    )
    wall = ((bottom - WALL, 0.0), (bottom, 0.0), (widest, height), (widest - WALL, height))
    floor = ((bottom - WALL / 2, 0.0), (bottom - WALL / 2, WALL))
    return Lathe(bands, (floor,), wall, centre=0.45 * height, mass=0.05)


MAKERS = {"bottle": _bottle, "small-bottle": _small_bottle, "can": _can, "cup": _cup}


def _turned(seeds: range) -> dict[str, Lathe]:
    """The objects of some seeds by name."""
    made = {}
    for seed in seeds:
        kind = KINDS[seed % 10]
        colours = COLOURS[(7 * seed + seed // 10) % 10], LABELS[seed % 3], CAPS[seed // 2 % 4]
        made[f"{kind}-{seed:02d}"] = MAKERS[kind](np.random.default_rng([1, seed]), *colours)
    return made


BOTTLES = tuple(_turned(range(30)))
"""Names of the objects of the task `bottles`; each ends in its generator's seed."""

HELDOUT_BOTTLES = tuple(_turned(range(30, 60)))
"""Names of the objects of the task `bottles-heldout`, from 30 other seeds."""

LATHES = _turned(range(60))
"""Every bottle, can and cup by its name."""

OBJECTS: dict[str, Box | Lathe] = {"block": BLOCK, **LATHES}
"""Every object by its name; those of installed packages from when they are first asked for."""
