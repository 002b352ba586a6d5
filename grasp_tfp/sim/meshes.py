"""Triangle meshes of everything that the camera sees."""

import functools
import importlib.util
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from grasp_tfp.errors import GraspError, unknown_name
from grasp_tfp.sim.geometry import JAW, OBJECTS, TRAY, Vector

__all__ = ["Mesh", "arm_meshes", "box_mesh", "cell_meshes", "jaw_meshes", "object_mesh"]

Floats = NDArray[np.float64]

TABLE_HALF_WIDTH = 2.0
TABLE_COLOUR: Vector = (0.50, 0.53, 0.50)
GREY: Vector = (0.33, 0.34, 0.36)
WHITE: Vector = (0.80, 0.81, 0.82)
ORANGE: Vector = (0.98, 0.45, 0.08)
LINK_COLOURS = (GREY, WHITE, ORANGE, WHITE, ORANGE, WHITE, ORANGE, GREY)
CORNERS = np.array([[x, y, z] for z in (-1, 1) for y in (-1, 1) for x in (-1, 1)], dtype=np.float64)
SIDES = np.array([[0, 4, 6, 2], [1, 3, 7, 5], [0, 1, 5, 4], [2, 6, 7, 3], [0, 2, 3, 1], [4, 5, 7, 6]])


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
def object_mesh(name: str) -> Mesh:
    """The surface of an object of `OBJECTS`, in its own frame."""
    if name not in OBJECTS:
        raise unknown_name("object", name, OBJECTS)
    return box_mesh(OBJECTS[name].half_extents, (0, 0, 0), OBJECTS[name].colour)


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
