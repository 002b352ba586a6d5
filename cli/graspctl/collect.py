"""`graspctl collect`: run grasp trials and log them."""

from pathlib import Path
from typing import Annotated

import typer

from grasp_tfp.errors import UsageError
from graspctl.console import Progress, counted, duration, file_size, print_report, rate, summary

__all__ = ["collect"]

TRIALS = 100_000
"""Enough random successes, about 9,300, for the mixture of flows to learn from; few scenes overfit."""


def collect(
    sim: Annotated[bool, typer.Option("--sim", help="Run the trials in the simulator.")] = False,
    robot: Annotated[str | None, typer.Option("--robot", metavar="NAME", help="Robot of the fleet file.")] = None,
    trials: Annotated[int, typer.Option("--trials", min=1, help="How many grasp trials.")] = TRIALS,
    task: Annotated[str, typer.Option("--task", help="What lies in the tray.")] = "blocks",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Same task and seed, same trials.")] = 0,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Processes; one per core if unset.")] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for the logs.")] = Path("logs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON and nothing else.")] = False,
) -> None:
    """Example: graspctl collect --sim

    Runs grasp trials with random actions and logs every step of them, a thousand trials to an MCAP file.
    """
    if robot is not None:
        raise UsageError(f"Cannot collect on robot {robot!r}: trials run in the simulator only. Use --sim instead.")
    if not sim:
        raise UsageError("Expected where to run the trials, received nothing. Use graspctl collect --sim.")
    from grasp_pipelines.collect import collect as collect_trials
    from grasp_tfp.success import SuccessRate

    with Progress("collect") as progress:
        report = collect_trials(
            out,
            task=task,
            trials=trials,
            seed=seed,
            workers=workers,
            progress=lambda done, total, successes: progress.update(done, total, str(SuccessRate(successes, done))),
        )
    if as_json:
        print_report(report)
    else:
        summary(
            f"{out}/ ({counted(report.files, 'log')}, {file_size(report.bytes)})",
            [
                f"{report.trials} trials in {duration(report.seconds)}, {rate(report.trials, report.seconds)} a second "
                f"and {rate(report.trials, report.cpu_seconds)} a CPU second",
                f"{SuccessRate(report.successes, report.trials)} of the grasps held (95 % interval)",
            ],
            f"graspctl convert {out}/ out/",
        )
    if report.interrupted:
        raise typer.Exit(130)
