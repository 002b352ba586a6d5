"""Paired statistics against published tables."""

import math

import pytest

from grasp_tfp.comparison import (
    GainComparison,
    IndependentComparison,
    PairedComparison,
    alike,
    compare,
    mcnemar_exact,
    newcombe_interval,
    trials_needed,
)
from grasp_tfp.errors import UsageError
from grasp_tfp.success import SuccessRate


@pytest.mark.parametrize(
    ("only_first", "only_second", "expected"),
    [
        (
            6,
            16,
            0.0525,
        ),  # Cavo et al. (2012), in Fagerland, Lydersen, Laake: Statistical Analysis of Contingency Tables
        (1, 7, 0.0703),  # Bentur et al. (2009), ibidem
        (150, 86, 3.716e-5),  # approval of the Prime Minister, Agresti: Categorical Data Analysis, table 10.1
        (0, 0, 1.0),
        (5, 5, 1.0),
    ],
)
def test_mcnemar_of_published_tables(only_first: int, only_second: int, expected: float) -> None:
    assert mcnemar_exact(only_first, only_second) == pytest.approx(expected, rel=1e-3)
    assert mcnemar_exact(only_second, only_first) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [
        ((36, 12, 2, 0), 0.0569, 0.3404),  # Newcombe (1998), cited in newcombe_interval
        ((20, 12, 2, 16), 0.0562, 0.3292),  # ibidem
        ((59, 6, 16, 80), -0.1186, -0.0046),  # Cavo et al. (2012)
        ((1, 1, 7, 12), -0.5069, -0.0256),  # Bentur et al. (2009)
        ((14, 5, 0, 22), 0.0115, 0.2265),  # Altman et al.: Statistics with Confidence (2000), table 6.2
    ],
)
def test_newcombe_of_published_tables(table: tuple[int, int, int, int], low: float, high: float) -> None:
    assert newcombe_interval(*table) == pytest.approx((low, high), abs=6e-5)
    both, first, second, neither = table
    assert newcombe_interval(both, second, first, neither) == pytest.approx((-high, -low), abs=6e-5)


@pytest.mark.parametrize(
    ("table", "expected"), [((45, 5, 100), 23), ((30, 15, 100), 155), ((7, 7, 50), None), ((0, 0, 50), None)]
)
def test_trials_needed_as_calculators_of_connors_formula_print_it(
    table: tuple[int, int, int], expected: int | None
) -> None:
    assert trials_needed(*table) == expected


@pytest.mark.parametrize("table", [(0, 0, 0, 0), (9, 0, 0, 0), (0, 9, 0, 0), (0, 0, 9, 0), (0, 0, 0, 9)])
def test_the_interval_holds_the_difference_and_stays_within_bounds(table: tuple[int, int, int, int]) -> None:
    found = PairedComparison(*table)
    low, high = found.interval
    assert -1 <= low <= found.difference <= high <= 1
    assert low < high


def test_outcomes_are_paired_by_trial() -> None:
    assert compare([True, True, False, False], [True, False, True, True]) == PairedComparison(1, 1, 2, 0)
    with pytest.raises(UsageError, match="received 2 and 3"):
        compare([True, False], [True, False, True])


def test_it_says_when_the_trials_were_too_few() -> None:
    few, enough = PairedComparison(59, 6, 16, 80), PairedComparison(590, 60, 160, 800)
    assert few.underpowered and str(few).endswith(f"underpowered, {few.needed} trials would show it")
    assert not enough.underpowered and "underpowered" not in str(enough)
    assert str(PairedComparison(36, 12, 2, 0)) == "+20.0 points [+5.7, +34.0], 12 against 2, McNemar p = 0.013"
    assert str(PairedComparison(400, 153, 152, 295)).endswith("underpowered, more than 100,000 trials would show it")
    assert "no difference was seen in 20 trials" in str(PairedComparison(10, 5, 5, 0))


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        (1044, 992, "+4.1 points [+1.1, +7.2], p = 0.0085"),
        (1044, 967, "+6.1 points [+3.0, +9.2], p = 0.00013"),
        (992, 967, "+2.0 points [-1.3, +5.2], p = 0.23"),
    ],
)
def test_independent_rates_as_in_the_papers_table(first: int, second: int, text: str) -> None:
    assert str(IndependentComparison(SuccessRate(first, 1260), SuccessRate(second, 1260))) == text


def test_independent_rates_agree_with_the_published_example() -> None:
    """Newcombe (1998), table II (a): 56/70 against 48/80, method 10."""
    found = IndependentComparison(SuccessRate(56, 70), SuccessRate(48, 80))
    assert found.interval == pytest.approx((0.0524, 0.3339), abs=1e-4)


@pytest.mark.parametrize(("one", "two"), [((0, 0), (0, 0)), ((5, 5), (9, 9)), ((0, 5), (0, 9)), ((5, 5), (0, 0))])
def test_independent_rates_without_any_evidence(one: tuple[int, int], two: tuple[int, int]) -> None:
    found = IndependentComparison(SuccessRate(*one), SuccessRate(*two))
    assert found.p_value == 1.0 and found.interval[0] <= found.difference <= found.interval[1]


def test_gains_on_many_trials_are_compared_as_walds_intervals_would() -> None:
    here, there = PairedComparison(40_000, 15_000, 5000, 40_000), PairedComparison(50_000, 6000, 4000, 40_000)
    found = GainComparison(here, there)
    margin = 1.96 * math.sqrt((0.2 - 0.1**2) / 100_000 + (0.1 - 0.02**2) / 100_000)
    assert found.difference == pytest.approx(0.08)
    assert found.interval == pytest.approx((0.08 - margin, 0.08 + margin), abs=1e-5)
    swapped = GainComparison(there, here)
    assert (swapped.difference, swapped.p_value) == (-found.difference, found.p_value)


@pytest.mark.parametrize(
    ("here", "there", "low", "high"),
    [
        ((400, 60, 20, 520), (400, 60, 20, 520), 1, 1),
        ((400, 60, 20, 520), (400, 45, 35, 520), 0.01, 0.05),
        ((400, 60, 20, 520), (400, 20, 60, 520), 0, 1e-4),
        ((400, 0, 0, 520), (20, 0, 0, 9), 1, 1),
        ((0, 0, 0, 0), (400, 60, 20, 520), 0.9, 1),
        ((0, 90, 0, 0), (0, 0, 90, 0), 0, 0),
    ],
)
def test_whether_two_gains_differ(
    here: tuple[int, int, int, int], there: tuple[int, int, int, int], low: float, high: float
) -> None:
    found = GainComparison(PairedComparison(*here), PairedComparison(*there))
    assert low <= found.p_value <= high
    assert (found.p_value < 0.05) == (not found.interval[0] <= 0 <= found.interval[1])


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (PairedComparison(400, 10, 12, 578), True),
        (PairedComparison(8, 1, 1, 10), False),  # nothing seen, nothing shown
        (PairedComparison(400, 140, 64, 900), False),
        (IndependentComparison(SuccessRate(967, 1260), SuccessRate(992, 1260)), True),  # the paper's actor and CEM
        (IndependentComparison(SuccessRate(957, 1260), SuccessRate(992, 1260)), False),  # z = -1.64 from -5 points
    ],
)
def test_alike_is_shown_not_supposed(found: PairedComparison | IndependentComparison, expected: bool) -> None:
    assert alike(found.difference, found.interval) is expected
    assert alike(-found.difference, (-found.interval[1], -found.interval[0])) is expected
