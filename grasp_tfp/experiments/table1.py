"""The paper's evaluation on seven robots (Section VI-D), on their simulated twins, beside the paper's own numbers.

Six runs of thirty grasps on each robot for each method, with five or six objects that no method was trained on.
"""

import dataclasses
import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from grasp_tfp.comparison import SIGNIFICANCE, IndependentComparison, alike
from grasp_tfp.errors import UsageError
from grasp_tfp.experiments.reproduction import Progress, Reproduction, Verdict, judge, write
from grasp_tfp.robots.fleet import FleetEntry
from grasp_tfp.sim.tasks import describe_cell_of
from grasp_tfp.success import SuccessRate
from grasp_tfp.training.fleet import evaluate_fleet
from grasp_tfp.training.protocol import Protocol
from grasp_tfp.training.protocol_report import analyse

__all__ = ["FULL", "PAPER", "QUICK", "Settings", "paper_counts", "paper_rows", "reproduce"]

PAPER = {
    "cem": (78.1, 76.2, 79.0, 76.1, 82.3, 80.5),
    "actor": (80.0, 80.0, 70.4, 77.1, 77.1, 75.7),
    "actor-critic": (86.9, 81.4, 82.8, 80.0, 81.4, 84.7),
}
"""The paper's table: success of each run [%]."""

PAPER_TRIALS = 210
"""Trials behind each of its cells, 30 on each of 7 robots: all but one cell are a 210th, rounded or cut off."""

ROBOTS = 7
SEED = 1_000_000


@dataclasses.dataclass(frozen=True)
class Settings:
    """How much is done."""

    runs: int = 6
    trials: int = 30
    """Of each method in each run on each robot."""

    task: str = "bottles-5-heldout"


FULL = Settings()
QUICK = Settings(runs=2, trials=3)


def reproduce(
    out: Path,
    *,
    bundles: Mapping[str, Path],
    seed: int = 0,
    settings: Settings = FULL,
    progress: Progress | None = None,
) -> Reproduction:
    """Evaluates CEM, the actor and both together on the twins of all robots.

    Args:
        out: Folder for table1.png, table1.json and the logs of the trials, which are continued if they are there.
        bundles: Folders of an actor's and a critic's bundle.
        seed: Of the order and of the policies' choices.
        settings: How much is done.
        progress: Called with trials.

    Raises:
        UsageError: A bundle was trained for another cell.
    """
    for path in bundles.values():
        _check_cell(path, settings)
    protocol = Protocol(tuple(PAPER), settings.runs, settings.trials, seed)
    twins = [_twin(number + 1, settings.task) for number in range(ROBOTS)]
    total = protocol.total * len(twins)

    def show(done: int, doing: str) -> None:
        if progress:
            progress(done, total, doing)

    stem = f"seed{seed}_{settings.runs}x{settings.trials}.jsonl"
    logs = {twin.name: out / "trials" / f"{twin.name}_{stem}" for twin in twins}
    report = analyse(protocol, evaluate_fleet(twins, bundles, protocol, logs, show))
    done = Reproduction(
        name="table1",
        seed=seed,
        settings=dataclasses.asdict(settings),
        rows=[*paper_rows(), *_rows(report)],
        verdicts=_verdicts(report),
        results={"here": report, "paper": _paper_comparisons()},
    )
    return write(done, _draw(report), out)


def paper_counts() -> dict[str, list[int]]:
    """The successes behind the paper's cells: of each, the nearest 210th."""
    return {name: [round(PAPER_TRIALS * cell / 100) for cell in cells] for name, cells in PAPER.items()}


def paper_rows() -> list[dict[str, Any]]:
    """The paper's table, with the counts that it leaves out."""
    return [
        _row("paper", name, [f"{cell:.1f}" for cell in PAPER[name]], str(_paper_rate(name))) for name in paper_counts()
    ]


def _paper_rate(name: str) -> SuccessRate:
    counts = paper_counts()[name]
    return SuccessRate(sum(counts), PAPER_TRIALS * len(counts))


