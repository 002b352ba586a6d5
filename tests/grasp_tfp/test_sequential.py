"""Confidence sequences hold at all times, not only at one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betaln

from grasp_tfp.sequential import anytime_difference, anytime_interval
from grasp_tfp.success import SuccessRate


@given(trials=st.integers(0, 2000), share=st.floats(0, 1))
def test_the_interval_holds_the_rate_and_is_wider_than_a_fixed_one(trials: int, share: float) -> None:
    rate = SuccessRate(round(share * trials), trials)
    low, high = anytime_interval(rate.successes, trials)
    assert 0 <= low <= rate.rate <= high <= 1
    mirrored = anytime_interval(trials - rate.successes, trials)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-9)
    if trials:
        assert high - low > rate.interval[1] - rate.interval[0] - 1e-9


def test_the_bounds_are_where_the_martingale_reaches_twenty() -> None:
    for successes, trials in ((3, 10), (160, 200), (1, 500)):
        for bound in anytime_interval(successes, trials):
            evidence = betaln(0.5 + successes, 0.5 + trials - successes) - betaln(0.5, 0.5)
            evidence -= successes * np.log(bound) + (trials - successes) * np.log1p(-bound)
            assert evidence == pytest.approx(np.log(20), abs=1e-6)


def test_looking_after_every_trial_breaks_the_wilson_interval_but_not_this_one() -> None:
    rng, rate, experiments = np.random.default_rng(0), 0.8, 200
    fixed_wrong = anytime_wrong = 0
    for outcomes in rng.random((experiments, 300)) < rate:
        counts = np.cumsum(outcomes)
        looks = range(10, 301, 10)
        fixed_wrong += any(_outside(SuccessRate(int(counts[n - 1]), n).interval, rate) for n in looks)
        anytime_wrong += any(_outside(anytime_interval(int(counts[n - 1]), n), rate) for n in looks)
    assert fixed_wrong > 0.12 * experiments
    assert anytime_wrong < 0.05 * experiments


def test_a_difference_is_found_but_never_where_there_is_none() -> None:
    rng, experiments = np.random.default_rng(1), 300
    wrong = outside = 0
    for _ in range(experiments):
        first, second = rng.random((2, 300)) < 0.6
        intervals = [_difference(first[:n], second[:n]) for n in range(20, 301, 20)]
        wrong += any(_outside(interval, 0.0) for interval in intervals)
        better = rng.random(300) < 0.8
        outside += any(_outside(_difference(better[:n], second[:n]), 0.2) for n in range(20, 301, 20))
    assert wrong < 0.05 * experiments and outside < 0.05 * experiments
    assert _outside(anytime_difference(100, 60, 10, 30), 0.0)


@given(st.tuples(*[st.integers(0, 60)] * 4))
def test_the_difference_lies_in_its_interval_and_turns_with_the_order(table: tuple[int, int, int, int]) -> None:
    both, one, two, neither = table
    low, high = anytime_difference(both, one, two, neither)
    trials = sum(table)
    assert -1 <= low <= ((one - two) / trials if trials else 0) <= high <= 1
    assert anytime_difference(both, two, one, neither) == pytest.approx((-high, -low), abs=1e-9)


def _outside(interval: tuple[float, float], value: float) -> bool:
    return not interval[0] <= value <= interval[1]


def _difference(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    table = first & second, first & ~second, ~first & second, ~first & ~second
    return anytime_difference(*(int(cases.sum()) for cases in table))
