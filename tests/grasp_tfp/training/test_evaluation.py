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
    robot.close()
