"""CEM with an oracle in place of a learned value function, and how its iterations grow with the dimensions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

__all__ = ["SAMPLES", "cem_iterations", "exponential", "growth", "growth_in_ranges", "nearest"]

Floats = NDArray[np.float64]

SAMPLES = 100
"""In every iteration (Section III)."""

ELITES = 10
MAX_ITERATIONS = 50


def cem_iterations(
    targets: Floats, radius: float, rng: np.random.Generator, max_iterations: int = MAX_ITERATIONS
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Runs CEM on the oracle value exp(-d²/2r²), d being the distance to the nearest target, for many tasks at once.

    It starts with the mean and the standard deviation of the uniform distribution, which the paper leaves open, and
    ranks by d itself: exp(-d²/2r²) underflows into ties.

    Args:
        targets: (n, 10, D), in [0, 1].
        radius: r, the distance at which a sample is a success.
        rng: Draws the samples.
        max_iterations: After which a run has failed.

    Returns:
        Iterations until the first success (n,), `max_iterations` for a run that failed, and which succeeded (n,).
    """
    number, _, size = targets.shape
    mean, std = np.full((number, 1, size), 0.5), np.full((number, 1, size), 12**-0.5)
    iterations, succeeded = np.full(number, max_iterations), np.zeros(number, bool)
    running = np.arange(number)
    for iteration in range(1, max_iterations + 1):
        points = mean + std * rng.standard_normal((len(running), SAMPLES, size))
        distance = nearest(points, targets[running])
        hit = distance.min(axis=1) <= radius
        iterations[running[hit]], succeeded[running[hit]] = iteration, True
        running, points, distance = running[~hit], points[~hit], distance[~hit]
        if not len(running):
            break
        elites = np.take_along_axis(points, np.argpartition(distance, ELITES, axis=1)[:, :ELITES, None], axis=1)
        mean, std = elites.mean(axis=1, keepdims=True), elites.std(axis=1, keepdims=True)
    return iterations, succeeded


def growth(dimensions: Sequence[int], iterations: Sequence[float]) -> dict[str, dict[str, Any]]:
    """Least-squares fits of a line a + b D and of an exponential a exp(b D) to mean iterations.

    Returns:
        For `linear` and `exponential`: the coefficients `a` and `b` and `r2`, the share of the variance explained.
    """
    x, y = np.asarray(dimensions, float), np.asarray(iterations, float)
    slope, start = np.polyfit(x, y, 1)
    log_slope, log_start = np.polyfit(x, np.log(y), 1)
    found = least_squares(lambda guess: exponential(x, *guess) - y, (np.exp(log_start), log_slope))
    scale, rate = found.x
    fits = {"linear": (start, slope, start + slope * x), "exponential": (scale, rate, exponential(x, scale, rate))}
    spread = float(np.sum((y - y.mean()) ** 2)) or 1.0
    return {
        name: {"a": float(a), "b": float(b), "r2": 1 - float(np.sum((y - fitted) ** 2)) / spread}
        for name, (a, b, fitted) in fits.items()
    }


def growth_in_ranges(iterations: Sequence[float]) -> dict[str, dict[str, dict[str, Any]]]:
    """`growth` of the mean iterations for D = 1, 2 …, in the paper's range and, from D = 3 on, there and in all."""
    last = len(iterations)
    ranges = {f"D={low}..{high}": (low, high) for low, high in ((1, min(last, 6)), (3, min(last, 6)), (3, last))}
    return {name: growth(range(low, high + 1), iterations[low - 1 : high]) for name, (low, high) in ranges.items()}


def nearest(points: Floats, targets: Floats) -> Floats:
    """Distance (n, m) from points (n, m, D) to the nearest of targets (n, 10, D)."""
    distances = [np.linalg.norm(points - targets[:, i : i + 1], axis=-1) for i in range(targets.shape[1])]
    return np.asarray(np.min(distances, axis=0))


def exponential(x: Floats, scale: float, rate: float) -> Floats:
    """scale · exp(rate · x)."""
    return np.asarray(scale * np.exp(rate * x))