def _paper_comparisons() -> dict[str, str]:
    pairs = itertools.combinations(PAPER, 2)
    return {f"{second} - {first}": _paper_difference(second, first) for first, second in pairs}


def _paper_difference(first: str, second: str) -> str:
    return str(IndependentComparison(_paper_rate(first), _paper_rate(second)))


def _row(source: str, name: str, cells: list[str], text: str) -> dict[str, Any]:
    runs = {f"run {number + 1}": cell for number, cell in enumerate(cells)}
    return {"source": source, "method": name} | runs | {"all": text}


def _rows(report: dict[str, Any]) -> list[dict[str, Any]]:
    missing = len(next(iter(PAPER.values()))) - report["protocol"]["runs"]
    return [
        _row("here", name, [*map(_percent, own["runs"]), *["-"] * missing], own["text"])
        for name, own in report["methods"].items()
    ]


def _percent(cell: dict[str, Any]) -> str:
    return f"{100 * cell['successes'] / cell['trials']:.1f}" if cell["trials"] else "-"


def _verdicts(report: dict[str, Any]) -> list[Verdict]:
    """On what the paper reads off its table."""
    found = {tuple(own["methods"]): own for own in report["comparisons"]}

    def better(first: str, second: str) -> bool:
        own = found[first, second]
        return bool(own["difference"] > 0 and own["p_value"] < SIGNIFICANCE)

    def evidence(first: str, second: str) -> str:
        """The difference of two methods, here and in the paper."""
        own = found[first, second]
        low, high = (100 * bound for bound in own["bootstrap_interval"] or own["interval"])
        return (
            f"{first} - {second} here: {own['text']}; runs of robots drawn again [{low:+.1f}, {high:+.1f}]; "
            f"in the paper: {_paper_difference(first, second)}."
        )

    same = alike(found["actor", "cem"]["difference"], found["actor", "cem"]["interval"])
    return [
        judge("The actor alone performs like CEM.", [same], evidence("actor", "cem")),
        judge(
            "Actor and critic succeed more often than CEM.",
            [better("actor-critic", "cem")],
            evidence("actor-critic", "cem"),
        ),
        judge(
            "Actor and critic succeed more often than the actor alone.",
            [better("actor-critic", "actor")],
            evidence("actor-critic", "actor"),
        ),
    ]


def _twin(number: int, task: str) -> FleetEntry:
    """A simulated robot with the name and the seed of the shipped fleet file, whatever a lab's own file says."""
    return FleetEntry(f"kuka-{number}", "sim", task, SEED + number)


def _check_cell(path: Path, settings: Settings) -> None:
    manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
    if manifest.get("cell") != json.loads(json.dumps(describe_cell_of([settings.task]))):
        raise UsageError(
            f"{str(path.parent)!r} was trained for another cell: expected that of the task {settings.task}. Train an "
            "actor and a critic as docs/evaluation.md says (The paper's table), and name both runs."
        )


def _draw(report: dict[str, Any]) -> Figure:
    """Success of each run as dots, of all as a bar with its interval, the paper's beside."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    for place, name in enumerate(PAPER):
        own = report["methods"][name]
        here = [100 * cell["successes"] / cell["trials"] for cell in own["runs"] if cell["trials"]]
        paper = _paper_rate(name)
        sources = (
            ("paper", -0.18, list(PAPER[name]), paper.rate, paper.interval, "tab:gray"),
            ("here", 0.18, here, own["successes"] / max(own["trials"], 1), own["interval"], "tab:blue"),
        )
        for source, shift, runs, rate, (low, high), colour in sources:
            spread = place + shift + np.linspace(-0.08, 0.08, len(runs))
            axes.plot(spread, runs, "o", color=colour, alpha=0.4, markersize=4)
            error = [[100 * (rate - low)], [100 * (high - rate)]]
            label = source if place == 0 else None
            axes.errorbar(
                place + shift, 100 * rate, error, fmt="_", color=colour, markersize=28, capsize=4, label=label
            )
    axes.set_xticks(range(len(PAPER)), list(PAPER))
    axes.set_ylabel("success [%], of each run and of all with 95 % interval")
    axes.legend()
    return figure
