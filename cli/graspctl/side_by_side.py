"""`graspctl eval`: the same trials with each of some policies, and one of these trials drawn."""

import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from grasp_tfp.errors import UsageError
from grasp_tfp.files import write_json
from graspctl.cells import DEFAULT_TASK, outside_fleet
from graspctl.console import Progress, counted, duration, print_report, summary
from graspctl.runs import PRETRAINED, image_size, load_policy
from graspctl.trial_logs import logged, logs_of
from graspctl.view import announce, watched

__all__ = ["SideBySide", "draw_trials", "evaluate_side_by_side"]

AT_ONCE = 64
"""Simulated trials that run at the same time."""


class SideBySide(NamedTuple):
    """What is evaluated."""

    entry: Any
    """The robot, a `grasp_tfp.robots.fleet.FleetEntry`."""

    policies: list[str]
    runs: dict[str, Path]
    """The run for each role that the policies need."""

    trials: int
    """Of each policy."""

    seed: int
    """Of the policies' random choices."""

    home: Path
    """Folder for what is written."""

    @property
    def results(self) -> Path:
        """Where the report goes."""
        return self.home / f"{self.entry.name}_{'+'.join(self.policies)}_seed{self.seed}_n{self.trials}.json"


def evaluate_side_by_side(job: SideBySide, view: str | None, *, as_json: bool) -> None:
    """Evaluates the policies, draws what they see, and prints the table.

    Args:
        job: What to evaluate.
        view: Where trials are shown, if anywhere.
        as_json: Whether to print the report as JSON.
    """
    if view is not None:
        announce(view)
    evaluations, pictures = _evaluate(job, view)
    from grasp_tfp.training.report import differences, summarise, table
    from grasp_tfp.training.trial_table import rows_of_report, write_csv

    runs = {role: str(run) for role, run in job.runs.items()}
    report = {"robot": job.entry.name, "task": job.entry.task, "runs": runs, "seed": job.seed}
    report |= summarise(evaluations) | ({"picture": pictures[0]} if pictures else {})
    write_json(job.results, report)
    write_csv(job.results.with_suffix(".csv"), rows_of_report(report))
    if as_json:
        return print_report(report)
    summary(
        ", ".join([str(job.results), str(job.results.with_suffix(".csv")), *pictures, *logs_of(job.home, [job.entry])]),
        [*table(evaluations), *differences(evaluations), _timing(evaluations)],
        _next(job),
    )


def _next(job: SideBySide) -> str | None:
    """What to type after an evaluation."""
    actor = job.runs.get("actor")
    if actor == PRETRAINED:
        return "graspctl collect --sim"
    outside = outside_fleet(job.entry.name, job.entry.task)
    if actor is None or (outside and job.entry.task != DEFAULT_TASK):
        return None
    return f"graspctl deploy {actor} --robot {'kuka-3' if outside else job.entry.name}"


def draw_trials(job: SideBySide, index: int) -> None:
    """Draws a film strip of a trial that was evaluated, for each policy.

    Args:
        job: What was evaluated.
        index: Number of the trial.

    Raises:
        UsageError: It was not, there is no such trial, or it was a real one.
    """
    if not job.results.is_file():
        raise UsageError(f"Cannot find {str(job.results)!r}. Run the same line without --replay first.")
    if job.entry.driver != "sim":
        raise UsageError(f"Cannot replay on {job.entry.name!r}: only simulated trials can be drawn again.")
    from grasp_tfp.experiments.film_strip import draw_trial
    from grasp_tfp.robots.sim import SimRobot
    from grasp_tfp.training.report import recorded_trial

    report = json.loads(job.results.read_text(encoding="utf-8"))
    pictures, lines = [], []
    with contextlib.closing(SimRobot(job.entry.name, job.entry.task, job.entry.seed)) as robot:
        for name, found in report["policies"].items():
            path = job.results.with_name(f"{job.results.stem}_trial{index}_{name}.png")
            draw_trial(recorded_trial(report, name, index, robot), path)
            row = found["outcomes"][index]
            pictures.append(str(path))
            lines.append(f"{name}: {'held' if row['success'] else row['failure']} after {row['num_steps']} moves")
    summary(", ".join(pictures), lines, None)


def _evaluate(job: SideBySide, view: str | None) -> tuple[list[Any], list[str]]:
    """A `grasp_tfp.training.evaluation.Evaluation` of each policy, and the picture of what they see, if any."""
    from grasp_tfp.robots.deployment import check_fit
    from grasp_tfp.robots.fleet import connect

    bundles = {role: load_policy(run / "bundle", role) for role, run in job.runs.items()}
    simulated = job.entry.driver == "sim"
    with contextlib.ExitStack() as stack:
        cells = [
            stack.enter_context(contextlib.closing(connect(job.entry, image_size(bundles))))
            for _ in range(min(AT_ONCE, job.trials) if simulated and view is None else 1)
        ]
        for bundle in bundles.values():
            check_fit(bundle.manifest, cells[0])
        keep = None if simulated else stack.enter_context(logged(job.home / "logs", job.entry.name))
        robots, seeing = stack.enter_context(watched(cells, bundles, view))
        evaluations = [_evaluate_one(job, name, robots, seeing, keep) for name in job.policies]
        return evaluations, _drawn(cells[0], bundles, job.results.with_suffix(".png"))


def _evaluate_one(job: SideBySide, name: str, robots: Sequence[Any], bundles: Mapping[str, Any], keep: Any) -> Any:
    from grasp_tfp.policies.catalogue import find_policy
    from grasp_tfp.success import SuccessRate
    from grasp_tfp.training.evaluation import evaluate

    policy = find_policy(name).make(bundles, job.entry.driver == "sim")
    with Progress(f"eval {name}") as progress:
        return evaluate(
            robots,
            policy,
            trials=job.trials,
            seed=job.seed,
            progress=lambda done, total, held: progress.update(done, total, str(SuccessRate(held, done))),
            keep=keep,
        )


def _drawn(cell: Any, bundles: Mapping[str, Any], path: Path) -> list[str]:
    """Draws what the policies see in a simulated cell."""
    from grasp_tfp.robots.sim import SimRobot

    if not isinstance(cell, SimRobot) or not bundles:
        return []
    from grasp_tfp.experiments.sample_picture import draw_policies

    path.parent.mkdir(parents=True, exist_ok=True)
    draw_policies(cell, bundles, path)
    return [str(path)]


def _timing(evaluations: list[Any]) -> str:
    seconds = ", ".join(f"{evaluation.policy} {duration(evaluation.seconds)}" for evaluation in evaluations)
    at_once = counted(evaluations[0].at_once, "trial")
    return f"{seconds}; {at_once} at once, a decision's time is its share of a pass for all that run"
