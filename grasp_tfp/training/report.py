"""Evaluations side by side: a table with intervals, paired differences, and the same as JSON values."""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from grasp_tfp.comparison import PairedComparison, compare
from grasp_tfp.errors import UsageError
from grasp_tfp.policies.policy import VoidTrial
from grasp_tfp.robots.sim import SimRobot
from grasp_tfp.sim.grasp_error import GraspError
from grasp_tfp.training.evaluation import Evaluation, Outcome
from grasp_tfp.trial import Trial, trial_name

__all__ = ["comparisons", "differences", "recorded_evaluations", "recorded_trial", "summarise", "table"]


def table(evaluations: Sequence[Evaluation]) -> list[str]:
    """A line for each policy.

    Successes, moves, trials stopped by their number, time per decision, median error of the grasps, and failures.
    """
    rows = [
        (
            evaluation.policy,
            str(evaluation.rate),
            f"{evaluation.mean_steps:.1f} moves",
            f"{evaluation.not_converged} not converged",
            f"{evaluation.decision_milliseconds:.2f} ms a decision",
            _off(evaluation.median_error),
            ", ".join(f"{reason} {count}" for reason, count in evaluation.failures.items()) or "no failure",
            f"{len(evaluation.voids)} void" if evaluation.voids else "",
        )
        for evaluation in evaluations
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def differences(evaluations: Sequence[Evaluation]) -> list[str]:
    """One line for each pair of policies."""
    pairs = comparisons(evaluations)
    width = max((len(_minus(*names)) for names in pairs), default=0)
    return [f"{_minus(*names):<{width}}  {found}" for names, found in pairs.items()]


def comparisons(evaluations: Sequence[Evaluation]) -> dict[tuple[str, str], PairedComparison]:
    """Every two policies, on the trials that neither has void."""
    pairs = itertools.combinations(evaluations, 2)
    return {(one.policy, two.policy): _paired(one, two) for one, two in pairs}


def summarise(evaluations: Sequence[Evaluation]) -> dict[str, Any]:
    """Evaluations, and what follows from them, as JSON values."""
    return {
        "policies": {evaluation.policy: _policy(evaluation) for evaluation in evaluations},
        "comparisons": [
            {
                "policies": names,
                "text": str(found),
                "difference": found.difference,
                "interval": found.interval,
                "only_first": found.only_first,
                "only_second": found.only_second,
                "p_value": found.p_value,
                "underpowered": found.underpowered,
                "trials_needed": found.needed,
            }
            for names, found in comparisons(evaluations).items()
        ],
    }


def recorded_evaluations(report: Mapping[str, Any]) -> list[Evaluation]:
    """Evaluations as `summarise` recorded them.

    Args:
        report: What `summarise` returned, with the robot, the task and the seed of the evaluation beside.
    """
    return [
        Evaluation(
            robot=report["robot"],
            task=report["task"],
            policy=policy,
            policy_digest=found["digest"],
            seed=report["seed"],
            outcomes=tuple(_outcome(row) for row in found["outcomes"]),
            at_once=found["at_once"],
            seconds=found["seconds"],
            voids=tuple(VoidTrial(**void) for void in found["voids"]),
        )
        for policy, found in report["policies"].items()
    ]


def recorded_trial(report: Mapping[str, Any], policy: str, index: int, robot: SimRobot) -> Trial:
    """A simulated trial as `summarise` recorded it.

    Args:
        report: What `summarise` returned, with the task and the seed of the evaluation beside.
        policy: Which policy's.
        index: Number of the trial.
        robot: A cell like the one that ran it; its trial of that index is begun.

    Raises:
        UsageError: There is no such trial.
    """
    rows = report["policies"][policy]["outcomes"]
    if index >= len(rows):
        raise UsageError(f"No trial {index}: expected a number from 0 to {len(rows) - 1}.")
    robot.begin(index)
    return Trial(
        trial_id=trial_name(report["task"], report["seed"], index),
        task=report["task"],
        seed=report["seed"],
        index=index,
        policy=policy,
        policy_digest=report["policies"][policy]["digest"],
        gripper_poses=np.array(rows[index]["gripper_poses"]),
        final_pose=np.array(rows[index]["final_pose"]),
        success=rows[index]["success"],
        label_source=robot.label_source,
        stop_reason=rows[index]["stop_reason"],
        scene=robot.scene,
    )


def _paired(one: Evaluation, two: Evaluation) -> PairedComparison:
    ours, theirs = ({outcome.index: outcome.success for outcome in own.outcomes} for own in (one, two))
    both = sorted(ours.keys() & theirs.keys())
    return compare([ours[index] for index in both], [theirs[index] for index in both])


def _off(error: GraspError | None) -> str:
    return f"off by {1000 * error.across:.1f} mm, {math.degrees(error.yaw):.1f}°" if error else ""


def _minus(first: str, second: str) -> str:
    return f"{first} - {second}"


def _policy(evaluation: Evaluation) -> dict[str, Any]:
    rate = evaluation.rate
    return {
        "text": str(rate),
        "successes": rate.successes,
        "trials": rate.trials,
        "rate": rate.rate,
        "interval": rate.interval,
        "failures": evaluation.failures,
        "stop_reasons": evaluation.stop_reasons,
        "not_converged": evaluation.not_converged,
        "mean_steps": evaluation.mean_steps,
        "median_error": evaluation.median_error and evaluation.median_error._asdict(),
        "decision_milliseconds": evaluation.decision_milliseconds,
        "at_once": evaluation.at_once,
        "seconds": evaluation.seconds,
        "digest": evaluation.policy_digest,
        "voids": [dataclasses.asdict(void) for void in evaluation.voids],
        "outcomes": [_row(outcome) for outcome in evaluation.outcomes],
    }


def _row(outcome: Outcome) -> dict[str, Any]:
    return {
        "index": outcome.index,
        "success": outcome.success,
        "failure": outcome.failure,
        "stop_reason": outcome.stop_reason,
        "num_steps": outcome.num_steps,
        "decision_seconds": round(outcome.decision_seconds, 6),
        "gripper_poses": outcome.gripper_poses.tolist(),
        "final_pose": outcome.final_pose.tolist(),
        "error": outcome.error and outcome.error._asdict(),
    }


def _outcome(row: Mapping[str, Any]) -> Outcome:
    """The inverse of `_row`."""
    poses = {name: np.array(row[name]) for name in ("gripper_poses", "final_pose")}
    return Outcome(**{**row, **poses, "error": row["error"] and GraspError(**row["error"])})
