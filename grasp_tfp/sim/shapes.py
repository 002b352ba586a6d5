"""Convex parts on disk: PyBullet reads a compound of hulls from a Wavefront file and from nothing else."""

import functools
import hashlib
import os
import tempfile
from pathlib import Path

from grasp_tfp.sim.lathe import Lathe

__all__ = ["HULL_MARGIN", "shape_file"]

HULL_MARGIN = 0.001
"""What PyBullet adds around every convex hull [m]."""


def shape_file(name: str, thing: Lathe) -> Path:
    """A Wavefront file of an object's convex parts, drawn in by the margin that PyBullet adds around them.

    It lies in this user's temporary folder under the digest of its content, so that all processes share one and
    none has to clean up; where it was removed, it is written again.
    """
    text, digest = _content(thing)
    folder = Path(tempfile.gettempdir()) / f"graspctl-shapes-{os.getuid()}"
    file = folder / f"{name}-{digest}.obj"
    if not file.exists():
        folder.mkdir(mode=0o700, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=folder, delete=False) as unfinished:
            unfinished.write(text)
        os.replace(unfinished.name, file)
    return file


@functools.cache
def _content(thing: Lathe) -> tuple[str, str]:
    """The text of an object's file and its digest. The faces only name the corners: PyBullet takes their hull."""
    lines, first = [], 1
    for number, corners in enumerate(thing.parts(HULL_MARGIN)):
        lines.append(f"o part{number}")
        lines += [f"v {x:.9f} {y:.9f} {z:.9f}" for x, y, z in corners]
        lines += [f"f {first} {first + k} {first + k + 1}" for k in range(1, len(corners) - 1)]
        first += len(corners)
    text = "\n".join(lines) + "\n"
    return text, hashlib.sha256(text.encode()).hexdigest()[:16]
