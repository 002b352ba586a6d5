"""What every robot has to do, as checks that a driver's own tests can run.

Example:
    >>> import pytest
    >>> from grasp_tfp.robots.contract import CHECKS
    >>> @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    ... def test_contract(check, robot):
    ...     check(robot)
"""

import json
from collections.abc import Callable

import numpy as np

from grasp_tfp.actions import relative_action
from grasp_tfp.errors import GraspError
from grasp_tfp.robots.robot import Robot

__all__ = [
    "CHECKS",
    "ContractBroken",
    "begins_again_after_a_grasp",
    "describes_itself",
    "finds_out_how_a_grasp_ended",
    "judges_moves_without_making_them",
    "makes_the_move_it_was_told",
    "refuses_what_is_out_of_reach",
    "sees_with_and_without_the_arm",
    "stays_above_the_floor",
]

POSITION = 0.005
"""How exactly a robot has to move [m] (Section V)."""

YAW = np.radians(2)

NUDGE = np.array([0.02, -0.01, 0.0, 0.1])


class ContractBroken(GraspError):
    """A robot does not do what `Robot` promises."""


def describes_itself(robot: Robot) -> None:
    """It has a name, a task, a way to know success, and a cell that can be written as JSON."""
    _require(all([robot.name, robot.task, robot.label_source]), "name, task and label_source are not empty")
    _require(json.loads(json.dumps(robot.cell)) == robot.cell, f"cell holds JSON values, not {robot.cell}")


def sees_with_and_without_the_arm(robot: Robot) -> None:
    """After `begin` the jaw is in the picture, and was not in the initial one."""
    robot.begin(0)
    seen = robot.observe()
    for image in seen:
        _require(image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3, "images are RGB of uint8")
        _require(image.shape[0] == image.shape[1], f"images are square, not {image.shape}")
    _require(seen.image.shape == seen.initial_image.shape, "both images have one size")
    _require(bool((seen.image != seen.initial_image).any()), "the arm shows in the image and not in the initial one")


def judges_moves_without_making_them(robot: Robot) -> None:
    """`feasible` gives one answer for each move, and nothing moves."""
    robot.begin(0)
    before = robot.pose
    answers = robot.feasible(np.stack([_inward(robot), 50 * NUDGE]))
    _require(answers.shape == (2,) and answers.dtype == np.bool_, f"feasible gives two answers, not {answers!r}")
    _require(answers.tolist() == [True, False], f"a small move inwards is feasible, one by 1 m is not: {answers}")
    _require(np.abs(robot.pose - before).max() < POSITION, "feasible moves nothing")


def makes_the_move_it_was_told(robot: Robot) -> None:
    """`move` ends where it should, to 5 mm and 2°."""
    robot.begin(1)
    before, action = robot.pose, _inward(robot)
    robot.move(action)
    error = relative_action(before, robot.pose) - action
    _require(
        bool(np.linalg.norm(error[:2]) < POSITION and abs(error[3]) < YAW),
        f"a move of {action} is made, not {error} off",
    )


def stays_above_the_floor(robot: Robot) -> None:
    """A move down ends at the floor of the free space, the same for all."""
    floors = []
    for index in range(2):
        robot.begin(index)
        robot.move(np.array([0.0, 0.0, -1.0, 0.0]))
        floors.append(robot.pose[2])
    _require(abs(floors[0] - floors[1]) < POSITION, f"moves down end at one floor, not at {floors}")


def refuses_what_is_out_of_reach(robot: Robot) -> None:
    """Every one of 64 samples far away is infeasible."""
    robot.begin(0)
    _require(not robot.feasible(np.tile([3.0, 0, 0, 0], (64, 1))).any(), "no move by 3 m is feasible")


def finds_out_how_a_grasp_ended(robot: Robot) -> None:
    """`grasp` closes where the fingertips were, further down, and knows a success from a failure."""
    robot.begin(2)
    before = robot.pose
    final, success, failure, _ = robot.grasp()
    _require(np.abs(final[:2] - before[:2]).max() < POSITION, "the descent of a grasp is vertical")
    _require(final[2] < before[2], "a grasp goes down")
    _require(isinstance(success, bool) and not (success and failure), f"success is clear: {success}, {failure!r}")


def begins_again_after_a_grasp(robot: Robot) -> None:
    """The next trial begins like the first."""
    robot.begin(3)
    first = robot.pose
    robot.grasp()
    robot.begin(3)
    _require(np.abs(robot.pose - first).max() < POSITION, "a trial begins where it began before")


CHECKS: tuple[Callable[[Robot], None], ...] = (
    describes_itself,
    sees_with_and_without_the_arm,
    judges_moves_without_making_them,
    makes_the_move_it_was_told,
    stays_above_the_floor,
    refuses_what_is_out_of_reach,
    finds_out_how_a_grasp_ended,
    begins_again_after_a_grasp,
)


def _inward(robot: Robot) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """A small move that is feasible in one of its directions."""
    signs = np.array([[x, y, 1, yaw] for x in (1, -1) for y in (1, -1) for yaw in (1, -1)])
    possible = signs[robot.feasible(signs * NUDGE)]
    _require(len(possible) > 0, f"a move by {NUDGE} is feasible in some direction")
    action: np.ndarray[tuple[int], np.dtype[np.float64]] = possible[0] * NUDGE
    return action


def _require(fulfilled: bool, promise: str) -> None:
    if not fulfilled:
        raise ContractBroken(f"The contract of a robot is broken: expected that {promise}.")
