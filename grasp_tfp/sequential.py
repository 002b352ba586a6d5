"""Intervals that stay valid however often one looks, and whenever one stops.

A 95 % Wilson interval holds for a number of trials that was fixed beforehand. Who looks after each trial and stops when
the interval pleases is wrong far more often than one time in twenty. The intervals here hold at all times at once.
"""

import math

from scipy.optimize import brentq
from scipy.special import betaln

__all__ = ["anytime_difference", "anytime_interval"]

PRIOR = 0.5
"""Both parameters of the mixing beta distribution (Jeffreys' prior)."""


def anytime_interval(successes: int, trials: int, significance: float = 0.05) -> tuple[float, float]:
    """The rates that a beta-mixture martingale has not ruled out, a confidence sequence for a success rate.

    By Ville's inequality the true rate lies in all of these intervals together, after 1, 2, 3, … trials, with
    probability 1 - `significance` or more (H. Robbins, Annals of Mathematical Statistics 41, 1970).

    Args:
        successes: Successes so far.
        trials: Trials so far.
        significance: Chance that the rate is ever outside.
    """
    if trials == 0:
        return 0.0, 1.0
    failures = trials - successes
    mixture = float(betaln(PRIOR + successes, PRIOR + failures) - betaln(PRIOR, PRIOR)) + math.log(significance)

    def excess(rate: float) -> float:
        return mixture - successes * math.log(rate) - (failures * math.log1p(-rate) if failures else 0.0)

    def below(rate: float) -> float:
        return mixture - failures * math.log1p(-rate) - (successes * math.log(rate) if successes else 0.0)

    middle, tiny = successes / trials, 1e-12
    low = float(brentq(excess, tiny, middle)) if successes and excess(tiny) > 0 else 0.0
    high = float(brentq(below, middle, 1 - tiny)) if failures and below(1 - tiny) > 0 else 1.0
    return low, high


def anytime_difference(
    both: int, only_first: int, only_second: int, neither: int, significance: float = 0.05
) -> tuple[float, float]:
    """A confidence sequence for the difference of two success rates on the same trials.

    The difference is d (2 p - 1), with d the share of trials on which the two differ and p the share of those on which
    the first succeeded. Each gets an interval at half the significance. It excludes 0 where that of p excludes 1/2.

    Args:
        both: Trials on which both succeeded.
        only_first: Those on which only the first did.
        only_second: Those on which only the second did.
        neither: Those on which none did.
        significance: Chance that the difference is ever outside.
    """
    discordant = only_first + only_second
    d_low, d_high = anytime_interval(discordant, discordant + both + neither, significance / 2)
    low, high = (2 * share - 1 for share in anytime_interval(only_first, discordant, significance / 2))
    return low * (d_low if low > 0 else d_high), high * (d_high if high > 0 else d_low)
