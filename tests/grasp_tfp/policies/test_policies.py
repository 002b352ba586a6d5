"""Random and actor policies, and the trial that they run."""

import collections
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from grasp_tfp.actions import relative_action
from grasp_tfp.policies.actor import MOVES, ActorPolicy, ExploringPolicy
from grasp_tfp.policies.convergence import converged
from grasp_tfp.policies.policy import run_trial
from grasp_tfp.policies.random import RandomPolicy
from grasp_tfp.robots.sim import SimRobot
from grasp_tfp.sim.geometry import JAW, TRAY
from grasp_tfp.sim.tasks import oracle_grasps

Samples = tuple[NDArray[np.float32], NDArray[np.float32]]


@pytest.fixture(scope="module")
def robot() -> Iterator[SimRobot]:
    cell = SimRobot(seed=11)
    yield cell
    cell.close()


class _Proposals:
    """A sampler that proposes what it is told."""

    digest = "told"

    def __init__(self, propose: Any) -> None:
        self._propose = propose

    def act(self, image: Any, initial_image: Any, seed: Any) -> Samples:
        actions, log_probs = self._propose()
        return np.asarray(actions, np.float32)[None], np.asarray(log_probs, np.float32)[None]


def test_random_trials_have_3_to_10_actions_equally_often(robot: SimRobot) -> None:
    policy, rng = RandomPolicy(), np.random.default_rng(0)
    lengths: collections.Counter[int] = collections.Counter()
    for _ in range(4000):
        step = 1
        while policy.stop(step, np.zeros(4), rng) is None:
            step += 1
        lengths[step] += 1
    assert sorted(lengths) == list(range(3, 11))
    assert max(abs(count - 500) for count in lengths.values()) < 5 * np.sqrt(500)


def test_a_random_trial_is_recorded_as_it_was(robot: SimRobot) -> None:
    trial = run_trial(robot, RandomPolicy(), seed=11, index=4)
    assert trial.trial_id == "blocks-11-000000004"
    assert 3 <= trial.num_steps <= 10
    assert trial.final_pose[2] == JAW.grasp_height
    assert trial.stop_reason == "num-actions"
    again = run_trial(robot, RandomPolicy(), seed=11, index=4)
    np.testing.assert_array_equal(again.gripper_poses, trial.gripper_poses)
    assert again.success == trial.success


def test_random_success_is_9_percent_give_or_take(robot: SimRobot) -> None:
    successes = sum(run_trial(robot, RandomPolicy(), seed=11, index=index).success for index in range(600))
    assert 0.05 * 600 < successes < 0.14 * 600


def test_the_most_probable_feasible_sample_is_chosen(robot: SimRobot) -> None:
    robot.begin(0)
    centre = relative_action(robot.pose, np.array([*TRAY.centre, 0.1, 0.0]))
    outside = centre + [1.0, 0, 0, 0]
    policy = ActorPolicy(_Proposals(lambda: ([centre * 0.5, outside, centre], [-1.0, 5.0, 2.0])))
    chosen = policy.choose(robot, np.random.default_rng(0))
    assert chosen is not None
    np.testing.assert_allclose(chosen, centre, atol=1e-6)


def test_exploring_ends_after_its_moves_wherever_they_lead(robot: SimRobot) -> None:
    moves = iter([[0.05, 0, 0, 0], [-0.05, 0, 0, 0], [0.05, 0, 0, 0]])
    trial = run_trial(robot, ExploringPolicy(_Proposals(lambda: ([next(moves)], [0.0]))), seed=11, index=0)
    assert (trial.stop_reason, trial.num_steps) == ("num-actions", MOVES)


def test_a_trial_without_a_feasible_sample_ends_under_that_name(robot: SimRobot) -> None:
    policy = ActorPolicy(_Proposals(lambda: ([[1.0, 0, 0, 0]], [0.0])))
    trial = run_trial(robot, policy, seed=11, index=0)
    assert (trial.stop_reason, trial.success, trial.num_steps) == ("infeasible", False, 1)


def test_proposing_the_oracle_grasp_converges_and_succeeds(robot: SimRobot) -> None:
    def propose() -> tuple[Any, Any]:
        return [relative_action(robot.pose, grasp) for grasp in oracle_grasps(robot.scene)], [0.0, -1.0]

    trials = [run_trial(robot, ActorPolicy(_Proposals(propose)), seed=11, index=index) for index in range(10)]
    assert {trial.stop_reason for trial in trials} == {"converged"}
    assert sum(trial.success for trial in trials) >= 9


def test_a_policy_that_never_settles_grasps_after_10_actions(robot: SimRobot) -> None:
    turns = iter(range(1000))
    policy = ActorPolicy(_Proposals(lambda: ([[0, 0, 0, 0.3 * (-1) ** next(turns)]], [0.0])))
    trial = run_trial(robot, policy, seed=11, index=1)
    assert (trial.stop_reason, trial.num_steps) == ("max-actions", 10)


@pytest.mark.parametrize(
    ("move", "expected"),
    [
        ((0.004, 0.0, 0.0, 0.0), True),
        ((0.003, 0.003, 0.003, 0.0), False),
        ((0.0, 0.0, 0.0, np.radians(1.9)), True),
        ((0.0, 0.0, 0.0, np.radians(-2.1)), False),
    ],
)
def test_convergence_is_5_mm_and_2_degrees(move: tuple[float, ...], expected: bool) -> None:
    assert converged(np.array(move)) is expected
