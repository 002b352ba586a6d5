"""Success rates with their intervals."""

import pytest

from grasp_tfp.success import SuccessRate


def test_the_wilson_interval_of_a_published_table() -> None:
    low, high = SuccessRate(round(0.787 * 1260), 1260).interval
    assert low == pytest.approx(0.764, abs=5e-4)
    assert high == pytest.approx(0.809, abs=5e-4)


def test_it_prints_count_rate_and_interval() -> None:
    assert str(SuccessRate(412, 500)) == "412/500 = 82.4 % [78.8, 85.5]"


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (10, 10), (0, 0)])
def test_the_interval_stays_within_0_and_1(successes: int, trials: int) -> None:
    low, high = SuccessRate(successes, trials).interval
    assert 0 <= low < high <= 1
