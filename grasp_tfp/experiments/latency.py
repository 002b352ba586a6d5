"""How long a decision takes: the actor, the actor with the critic, and CEM in four ways (Section VI-D).

The paper says that CEM takes three times as long as the actor and needs much more memory, without saying how its
critic joins image and action, on which both depend: so every way is measured.
"""

import dataclasses
import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from grasp_tfp.experiments.latency_cases import DECISIONS, RUNTIMES, Case
from grasp_tfp.experiments.latency_timing import peak_memory, timed_rounds
from grasp_tfp.experiments.reproduction import Progress, Reproduction, Verdict, finished, judge, write

__all__ = ["FULL", "QUICK", "Settings", "reproduce"]

CLAIM = 3.0
"""Times the actor's time that the paper's CEM takes."""

GOAL = 10.0
"""Longest time that an actor should take on one core [ms of CPU]."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """How much is measured."""

    rounds: int = 9
    """Decisions of each kind; those that take seconds get a third of that."""

    trunks: tuple[str, str] = ("paper", "strided")
    """The image network of all cases, and another for the actor alone."""


FULL = Settings()
QUICK = Settings(rounds=2, trunks=("tiny", "tiny"))


def reproduce(out: Path, *, seed: int = 0, settings: Settings = FULL, progress: Progress | None = None) -> Reproduction:
    """Measures every kind of decision on one core and on all, and its memory, and draws both.

    Args:
        out: Folder for latency.png, latency.json and what is finished of an interrupted run.
        seed: Of images, weights and samples.
        settings: How much is measured.
        progress: Called with processes that have ended.
    """
    trunk, _ = settings.trunks
    quick = [Case(trunk, decision) for decision in DECISIONS[:4]]
    quick += [Case(name, "actor", runtime) for name in settings.trunks for runtime in RUNTIMES]
    quick, slow = list(dict.fromkeys(quick)), [Case(trunk, decision) for decision in DECISIONS[4:]]
    cores = sorted({1, len(os.sched_getaffinity(0))})
    measured = _measured(quick, slow, cores, _Parts(out / "finished", settings, seed, progress))
    actor = measured[0]["times"]
    rows = [_row(Case(**own["case"]), own["times"], actor, own["memory"]) for own in measured]
    reproduction = Reproduction(
        name="latency",
        seed=seed,
        settings=dataclasses.asdict(settings) | {"cores": cores},
        rows=rows,
        verdicts=_verdicts(rows, settings),
        results={
            "note": "Untrained weights. The machine may have done other work: compare ratios and CPU time.",
            "cases": measured,
        },
    )
    return write(reproduction, _draw(rows, cores), out)


class _Parts:
    """What was measured, each part once."""

    def __init__(self, folder: Path, settings: Settings, seed: int, progress: Progress | None) -> None:
        self.settings, self.seed = settings, seed
        self._folder, self._progress, self._done = folder, progress, 0

    def measured(self, name: str, everything: int, compute: Callable[[], Any]) -> Any:
        """What `compute` returns now, or returned before it was interrupted; `everything` is the number of parts."""
        decides = dataclasses.asdict(self.settings) | {"seed": self.seed}
        result = finished(self._folder / f"{name}.json", decides, lambda: {"measured": compute()})["measured"]
        self._done += 1
        if self._progress:
            self._progress(self._done, everything, name)
        return result


def _measured(quick: list[Case], slow: list[Case], cores: list[int], parts: _Parts) -> list[dict[str, Any]]:
    """Times by the number of cores, and memory, of each case; memory of the first image network alone."""
    rounds, seed, (trunk, _) = parts.settings.rounds, parts.seed, parts.settings.trunks
    everything = 2 * len(cores) + sum(case.trunk == trunk for case in [*quick, *slow])
    measured: list[dict[str, Any]] = [
        {"case": dataclasses.asdict(case), "times": {}, "memory": None} for case in [*quick, *slow]
    ]
    for count in cores:
        times = []
        for name, cases, few in (("cores", quick, rounds), ("slow-cores", slow, max(rounds // 3, 1))):
            time = functools.partial(timed_rounds, cases, count, few, seed)
            times += parts.measured(f"{name}-{count}", everything, time)
        for own, taken in zip(measured, times, strict=True):
            own["times"][str(count)] = taken
    for number, (own, case) in enumerate(zip(measured, [*quick, *slow], strict=True)):
        if case.trunk == trunk:
            own["memory"] = parts.measured(f"memory-{number}", everything, functools.partial(peak_memory, case, seed))
    return measured


def _row(case: Case, times: dict[str, Any], actor: dict[str, Any], memory: dict[str, float] | None) -> dict[str, Any]:
    row: dict[str, Any] = {"trunk": case.trunk, "decision": case.decision, "runtime": case.runtime}
    for count, taken in times.items():
        low, middle, high = np.percentile(taken["wall"], [10, 50, 90])
        ratio = middle / float(np.median(actor[count]["wall"]))
        cpu_ratio = float(np.median(taken["cpu"]) / np.median(actor[count]["cpu"]))
        row[f"ms, {_cores(count)}"] = float(middle)
        row[f"10-90 %, {_cores(count)}"] = f"{low:.1f}-{high:.1f}"
        row[f"CPU ms, {_cores(count)}"] = float(np.median(taken["cpu"]))
        row[f"x actor (CPU), {_cores(count)}"] = f"{ratio:.2f} ({cpu_ratio:.2f})"
    row["paper"] = f"{CLAIM:.0f} x" if case.decision.startswith("CEM") else ""
    row["peak MB"] = "" if memory is None else round(memory["peak"])
    row["above built MB"] = "" if memory is None else round(memory["peak"] - memory["built"])
    return row


def _cores(count: int | str) -> str:
    return "1 core" if str(count) == "1" else f"{count} cores"


def _verdicts(rows: list[dict[str, Any]], settings: Settings) -> list[Verdict]:
    one = {(row["trunk"], row["decision"], row["runtime"]): row for row in rows}
    main, fast = settings.trunks
    actor = one[main, "actor", RUNTIMES[0]]
    searches = [one[main, decision, RUNTIMES[0]] for decision in DECISIONS[2:]]
    ratios = [row["CPU ms, 1 core"] / actor["CPU ms, 1 core"] for row in searches]
    names = [decision.removeprefix("CEM, ") for decision in DECISIONS[2:]]
    copies = searches[2:]
    best = {trunk: min((one[trunk, "actor", runtime]["CPU ms, 1 core"], runtime) for runtime in RUNTIMES)
            for trunk in settings.trunks}  # fmt: skip
    return [
        judge(
            "CEM takes 3 times as long as the actor.",
            [2.4 <= ratio <= 3.75 for ratio in ratios],
            "CPU time on one core, in the actor's: "
            + ", ".join(f"{name} {ratio:.2f}" for name, ratio in zip(names, ratios, strict=True))
            + ". The paper does not say which of them it has.",
        ),
        judge(
            "CEM needs significantly more memory, as visual features are replicated for each proposal.",
            [row["above built MB"] > 1.5 * max(actor["above built MB"], 1) for row in copies],
            f"Above what building the networks took, the actor takes {actor['above built MB']} MB, CEM with replicated "
            f"maps {copies[0]['above built MB']} MB, with replicated images {copies[1]['above built MB']} MB, with a "
            f"cached late merge, which replicates nothing, {searches[0]['above built MB']} MB.",
        ),
        judge(
            f"Goal, not the paper's: an actor decides within {GOAL:.0f} ms of CPU on one core.",
            [time <= GOAL for time, _ in best.values()],
            ", ".join(f"{trunk} trunk: {time:.1f} ms ({runtime})" for trunk, (time, runtime) in best.items()) + ".",
        ),
    ]


def _draw(rows: list[dict[str, Any]], cores: list[int]) -> Figure:
    figure = Figure(figsize=(13, 0.34 * len(rows) + 1.6), layout="constrained")
    axes, memory = figure.subplots(1, 2, sharey=True, width_ratios=[2, 1])
    places = np.arange(len(rows))
    for number, count in enumerate(cores):
        values = [row[f"CPU ms, {_cores(count)}"] for row in rows]
        bars = axes.barh(places + 0.4 * number / len(cores), values, 0.4 / len(cores) + 0.1, label=_cores(count))
        axes.bar_label(bars, fmt="%.3g", fontsize=7, padding=2)
    actor = rows[0][f"CPU ms, {_cores(cores[0])}"]
    axes.axvline(CLAIM * actor, color="#d7301f", linestyle="--", label="3 x the actor on one core: the paper's CEM")
    axes.axvline(GOAL, color="#41ab5d", linestyle=":", label=f"{GOAL:.0f} ms")
    labels = [f"{row['decision']}\n{row['trunk']}, {row['runtime']}" for row in rows]
    axes.set(xscale="log", xlabel="median time of a decision [ms of CPU]")
    axes.set_yticks(places, labels, fontsize=7)
    axes.invert_yaxis()
    axes.legend(fontsize=8)
    peak, added = ([row[name] or 0 for row in rows] for name in ("peak MB", "above built MB"))
    memory.barh(places, peak, color="#bdbdbd", label="libraries and networks")
    memory.barh(places, added, color="#1f4e9c", label="what the decision adds")
    memory.set(xlabel="peak memory of a fresh process [MB]")
    memory.legend(fontsize=8)
    for part in (axes, memory):
        part.grid(alpha=0.3, axis="x")
    return figure
