"""What a cell's pictures look like when nothing was held, learned once and kept beside the fleet file.

labels/kuka-3/pair-00.png …   the tray before and after an empty jaw opened over it, side by side
labels/kuka-3/labels.json     what they taught, which the fleet file names
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from grasp_tfp.errors import UsageError
from grasp_tfp.files import in_one_piece, write_json
from grasp_tfp.labelling import ImageDifference, difference, polygon_mask
from grasp_tfp.robots.camera import scaled
from grasp_tfp.robots.fleet import fleet_file

__all__ = ["SIZE", "labels_folder", "learn_labels", "read_labels", "take_pairs"]

Picture = NDArray[np.uint8]

SIZE = 256
"""Height and width at which pictures are compared [pixels]."""

NOTE = "labels.json"


def labels_folder(name: str) -> Path:
    """Where a robot's pairs and what they taught are."""
    return (fleet_file() or Path("fleet.toml")).parent / "labels" / name


def take_pairs(
    take: Callable[[int], tuple[Picture, Picture]], folder: Path, wanted: int, progress: Callable[[int, int], None]
) -> int:
    """Takes the pairs of pictures that are still missing, with an empty jaw, and returns how many it took.

    Args:
        take: Takes the pair of that number, such as `RosbridgeRobot.empty_pair`.
        folder: See `labels_folder`.
        wanted: Pairs in all.
        progress: Called with the pairs there are and those wanted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    there = len(_pairs(folder))
    for number in range(there, wanted):
        progress(number, wanted)
        pair = np.concatenate([scaled(picture, SIZE) for picture in take(number)], axis=1)
        with in_one_piece(folder / f"pair-{number:02d}.png") as partial:
            Image.fromarray(pair).save(partial, "png")
    progress(max(there, wanted), wanted)
    return max(0, wanted - there)


def learn_labels(folder: Path, corners: Sequence[Sequence[float]], crop: Sequence[int]) -> dict[str, Any]:
    """Learns from the pairs of a folder, and writes what `read_labels` reads.

    Args:
        folder: See `labels_folder`.
        corners: Of the tray's floor, `(column, row)` as parts of the picture's edge, (4, 2).
        crop: Of the camera, without which the corners mean nothing.

    Returns:
        What was written.

    Raises:
        UsageError: There are too few pairs, or the camera moved within one.
    """
    pairs = [(pair[:, :SIZE], pair[:, SIZE:]) for pair in map(_read_pair, _pairs(folder))]
    mask = _mask(corners, SIZE)
    labels = ImageDifference.fit(pairs, mask)
    note = {
        "size": SIZE,
        "crop": list(crop),
        "corners": [[float(part) for part in corner] for corner in corners],
        "pairs": len(pairs),
        "largest_score": max(difference(*pair, mask).score for pair in pairs),
        "failure_below": labels.failure_below,
        "success_above": labels.success_above,
    }
    write_json(folder / NOTE, note, indent=1)
    return note


def read_labels(path: Path, crop: Sequence[int]) -> ImageDifference:
    """What `learn_labels` wrote.

    Args:
        path: The file.
        crop: Of the camera now.

    Raises:
        UsageError: It cannot be read, or was learned with another crop.
    """
    again = "Run graspctl robots labels, and set labels to the file that it writes."
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        found = ImageDifference(
            _mask(note["corners"], int(note["size"])), float(note["failure_below"]), float(note["success_above"])
        )
        learned = [int(edge) for edge in note["crop"]]
    except (OSError, ValueError, TypeError, KeyError, IndexError) as error:
        raise UsageError(f"Cannot read the labels {str(path)!r}: {type(error).__name__}: {error}. {again}") from error
    if learned != list(crop):
        raise UsageError(f"The labels {str(path)!r} were learned with camera.crop {learned}, not {list(crop)}. {again}")
    return found


def _pairs(folder: Path) -> list[Path]:
    return sorted(folder.glob("pair-*.png"))


def _read_pair(path: Path) -> Picture:
    try:
        pair = np.asarray(Image.open(path).convert("RGB"), np.uint8)
    except OSError as error:
        raise UsageError(f"Cannot read {str(path)!r}: {error}. Delete it and run the same line again.") from error
    if pair.shape != (SIZE, 2 * SIZE, 3):
        raise UsageError(f"{str(path)!r} is no pair: expected {2 * SIZE}×{SIZE} pixels. Delete it and run it again.")
    return pair


def _mask(corners: Sequence[Sequence[float]], size: int) -> NDArray[np.bool_]:
    return polygon_mask((np.asarray(corners, np.float64).reshape(4, 2) * size).tolist(), (size, size))
