"""A training run as one page: its data, its learning curve, its successes and failures, its settings."""

import csv
import dataclasses
import math
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from grasp_tfp.experiments import html_page
from grasp_tfp.experiments.film_strip import draw_trial
from grasp_tfp.experiments.picture import save_picture
from grasp_tfp.robots.sim import SimRobot
from grasp_tfp.success import SuccessRate
from grasp_tfp.training.report import recorded_trial

__all__ = ["RunFiles", "write_page"]

FILM_WIDTH = 1400
"""Of a film strip: below it, the strip scrolls [pixels]."""

PICTURE_WIDTH = 720
"""Of any other picture, at the most [pixels]."""


@dataclasses.dataclass(frozen=True)
class RunFiles:
    """What is known of a run, as its files say it."""

    run: Path
    manifest: Mapping[str, Any]
    """Of its policy bundle."""

    dataset: Mapping[str, Any] | None
    """Metadata of the dataset; None where that is gone."""

    evaluations: Mapping[Path, Mapping[str, Any]]
    """What `eval` wrote, the newest first."""


def write_page(files: RunFiles, cell: Callable[[Mapping[str, Any]], SimRobot | None], path: Path) -> None:
    """Writes the page.

    Args:
        files: The run.
        cell: Makes the simulated cell of an evaluation, None for a real one; the page closes it.
        path: HTML file to write.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as name:
        folder = Path(name)
        sections = [
            html_page.paragraph(_headline(files)),
            html_page.section("Data", _data(files.dataset)),
            html_page.section("Learning", _learning(files, folder)),
            html_page.section("Success", _success(files)),
            html_page.section("Pictures", _pictures(files)),
            html_page.section("Trials", _films(files, cell, folder)),
            html_page.section("Settings", _settings(files.manifest)),
        ]
        partial = folder / path.name
        partial.write_text(html_page.page(f"{files.manifest['model']}: {files.run}", sections), encoding="utf-8")
        os.replace(partial, path)


def _headline(files: RunFiles) -> str:
    roles = " and ".join(files.manifest["roles"])
    measured = next((f"{name} {found['text']}" for report in files.evaluations.values()
                     for name, found in report["policies"].items()), "not evaluated yet")  # fmt: skip
    return f"A trained {roles}, bundle {files.manifest['digest'][:12]}. Newest evaluation: {measured}."


def _data(metadata: Mapping[str, Any] | None) -> list[str]:
    if metadata is None:
        return [html_page.paragraph("The dataset of this run is not where the run was trained from.")]
    logs, source = metadata["logs"], metadata["source"]["name"]
    values = {
        "Trials": f"{metadata['trials']} from {len(logs)} files of source {source}",
        "Succeeded": f"{SuccessRate(metadata['successes'], metadata['trials'])} (95 % interval)",
        "Tasks": _counts(metadata["tasks"]),
        "Collected by": _counts(metadata["policies"]),
        "Examples": _counts(metadata["examples"]),
        "Of successful trials": _counts(metadata["successful_examples"]),
        "Failed trials kept": f"{100 * metadata['failures_kept']:g} %",
        "Image size": f"{metadata['image_size']} pixels",
        "Left out": _counts(metadata["skipped"]) or "nothing",
    }
    return [html_page.facts(values)]


def _learning(files: RunFiles, folder: Path) -> Iterator[str]:
    training = files.manifest.get("training", {})
    if training:
        yield html_page.facts(
            {
                "Parameters": training["parameters"],
                "Steps": f"{training['steps']}; the weights after step {training['best_step']} were kept",
                "Validation": f"{training['criterion']} {training['validation_loss']:.3f} nat",
            }
        )
    history = files.run / "history.csv"
    if not history.is_file():
        yield html_page.paragraph("This run has no history.csv to draw.")
        return
    with history.open(encoding="utf-8", newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    path = folder / "history.png"
    _draw_history(rows, path)
    yield html_page.picture(
        path, "The loss after each epoch, on training and on validation examples.", most=PICTURE_WIDTH
    )


def _draw_history(rows: Sequence[Mapping[str, float]], path: Path) -> None:
    """Draws what validation measures, and the same on the training examples."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots()
    for name in [column for column in rows[0] if column.startswith("val_")]:
        for column, label in ((name.removeprefix("val_"), "training"), (name, "validation")):
            if column in rows[0]:
                axes.plot([row["step"] for row in rows], [row[column] for row in rows], label=label)
        axes.set(xlabel="step", ylabel=f"{name.removeprefix('val_')} [nat]")
    axes.grid(alpha=0.3)
    axes.legend()
    save_picture(figure, path, 110)


