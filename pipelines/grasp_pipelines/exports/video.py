"""One MP4 file, written frame by frame, the same bytes for the same frames."""

import contextlib
import pathlib
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

__all__ = ["CODEC", "PIXEL_FORMAT", "Video"]

CODEC = "h264"
PIXEL_FORMAT = "yuv420p"

OPTIONS = {"crf": "18", "g": "2", "tune": "zerolatency", "threads": "1"}
"""A key frame every other frame, as readers jump to single ones; one thread, so that cores do not change the bytes."""


class Video:
    """An H.264 file.

    Args:
        path: To create.
        size: Height and width [pixels].
        fps: Frames in a second.
    """

    def __init__(self, path: pathlib.Path, size: tuple[int, int], fps: int) -> None:
        self.frames = 0
        self.bytes = 0
        """Of the encoded frames so far."""

        with _os_errors():
            self._container: Any = av.open(str(path), "w", options={"fflags": "+bitexact"})
        self._stream: Any = self._container.add_stream("libx264", rate=fps, options=OPTIONS)
        self._stream.height, self._stream.width = size
        self._stream.pix_fmt = PIXEL_FORMAT
        self._time_base = Fraction(1, fps)

    def add(self, image: NDArray[np.uint8]) -> None:
        """Appends a frame (height, width, 3)."""
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts = self.frames
        frame.time_base = self._time_base
        self.frames += 1
        self._mux(frame)

    def close(self) -> None:
        """Completes the file."""
        self._mux(None)
        with _os_errors():
            self._container.close()

    def abandon(self) -> None:
        """Lets go of the file after a failure."""
        with contextlib.suppress(av.FFmpegError):
            self._container.close()

    def _mux(self, frame: Any) -> None:
        with _os_errors():
            for packet in self._stream.encode(frame):
                self.bytes += packet.size
                self._container.mux(packet)


@contextlib.contextmanager
def _os_errors() -> Iterator[None]:
    """Raises FFmpeg's errors as what they are, such as a full disk."""
    try:
        yield
    except av.FFmpegError as error:
        raise OSError(error.errno, error.strerror) from error
