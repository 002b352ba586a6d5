"""Temporal ensembling of the actor's samples."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from grasp_tfp.actions import relative_action
from grasp_tfp.policies.ensemble import BANDWIDTH, EnsemblePolicy, kernel_mode
from grasp_tfp.robots.sim import SimRobot
from grasp_tfp.sim.geometry import TRAY

RIGHT = np.array([*TRAY.centre, 0.1, 0.2]) + [0.04, 0.0, 0.0, 0.0]
WRONG = RIGHT - [0.08, 0.0, 0.0, 0.0]


@pytest.fixture(scope="module")
def robot() -> Iterator[SimRobot]:
    cell = SimRobot(seed=11)
    yield cell
    cell.close()


class _Looks:
    """An actor that proposes, at each look, the poses that it is told, all equally probable."""

    digest = "told"

    def __init__(self, robot: SimRobot, looks: list[Any]) -> None:
        self._robot, self._looks = robot, iter(looks)

    def act(self, image: Any, initial_image: Any, noise: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        poses = np.array(next(self._looks))
        return np.asarray(relative_action(self._robot.pose, poses), np.float32)[None], np.zeros(
            (1, len(poses)), np.float32
        )


def choose(robot: SimRobot, policy: EnsemblePolicy) -> Any:
    """The pose that the policy wants to go to."""
    move = policy.choose(robot, np.random.default_rng(0))
    return None if move is None else robot.pose + move


def test_what_most_looks_agree_on_outweighs_one_that_errs(robot: SimRobot) -> None:
    robot.begin(0)
    policy = EnsemblePolicy(_Looks(robot, [[WRONG] * 3, [RIGHT] * 2, [RIGHT] * 2]))
    policy.begin(robot)
    for expected in (WRONG, WRONG, RIGHT):
        np.testing.assert_allclose(choose(robot, policy)[:3], expected[:3], atol=1e-3)


def test_a_new_trial_forgets_the_one_before(robot: SimRobot) -> None:
    robot.begin(0)
    policy = EnsemblePolicy(_Looks(robot, [[WRONG] * 5, [RIGHT]]))
    for expected in (WRONG, RIGHT):
        policy.begin(robot)
        np.testing.assert_allclose(choose(robot, policy)[:3], expected[:3], atol=1e-3)


def test_a_mode_between_feasible_samples_that_is_not_feasible_gives_way_to_a_sample(robot: SimRobot) -> None:
    class Split(SimRobot):
        def feasible(self, actions: NDArray[np.float64]) -> NDArray[np.bool_]:
            return np.abs((self.pose + actions)[..., 0] - TRAY.centre[0]) > 0.005

    split = Split(seed=11)
    left, right = (np.array([TRAY.centre[0] + side, TRAY.centre[1], 0.1, 0.0]) for side in (-0.01, 0.01))
    reached = choose(split, EnsemblePolicy(_Looks(split, [[left, right]])))
    split.close()
    assert min(np.abs(reached - left).max(), np.abs(reached - right).max()) < 1e-6


def test_the_mode_is_the_mean_of_one_cluster_across_the_end_of_the_angles() -> None:
    rng = np.random.default_rng(0)
    centre = np.array([0.5, 0.1, 0.0, np.pi / 2 - 0.01])
    poses = centre + 0.3 * BANDWIDTH * rng.standard_normal((500, 4))
    mode, density = kernel_mode(poses, np.zeros(500))
    assert np.all(np.abs(relative_action(centre, mode)) < 0.1 * BANDWIDTH)
    assert density.shape == (500,) and density.max() > density.min() > 0


def test_a_denser_cluster_wins_over_a_larger_one_that_the_network_finds_improbable() -> None:
    poses = np.array([[0.5, 0.0, 0.0, 0.0]] * 2 + [[0.6, 0.0, 0.0, 0.0]] * 3)
    mode, _ = kernel_mode(poses, np.array([0.0, 0.0, -2.0, -2.0, -2.0]))
    np.testing.assert_allclose(mode, poses[0], atol=1e-3)
