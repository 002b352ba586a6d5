"""Evaluations side by side, on paper and as JSON."""

import json

import numpy as np
import pytest

from grasp_tfp.errors import UsageError
from grasp_tfp.policies.policy import run_trial
from grasp_tfp.policies.random import RandomPolicy
from grasp_tfp.robots.sim import SimRobot
from grasp_tfp.sim.grasp_error import GraspError
from grasp_tfp.training.evaluation import Evaluation, Outcome, evaluate
from grasp_tfp.training.report import comparisons, differences, recorded_evaluations, recorded_trial, summarise, table


def evaluation(policy: str, failures: list[str], stop_reason: str = "converged") -> Evaluation:
    """One trial for each failure, an empty one being a success."""
    outcomes = tuple(
        Outcome(
            index,
            not failure,
            failure,
            stop_reason,
            2 + index % 2,
            0.004,
            np.zeros((2, 4)),
            np.zeros(4),
            GraspError(0.004, 0.1),
        )
        for index, failure in enumerate(failures)
    )
    return Evaluation("sim", "blocks", policy, "digest", 0, outcomes, 4, 1.0)


GOOD = evaluation("good", ["", "", "", "missed"])
BAD = evaluation("bad", ["missed", "", "slipped", "missed"], "max-actions")


def test_the_table_counts_and_aligns() -> None:
    first, second = table([GOOD, BAD])
    assert first.startswith("good  3/4 = 75.0 % [30.1, 95.4]  2.5 moves  0 not converged  1.60 ms a decision  ")
    assert first.endswith("  off by 4.0 mm, 5.7°  missed 1")
    assert second.startswith("bad   1/4 = 25.0 % [") and second.endswith(
        "4 not converged  1.60 ms a decision  off by 4.0 mm, 5.7°  missed 2, slipped 1"
    )
    assert first.index("moves") == second.index("moves")


def test_each_two_are_compared_trial_by_trial() -> None:
    (line,) = differences([GOOD, BAD])
    assert line.startswith("good - bad  +50.0 points [") and "2 against 0, McNemar p = 0.5: underpowered" in line
    assert len(comparisons([GOOD, BAD, evaluation("third", [""] * 4)])) == 3
    assert differences([GOOD]) == []


def test_what_the_summary_records_can_be_read_back() -> None:
    where = {"robot": "sim", "task": "blocks", "seed": 0}
    read = recorded_evaluations(where | json.loads(json.dumps(summarise([GOOD, BAD]))))
    assert summarise(read) == summarise([GOOD, BAD]) and table(read) == table([GOOD, BAD])


def test_the_summary_is_json_with_a_row_for_each_trial() -> None:
    summary = json.loads(json.dumps(summarise([GOOD, BAD])))
    assert [row["failure"] for row in summary["policies"]["bad"]["outcomes"]] == ["missed", "", "slipped", "missed"]
    assert summary["policies"]["good"]["failures"] == {"missed": 1}
    (found,) = summary["comparisons"]
    assert found["policies"] == ["good", "bad"] and found["difference"] == 0.5 and found["underpowered"]


def test_a_recorded_trial_is_the_one_that_ran() -> None:
    robot = SimRobot(seed=2)
    report = {"task": "blocks", "seed": 9} | summarise([evaluate([robot], RandomPolicy(), trials=3, seed=9)])
    ran = run_trial(robot, RandomPolicy(), 9, 2)
    found = recorded_trial(json.loads(json.dumps(report)), "random", 2, robot)
    np.testing.assert_array_equal(found.gripper_poses, ran.gripper_poses)
    assert (found.trial_id, found.success, found.stop_reason) == (ran.trial_id, ran.success, ran.stop_reason)
    assert found.scene is not None and ran.scene is not None
    np.testing.assert_array_equal(found.scene.poses, ran.scene.poses)
    with pytest.raises(UsageError, match="expected a number from 0 to 2"):
        recorded_trial(report, "random", 3, robot)
    robot.close()
