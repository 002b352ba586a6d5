"""Two policies compared over several robots: pooled without mixing the robots up, and with their scatter."""

import dataclasses
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from grasp_tfp.comparison import points

__all__ = ["PooledDifference", "Stratum", "cluster_bootstrap", "mantel_haenszel"]

Floats = NDArray[np.float64]

RESAMPLES = 5_000
FEWEST_CLUSTERS = 4
"""With fewer, resampling them says nothing."""


class Stratum(NamedTuple):
    """Two policies on one robot, or in one run of one robot."""

    first_successes: int
    first_trials: int
    second_successes: int
    second_trials: int


@dataclasses.dataclass(frozen=True)
class PooledDifference:
    """A difference of success rates that is common to all strata.

    Example:
        >>> print(mantel_haenszel([Stratum(24, 30, 18, 30), Stratum(20, 30, 15, 30)]))
        +18.3 points [+1.6, +35.0], p = 0.036
    """

    difference: float
    interval: tuple[float, float]
    """95 %."""

    p_value: float
    """Of the hypothesis that there is no difference in any stratum."""

    def __str__(self) -> str:
        return points(self.difference, self.interval, self.p_value)


def mantel_haenszel(strata: Sequence[Stratum]) -> PooledDifference:
    """The Mantel-Haenszel difference, which compares within the strata only.

    Its variance is that of T. Sato, On the variance estimator for the Mantel-Haenszel risk difference, Biometrics 45
    (1989); its p-value is that of Cochran, Mantel and Haenszel without a continuity correction.

    Args:
        strata: Those in which a policy made no trial are left out.
    """
    counts = [stratum for stratum in strata if stratum.first_trials and stratum.second_trials]
    if not counts:
        return PooledDifference(0.0, (-1.0, 1.0), 1.0)
    x, n, y, m = np.array(counts, np.float64).T
    total = n + m
    weight = float((n * m / total).sum())
    difference = float(((x * m - y * n) / total).sum()) / weight
    p = (n**2 * y - m**2 * x + n * m * (m - n) / 2) / total**2
    q = (x * (m - y) + y * (n - x)) / (2 * total)
    error = math.sqrt(max(difference * float(p.sum()) + float(q.sum()), 0.0)) / weight
    margin = float(norm.isf(0.025)) * error
    interval = max(difference - margin, -1.0), min(difference + margin, 1.0)
    return PooledDifference(difference, interval, _no_difference(x, n, y, m))


def cluster_bootstrap(clusters: Sequence[Stratum], seed: int = 0) -> tuple[float, float] | None:
    """The 95 % interval of the difference of the rates when whole clusters are drawn again, with what they scatter.

    Trials of one run on one robot may be more alike than trials of different ones; an interval that takes all trials
    for independent is then too short, and this one is not. Both policies of a cluster are drawn together.

    Args:
        clusters: Such as one for each run of each robot.
        seed: Start of the resampling.

    Returns:
        None if there are fewer than four clusters.
    """
    counts = np.array([c for c in clusters if c.first_trials and c.second_trials], np.float64).reshape(-1, 4)
    if len(counts) < FEWEST_CLUSTERS:
        return None
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=RESAMPLES) @ counts
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1] - drawn[:, 2] / drawn[:, 3], [0.025, 0.975])
    return float(low), float(high)


def _no_difference(x: Floats, n: Floats, y: Floats, m: Floats) -> float:
    total, successes = n + m, x + y
    expected = n * successes / total
    variance = n * m * successes * (total - successes) / (total**2 * np.maximum(total - 1, 1))
    spread = math.sqrt(float(variance.sum()))
    return float(2 * norm.sf(abs(float((x - expected).sum())) / spread)) if spread else 1.0
