"""`graspctl convert`: turn logs into a dataset."""

from pathlib import Path
from typing import Annotated

import typer

from grasp_tfp.errors import UsageError
from graspctl.console import Progress, counted, duration, file_size, print_report, rate, summary

__all__ = ["convert"]

FAILURES = 0.1
"""Random trials fail ten times as often as they succeed: this keeps about as many failures as successes."""


def convert(
    logs: Annotated[Path, typer.Argument(metavar="LOGS", help="Folder of logs that collect wrote.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the dataset; new or empty.")],
    beam_args: Annotated[
        list[str] | None, typer.Argument(metavar="[-- BEAM OPTIONS]", help="Passed on to Beam, such as --runner=….")
    ] = None,
    image_size: Annotated[int, typer.Option("--image-size", min=16, help="Pixels per side.")] = 64,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Sets the records' order.")] = 0,
    failures: Annotated[
        float, typer.Option("--failures", min=0, max=1, help="Share of the failed trials to keep.")
    ] = FAILURES,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Processes; one per core if unset.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON and nothing else.")] = False,
) -> None:
    """Example: graspctl convert logs/ out/

    Turns logged trials into one example per step: the images, the move that led to the grasp, and whether it held.
    The result is a plain TFDS dataset: tfds.builder_from_directory reads it without graspctl.
    """
    if beam_args and not beam_args[0].startswith("-"):
        raise UsageError(f"Expected two folders, received a third argument {beam_args[0]!r}. Beam options follow --.")
    from grasp_pipelines.convert import convert as convert_logs
    from grasp_tfp.success import SuccessRate

    with Progress("convert") as progress:
        report = convert_logs(
            logs,
            out,
            image_size=image_size,
            seed=seed,
            failures=failures,
            workers=workers,
            beam_args=beam_args or [],
            progress=progress.update,
        )
    if as_json:
        return print_report(report)
    written = sum(report.examples.values())
    summary(
        f"{out}/ ({counted(report.files, 'record file')}, {file_size(report.bytes)})",
        [
            f"{written} examples ({', '.join(f'{count} {split}' for split, count in report.examples.items())}) "
            f"from {counted(report.trials, 'trial')} in {duration(report.seconds)}, "
            f"{rate(written, report.seconds)} a second",
            f"{SuccessRate(report.successes, report.trials)} of the trials succeeded (95 % interval)",
            *(
                []
                if failures == 1
                else [f"{100 * failures:g} % of the failed trials were kept; --failures 1 keeps all"]
            ),
            *(f"{counted(count, 'trial')} left out: {reason}" for reason, count in report.skipped.items()),
            *report.damaged,
        ],
        "graspctl train mof" if out == Path("out") else f"graspctl train mof --data {out}/",
    )
