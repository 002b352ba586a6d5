"""`graspctl convert`: turn logs into a dataset."""

import enum
from pathlib import Path
from typing import Annotated, Any

import typer

from grasp_tfp.errors import UsageError
from graspctl.console import Progress, counted, duration, file_size, print_report, rate, summary
from graspctl.options import RARE, AsJson, ImageSize, LogsToRead, SkipDamaged, Source, Workers

__all__ = ["convert"]

FAILURES = 0.1
"""Random trials fail ten times as often as they succeed: this keeps about as many failures as successes."""

VIEWS = 6
"""As many as a random trial has looks of its own."""


class _SplitBy(enum.StrEnum):
    """Choices of --split-by."""

    TRIAL = "trial"
    SESSION = "session"


def convert(
    logs: LogsToRead,
    out: Annotated[str, typer.Argument(metavar="OUT", help="Folder for the dataset; new or empty.")],
    beam_args: Annotated[
        list[str] | None, typer.Argument(metavar="[-- BEAM OPTIONS]", help="Passed on to Beam, such as --runner=….")
    ] = None,
    image_size: ImageSize = 64,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Sets the records' order and the views.")] = 0,
    failures: Annotated[
        float, typer.Option("--failures", min=0, max=1, help="Share of the failed trials to keep.")
    ] = FAILURES,
    views: Annotated[
        int,
        typer.Option(
            "--views",
            min=0,
            help="How often to see each simulated training grasp again, elsewhere in the tray.",
            rich_help_panel=RARE,
        ),
    ] = VIEWS,
    split_by: Annotated[
        _SplitBy,
        typer.Option(
            "--split-by",
            metavar="trial|session",
            help="What stays in one split; a session is a log.",
            rich_help_panel=RARE,
        ),
    ] = _SplitBy.TRIAL,
    source: Source = None,
    skip_damaged: SkipDamaged = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the dataset in OUT.")] = False,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """Example: graspctl convert logs/ out/

    Turns logged trials into one example per step: the images, the move that led to the grasp, and whether it held.
    The result is a plain TFDS dataset: tfds.builder_from_directory reads it without graspctl. Interrupted, it goes
    on where it was when the same command is run again.
    """
    if beam_args and not beam_args[0].startswith("-"):
        raise UsageError(f"Expected two folders, received a third argument {beam_args[0]!r}. Beam options follow --.")
    from grasp_pipelines.convert import convert as convert_logs

    with Progress("convert") as progress:
        report = convert_logs(
            logs,
            out,
            image_size=image_size,
            seed=seed,
            failures=failures,
            views=views,
            split_by=split_by.value,
            source=source,
            overwrite=overwrite,
            workers=workers,
            beam_args=beam_args or [],
            progress=progress.update,
        )
    if as_json:
        print_report(report)
    else:
        then = "graspctl train mof" if Path(out) == Path("out") else f"graspctl train mof --data {out.rstrip('/')}/"
        summary(
            f"{out.rstrip('/')}/ ({counted(report.files, 'record file')}, {file_size(report.bytes)})",
            [*_measured(report, failures), *_table(report.problems)],
            then,
        )
    if report.damaged and not skip_damaged:
        where = "the report" if as_json else "the table above"
        typer.echo(
            f"Error: {counted(report.damaged, 'log')} damaged, see {where}; the dataset holds everything else. "
            "Accept that with --skip-damaged.",
            err=True,
        )
        raise typer.Exit(1)


def _measured(report: Any, failures: float) -> list[str]:
    """What there is to say of a `grasp_pipelines.convert.ConversionReport`."""
    from grasp_tfp.success import SuccessRate

    written = sum(report.examples.values())
    return [
        f"{written} examples ({', '.join(f'{count} {split}' for split, count in report.examples.items())}) "
        f"from {counted(report.trials, 'trial')} in {duration(report.seconds)}, "
        f"{rate(written, report.seconds)} a second",
        f"{SuccessRate(report.successes, report.trials)} of the trials succeeded (95 % interval)",
        *([] if failures == 1 else [f"{100 * failures:g} % of the failed trials were kept; --failures 1 keeps all"]),
        *(f"{counted(count, 'trial')} left out: {reason}" for reason, count in report.skipped.items()),
    ]


def _table(problems: Any) -> list[str]:
    """A row for each kind of problem in each log, under a head."""
    if not problems:
        return []
    rows = [("log", "first at", "times", "saved", "reason")]
    rows += [(p.log, p.where, str(p.times), counted(p.saved, "trial"), p.reason) for p in problems]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
