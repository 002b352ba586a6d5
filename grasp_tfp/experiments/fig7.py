"""Figure 7: what the policy collects itself against random grasps, with and without the entropy regulariser, and a
critic that collects with CEM (Section VI-C)."""

import dataclasses
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from grasp_tfp.experiments import study
from grasp_tfp.experiments.reproduction import Progress, Reproduction, Verdict, judge, write
from grasp_tfp.experiments.study import Command, Result, Study, Training

__all__ = ["FULL", "METHODS", "QUICK", "Settings", "plan", "reproduce"]

METHODS = {
    "actor, own grasps, entropy": ("tab:green", "actor", ("mof", "--set", "train.entropy=0.02")),
    "actor, own grasps": ("tab:orange", "actor", ("mof",)),
    "actor, random grasps": ("tab:blue", "actor", ("mof", "--random")),
    "critic, own grasps": ("tab:red", "cem", ("critic",)),
}
"""Colour in the paper's figure, the policy that is evaluated, and what to train. The paper gives no weight of the
entropy."""

SIGNIFICANCE = 0.05
PAPER = 0.9
"""Success that both tasks reach in the paper."""


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

    task: str = "blocks"


FULL = Settings()
QUICK = Settings(steps=250, random_trials=2000, trials_per_step=0.5, seeds=1, evaluated=10)


def plan(settings: Settings) -> str:
    """What it takes."""
    trainings = len(METHODS) * settings.seeds
    grasps = f"{settings.trials_per_step * settings.steps:.0f} grasps are collected by each"
    return f"{study.core_hours(trainings, settings.steps)}; {grasps}, which takes about as long again"


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
    logs = work.logs(settings.task, settings.random_trials).resolve()
    found = work.results(_trainings(settings, logs, seed), settings.evaluated)
    by_method = {
        method: [found[_name(method, settings, one)] for one in range(seed, seed + settings.seeds)]
        for method in METHODS
    }
    done = Reproduction(
        name="fig7",
        seed=seed,
        settings=dataclasses.asdict(settings),
        rows=[_row(method, results) for method, results in by_method.items()],
        verdicts=_verdicts(by_method),
        results=study.recorded(by_method),
    )
    return write(done, _draw(by_method, settings), out)


def _name(method: str, settings: Settings, seed: int) -> str:
    return f"{method.replace(', ', '-').replace(' ', '-')}-{settings.steps}-{seed}"


def _trainings(settings: Settings, logs: Path, seed: int) -> list[Training]:
    """One seed of all methods after the other, so that a part of the work is already a comparison."""
    common = ("--on-policy", "--task", settings.task, "--logs", str(logs))
    pace = ("--trials-per-step", str(settings.trials_per_step), "--set", f"train.steps={settings.steps}")
    return [
        Training(_name(method, settings, one), (*words, *common, *pace, "--seed", str(one)), settings.task, policy)
        for one in range(seed, seed + settings.seeds)
        for method, (_, policy, words) in METHODS.items()
    ]


def _row(method: str, results: list[Result]) -> dict[str, Any]:
    halfway, *_ = study.over_seeds([own.curve[(len(own.curve) - 1) // 2] for own in results])
    return {"method": method} | study.row(results) | {"half-way [%]": 100 * halfway}


def _verdicts(by_method: dict[str, list[Result]]) -> list[Verdict]:
    entropy, own, random, critic = by_method.values()
    gain, regularised = study.difference(own, random), study.difference(entropy, own)
    same = study.difference(own, critic)
    best = max((study.pooled(results) for results in by_method.values()), key=lambda rate: rate.rate)
    return [
        judge(
            "Grasps that the actor collects itself teach faster than random ones.",
            [gain.difference > 0 and gain.p_value < SIGNIFICANCE],
            f"At the end: {gain}.",
        ),
        judge(
            "The entropy regulariser improves training.",
            [regularised.difference > 0 and regularised.p_value < SIGNIFICANCE],
            f"With - without, at the end: {regularised}.",
        ),
        judge(
            "Actor and critic reach the same success.",
            [same.p_value >= SIGNIFICANCE],
            f"Actor - critic with CEM, at the end: {same}.",
        ),
        judge("The best reaches about 90 %.", [best.interval[1] >= PAPER], f"The best here: {best}."),
    ]


def _draw(by_method: dict[str, list[Result]], settings: Settings) -> Figure:
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.add_subplot()
    study.draw(axes, {method: (METHODS[method][0], results) for method, results in by_method.items()})
    grasps = f"{settings.random_trials} random grasps, then {settings.trials_per_step:g} for each step"
    axes.set_title(f"{settings.task.capitalize()}: {grasps}")
    axes.legend()
    return figure
