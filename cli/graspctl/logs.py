"""`graspctl logs`: what logs hold, in numbers and in pictures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from grasp_tfp.errors import UsageError
from graspctl.console import Progress, counted, file_size, print_report, summary
from graspctl.options import AsJson

__all__ = ["logs"]

DEFAULT = "list"
HELP = ("-h", "--help")


class _ListByDefault(TyperGroup):
    """Takes words that begin with none of its commands as the words of `list`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or args[0] not in (*self.commands, *HELP):
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)


logs = typer.Typer(cls=_ListByDefault)
Folder = Annotated[Path, typer.Argument(metavar="[FOLDER]", help="Folder of logs that collect wrote.")]


@logs.callback()
def _logs() -> None:
    """Example: graspctl logs

    Looks into logs. A folder in place of a command lists what that folder holds: graspctl logs FOLDER.
    """


@logs.command(DEFAULT, short_help="What a folder holds; the same as no command.")
def _list(folder: Folder = Path("logs"), as_json: AsJson = False) -> None:
    """Example: graspctl logs list logs/

    Counts trials and successes by task, policy, seed and direction of the jaw, and names the files that are
    damaged or cut off.
    """
    from grasp_pipelines.log_summary import summarise

    with Progress("logs") as progress:
        report = summarise(folder, progress.update)
    if as_json:
        return print_report(report)
    for line in _table(report):
        typer.echo(line)
    typer.echo(f"{'Next':<12}graspctl logs show{'' if folder == Path('logs') else f' {folder}/'}")


@logs.command("show", short_help="Draw one trial as a film strip.")
def _show(
    folder: Folder = Path("logs"),
    trial: Annotated[
        str | None, typer.Option("--trial", metavar="ID|INDEX", help="Which trial; the first if unset.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="PNG to write; ID.png if unset.")] = None,
    as_json: AsJson = False,
) -> None:
    """Example: graspctl logs show --trial 4

    Draws the initial image, what the camera saw at each step, the grasp and the lift.
    """
    from grasp_pipelines.log_summary import find_trial

    found = find_trial(folder, trial)
    path = _png(out or Path(Path(f"{found.trial_id}.png").name))
    from grasp_tfp.experiments.film_strip import draw_trial

    draw_trial(found, path)
    label = f"{'success' if found.success else 'failure'} after {counted(found.num_steps, 'step')}"
    if as_json:
        return print_report({"picture": path, "trial_id": found.trial_id, "success": found.success})
    summary(str(path), [f"{found.trial_id}: {label}"], None)


@logs.command("sheet", short_help="Draw the end of many trials.")
def _sheet(
    folder: Folder = Path("logs"),
    trials: Annotated[int, typer.Option("--trials", min=1, max=600, help="How many, from the first on.")] = 24,
    out: Annotated[Path, typer.Option("--out", help="PNG to write.")] = Path("sheet.png"),
    as_json: AsJson = False,
) -> None:
    """Example: graspctl logs sheet --trials 48

    Draws the cell after the lift of each trial, framed in green where the grasp held and in red where it did not.
    """
    import itertools

    from grasp_pipelines.log_summary import readable_trials
    from grasp_tfp.success import SuccessRate

    found = list(itertools.islice(readable_trials(folder), trials))
    if not found:
        raise UsageError(f"No trial in {str(folder)!r}: expected logs with trials, found only empty ones.")
    from grasp_tfp.experiments.film_strip import draw_sheet

    draw_sheet(found, _png(out))
    held = SuccessRate(sum(trial.success for trial in found), len(found))
    if as_json:
        return print_report({"picture": out, "trials": held.trials, "successes": held.successes})
    summary(str(out), [f"{held} of the grasps held (95 % interval)"], None)


def _png(path: Path) -> Path:
    if path.suffix.lower() != ".png" or not path.parent.is_dir():
        raise UsageError(f"Cannot write {str(path)!r}: expected a file *.png in a folder that exists. Use --out.")
    return path


def _table(report: Any) -> list[str]:
    """The rows of a `grasp_pipelines.log_summary.LogSummary`."""
    from grasp_pipelines.log_summary import DIRECTION

    trials, steps = report.success.trials, list(report.steps)
    mean = sum(length * rate.trials for length, rate in report.steps.items()) / max(trials, 1)
    rows = {
        "Logs": [f"{counted(report.files, 'file')}, {file_size(report.bytes)}"],
        "Trials": [f"{trials}, {report.with_images} of them with images, the others with states"],
        "Success": [f"{report.success} (95 % interval)"],
        "Task": _groups(report.tasks),
        "Policy": _groups(report.policies),
        "Seed": _groups(report.seeds),
        "Steps": [f"{steps[0]} to {steps[-1]}, {mean:.1f} on average"] if steps else [],
        "Jaw at": [f"{low}° to {low + DIRECTION}°: {rate}" for low, rate in report.directions.items()],
        "Stopped by": [f"{reason}: {rate}" for reason, rate in report.stop_reasons.items()],
        "Damaged": [f"{name}: {reason}" for name, reason in report.damaged.items()] or ["no file"],
    }
    return [f"{'' if number else name:<12}{line}" for name, lines in rows.items() for number, line in enumerate(lines)]


def _groups(rates: Mapping[Any, Any]) -> list[str]:
    """One line for each group; a single one needs no rate of its own."""
    return [f"{name}: {rate}" if len(rates) > 1 else str(name) for name, rate in rates.items()]
