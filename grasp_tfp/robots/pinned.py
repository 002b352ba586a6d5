"""The view that a camera had when its policy's data was taken, to notice when somebody has nudged it."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from grasp_tfp.errors import RobotError
from grasp_tfp.files import in_one_piece, write_json

__all__ = ["MAX_SHIFT", "compare_view", "pin_view", "view_shift"]

Picture = NDArray[np.uint8]

MAX_SHIFT = 2.0
"""Largest shift of a picture that is still the pinned view [pixels]."""

SAME_POSTURE = np.radians(1.0)


def pin_view(folder: Path, picture: Picture, joints: ArrayLike) -> Path:
    """Writes the reference picture and the arm's posture; returns the picture's path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "view.png"
    with in_one_piece(path) as partial:
        Image.fromarray(picture).save(partial, "png")
        write_json(folder / "view.json", {"joints_rad": np.asarray(joints).tolist()}, indent=None)
    return path


def compare_view(folder: Path, picture: Picture, joints: ArrayLike) -> float:
    """How far the picture has shifted since it was pinned [pixels].

    Raises:
        RobotError: Nothing was pinned, or the arm stands elsewhere, where pictures cannot be compared.
    """
    try:
        pinned = np.asarray(Image.open(folder / "view.png").convert("RGB"), np.uint8)
        posture = np.array(json.loads((folder / "view.json").read_text(encoding="utf-8"))["joints_rad"])
    except OSError as error:
        raise RobotError(f"No pinned view in {str(folder)!r}. Run graspctl robots pin-camera first.") from error
    if np.abs(posture - np.asarray(joints)).max() > SAME_POSTURE:
        wanted = np.round(np.degrees(posture), 1).tolist()
        raise RobotError(f"The view cannot be compared: it was pinned with the arm at {wanted}°. Bring it there.")
    if pinned.shape != picture.shape:
        raise RobotError(f"The view cannot be compared: pinned {pinned.shape}, received {picture.shape}. Pin it again.")
    return view_shift(pinned, picture)


def view_shift(pinned: Picture, picture: Picture) -> float:
    """Length of the shift between two pictures of one size, by phase correlation [pixels]."""
    window = np.outer(np.hanning(pinned.shape[0]), np.hanning(pinned.shape[1]))
    first, second = (np.fft.fft2((p.mean(axis=-1) - p.mean()) * window) for p in (pinned, picture))
    cross = first * np.conj(second)
    surface = np.abs(np.fft.ifft2(cross / np.maximum(np.abs(cross), 1e-9)))
    peak = np.array(np.unravel_index(int(np.argmax(surface)), surface.shape))
    sizes = np.array(surface.shape)
    return float(np.linalg.norm((peak + sizes // 2) % sizes - sizes // 2))
