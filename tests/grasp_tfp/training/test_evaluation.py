"""Evaluations count what happened."""

import numpy as np

from grasp_tfp.policies.policy import run_trial
from grasp_tfp.policies.random import RandomPolicy
from grasp_tfp.robots.sim import SimRobot
from grasp_tfp.training.evaluation import evaluate


def test_an_evaluation_holds_the_outcome_of_each_trial() -> None:
    robot, seen = SimRobot(seed=2), []
    result = evaluate([robot], RandomPolicy(), trials=40, seed=9, progress=lambda *state: seen.append(state))
    trials = [run_trial(robot, RandomPolicy(), 9, index) for index in range(40)]
    assert [outcome.success for outcome in result.outcomes] == [trial.success for trial in trials]
    assert result.rate.trials == 40
    assert result.rate.successes == sum(trial.success for trial in trials)
    assert result.stop_reasons == {"num-actions": 40}
    assert result.mean_steps == np.mean([trial.num_steps for trial in trials])
    assert seen[-1] == (40, 40, result.rate.successes)
    assert result.failures == {reason: sum(o.failure == reason for o in result.outcomes) for reason in result.failures}
    assert sum(result.failures.values()) == 40 - result.rate.successes
    robot.close()


def test_many_robots_give_the_outcomes_of_one() -> None:
    robots = [SimRobot(seed=2) for _ in range(7)]
    alone, together = (evaluate(cells, RandomPolicy(), trials=20, seed=9) for cells in (robots[:1], robots))
    assert [outcome.index for outcome in together.outcomes] == list(range(20))
    for one, other in zip(alone.outcomes, together.outcomes, strict=True):
        assert (one.success, one.failure, one.num_steps) == (other.success, other.failure, other.num_steps)
        np.testing.assert_array_equal(one.gripper_poses, other.gripper_poses)
    assert together.at_once == 7
    for robot in robots:
        robot.close()
