"""Figure 7: what the policy collects itself against random grasps, with and without the entropy regulariser, and a
critic that collects with CEM (Section VI-C)."""

import dataclasses
import itertools
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from grasp_tfp.comparison import GainComparison, PairedComparison, alike
from grasp_tfp.experiments import by_seed, study
from grasp_tfp.experiments.reproduction import Progress, Reproduction, Verdict, judge, write
from grasp_tfp.experiments.study import Command, Result, Study, Training
from grasp_tfp.success import SuccessRate

__all__ = ["FULL", "METHODS", "QUICK", "Settings", "plan", "reproduce"]

METHODS = {
    "actor, own grasps, entropy": ("tab:green", "actor", ("mof", "--set", "train.entropy=0.02")),
    "actor, own grasps": ("tab:orange", "actor", ("mof",)),
    "actor, random grasps": ("tab:blue", "actor", ("mof", "--random")),
    "critic, own grasps": ("tab:red", "cem", ("critic",)),
}
"""Colour in the paper's figure, the policy that is evaluated, and what to train. The paper gives no weight of the
entropy."""

PAPER = 0.9
"""Success that both tasks reach in the paper."""

Case = tuple[str, str]
"""Task and method."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """How much is done."""

    steps: int = 6000
    random_trials: int = 30_000
    """To begin with, the same for all."""

    trials_per_step: float = 4.0
    """Collected while the network learns, by every method."""

    seeds: int = 3
    evaluated: int = 500
    """Trials of the evaluation at the end."""

    tasks: tuple[str, str] = ("blocks", "bottles")
    """Easier and harder."""


FULL = Settings()
QUICK = Settings(steps=250, random_trials=2000, trials_per_step=0.5, seeds=1, evaluated=10)


def plan(settings: Settings) -> str:
    """What it takes."""
    trainings = len(settings.tasks) * len(METHODS) * settings.seeds
    grasps = f"{settings.trials_per_step * settings.steps:.0f} grasps are collected by each"
    training = study.core_hours(trainings, settings.steps, after="collecting")
    return f"{training}; {grasps}, which takes about as long again"


def reproduce(
    out: Path, *, graspctl: Command, seed: int = 0, settings: Settings = FULL, progress: Progress | None = None
) -> Reproduction:
    """Trains each method on what it collects, and draws its success over training.

    Args:
        out: Folder for fig7.png, fig7.json and the runs, which are continued if they are there.
        graspctl: Runs the commands.
        seed: That of the first training; the others follow.
        settings: How much is done.
        progress: Called with trainings.
    """
    work = Study(out, graspctl, progress)
    logs = {task: work.logs(task, settings.random_trials).resolve() for task in settings.tasks}
    cases, seeds = list(itertools.product(settings.tasks, METHODS)), range(seed, seed + settings.seeds)
    by_case = work.results(
        lambda case, one: _training(case, one, logs[case[0]], settings), cases, seeds, settings.evaluated
    )
    done = Reproduction(
        name="fig7",
        seed=seed,
        settings=dataclasses.asdict(settings),
        rows=[_row(case, results) for case, results in by_case.items()],
        verdicts=_verdicts(by_case, settings),
        results=by_seed.recorded({": ".join(case): results for case, results in by_case.items()}),
    )
    return write(done, _draw(by_case, settings), out)


def _training(case: Case, seed: int, logs: Path, settings: Settings) -> Training:
    task, method = case
    _, policy, words = METHODS[method]
    common = ("--on-policy", "--task", task, "--logs", str(logs))
    pace = ("--trials-per-step", str(settings.trials_per_step), "--set", f"train.steps={settings.steps}")
    name = f"{method.replace(', ', '-').replace(' ', '-')}-{task}-{settings.steps}-{seed}"
    return Training(name, (*words, *common, *pace, "--seed", str(seed)), task, policy)


def _row(case: Case, results: list[Result]) -> dict[str, Any]:
    halfway, *_ = by_seed.over_seeds([own.curve[(len(own.curve) - 1) // 2] for own in results])
    return dict(zip(("task", "method"), case, strict=True)) | by_seed.row(results) | {"half-way [%]": 100 * halfway}


def _verdicts(by_case: dict[Case, list[Result]], settings: Settings) -> list[Verdict]:
    def over(first: str, second: str) -> dict[str, PairedComparison]:
        return {task: by_seed.difference(by_case[task, first], by_case[task, second]) for task in settings.tasks}

    entropy, own, random, critic = METHODS
    gain, both = over(own, random), over(entropy, random)
    regularised, same = over(entropy, own), over(own, critic)
    best = {task: _best(task, by_case) for task in settings.tasks}
    easier, harder = settings.tasks
    more = GainComparison(gain[harder], gain[easier])
    sooner = by_seed.sooner(by_case[harder, critic], by_case[harder, own])
    return [
        judge(
            "Grasps that the actor collects itself teach faster than random ones.",
            [found.better for found in gain.values()],
            f"At the end: {_by_task(gain)}. With the regulariser: {_by_task(both)}.",
        ),
        judge("More so where the random policy gets fewer successes.", [more.better], f"{harder} - {easier}: {more}."),
        judge(
            "The entropy regulariser improves training.",
            [found.better for found in regularised.values()],
            f"With - without, at the end: {_by_task(regularised)}.",
        ),
        judge(
            "Actor and critic reach the same success.",
            [alike(found.difference, found.interval) for found in same.values()],
            f"Actor - critic with CEM, at the end: {_by_task(same)}.",
        ),
        judge(
            f"The critic improves faster at the beginning on {harder}.",
            [sooner.better],
            f"Critic - actor, mean success in the first half, seed by seed: {sooner}.",
        ),
        judge(
            "The best reaches about 90 % in both tasks.",
            [rate.interval[1] >= PAPER for rate in best.values()],
            f"The best here: {_by_task(best)}.",
        ),
    ]


def _by_task(found: dict[str, Any]) -> str:
    return "; ".join(f"{task}: {value}" for task, value in found.items())


def _best(task: str, by_case: dict[Case, list[Result]]) -> SuccessRate:
    return max((by_seed.pooled(by_case[task, method]) for method in METHODS), key=lambda rate: rate.rate)


def _draw(by_case: dict[Case, list[Result]], settings: Settings) -> Figure:
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    panels = figure.subplots(1, len(settings.tasks), sharey=True, squeeze=False)[0]
    for axes, task in zip(panels, settings.tasks, strict=True):
        by_seed.draw(axes, {method: (colour, by_case[task, method]) for method, (colour, _, _) in METHODS.items()})
        axes.set_title(task)
        axes.label_outer()
    panels[0].legend()
    figure.suptitle(f"{settings.random_trials} random grasps, then {settings.trials_per_step:g} for each step")
    return figure
