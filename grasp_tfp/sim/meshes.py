"""Triangle meshes of everything that the camera sees."""

import functools
import importlib.util
import itertools
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from grasp_tfp.errors import GraspError
from grasp_tfp.sim.geometry import JAW, TRAY, Box, Vector
from grasp_tfp.sim.lathe import Band, Lathe
from grasp_tfp.sim.objects import find_object

__all__ = ["Mesh", "arm_meshes", "box_mesh", "cell_meshes", "jaw_meshes", "object_meshes"]

Floats = NDArray[np.float64]

TABLE_HALF_WIDTH = 2.0
TABLE_COLOUR: Vector = (0.50, 0.53, 0.50)
GREY: Vector = (0.33, 0.34, 0.36)
WHITE: Vector = (0.80, 0.81, 0.82)
ORANGE: Vector = (0.98, 0.45, 0.08)
LINK_COLOURS = (GREY, WHITE, ORANGE, WHITE, ORANGE, WHITE, ORANGE, GREY)
CORNERS = np.array([[x, y, z] for z in (-1, 1) for y in (-1, 1) for x in (-1, 1)], dtype=np.float64)
SIDES = np.array([[0, 4, 6, 2], [1, 3, 7, 5], [0, 1, 5, 4], [2, 6, 7, 3], [0, 2, 3, 1], [4, 5, 7, 6]])

ROUND = 32
"""Sides of what the camera sees of a turned body."""

CREASE = np.radians(40)
"""Surfaces that meet at a larger angle than this show an edge."""


class Mesh(NamedTuple):
    """A rigid surface of one colour; its faces turn counterclockwise seen from outside."""

    vertices: Floats
    """Positions in the body's frame [m], (n, 3)."""

    normals: Floats
    """Outward unit normal at each vertex, (n, 3)."""

    faces: NDArray[np.int32]
    """Vertices of each triangle, (m, 3)."""

    colour: Floats
    """Red, green and blue in [0, 1], (3,)."""


def box_mesh(half_extents: ArrayLike, centre: ArrayLike, colour: Vector) -> Mesh:
    """A cuboid with flat sides."""
    corners = CORNERS * np.asarray(half_extents) + np.asarray(centre)
    quads = corners[SIDES]
    normals = np.cross(quads[:, 1] - quads[:, 0], quads[:, 2] - quads[:, 0])
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    first = 4 * np.arange(len(SIDES))[:, None]
    faces = np.concatenate([first + [0, 1, 2], first + [0, 2, 3]]).astype(np.int32)
    return Mesh(quads.reshape(-1, 3), np.repeat(normals, 4, axis=0), faces, np.array(colour))


def cell_meshes() -> list[Mesh]:
    """The table and the tray upon it, in the base frame."""
    (x, y), half, wall, height = TRAY.centre, TRAY.inner_half, TRAY.thickness / 2, TRAY.wall_height / 2
    table = (TABLE_HALF_WIDTH, TABLE_HALF_WIDTH, wall)
    meshes = [
        box_mesh(table, (x, y, -3 * wall), TABLE_COLOUR),
        box_mesh((half + 2 * wall, half + 2 * wall, wall), (x, y, -wall), TRAY.colour),
    ]
    for side in (-half - wall, half + wall):
        meshes.append(box_mesh((wall, half + 2 * wall, height), (x + side, y, height), TRAY.colour))
        meshes.append(box_mesh((half, wall, height), (x, y + side, height), TRAY.colour))
    return meshes


@functools.lru_cache(maxsize=16)
def jaw_meshes(opening: float) -> list[Mesh]:
    """Palm and fingers, in the frame between the fingertips.

    Args:
        opening: Distance between the fingers' inner faces [m].
    """
    finger, palm = np.array(JAW.finger) / 2, np.array(JAW.palm) / 2
    meshes = [box_mesh(palm, (0, 0, JAW.finger[2] + palm[2]), JAW.colour)]
    for side in (-1, 1):
        meshes.append(box_mesh(finger, (side * (opening / 2 + finger[0]), 0, finger[2]), JAW.colour))
    return meshes


