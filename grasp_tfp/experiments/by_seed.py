"""What the seeds of a method show together, and two methods side by side."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from scipy.stats import chi2_contingency, t

from grasp_tfp.comparison import Comparison, PairedComparison, compare
from grasp_tfp.experiments.study import Result
from grasp_tfp.success import SuccessRate

__all__ = [
    "Scatter",
    "SeedComparison",
    "difference",
    "draw",
    "over_seeds",
    "percent",
    "pooled",
    "recorded",
    "row",
    "scatter",
    "sooner",
]


class Scatter(NamedTuple):
    """How far the best and the worst seed lie apart, at most 1, and the p-value of all succeeding equally often."""

    width: float
    p_value: float

    def __str__(self) -> str:
        return f"{100 * self.width:.1f} points, p = {self.p_value:.2g} if only trials scatter"


@dataclasses.dataclass(frozen=True)
class SeedComparison(Comparison):
    """The mean of what two methods differ by with each seed, whose scatter is all that is known of its chance."""

    differences: tuple[float, ...]

    @property
    def difference(self) -> float:
        """The first minus the second."""
        return float(np.mean(self.differences))

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the difference by Student's t; the widest for one seed."""
        margin = _margin(self.differences)
        return max(self.difference - margin, -1.0), min(self.difference + margin, 1.0)

    @property
    def p_value(self) -> float:
        """Of the hypothesis that there is no difference, by Student's t; 1 for one seed."""
        error = _error(self.differences)
        ratio = abs(self.difference) / error if error else (math.inf if self.difference else 0.0)
        return float(2 * t.sf(ratio, _freedom(self.differences)))


def over_seeds(values: Sequence[float]) -> tuple[float, float, float]:
    """The mean of a rate over seeds, and its 95 % interval by Student's t within [0, 1]; the widest for one seed."""
    mean, margin = float(np.mean(values)), _margin(values)
    return mean, max(mean - margin, 0.0), min(mean + margin, 1.0)


def _margin(values: Sequence[float]) -> float:
    """Half of the mean's 95 % interval by Student's t."""
    return float(t.isf(0.025, _freedom(values))) * _error(values)


def _error(values: Sequence[float]) -> float:
    """The standard error of the mean, which one value cannot tell."""
    return float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.inf


def _freedom(values: Sequence[float]) -> int:
    return max(len(values) - 1, 1)


def percent(spread: tuple[float, float, float]) -> str:
    """What `over_seeds` returned, as text."""
    mean, low, high = (100 * value for value in spread)
    return f"{mean:.1f} % [{low:.1f}, {high:.1f}]"


def row(results: Sequence[Result]) -> dict[str, str]:
    """Success at the end, as cells of a table."""
    rates = [own.rate.rate for own in results]
    return {
        "all seeds": str(pooled(results)),
        "each seed [%]": " ".join(f"{100 * rate:.1f}" for rate in rates),
        "mean of seeds": percent(over_seeds(rates)) if len(rates) > 1 else "one seed",
    }


def recorded(by_method: Mapping[str, Sequence[Result]]) -> dict[str, Any]:
    """What is kept of the results: the curves, and the successes at the end."""
    return {
        method: [{"steps": own.steps, "curve": own.curve, "text": str(own.rate)} for own in results]
        for method, results in by_method.items()
    }


def pooled(results: Sequence[Result]) -> SuccessRate:
    """The trials of all seeds together."""
    return SuccessRate(sum(sum(own.successes) for own in results), sum(len(own.successes) for own in results))


def difference(first: Sequence[Result], second: Sequence[Result]) -> PairedComparison:
    """Two methods on the same scenes, seed by seed."""
    one, two = ([held for own in results for held in own.successes] for results in (first, second))
    return compare(one, two)


def sooner(first: Sequence[Result], second: Sequence[Result]) -> SeedComparison:
    """By how much the mean success of two methods differs in the first half of training, seed by seed."""
    one, two = ([np.mean(own.curve[: (len(own.curve) + 1) // 2]) for own in results] for results in (first, second))
    return SeedComparison(tuple(np.subtract(one, two).tolist()))


def scatter(results: Sequence[Result]) -> Scatter:
    """How far the seeds lie apart, and whether that is more than their trials scatter, by a chi-square test."""
    counts = np.array([[own.rate.successes, own.rate.trials - own.rate.successes] for own in results])
    rates, mixed = counts[:, 0] / counts.sum(axis=1), counts.any(axis=0).all()
    p_value = float(chi2_contingency(counts, correction=False).pvalue) if mixed else 1.0
    return Scatter(float(np.ptp(rates)), p_value)


def draw(axes: Axes, methods: Mapping[str, tuple[str, Sequence[Result]]]) -> None:
    """Success over training: the mean of the seeds with its interval, and each seed as a thin line.

    Args:
        axes: Where to draw.
        methods: Colour and results, one for each seed, by label.
    """
    for label, (colour, results) in methods.items():
        length = min(len(own.steps) for own in results)
        steps = results[0].steps[:length]
        spread = [over_seeds([own.curve[place] for own in results]) for place in range(length)]
        mean, low, high = 100 * np.array(spread).reshape(-1, 3).T
        axes.plot(steps, mean, "o-", color=colour, label=label, markersize=3)
        if len(results) > 1:
            axes.fill_between(steps, low, high, color=colour, alpha=0.12, linewidth=0)
        for own in results:
            axes.plot(steps, 100 * np.array(own.curve[:length]), color=colour, linewidth=0.6, alpha=0.6)
    axes.set(xlabel="training step", ylabel="success [%]", ylim=(0, 100))
    axes.grid(alpha=0.3)
