"""Two policies compared: how large the difference of their success rates is, and whether it is more than chance."""

import abc
import dataclasses
import math
from collections.abc import Sequence

from scipy.stats import binomtest, norm

from grasp_tfp.errors import UsageError
from grasp_tfp.success import SuccessRate

__all__ = [
    "ALIKE",
    "SIGNIFICANCE",
    "Comparison",
    "GainComparison",
    "IndependentComparison",
    "PairedComparison",
    "alike",
    "compare",
    "mcnemar_exact",
    "newcombe_interval",
    "points",
    "trials_needed",
]

SIGNIFICANCE = 0.05
"""The p-value below which a difference is more than chance."""

ALIKE = 0.05
"""Two rates that differ by less are alike."""

POWER = 0.8
WORTH_COUNTING = 100_000
"""Trials beyond which a difference is too small for the exact number to matter."""


class Comparison(abc.ABC):
    """Two rates, or two gains."""

    @property
    @abc.abstractmethod
    def difference(self) -> float:
        """The first minus the second."""

    @property
    @abc.abstractmethod
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the difference."""

    @property
    @abc.abstractmethod
    def p_value(self) -> float:
        """Of the hypothesis that there is no difference."""

    @property
    def underpowered(self) -> bool:
        """Whether the trials were too few to tell the two apart."""
        return self.p_value >= SIGNIFICANCE

    @property
    def better(self) -> bool:
        """Whether the first is ahead by more than chance."""
        return self.difference > 0 and not self.underpowered

    def __str__(self) -> str:
        return points(self.difference, self.interval, self.p_value)


@dataclasses.dataclass(frozen=True)
class PairedComparison(Comparison):
    """How often two policies succeeded on the same trials.

    Example:
        >>> print(PairedComparison(36, 12, 2, 0))
        +20.0 points [+5.7, +34.0], 12 against 2, McNemar p = 0.013
        >>> print(PairedComparison(59, 6, 16, 80))
        -6.2 points [-11.9, -0.5], 6 against 16, McNemar p = 0.052: underpowered, 276 trials would show it
    """

    both: int
    only_first: int
    only_second: int
    neither: int

    @property
    def trials(self) -> int:
        """Trials of each policy."""
        return self.both + self.only_first + self.only_second + self.neither

    @property
    def difference(self) -> float:
        """Success rate of the first policy minus that of the second."""
        return (self.only_first - self.only_second) / self.trials if self.trials else 0.0

    @property
    def variance(self) -> float:
        """Of the difference, as Wald's interval of paired proportions takes it."""
        discordant = (self.only_first + self.only_second) / self.trials if self.trials else 1.0
        return (discordant - self.difference**2) / max(self.trials, 1)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the difference."""
        return newcombe_interval(self.both, self.only_first, self.only_second, self.neither)

    @property
    def p_value(self) -> float:
        """Of the hypothesis that both are equally good."""
        return mcnemar_exact(self.only_first, self.only_second)

    @property
    def needed(self) -> int | None:
        """Trials that would show this difference; None where none was seen."""
        return trials_needed(self.only_first, self.only_second, self.trials)

    def __str__(self) -> str:
        low, high = (100 * bound for bound in self.interval)
        text = (
            f"{100 * self.difference:+.1f} points [{low:+.1f}, {high:+.1f}], {self.only_first} against "
            f"{self.only_second}, McNemar p {_p_value(self.p_value)}"
        )
        if not self.underpowered:
            return text
        if self.needed is None:
            return f"{text}: underpowered, no difference was seen in {self.trials:,} trials"
        needed = f"{self.needed:,}" if self.needed <= WORTH_COUNTING else f"more than {WORTH_COUNTING:,}"
        return f"{text}: underpowered, {needed} trials would show it"


@dataclasses.dataclass(frozen=True)
class IndependentComparison(Comparison):
    """The success rates of two policies on trials of their own.

    Example:
        >>> print(IndependentComparison(SuccessRate(1044, 1260), SuccessRate(992, 1260)))
        +4.1 points [+1.1, +7.2], p = 0.0085
    """

    first: SuccessRate
    second: SuccessRate

    @property
    def difference(self) -> float:
        """Success rate of the first policy minus that of the second."""
        return self.first.rate - self.second.rate

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the difference: method 10 of Newcombe's other paper of 1998, on independent rates."""
        return _recovered(self.first.rate, self.first.interval, self.second.rate, self.second.interval)

    @property
    def p_value(self) -> float:
        """Of the hypothesis that both are equally good, by the z-test with the pooled rate."""
        successes, trials = self.first.successes + self.second.successes, self.first.trials + self.second.trials
        if not self.first.trials or not self.second.trials or successes in (0, trials):
            return 1.0
        variance = successes * (trials - successes) / trials**2 * (1 / self.first.trials + 1 / self.second.trials)
        return float(2 * norm.sf(abs(self.difference) / math.sqrt(variance)))


