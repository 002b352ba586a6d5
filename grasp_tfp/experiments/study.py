"""Experiments that are made of graspctl's own commands: what they collect, train and evaluate, each part done once."""

import concurrent.futures
import csv
import dataclasses
import functools
import math
import os
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from grasp_tfp.experiments.reproduction import Progress, finished, kept
from grasp_tfp.success import SuccessRate

__all__ = [
    "Command",
    "Result",
    "Study",
    "Training",
    "core_hours",
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
