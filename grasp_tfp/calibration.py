"""Whether predicted probabilities are what they say: reliability, calibration error, and the order they give."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

__all__ = ["BINS", "ReliabilityBin", "area_under_curve", "calibration_error", "reliability"]

BINS = 10


@dataclasses.dataclass(frozen=True)
class ReliabilityBin:
    """The predictions between two probabilities."""

    low: float
    high: float
    predictions: int
    weight: float
    """What the predictions stand for, as a share of all."""

    predicted: float
    """Their mean."""

    observed: float
    """The share of successes among them."""


def reliability(
    probability: ArrayLike, success: ArrayLike, weight: ArrayLike | None = None, bins: int = BINS
) -> list[ReliabilityBin]:
    """The reliability diagram: predictions in bins of equal width, those without any left out.

    Args:
        probability: Predicted probabilities, (n,).
        success: What came, (n,).
        weight: How many cases each prediction stands for, (n,); one if None.
        bins: How many bins.
    """
    predicted, observed, weights = _arrays(probability, success, weight)
    number = np.minimum((predicted * bins).astype(int), bins - 1)
    found = []
    for index in np.unique(number):
        inside = number == index
        own = weights[inside]
        found.append(
            ReliabilityBin(
                low=float(index / bins),
                high=float((index + 1) / bins),
                predictions=int(inside.sum()),
                weight=float(own.sum() / weights.sum()),
                predicted=float(np.average(predicted[inside], weights=own)),
                observed=float(np.average(observed[inside], weights=own)),
            )
        )
    return found


def calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """The expected calibration error: the weighted mean distance of what was predicted from what came."""
    return sum(own.weight * abs(own.predicted - own.observed) for own in bins)


def area_under_curve(score: ArrayLike, success: ArrayLike) -> float:
    """How often a success is scored above a failure, the area under the receiver operating characteristic."""
    scores, came, _ = _arrays(score, success, None)
    successes = int(came.sum())
    failures = len(came) - successes
    if not successes or not failures:
        return float("nan")
    ranks = rankdata(scores)[came > 0].sum()
    return float((ranks - successes * (successes + 1) / 2) / (successes * failures))


def _arrays(
    probability: ArrayLike, success: ArrayLike, weight: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    predicted = np.asarray(probability, np.float64)
    weights = np.ones_like(predicted) if weight is None else np.asarray(weight, np.float64)
    return predicted, np.asarray(success, np.float64), weights
