"""Experiments that are made of graspctl's own commands: what they collect, train and evaluate, each part done once."""

import concurrent.futures
import csv
import dataclasses
import functools
import math
import os
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from matplotlib.axes import Axes
from scipy.stats import chi2_contingency, t

from grasp_tfp.comparison import PairedComparison, compare
from grasp_tfp.experiments.reproduction import Progress, finished, kept
from grasp_tfp.success import SuccessRate

__all__ = [
    "Command",
    "Result",
    "Scatter",
    "Study",
    "Training",
    "core_hours",
    "difference",
    "draw",
    "over_seeds",
    "percent",
    "pooled",
    "recorded",
    "row",
    "scatter",
]

Command = Callable[[Sequence[str], Path], dict[str, Any]]
"""Runs a line of graspctl in a folder; returns what its --json printed."""

Case = TypeVar("Case", bound=Hashable)

LOG_TRIALS = 1000
"""Trials in a log of `collect`."""

STEP_SECONDS = 0.13
"""CPU time of a training step of the laptop's network, and of what is evaluated meanwhile [s]."""


@dataclasses.dataclass(frozen=True)
class Training:
    """A run of `graspctl train`, and how it is evaluated."""

    name: str
    words: tuple[str, ...]
    """What follows `graspctl train`; nothing to evaluate runs that there are."""

    task: str
    policy: str = "actor"

    runs: tuple[str, ...] = ()
    """The runs that the policy is made of; its own if empty."""


@dataclasses.dataclass(frozen=True)
class Result:
    """What came of a training."""

    steps: tuple[int, ...]
    """At which the policy was evaluated while it learned, always on the same scenes."""

    curve: tuple[float, ...]
    """Its success at each of them, at most 1."""

    successes: tuple[bool, ...]
    """Of each trial of the evaluation at the end."""

    @property
    def rate(self) -> SuccessRate:
        """Success at the end."""
        return SuccessRate(sum(self.successes), len(self.successes))


class Scatter(NamedTuple):
    """How far the best and the worst seed lie apart, at most 1, and the p-value of all succeeding equally often."""

    width: float
    p_value: float

    def __str__(self) -> str:
        return f"{100 * self.width:.1f} points, p = {self.p_value:.2g} if only trials scatter"


class Study:
    """The parts of an experiment, which a line that was interrupted finds as far as they were done.

    Args:
        folder: Of logs, datasets, runs and results.
        graspctl: Runs the commands.
        progress: Called with parts done, parts in all, and what was done last.
    """

    def __init__(self, folder: Path, graspctl: Command, progress: Progress | None) -> None:
        self._folder, self._graspctl, self._progress = folder, graspctl, progress

    def logs(self, task: str, trials: int, first: int = 0) -> Path:
        """A folder with the random trials of a task from number `first` on, whole logs of a thousand."""
        stop, home = first + trials, self._folder / "data" / task / "logs"
        home.parent.mkdir(parents=True, exist_ok=True)
        paths = [home / f"{task}-0-{start:09d}.mcap" for start in range(first, stop, LOG_TRIALS)]
        if not all(path.exists() for path in paths):
            self._show(0, 1, f"collecting {stop} trials of {task}")
            self._graspctl(["collect", "--sim", "--task", task, "--trials", str(stop), "--out", "logs"], home.parent)
        part = home.parent / f"logs-{first}-{stop}"
        part.mkdir(exist_ok=True)
        for path in paths:
            if not (part / path.name).exists():
                os.link(path, part / path.name)
        return part

    def dataset(self, task: str, trials: int, first: int = 0, *, recorded: bool = False) -> Path:
        """The dataset of those trials as `convert` makes it, or of their recorded steps alone."""
        logs = self.logs(task, trials, first)
        out = logs.with_name(logs.name.replace("logs", "dataset") + ("-recorded" if recorded else ""))
        if not out.exists():
            self._show(0, 1, f"converting {trials} trials of {task}")
            views = ["--views", "0"] if recorded else []
            self._graspctl(["convert", f"{logs.name}/", f"{out.name}/", *views], out.parent)
        return out.resolve()

    def trained(self, trainings: Iterable[Training]) -> None:
        """Trains as many at a time as there are cores."""
        named = {own.name: own for own in trainings}
        missing = {name: own for name, own in named.items() if not self._bundle(name).exists()}
        self._together({name: functools.partial(self._train, own) for name, own in missing.items()}, len(named))

    def results(
        self, training: Callable[[Case, int], Training], cases: Collection[Case], seeds: Iterable[int], trials: int
    ) -> dict[Case, list[Result]]:
        """Trains and evaluates, as many at a time as there are cores.

        One seed of all cases after the other, so that a part of the work is already a comparison.

        Args:
            training: What to train of a case with a seed.
            cases: What is compared.
            seeds: Of each case.
            trials: How many to evaluate each with at the end, all on the same scenes.

        Returns:
            By case, one result for each seed.
        """
        wanted = {(case, seed): training(case, seed) for seed in seeds for case in cases}
        named = {own.name: own for own in wanted.values()}
        before = {name: found for name, own in named.items() if (found := kept(*self._part(own, trials)))}
        missing = {name: own for name, own in named.items() if name not in before}
        parts = {name: functools.partial(self._result, own, trials) for name, own in missing.items()}
        done = before | self._together(parts, len(named))
        by_case: dict[Case, list[Result]] = {case: [] for case in cases}
        for (case, _), own in wanted.items():
            by_case[case].append(_read(done[own.name]))
        return by_case

    def _together(self, parts: Mapping[str, Callable[[], Any]], total: int) -> dict[str, Any]:
        """What each part returns; the others of the total were done before."""
        done = dict[str, Any]()
        self._show(total - len(parts), total, "")
        with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            running = {pool.submit(part): name for name, part in parts.items()}
            try:
                for ended in concurrent.futures.as_completed(running):
                    done[running[ended]] = ended.result()
                    self._show(total - len(parts) + len(done), total, running[ended])
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return done

    def _part(self, training: Training, trials: int) -> tuple[Path, dict[str, Any]]:
        """Where the result of a training is kept, and what decides it."""
        return self._folder / "results" / f"{training.name}.json", dataclasses.asdict(training) | {"trials": trials}

    def _result(self, training: Training, trials: int) -> dict[str, Any]:
        return finished(*self._part(training, trials), lambda: self._evaluate(training, trials))

    def _bundle(self, run: str) -> Path:
        return self._folder / "runs" / run / "bundle"

    def _train(self, training: Training) -> None:
        if training.words and not self._bundle(training.name).exists():
            self._graspctl(["train", *training.words, "--name", training.name], self._folder)

    def _evaluate(self, training: Training, trials: int) -> dict[str, Any]:
        self._train(training)
        made_of = [word for name in training.runs or (training.name,) for word in ("--run", f"runs/{name}")]
        words = ["--task", training.task, "--policy", training.policy, *made_of, "-n", str(trials)]
        report = self._graspctl(["eval", "--sim", *words], self._folder)
        looks = _looks(self._folder / "runs" / training.name / "history.csv")
        return {
            "steps": [int(row["step"]) for row in looks],
            "curve": [float(row["success"]) for row in looks],
            "successes": [int(row["success"]) for row in report["policies"][training.policy]["outcomes"]],
        }

    def _show(self, done: int, total: int, what: str) -> None:
        if self._progress:
            self._progress(done, total, what)


