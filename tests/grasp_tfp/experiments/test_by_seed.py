"""What several seeds show together."""

import numpy as np
import pytest

from grasp_tfp.experiments import by_seed
from grasp_tfp.experiments.study import Result


def test_the_interval_over_seeds_is_students() -> None:
    mean, low, high = by_seed.over_seeds([0.4, 0.5, 0.6])
    assert mean == pytest.approx(0.5)
    assert high - mean == pytest.approx(4.3027 * 0.1 / np.sqrt(3), rel=1e-4) and mean - low == pytest.approx(
        high - mean
    )
    assert by_seed.over_seeds([0.4]) == (0.4, 0.0, 1.0)


@pytest.mark.parametrize(
    ("held", "width", "p_value"),
    [
        ((280, 264, 253), 0.054, 0.2275),  # chi-square 2.961, two degrees of freedom
        ((400, 264, 253), 0.294, 0.0),
        ((250, 250, 250), 0.0, 1.0),
        ((0, 0), 0.0, 1.0),
        ((500, 500), 0.0, 1.0),
        ((280,), 0.0, 1.0),
    ],
)
def test_seeds_that_scatter_as_their_trials_do(held: tuple[int, ...], width: float, p_value: float) -> None:
    found = by_seed.scatter([Result((), (), tuple(place < own for place in range(500))) for own in held])
    assert found == pytest.approx((width, p_value), abs=1e-4)


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        ((0.42, 0.31, 0.40), (0.31, 0.23, 0.34), "+8.3 points [+2.1, +14.6], p = 0.029"),  # t = 5.735 with df = 2
        ((0.42, 0.31, 0.40), (0.23, 0.34, 0.31), "+8.3 points [-19.0, +35.7], p = 0.32"),
        ((0.5, 0.5), (0.25, 0.25), "+25.0 points [+25.0, +25.0], p < 0.0001"),
        ((0.5, 0.5), (0.5, 0.5), "+0.0 points [+0.0, +0.0], p = 1"),
        ((0.5,), (0.1,), "+40.0 points [-100.0, +100.0], p = 1"),
    ],
)
def test_what_rises_sooner_as_the_paired_t_test_has_it(
    first: tuple[float, ...], second: tuple[float, ...], text: str
) -> None:
    methods = [[Result((1, 2, 3), (own - 0.1, own + 0.1, 0.9), ()) for own in rates] for rates in (first, second)]
    assert str(by_seed.sooner(methods[0], methods[1])) == text
