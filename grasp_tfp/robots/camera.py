"""A cell's camera behind rosbridge: pictures from after the arm came to rest, or the reason why there are none."""

import io
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from grasp_tfp.errors import RobotError
from grasp_tfp.robots.arm import Arm
from grasp_tfp.robots.link import Frame

__all__ = ["Camera", "Look", "scaled"]

Floats = NDArray[np.float64]
Picture = NDArray[np.uint8]

FAR = 0.02
"""After a move this long the picture must have changed [m]."""

DARK = 8
"""A picture whose brightest part is below shows nothing."""

PARTS = 16
"""Of a picture's edge, over which brightness is averaged."""

QUALITY = 95
"""Of the JPEGs in a log."""


class Look(NamedTuple):
    """One picture."""

    pixels: Picture
    """The part that `camera.crop` keeps, as large as the camera gives it: RGB, (H, H, 3)."""

    stamp: float
    """When, by the robot's clock [s]."""

    def jpeg(self) -> bytes:
        """The picture for a log."""
        jpeg: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(self.pixels), QUALITY, colorsubsampling="444")
        return jpeg


class Camera:
    """Takes pictures.

    Args:
        arm: The robot that the camera belongs to.
        fingertips: Where they are, (4,).
    """

    def __init__(self, arm: Arm, fingertips: Callable[[], Floats]) -> None:
        self._arm, self._fingertips = arm, fingertips
        self._last: tuple[bytes, Floats] | None = None

    def look(self, newer_than: float) -> Look:
        """A picture taken after `newer_than` by the robot's clock [s].

        Raises:
            RobotError: There is none, or it is black, the same as before a move, or not to be decoded.
        """
        frame = self._arm.frame(newer_than)
        place = self._fingertips()[:3]
        if self._last is not None and frame.data == self._last[0] and np.linalg.norm(place - self._last[1]) > FAR:
            raise RobotError(
                f"{self._arm.name}: the camera repeats one image although the arm moved. Restart its driver."
            )
        self._last = (frame.data, place)
        return Look(self._decoded(frame), frame.stamp)

    def _decoded(self, frame: Frame) -> Picture:
        name, crop = self._arm.name, self._arm.settings.camera.crop
        try:
            image = Image.open(io.BytesIO(frame.data)).convert("RGB")
        except (UnidentifiedImageError, OSError) as error:
            raise RobotError(f"{name}: the camera's image cannot be decoded: {error}. Check its driver.") from error
        if crop:
            image = image.crop((crop[0], crop[1], crop[2], crop[3]))
        if image.width != image.height:
            raise RobotError(
                f"{name}: expected a square picture, received {image.width}×{image.height}. Set camera.crop."
            )
        pixels = np.asarray(image, np.uint8)
        if scaled(pixels, PARTS).max() < DARK:
            raise RobotError(f"{name}: the picture is black. Check the camera and its cover.")
        return pixels


def scaled(picture: Picture, size: int) -> Picture:
    """A square picture with `size` pixels to each side."""
    if len(picture) == size:
        return picture
    return np.asarray(Image.fromarray(picture).resize((size, size), Image.Resampling.BOX), np.uint8)
