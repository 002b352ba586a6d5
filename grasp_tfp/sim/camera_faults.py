"""What a real camera does to an image that a renderer does not: noise, light that drifts, and a mount that moves."""

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["CameraFaults"]

Image = NDArray[np.uint8]


@dataclasses.dataclass(frozen=True)
class CameraFaults:
    """How bad a camera is; each image is spoilt anew."""

    noise: float = 0.0
    """Standard deviation of the noise of each pixel and channel, in levels of 0 to 255."""

    drift: float = 0.0
    """Largest relative change of the light, of each channel by itself, and from edge to edge of the image."""

    shift: float = 0.0
    """Largest shift of the image along each axis [px], not only by whole ones."""

    def spoil(self, image: Image, rng: np.random.Generator) -> Image:
        """The image (H, W, 3) as this camera takes it.

        Args:
            image: RGB.
            rng: Of the random choices.
        """
        values = image.astype(np.float64)
        if self.shift:
            rows, columns = rng.uniform(-self.shift, self.shift, 2)
            values = ndimage.shift(values, (rows, columns, 0), order=1, mode="nearest")
        down, across = np.indices(image.shape[:2])[..., None] / max(image.shape) - 0.5
        common, slope, slant = rng.uniform(-self.drift, self.drift, 3)
        light = 1 + common + rng.uniform(-self.drift, self.drift, 3) / 4 + slope * down + slant * across
        noisy = values * light + rng.normal(0, self.noise, image.shape)
        spoilt: Image = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
        return spoilt
