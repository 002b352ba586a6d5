"""Error messages and exit codes."""

import pytest

from grasp_tfp.errors import BundleRejected, GraspError, RobotError, SafetyStop, UsageError, unknown_name


@pytest.mark.parametrize(
    ("error", "code"), [(GraspError, 1), (UsageError, 2), (RobotError, 3), (BundleRejected, 4), (SafetyStop, 5)]
)
def test_exit_codes(error: type[GraspError], code: int) -> None:
    assert error("…").exit_code == code


def test_an_unknown_name_lists_the_choices_and_the_nearest() -> None:
    message = str(unknown_name("robot", "kuka-9", ["kuka-2", "kuka-1"]))
    assert message == "Unknown robot 'kuka-9'. Expected one of: kuka-1, kuka-2. Did you mean 'kuka-2'?"


def test_a_name_like_no_other_gets_no_hint() -> None:
    assert "mean" not in str(unknown_name("task", "zzz", ["blocks"]))
