"""Relative actions and yaw."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grasp_tfp.actions import apply_action, decode_action, encode_action, relative_action, wrap_yaw

angles = st.floats(-50, 50)
poses = st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 1), st.floats(-np.pi / 2, np.pi / 2 - 1e-9))


@pytest.mark.parametrize(
    ("yaw", "expected"),
    [
        (0.0, 0.0),
        (np.pi / 2, -np.pi / 2),
        (-np.pi / 2, -np.pi / 2),
        (np.pi, 0.0),
        (2.0, 2.0 - np.pi),
        (-2.0, np.pi - 2.0),
    ],
)
def test_wrap_yaw(yaw: float, expected: float) -> None:
    assert wrap_yaw(yaw) == pytest.approx(expected)


@given(angles)
def test_wrapped_yaw_is_the_same_jaw_direction_in_range(yaw: float) -> None:
    wrapped = float(wrap_yaw(yaw))
    assert -np.pi / 2 <= wrapped < np.pi / 2
    assert abs(np.sin(yaw - wrapped)) < 1e-9


@given(poses, poses)
def test_an_action_leads_from_one_pose_to_the_other(pose: tuple[float, ...], target: tuple[float, ...]) -> None:
    reached = apply_action(pose, relative_action(pose, target))
    np.testing.assert_allclose(reached[:3], target[:3], atol=1e-12)
    assert abs(np.sin(reached[3] - target[3])) < 1e-9


@given(poses)
def test_encoding_an_action_loses_nothing(action: tuple[float, ...]) -> None:
    encoded = encode_action(action)
    assert encoded.shape == (5,)
    assert encoded[3] ** 2 + encoded[4] ** 2 == pytest.approx(1)
    np.testing.assert_allclose(decode_action(encoded), action, atol=1e-9)


def test_shapes_broadcast_over_leading_dimensions() -> None:
    pose = np.zeros((2, 3, 4))
    assert relative_action(pose, np.ones(4)).shape == (2, 3, 4)
    assert encode_action(pose).shape == (2, 3, 5)
