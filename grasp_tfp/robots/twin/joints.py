"""Joints that follow trajectories in time, as a joint trajectory controller makes a real arm do."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Joints"]

Floats = NDArray[np.float64]


class Joints:
    """Positions that move along cubic splines; all times are of one clock [s].

    Args:
        position: Where they are, (n,).
    """

    def __init__(self, position: ArrayLike) -> None:
        self._times = np.zeros(1)
        self._positions = np.atleast_2d(np.array(position, np.float64))
        self._velocities = np.zeros_like(self._positions)

    def follow(self, positions: ArrayLike, velocities: ArrayLike, times: ArrayLike, now: float) -> None:
        """Begins a trajectory, from where the joints are, through positions (k, n) at times (k,) after `now`."""
        here = self.position(now)
        self._positions = np.vstack([here, np.asarray(positions, np.float64)])
        self._velocities = np.vstack([np.zeros_like(here), np.asarray(velocities, np.float64)])
        self._times = np.concatenate([[now], now + np.asarray(times, np.float64)])

    def hold(self, now: float) -> None:
        """Stays at once."""
        self._positions = self.position(now)[None]
        self._velocities, self._times = np.zeros_like(self._positions), np.array([now])

    def end(self) -> float:
        """When the trajectory ends."""
        return float(self._times[-1])

    def position(self, now: float) -> Floats:
        """Where the joints are, (n,)."""
        return self._at(now)[0]

    def velocity(self, now: float) -> Floats:
        """How fast they move, (n,)."""
        return self._at(now)[1]

    def _at(self, now: float) -> tuple[Floats, Floats]:
        if now >= self._times[-1]:
            return self._positions[-1].copy(), np.zeros_like(self._positions[-1])
        index = int(np.searchsorted(self._times, now, side="right")) - 1
        if index < 0:
            return self._positions[0].copy(), np.zeros_like(self._positions[0])
        span = self._times[index + 1] - self._times[index]
        s = (now - self._times[index]) / span
        (p0, p1), (v0, v1) = self._positions[index : index + 2], self._velocities[index : index + 2] * span
        position = (
            (2 * s**3 - 3 * s**2 + 1) * p0
            + (s**3 - 2 * s**2 + s) * v0
            + (3 * s**2 - 2 * s**3) * p1
            + (s**3 - s**2) * v1
        )
        velocity = ((6 * s**2 - 6 * s) * (p0 - p1) + (3 * s**2 - 4 * s + 1) * v0 + (3 * s**2 - 2 * s) * v1) / span
        return position, velocity
