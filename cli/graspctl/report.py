"""`graspctl report`: a training run as one page that opens anywhere."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from grasp_tfp.errors import GraspError, UsageError
from graspctl import completion
from graspctl.cells import recorded_cell
from graspctl.console import file_size, print_report, summary
from graspctl.options import AsJson

__all__ = ["report"]


def report(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", autocompletion=completion.runs, help="Run of train, such as runs/mof.")
    ],
    out: Annotated[Path | None, typer.Option("--out", help="HTML to write; RUN/report.html if unset.")] = None,
    as_json: AsJson = False,
) -> None:
    """Example: graspctl report runs/mof

    Writes all that is known of a run into one HTML page: its data, learning curve, success with intervals, what the
    policies see, a film strip of a success and of each kind of failure, settings and versions.
    The page needs no network: send it, or open it on a phone.
    """
    manifest, path = _manifest(run), out or run / "report.html"
    if path.suffix.lower() != ".html" or not path.parent.is_dir():
        raise UsageError(f"Cannot write {str(path)!r}: expected a file *.html in a folder that exists. Use --out.")
    evaluations, skipped = _evaluations(run)
    from grasp_tfp.experiments.run_report import RunFiles, write_page

    files = RunFiles(run, manifest, _dataset(run), evaluations)
    write_page(files, _simulated, path)
    measured = [
        f"{source.stem}: {name} {found['text']}"
        for source, values in evaluations.items()
        for name, found in values["policies"].items()
    ]
    if as_json:
        return print_report({"page": path, "evaluations": list(evaluations), "skipped": skipped})
    summary(
        f"{path} ({file_size(path.stat().st_size)})",
        [*measured, *(f"left out {found}: graspctl of another version wrote it" for found in skipped)] or ["nothing"],
        f"open {path} in a browser",
    )


def _manifest(run: Path) -> dict[str, Any]:
    """What the run's bundle says of itself."""
    path = run / "bundle" / "manifest.json"
    if not path.is_file():
        raise UsageError(
            f"No trained run in {str(run)!r}: expected a folder with bundle/. Run graspctl train mof first."
        )
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _dataset(run: Path) -> dict[str, Any] | None:
    """Metadata of the dataset that the run names, seen from the folder in which runs/ lies."""
    from grasp_datasets.dataset import open_dataset

    try:
        data = json.loads((run / "config.json").read_text(encoding="utf-8"))["data"]
        return dict(open_dataset(run.resolve().parent.parent / data).metadata)
    except (OSError, GraspError):
        return None


def _evaluations(run: Path) -> tuple[dict[Path, dict[str, Any]], list[str]]:
    """What eval wrote, the newest first, and the names of files that hold something else."""
    newest = sorted((run / "eval").glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    found = {path: json.loads(path.read_text(encoding="utf-8")) for path in newest}
    good = {path: values for path, values in found.items() if "policies" in values}
    return good, [path.name for path in found if path not in good]


def _simulated(values: Mapping[str, Any]) -> Any:
    """The simulated cell that was evaluated, None for a real one."""
    from grasp_tfp.robots.sim import SimRobot

    entry = recorded_cell(values)
    return SimRobot(entry.name, entry.task, entry.seed) if entry.driver == "sim" else None