def _read(found: dict[str, Any]) -> Result:
    return Result(tuple(found["steps"]), tuple(found["curve"]), tuple(map(bool, found["successes"])))


def _looks(history: Path) -> list[dict[str, str]]:
    """The rows of a training's history with an evaluation; none if there is no history."""
    if not history.exists():
        return []
    with history.open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if not math.isnan(float(row.get("success") or "nan"))]


def core_hours(trainings: int, steps: int, after: str = "collecting and converting") -> str:
    """What some trainings of so many steps are about to cost, after what else is to be done."""
    hours = trainings * steps * STEP_SECONDS / 3600
    return f"{trainings} trainings of {steps} steps, about {hours:.1f} core-hours after {after}"


def over_seeds(values: Sequence[float]) -> tuple[float, float, float]:
    """The mean of a rate over seeds, and its 95 % interval by Student's t within [0, 1]; the widest for one seed."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, 0.0, 1.0
    margin = float(t.isf(0.025, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values)))
    return mean, max(mean - margin, 0.0), min(mean + margin, 1.0)


def percent(spread: tuple[float, float, float]) -> str:
    """What `over_seeds` returned, as text."""
    mean, low, high = (100 * value for value in spread)
    return f"{mean:.1f} % [{low:.1f}, {high:.1f}]"


def row(results: Sequence[Result]) -> dict[str, str]:
    """Success at the end, as cells of a table."""
    rates = [own.rate.rate for own in results]
    return {
        "all seeds": str(pooled(results)),
        "each seed [%]": " ".join(f"{100 * rate:.1f}" for rate in rates),
        "mean of seeds": percent(over_seeds(rates)) if len(rates) > 1 else "one seed",
    }


def recorded(by_method: Mapping[str, Sequence[Result]]) -> dict[str, Any]:
    """What is kept of the results: the curves, and the successes at the end."""
    return {
        method: [{"steps": own.steps, "curve": own.curve, "text": str(own.rate)} for own in results]
        for method, results in by_method.items()
    }


def pooled(results: Sequence[Result]) -> SuccessRate:
    """The trials of all seeds together."""
    return SuccessRate(sum(sum(own.successes) for own in results), sum(len(own.successes) for own in results))


def difference(first: Sequence[Result], second: Sequence[Result]) -> PairedComparison:
    """Two methods on the same scenes, seed by seed."""
    one, two = ([held for own in results for held in own.successes] for results in (first, second))
    return compare(one, two)


def scatter(results: Sequence[Result]) -> Scatter:
    """How far the seeds lie apart, and whether that is more than their trials scatter, by a chi-square test."""
    counts = np.array([[own.rate.successes, own.rate.trials - own.rate.successes] for own in results])
    rates, mixed = counts[:, 0] / counts.sum(axis=1), counts.any(axis=0).all()
    p_value = float(chi2_contingency(counts, correction=False).pvalue) if mixed else 1.0
    return Scatter(float(np.ptp(rates)), p_value)


def draw(axes: Axes, methods: Mapping[str, tuple[str, Sequence[Result]]]) -> None:
    """Success over training: the mean of the seeds with its interval, and each seed as a thin line.

    Args:
        axes: Where to draw.
        methods: Colour and results, one for each seed, by label.
    """
    for label, (colour, results) in methods.items():
        length = min(len(own.steps) for own in results)
        steps = results[0].steps[:length]
        spread = [over_seeds([own.curve[place] for own in results]) for place in range(length)]
        mean, low, high = 100 * np.array(spread).reshape(-1, 3).T
        axes.plot(steps, mean, "o-", color=colour, label=label, markersize=3)
        if len(results) > 1:
            axes.fill_between(steps, low, high, color=colour, alpha=0.12, linewidth=0)
        for own in results:
            axes.plot(steps, 100 * np.array(own.curve[:length]), color=colour, linewidth=0.6, alpha=0.6)
    axes.set(xlabel="training step", ylabel="success [%]", ylim=(0, 100))
    axes.grid(alpha=0.3)