def _success(files: RunFiles) -> Iterator[str]:
    if not files.evaluations:
        yield html_page.paragraph("Not evaluated yet: run graspctl eval --sim.")
    for path, report in files.evaluations.items():
        policies = report["policies"]
        yield f"<h3>{path.stem}</h3>"
        yield html_page.paragraph(f"Task {report['task']} on {report['robot']}, the same scenes for each policy.")
        yield html_page.bars({name: (p["rate"], tuple(p["interval"]), p["text"]) for name, p in policies.items()})
        yield html_page.table(
            ("policy", "success, 95 % interval", "moves", "decision", "off by", "failures"),
            [
                (name, p["text"], f"{p['mean_steps']:.1f}", f"{p['decision_milliseconds']:.2f} ms",
                 _off(p.get("median_error")), _counts(p["failures"]) or "none")
                for name, p in policies.items()
            ],
        )  # fmt: skip
        if report["comparisons"]:
            rows = [(" - ".join(found["policies"]), found["text"]) for found in report["comparisons"]]
            yield html_page.table(("policies", "difference, 95 % interval, trials that only one held"), rows)


def _pictures(files: RunFiles) -> Iterator[str]:
    """What the policies see in the newest evaluation that was drawn, and how far a critic can be trusted."""
    drawn = [path.with_suffix(".png") for path in files.evaluations if path.with_suffix(".png").is_file()][:1]
    for path in drawn:
        yield html_page.picture(path, f"What the policies see and propose: {path.stem}.", most=PICTURE_WIDTH)
    calibration = files.run / "calibration.png"
    if calibration.is_file():
        yield html_page.picture(calibration, "The critic's probabilities against what held.", most=PICTURE_WIDTH)
    elif not drawn:
        yield html_page.paragraph("None were drawn yet: graspctl eval draws them.")


def _films(files: RunFiles, cell: Callable[[Mapping[str, Any]], SimRobot | None], folder: Path) -> Iterator[str]:
    """A success, and a failure for each reason, of the first policy of the newest simulated evaluation."""
    for path, report in files.evaluations.items():
        robot = cell(report)
        if robot is None:
            continue
        name, found = next(iter(report["policies"].items()))
        for label, index in _chosen(found["outcomes"]).items():
            film = folder / f"{index}.png"
            draw_trial(recorded_trial(report, name, index, robot), film)
            yield html_page.picture(film, f"{label}: trial {index} of {name}, {path.stem}.", least=FILM_WIDTH)
        robot.close()
        return
    yield html_page.paragraph("There is no simulated evaluation whose trials could be drawn.")


def _chosen(outcomes: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """The first success, and the first failure of each reason."""
    chosen: dict[str, int] = {}
    for outcome in sorted(outcomes, key=lambda outcome: not outcome["success"]):
        chosen.setdefault("held" if outcome["success"] else outcome["failure"], outcome["index"])
    return chosen


def _settings(manifest: Mapping[str, Any]) -> list[str]:
    settings = {f"{part}.{key}": value for part, values in manifest["config"].items() for key, value in values.items()}
    return [
        html_page.details("Configuration", html_page.facts(settings)),
        html_page.details(
            "Versions and digest", html_page.facts(manifest["software"] | {"bundle": manifest["digest"]})
        ),
        html_page.details("Cell", html_page.facts(manifest["cell"])),
    ]


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _off(error: Mapping[str, float] | None) -> str:
    return f"{1000 * error['across']:.1f} mm, {math.degrees(error['yaw']):.1f}°" if error else ""
