"""The two-dimensional overlap test."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grasp_tfp.sim.footprint import overlap, rectangle

SQUARE = rectangle(np.zeros(2), (1.0, 1.0), 0.0)


@pytest.mark.parametrize(
    ("centre", "yaw", "expected"),
    [
        ((1.9, 0.0), 0.0, True),
        ((2.1, 0.0), 0.0, False),
        ((2.3, 0.0), np.pi / 4, True),
        ((2.5, 0.0), np.pi / 4, False),
        ((1.8, 1.8), np.pi / 4, False),
        ((0.0, 0.0), 0.3, True),
    ],
)
def test_unit_squares(centre: tuple[float, float], yaw: float, expected: bool) -> None:
    assert overlap(SQUARE, rectangle(np.array(centre), (1.0, 1.0), yaw)) is expected


coordinates = st.floats(-3, 3)


@given(coordinates, coordinates, st.floats(-4, 4), st.floats(-4, 4))
def test_a_common_point_means_overlap_and_the_order_does_not_matter(
    x: float, y: float, first: float, second: float
) -> None:
    a = rectangle(np.array([0.0, 0.0]), (2.0, 0.5), first)
    b = rectangle(np.array([x, y]), (1.0, 0.7), second)
    assert overlap(a, b) == overlap(b, a)
    corners_inside = [_inside(corner, (x, y), (1.0, 0.7), second) for corner in a]
    if any(corners_inside):
        assert overlap(a, b)


def _inside(point: np.ndarray, centre: tuple[float, float], half: tuple[float, float], yaw: float) -> bool:
    dx, dy = point - centre
    along, across = dx * np.cos(yaw) + dy * np.sin(yaw), dy * np.cos(yaw) - dx * np.sin(yaw)
    return bool(abs(along) < half[0] and abs(across) < half[1])
