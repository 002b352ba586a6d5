"""How far polygons lie apart as seen from above."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grasp_tfp.sim.footprint import finger_footprints, gap, jaw_footprint, rectangle

SQUARE = rectangle(np.zeros(2), (1.0, 1.0), 0.0)


@pytest.mark.parametrize(
    ("centre", "yaw", "expected"),
    [
        ((1.9, 0.0), 0.0, -0.1),
        ((2.1, 0.0), 0.0, 0.1),
        ((2.3, 0.0), np.pi / 4, 1.3 - np.sqrt(2)),
        ((2.5, 0.0), np.pi / 4, 1.5 - np.sqrt(2)),
        ((1.8, 1.8), np.pi / 4, 1.8 * np.sqrt(2) - 1 - np.sqrt(2)),
        ((0.0, 0.0), 0.0, -2.0),
    ],
)
def test_unit_squares(centre: tuple[float, float], yaw: float, expected: float) -> None:
    assert gap(SQUARE, rectangle(np.array(centre), (1.0, 1.0), yaw)) == pytest.approx(expected)


def test_the_open_fingers_lie_at_the_ends_of_what_they_sweep() -> None:
    pose, finger = np.array([0.5, 0.1, 0.0, 0.3]), (0.012, 0.024, 0.085)
    left, right = finger_footprints(pose, 0.08, finger)
    swept = jaw_footprint(pose, 0.08, finger, margin=0.0)
    assert gap(left, right) == pytest.approx(0.08)
    np.testing.assert_allclose(np.concatenate([left, right]).mean(axis=0), pose[:2])
    assert gap(left, swept) == pytest.approx(-0.012)
    assert {tuple(np.round(corner, 9)) for corner in swept} < {tuple(np.round(c, 9)) for c in [*left, *right]}


coordinates = st.floats(-3, 3)


@given(coordinates, coordinates, st.floats(-4, 4), st.floats(-4, 4))
def test_a_common_point_leaves_no_gap_and_the_order_does_not_matter(
    x: float, y: float, first: float, second: float
) -> None:
    a = rectangle(np.array([0.0, 0.0]), (2.0, 0.5), first)
    b = rectangle(np.array([x, y]), (1.0, 0.7), second)
    assert gap(a, b) == pytest.approx(gap(b, a))
    corners_inside = [_inside(corner, (x, y), (1.0, 0.7), second) for corner in a]
    if any(corners_inside):
        assert gap(a, b) < 0


def _inside(point: np.ndarray, centre: tuple[float, float], half: tuple[float, float], yaw: float) -> bool:
    dx, dy = point - centre
    along, across = dx * np.cos(yaw) + dy * np.sin(yaw), dy * np.cos(yaw) - dx * np.sin(yaw)
    return bool(abs(along) < half[0] and abs(across) < half[1])
