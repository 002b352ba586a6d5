"""The contract of a robot, over every robot that comes with the package."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from grasp_tfp.policies.random import RandomPolicy
from grasp_tfp.robots.contract import CHECKS, ContractBroken
from grasp_tfp.robots.fleet import connect, find_robot
from grasp_tfp.robots.robot import Robot
from grasp_tfp.robots.sim import SimRobot
from grasp_tfp.training.evaluation import evaluate

REAL = "GRASPCTL_TEST_ROBOT"
"""Environment variable for the contract over a real rosbridge."""


@pytest.fixture(scope="module")
def simulated() -> Iterator[SimRobot]:
    robot = SimRobot("kuka-3", "blocks", 1_000_003)
    yield robot
    robot.close()


@pytest.fixture(scope="module")
def driven(twin: Any) -> Iterator[Robot]:
    robot = twin.connect()
    yield robot
    robot.close()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_in_this_process(check: Callable[[Robot], None], simulated: Robot) -> None:
    check(simulated)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_over_rosbridge(check: Callable[[Robot], None], driven: Robot) -> None:
    check(driven)


@pytest.mark.skipif(REAL not in os.environ, reason=f"{REAL} names no robot of GRASPCTL_FLEET to drive for real")
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_on_the_robot_that_the_environment_names(check: Callable[[Robot], None]) -> None:
    robot = connect(find_robot(os.environ[REAL]), image_size=64)
    try:
        check(robot)
    finally:
        robot.close()


def test_a_robot_that_does_not_move_is_found_out(simulated: SimRobot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimRobot, "move", lambda self, action: None)
    with pytest.raises(ContractBroken, match="is made"):
        next(check for check in CHECKS if check.__name__ == "makes_the_move_it_was_told")(simulated)


def test_trials_over_rosbridge_are_those_of_this_process(driven: Robot, simulated: SimRobot) -> None:
    """Images, moves and outcomes; a policy sees and gets the same on both."""
    ours, theirs = (evaluate([robot], RandomPolicy(), trials=3, seed=1) for robot in (simulated, driven))
    for one, other in zip(ours.outcomes, theirs.outcomes, strict=True):
        assert (one.success, one.failure, one.num_steps) == (other.success, other.failure, other.num_steps)
        np.testing.assert_allclose(one.gripper_poses, other.gripper_poses, atol=1e-9)
    simulated.begin(4)
    driven.begin(4)
    for mine, its in zip(simulated.observe(), driven.observe(), strict=True):
        np.testing.assert_array_equal(mine, its)
