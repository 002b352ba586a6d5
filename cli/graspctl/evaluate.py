"""`graspctl eval`: how often a trained policy grasps, against a random one."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from grasp_tfp.errors import UsageError
from graspctl.console import Progress, duration, print_report, summary
from graspctl.runs import find_run, load_policy, write_json

__all__ = ["evaluate"]

TRIALS = 500


def evaluate(
    robot: Annotated[str | None, typer.Option("--robot", metavar="NAME", help="Robot of the fleet file.")] = None,
    sim: Annotated[bool, typer.Option("--sim", help="A simulated cell that is not in the fleet file.")] = False,
    run: Annotated[Path | None, typer.Option("--run", help="Run to evaluate; the latest if unset.")] = None,
    trials: Annotated[int, typer.Option("--trials", min=1, help="Trials for each policy.")] = TRIALS,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the policies' random choices.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON and nothing else.")] = False,
) -> None:
    """Example: graspctl eval --robot kuka-3

    Runs grasp trials with the actor and with random actions on the same scenes, and counts the successes.
    Draws the actor's 64 samples on what the camera sees, coloured by density.
    """
    if sim == (robot is not None):
        raise UsageError("Expected one place to grasp. Use graspctl eval --robot NAME or graspctl eval --sim.")
    from grasp_tfp.robots.fleet import FleetEntry, find_robot

    entry = find_robot(robot) if robot else FleetEntry("sim", "sim", "blocks", 1_000_000)
    found = find_run(run)
    results = found / "eval" / f"{entry.name}_seed{seed}_n{trials}.json"
    report = _evaluate(entry, found, trials, seed, results.with_suffix(".png"))
    write_json(results, report)
    if as_json:
        return print_report(report)
    summary(
        ", ".join([str(results), *([report["picture"]] if "picture" in report else [])]),
        [
            f"{policy:<6}  {report[policy]['text']}  in {duration(report[policy]['seconds'])}"
            for policy in ("actor", "random")
        ],
        f"graspctl deploy {found} --robot {robot or 'kuka-3'}",
    )


def _evaluate(entry: Any, run: Path, trials: int, seed: int, picture: Path) -> dict[str, Any]:
    """Evaluates both policies and draws the picture."""
    from grasp_tfp.experiments.sample_picture import draw_samples
    from grasp_tfp.policies.actor import ActorPolicy
    from grasp_tfp.policies.random import RandomPolicy
    from grasp_tfp.robots.fleet import connect
    from grasp_tfp.robots.sim import SimRobot
    from grasp_tfp.success import SuccessRate
    from grasp_tfp.training import evaluation

    sampler = load_policy(run / "bundle")
    cell = connect(entry, sampler.image_size)
    report: dict[str, Any] = {"robot": entry.name, "task": entry.task, "run": str(run), "seed": seed}
    for policy in (ActorPolicy(sampler), RandomPolicy()):
        with Progress(f"eval {policy.name}") as progress:
            result = evaluation.evaluate(
                cell,
                policy,
                trials=trials,
                seed=seed,
                progress=lambda done, total, successes: progress.update(done, total, str(SuccessRate(successes, done))),
            )
        report[policy.name] = _summarised(result)
    if isinstance(cell, SimRobot):
        picture.parent.mkdir(exist_ok=True)
        report["picture"] = str(picture)
        draw_samples(cell, sampler, picture)
    cell.close()
    return report


def _summarised(result: Any) -> dict[str, Any]:
    """An evaluation with what follows from it, ready for JSON."""
    rate = result.rate
    values = {"successes": rate.successes, "trials": rate.trials, "rate": rate.rate, "interval": rate.interval}
    return {"text": str(rate), **values, "stop_reasons": result.stop_reasons, "mean_steps": result.mean_steps,
            "seconds": result.seconds, "digest": result.policy_digest,
            "outcomes": [dataclasses.asdict(outcome) for outcome in result.outcomes]}  # fmt: skip
