"""`graspctl export`: whole trials in another toolkit's format."""

import enum
from pathlib import Path
from typing import Annotated, Any

import typer

from graspctl.console import Progress, counted, duration, file_size, print_report, rate, summary
from graspctl.options import AsJson, ImageSize, LogsToRead, SkipDamaged, Source

__all__ = ["export"]


class _Format(enum.StrEnum):
    """Choices of --format."""

    RLDS = "rlds"
    LEROBOT = "lerobot"


def export(
    logs: LogsToRead,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the dataset; new or empty.")],
    format: Annotated[_Format, typer.Option("--format", help="rlds, or lerobot: LeRobotDataset v3.")] = _Format.RLDS,
    image_size: ImageSize = 64,
    failures: Annotated[
        float, typer.Option("--failures", min=0, max=1, help="Share of the failed trials to keep.")
    ] = 1.0,
    source: Source = None,
    skip_damaged: SkipDamaged = False,
    as_json: AsJson = False,
) -> None:
    """Example: graspctl export logs/ episodes/ --format lerobot

    Writes whole trials for other toolkits: one episode per trial, one step per move, the last of them the grasp, whose
    reward is 1 if it held. Images are rendered as convert does. OUT appears when it is complete.
    """
    from grasp_pipelines.export import export as export_logs

    with Progress("export") as progress:
        report = export_logs(
            logs,
            out,
            format.value,
            image_size=image_size,
            failures=failures,
            source=source,
            progress=progress.update,
        )
    if as_json:
        print_report(report)
    else:
        summary(
            f"{str(out).rstrip('/')}/ ({counted(report.files, 'file')}, {file_size(report.bytes)})",
            _measured(report),
            None,
        )
    if report.damaged and not skip_damaged:
        typer.echo(
            f"Error: {counted(len(report.damaged), 'log')} damaged; the dataset holds everything else. "
            "Accept that with --skip-damaged.",
            err=True,
        )
        raise typer.Exit(1)


def _measured(report: Any) -> list[str]:
    """What there is to say of a `grasp_pipelines.export.ExportReport`."""
    from grasp_tfp.success import SuccessRate

    return [
        f"{counted(report.trials, 'episode')} of {counted(report.steps, 'step')} in {duration(report.seconds)}, "
        f"{rate(report.trials, report.seconds)} a second",
        f"{SuccessRate(report.successes, report.trials)} of them succeeded (95 % interval)",
        *(f"{counted(count, 'trial')} left out: {reason}" for reason, count in report.skipped.items()),
        *(f"{name} is damaged: {reason}" for name, reason in report.damaged.items()),
    ]
