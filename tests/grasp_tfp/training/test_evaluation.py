"""Evaluations count what happened."""

import numpy as np
import pytest

from grasp_tfp.errors import RobotError, SafetyStop
from grasp_tfp.policies.policy import run_trial
from grasp_tfp.policies.random import RandomPolicy
from grasp_tfp.robots.sim import SimRobot
from grasp_tfp.training.evaluation import evaluate
from grasp_tfp.training.report import comparisons, summarise
from grasp_tfp.trial import Trial


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


class Blinking(SimRobot):
    """Cannot see anything in some trials, or is stopped in them."""

    bad: dict[int, Exception] = {}

    def begin(self, index: int) -> None:
        if index in self.bad:
            raise self.bad[index]
        super().begin(index)


def test_what_could_not_be_finished_is_void_and_pairs_with_nothing() -> None:
    robot, kept = Blinking(seed=2), list[Trial]()
    whole = evaluate([robot], RandomPolicy(), trials=8, seed=9)
    robot.bad = {2: RobotError("no image"), 3: RobotError("black"), 6: RobotError("no image")}
    result = evaluate([robot], RandomPolicy(), trials=8, seed=9, keep=kept.append)
    assert [(void.index, void.reason) for void in result.voids] == [(2, "no image"), (3, "black"), (6, "no image")]
    assert [outcome.index for outcome in result.outcomes] == [trial.index for trial in kept] == [0, 1, 4, 5, 7]
    assert result.rate.trials == 5
    report = summarise([result])
    assert report["policies"]["random"]["voids"][1] == {"index": 3, "reason": "black"}
    (comparison,) = comparisons([whole, result]).values()
    assert comparison.trials == 5 and comparison.difference == 0
    robot.bad = {index: RobotError("no image") for index in (3, 4, 5)}
    with pytest.raises(RobotError, match="3 void trials in a row, the last one: no image"):
        evaluate([robot], RandomPolicy(), trials=8, seed=9)
    robot.bad = {0: RobotError("no image")}
    with pytest.raises(RobotError, match="every trial was void, the last one: no image"):
        evaluate([robot], RandomPolicy(), trials=1, seed=9)
    robot.bad = {2: SafetyStop("held")}
    with pytest.raises(SafetyStop):
        evaluate([robot], RandomPolicy(), trials=8, seed=9)
    robot.close()
