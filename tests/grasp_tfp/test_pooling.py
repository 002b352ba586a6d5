"""Pooling over robots: against hand calculation, and by how often the intervals hold the truth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grasp_tfp.comparison import IndependentComparison
from grasp_tfp.pooling import Stratum, cluster_bootstrap, mantel_haenszel
from grasp_tfp.success import SuccessRate


def test_a_robot_that_only_one_method_used_much_does_not_count_as_its_merit() -> None:
    """Simpson's paradox: on each robot the first is better by 10 points, over all trials it looks worse."""
    strata = [Stratum(90, 100, 400, 500), Stratum(150, 500, 20, 100)]
    assert mantel_haenszel(strata).difference == pytest.approx(0.1)
    assert 240 / 600 < 420 / 600


def test_one_stratum_is_the_plain_difference_and_the_plain_test() -> None:
    found, plain = (
        mantel_haenszel([Stratum(48, 60, 36, 60)]),
        IndependentComparison(SuccessRate(48, 60), SuccessRate(36, 60)),
    )
    assert found.difference == pytest.approx(plain.difference)
    assert found.p_value == pytest.approx(plain.p_value, rel=0.05)
    error = np.sqrt(0.8 * 0.2 / 60 + 0.6 * 0.4 / 60)
    assert found.interval == pytest.approx((0.2 - 1.96 * error, 0.2 + 1.96 * error), abs=1e-4)
    assert str(found) == "+20.0 points [+4.0, +36.0], p = 0.017"


@given(st.lists(st.tuples(*[st.integers(0, 30)] * 2), min_size=1, max_size=8))
def test_exchanging_the_methods_turns_the_sign(successes: list[tuple[int, int]]) -> None:
    one = mantel_haenszel([Stratum(a, 30, b, 30) for a, b in successes])
    two = mantel_haenszel([Stratum(b, 30, a, 30) for a, b in successes])
    assert one.difference == pytest.approx(-two.difference)
    assert one.p_value == pytest.approx(two.p_value) and 0 <= one.p_value <= 1
    assert one.interval == pytest.approx((-two.interval[1], -two.interval[0]))
    assert one.interval[0] <= one.difference <= one.interval[1]


def test_strata_without_both_methods_are_left_out() -> None:
    whole = Stratum(20, 30, 10, 30)
    assert mantel_haenszel([whole, Stratum(5, 5, 0, 0)]) == mantel_haenszel([whole])
    assert mantel_haenszel([Stratum(0, 0, 0, 0)]).interval == (-1.0, 1.0)


def test_the_interval_holds_the_truth_in_95_of_100_fleets() -> None:
    rng = np.random.default_rng(0)
    easy = np.array([0.5, 0.6, 0.7, 0.75, 0.8, 0.65, 0.55])
    held = 0
    for first, second in zip(rng.binomial(60, easy + 0.1, (500, 7)), rng.binomial(60, easy, (500, 7)), strict=True):
        low, high = mantel_haenszel(
            [Stratum(int(a), 60, int(b), 60) for a, b in zip(first, second, strict=True)]
        ).interval
        held += low <= 0.1 <= high
    assert 0.92 * 500 <= held <= 0.98 * 500


def test_the_bootstrap_sees_runs_that_scatter_and_the_plain_interval_does_not() -> None:
    """In each run one method has a good or a bad day of 15 points."""
    rng, truth, held, plain = np.random.default_rng(0), 0.1, 0, 0
    for seed in range(80):
        days = rng.normal(0, 0.15, 42).clip(-0.29, 0.29)
        first, second = rng.binomial(30, 0.7 + days), rng.binomial(30, 0.6, 42)
        found = cluster_bootstrap([Stratum(int(a), 30, int(b), 30) for a, b in zip(first, second, strict=True)], seed)
        assert found is not None
        held += found[0] <= truth <= found[1]
        low, high = IndependentComparison(
            SuccessRate(int(first.sum()), 1260), SuccessRate(int(second.sum()), 1260)
        ).interval
        plain += low <= truth <= high
    assert held >= 0.89 * 80 and plain < held


def test_the_bootstrap_is_seeded_and_refuses_to_say_much_of_little() -> None:
    clusters = [Stratum(20 + k, 30, 15, 30) for k in range(5)]
    assert cluster_bootstrap(clusters, 3) == cluster_bootstrap(clusters, 3)
    assert cluster_bootstrap(clusters[:3]) is None
    same = [Stratum(20, 30, 15, 30)] * 6
    assert cluster_bootstrap(same) == pytest.approx((1 / 6, 1 / 6))
