"""`graspctl compare`: evaluations of several runs side by side."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from grasp_tfp.errors import UsageError
from graspctl import completion
from graspctl.console import print_report
from graspctl.options import AsJson

__all__ = ["compare"]


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN", autocompletion=completion.runs, help="Two runs or more, or files that eval wrote."
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Example: graspctl compare runs/mof runs/gmm

    Sets evaluations of different runs beside each other: the successes of each policy with intervals, and for each
    policy the differences on the trials that both runs made, with intervals and exact p-values. Of runs it takes the
    newest evaluation that all of them have: the same line of eval, each with another --run.
    """
    from grasp_tfp.training.report import differences, recorded_evaluations, summarise, table

    paths = _evaluations(runs)
    reports = [_read(path) for path in paths]
    for path, report in zip(paths, reports, strict=True):
        if _cell(report) != _cell(reports[0]):
            raise UsageError(
                f"Cannot compare {str(path)!r} with {str(paths[0])!r}: expected an evaluation of {_cell(reports[0])}, "
                f"received one of {_cell(report)}. Evaluate both alike."
            )
    evaluations, alike = [], dict[str, list[Any]]()
    for label, report in zip(_labels(paths), reports, strict=True):
        for found in recorded_evaluations(report):
            evaluations.append(dataclasses.replace(found, policy=f"{label} {found.policy}"))
            alike.setdefault(found.policy, []).append(evaluations[-1])
    if as_json:
        return print_report({"evaluations": paths, **summarise(evaluations)})
    for line in [*table(evaluations), *(line for group in alike.values() for line in differences(group))]:
        typer.echo(line)
    typer.echo(f"{'Next':<10}graspctl report {paths[0].parent.parent}")


def _evaluations(runs: Sequence[Path]) -> list[Path]:
    """The files to compare, that of a run being the newest whose name all runs have."""
    if len(set(runs)) < max(2, len(runs)):
        raise UsageError("Expected two different runs or more. Example: graspctl compare runs/mof runs/gmm")
    folders = [run / "eval" for run in runs if run.is_dir()]
    names = [{path.name for path in folder.glob("*.json") if "policies" in _read(path)} for folder in folders]
    common = set.intersection(*names) if names else set()
    if folders and not common:
        raise UsageError(
            f"No evaluation that {', '.join(str(folder.parent) for folder in folders)} all have. Type the same line "
            f"for each, such as: graspctl eval --sim --run {folders[0].parent}"
        )
    newest = max(common, key=lambda name: (folders[0] / name).stat().st_mtime, default="")
    return [run / "eval" / newest if run.is_dir() else run for run in runs]


def _read(path: Path) -> dict[str, Any]:
    """What eval wrote."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"Cannot read {str(path)!r}: expected a run or a JSON file that graspctl eval wrote."
        ) from error


def _cell(report: dict[str, Any]) -> str:
    try:
        return f"{report['task']} by {report['robot']}"
    except KeyError as error:
        raise UsageError("Expected files that graspctl eval wrote without --runs.") from error


def _labels(paths: Sequence[Path]) -> list[str]:
    """The runs' names, or what else tells the files apart."""
    for label in (lambda path: path.parent.parent.name, lambda path: str(path.parent.parent), str):
        if len(set(map(label, paths))) == len(paths):
            break
    return list(map(label, paths))
