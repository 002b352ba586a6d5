"""A success rate, never without its count and its interval."""

import dataclasses

from scipy.stats import binomtest

__all__ = ["SuccessRate"]


@dataclasses.dataclass(frozen=True)
class SuccessRate:
    """How many of a number of trials succeeded.

    Example:
        >>> print(SuccessRate(412, 500))
        412/500 = 82.4 % [78.8, 85.5]
    """

    successes: int
    trials: int

    @property
    def rate(self) -> float:
        """Successes per trial; 0 without any trial."""
        return self.successes / self.trials if self.trials else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson score interval of the rate."""
        if self.trials == 0:
            return 0.0, 1.0
        found = binomtest(self.successes, self.trials).proportion_ci(method="wilson")
        return float(found.low), float(found.high)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.successes}/{self.trials} = {100 * self.rate:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