@functools.cache
def object_meshes(name: str) -> tuple[Mesh, ...]:
    """The surface of an object, in its own frame, one mesh for each of its colours."""
    thing = find_object(name)
    if isinstance(thing, Box):
        return (box_mesh(thing.half_extents, (0, 0, 0), thing.colour),)
    return _lathe_meshes(thing)


@functools.cache
def arm_meshes() -> tuple[Mesh, ...]:
    """The base and the seven links of the KUKA iiwa, each in its link's frame, from the installed pybullet_data.

    Raises:
        GraspError: pybullet_data lies nowhere on the import path.
    """
    found = importlib.util.find_spec("pybullet_data")
    if found is None or not found.submodule_search_locations:
        raise GraspError("The arm's meshes need pybullet_data, which comes with PyBullet. Run `pip install pybullet`.")
    folder = Path(found.submodule_search_locations[0]) / "kuka_iiwa" / "meshes"
    return tuple(_read_obj(folder / f"link_{link}.obj", colour) for link, colour in enumerate(LINK_COLOURS))


def _lathe_meshes(thing: Lathe) -> tuple[Mesh, ...]:
    """The bands of a turned body; the normals are smooth but for edges sharper than `CREASE`."""
    outline = thing.outline
    steps = np.diff(outline, axis=0)
    lengths = np.linalg.norm(steps, axis=1, keepdims=True)
    outward = np.stack([steps[:, 1], -steps[:, 0]], axis=1) / np.maximum(lengths, 1e-12)
    stretches = [k for k in range(len(steps)) if lengths[k] > 0]
    ends = np.repeat(outward[:, None], 2, axis=1)
    for before, after in itertools.pairwise(stretches):
        if outward[before] @ outward[after] > np.cos(CREASE):
            ends[before, 1] = ends[after, 0] = (outward[before] + outward[after]) / 2
    ends /= np.maximum(np.linalg.norm(ends, axis=-1, keepdims=True), 1e-12)
    owner = np.repeat(np.arange(len(thing.bands)), [len(band.outline) for band in thing.bands])
    return tuple(
        _band_mesh([(outline[k : k + 2], ends[k]) for k in stretches if owner[k] == number], band)
        for number, band in enumerate(thing.bands)
    )


def _band_mesh(stretches: list[tuple[Floats, Floats]], band: Band) -> Mesh:
    """Straight stretches of an outline and the normals at their ends, each (2, 2), turned around the axis."""
    turns = 2 * np.pi * np.arange(ROUND) / ROUND
    around = np.stack([np.cos(turns), np.sin(turns)], axis=1)

    def turned(ends: Floats) -> Floats:
        points = np.empty((2, ROUND, 3))
        points[..., :2] = ends[:, None, :1] * around
        points[..., 2] = ends[:, 1:]
        return points.reshape(-1, 3)

    low = np.arange(ROUND, dtype=np.int32)
    next_low, high = np.roll(low, -1), low + ROUND
    strip = np.concatenate([np.stack([low, next_low, high], 1), np.stack([next_low, high[next_low], high], 1)])
    faces = np.concatenate([strip + 2 * ROUND * number for number in range(len(stretches))])
    vertices, normals = (np.concatenate([turned(pair[part]) for pair in stretches]) for part in (0, 1))
    return Mesh(vertices, normals, faces, np.array(band.colour))


def _read_obj(path: Path, colour: Vector) -> Mesh:
    """A Wavefront file of triangles `f v//vn v//vn v//vn`."""
    rows: dict[str, list[list[str]]] = {"v": [], "vn": [], "f": []}
    for line in path.read_text().splitlines():
        kind, *values = line.split()
        if kind in rows:
            rows[kind].append(values)
    corners = np.array([corner.split("//") for face in rows["f"] for corner in face], dtype=np.int32) - 1
    pairs, faces = np.unique(corners, axis=0, return_inverse=True)
    vertices, normals = np.array(rows["v"], dtype=np.float64), np.array(rows["vn"], dtype=np.float64)
    return Mesh(vertices[pairs[:, 0]], normals[pairs[:, 1]], faces.reshape(-1, 3).astype(np.int32), np.array(colour))
