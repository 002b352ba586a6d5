"""`graspctl collect`: run grasp trials and log them."""

from pathlib import Path
from typing import Annotated, Any

import typer

from grasp_tfp.errors import UsageError
from graspctl import completion
from graspctl.cells import DEFAULT_TASK
from graspctl.console import Progress, counted, duration, file_size, print_report, rate, summary
from graspctl.options import RARE, AsJson, Workers
from graspctl.runs import find_run
from graspctl.view import View, announce

__all__ = ["collect"]

TRIALS = 100_000
"""Enough random successes, about 9,300, for the mixture of flows to learn from; few scenes overfit."""


def collect(
    beam_args: Annotated[
        list[str] | None, typer.Argument(metavar="[-- BEAM OPTIONS]", help="Run on Beam, such as --runner=….")
    ] = None,
    sim: Annotated[bool, typer.Option("--sim", help="Run the trials in the simulator.")] = False,
    robot: Annotated[
        str | None,
        typer.Option("--robot", metavar="NAME", autocompletion=completion.robots, help="Robot of the fleet file."),
    ] = None,
    trials: Annotated[int, typer.Option("--trials", min=1, help="How many grasp trials in all.")] = TRIALS,
    task: Annotated[
        str, typer.Option("--task", autocompletion=completion.tasks, help="What lies in the tray.")
    ] = DEFAULT_TASK,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Same task and seed, same trials.")] = 0,
    policy: Annotated[
        Path | None,
        typer.Option(
            "--policy",
            metavar="RUN",
            autocompletion=completion.runs,
            help="Try what a trained run proposes; random actions if unset.",
        ),
    ] = None,
    images: Annotated[
        int | None,
        typer.Option(
            "--images", metavar="SIZE", min=16, help="Log JPEGs of this many pixels per side.", rich_help_panel=RARE
        ),
    ] = None,
    workers: Workers = None,
    out: Annotated[str, typer.Option("--out", help="Folder for the logs, or a URL such as gs://bucket/logs.")] = "logs",
    view: View = None,
    as_json: AsJson = False,
) -> None:
    """Example: graspctl collect --sim

    Runs grasp trials and logs every step of them, a thousand trials to an MCAP file.
    The same command again continues what was interrupted; a larger --trials extends it.
    """
    _check_words(beam_args, sim, robot)
    if view is not None:
        announce(view)
    from grasp_pipelines.collect import collect as collect_trials
    from grasp_tfp.success import SuccessRate

    with Progress("collect") as progress:
        report = collect_trials(
            out,
            task=task,
            trials=trials,
            seed=seed,
            bundle=None if policy is None else find_run(policy) / "bundle",
            images=images,
            workers=workers,
            beam_args=beam_args or [],
            view=view,
            progress=lambda tally, total: _show(
                progress, tally, total, SuccessRate(tally.successes, tally.new + tally.kept)
            ),
        )
    if as_json:
        print_report(report)
    else:
        _summarise(report, out, SuccessRate(report.successes, report.trials))
    if report.interrupted:
        raise typer.Exit(130)


def _check_words(beam_args: list[str] | None, sim: bool, robot: str | None) -> None:
    if robot is not None:
        raise UsageError(f"Cannot collect on robot {robot!r}: trials run in the simulator only. Use --sim instead.")
    if not sim:
        raise UsageError("Expected where to run the trials, received nothing. Use graspctl collect --sim.")
    if beam_args and not beam_args[0].startswith("-"):
        raise UsageError(f"Expected options only, received the argument {beam_args[0]!r}. Beam options follow --.")


def _show(progress: Progress, tally: Any, total: int, held: Any) -> None:
    """Shows the trials that are run now; the success rate is that of all trials."""
    if total > tally.kept:
        progress.update(tally.new, total - tally.kept, str(held))


def _summarise(report: Any, out: str, held: Any) -> None:
    kept, folder = report.trials - report.new, out.rstrip("/") or "/"
    summary(
        f"{folder}/ ({counted(report.files, 'log')}, {file_size(report.bytes)})",
        [
            f"{counted(report.new, 'trial')} in {duration(report.seconds)}, "
            f"{rate(report.new, report.seconds)} a second and {rate(report.new, report.cpu_seconds)} a CPU second",
            *([f"{counted(kept, 'trial')} were there already"] if kept else []),
            f"{held} of the grasps held (95 % interval)",
        ],
        f"graspctl convert {folder}/ out/",
    )