@dataclasses.dataclass(frozen=True)
class GainComparison(Comparison):
    """Two gains, each on pairs of its own: whether an idea helps here more than there.

    Example:
        >>> print(GainComparison(PairedComparison(590, 160, 60, 690), PairedComparison(590, 110, 80, 720)))
        +4.7 points [+2.0, +7.3], p = 0.00049
    """

    first: PairedComparison
    second: PairedComparison

    @property
    def difference(self) -> float:
        """The first gain minus the second."""
        return self.first.difference - self.second.difference

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the difference, joined as that of `IndependentComparison`."""
        return _recovered(self.first.difference, self.first.interval, self.second.difference, self.second.interval)

    @property
    def p_value(self) -> float:
        """Of the hypothesis that both gains are equal, by the z-test."""
        variance = self.first.variance + self.second.variance
        return float(2 * norm.sf(abs(self.difference) / math.sqrt(variance)) if variance else self.difference == 0)


def alike(difference: float, interval: tuple[float, float]) -> bool:
    """Whether two rates are shown to differ by less than `ALIKE`, which too few trials cannot show.

    The two one-sided tests of D. J. Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15 (1987), at the 5 %
    level: the 90 % interval, as wide as a normal distribution has it beside the 95 % interval, lies within the margin.
    """
    narrower = float(norm.isf(SIGNIFICANCE) / norm.isf(SIGNIFICANCE / 2))
    return all(abs(difference + narrower * (bound - difference)) < ALIKE for bound in interval)


def compare(first: Sequence[bool], second: Sequence[bool]) -> PairedComparison:
    """Counts the successes of two policies, trial by trial.

    Raises:
        UsageError: They did not run the same trials.
    """
    if len(first) != len(second):
        raise UsageError(f"Cannot pair the trials: expected the same number, received {len(first)} and {len(second)}.")
    counts = {(a, b): 0 for a in (True, False) for b in (True, False)}
    for pair in zip(map(bool, first), map(bool, second), strict=True):
        counts[pair] += 1
    return PairedComparison(counts[True, True], counts[True, False], counts[False, True], counts[False, False])


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """The two-sided exact p-value of McNemar's test.

    Args:
        only_first: Pairs in which only the first succeeded.
        only_second: Pairs in which only the second did.
    """
    discordant = only_first + only_second
    return float(binomtest(only_first, discordant, 0.5).pvalue) if discordant else 1.0


def newcombe_interval(both: int, only_first: int, only_second: int, neither: int) -> tuple[float, float]:
    """The 95 % interval of the difference of two paired proportions.

    Method 10 of R. G. Newcombe, Improved confidence intervals for the difference between binomial proportions based
    on paired data, Statistics in Medicine 17 (1998): the Wilson intervals of both rates, joined by their correlation.
    """
    trials = both + only_first + only_second + neither
    if trials == 0:
        return -1.0, 1.0
    one, two = SuccessRate(both + only_first, trials), SuccessRate(both + only_second, trials)
    margins = one.successes * (trials - one.successes) * two.successes * (trials - two.successes)
    covariance: float = both * neither - only_first * only_second
    if covariance > 0:
        covariance = max(covariance - trials / 2, 0.0)
    correlation = covariance / math.sqrt(margins) if margins else 0.0
    below, above = (
        (one.rate - one.interval[0], two.interval[1] - two.rate),
        (one.interval[1] - one.rate, two.rate - two.interval[0]),
    )
    low, high = (math.sqrt(a * a - 2 * correlation * a * b + b * b) for a, b in (below, above))
    difference = one.rate - two.rate
    return max(difference - low, -1.0), min(difference + high, 1.0)


def points(difference: float, interval: tuple[float, float], p_value: float) -> str:
    """A difference of rates, its interval and its p-value as text."""
    low, high = (100 * bound for bound in interval)
    return f"{100 * difference:+.1f} points [{low:+.1f}, {high:+.1f}], p {_p_value(p_value)}"


def trials_needed(only_first: int, only_second: int, trials: int) -> int | None:
    """Trials with which McNemar's test would show such a difference at the 5 % level with a chance of 80 %.

    The formula of R. J. Connor, Sample size for testing differences in proportions for the paired-sample design,
    Biometrics 43 (1987).

    Returns:
        None if there is no difference to show.
    """
    if only_first == only_second:
        return None
    discordant, difference = (only_first + only_second) / trials, (only_first - only_second) / trials
    spread = float(norm.isf(SIGNIFICANCE / 2)) * math.sqrt(discordant)
    spread += float(norm.ppf(POWER)) * math.sqrt(discordant - difference**2)
    return math.ceil((spread / difference) ** 2)


def _recovered(
    first: float, of_first: tuple[float, float], second: float, of_second: tuple[float, float]
) -> tuple[float, float]:
    """The 95 % interval of the difference of two independent estimates, from the interval of each."""
    low = math.hypot(first - of_first[0], of_second[1] - second)
    high = math.hypot(of_first[1] - first, second - of_second[0])
    return first - second - low, first - second + high


def _p_value(p: float) -> str:
    return "< 0.0001" if p < 1e-4 else f"= {p:.2g}"
