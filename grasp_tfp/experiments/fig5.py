"""Figure 5: four densities on bottles and cups, trained on the successes of random grasps (Section VI-A)."""

import dataclasses
from pathlib import Path

from matplotlib.figure import Figure

from grasp_tfp.comparison import SIGNIFICANCE
from grasp_tfp.experiments import by_seed, study
from grasp_tfp.experiments.reproduction import Progress, Reproduction, Verdict, judge, write
from grasp_tfp.experiments.study import Command, Result, Study, Training

__all__ = ["FULL", "METHODS", "QUICK", "Settings", "plan", "reproduce"]

METHODS = {
    "GMM, trainable variance": ("tab:orange", ("gmm",)),
    "GMM, fixed variance": ("tab:blue", ("gmm", "--set", "density.scale=fixed", "--set", "density.initial_scale=0.2")),
    "Real NVP": ("tab:green", ("real-nvp",)),
    "MoF": ("tab:red", ("mof",)),
}
"""Colour in the paper's figure, and what to train. A standard deviation of 0.2 in whitened actions is about 2 cm and 10
degrees, what a parallel jaw forgives; the paper fixed its own "according to our knowledge of the task"."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """How much is done."""

    steps: int = 9000
    trials: int = 200_000
    """Random ones, collected once for all."""

    seeds: int = 3
    evaluated: int = 500
    """Trials of the evaluation at the end."""

    task: str = "bottles"


FULL = Settings()
QUICK = Settings(steps=250, trials=3000, seeds=1, evaluated=10)


def plan(settings: Settings) -> str:
    """What it takes."""
    return study.core_hours(len(METHODS) * settings.seeds, settings.steps)


def reproduce(
    out: Path, *, graspctl: Command, seed: int = 0, settings: Settings = FULL, progress: Progress | None = None
) -> Reproduction:
    """Trains each density on the same data, evaluates it meanwhile and at the end, and draws its success.

    Args:
        out: Folder for fig5.png, fig5.json and the runs, which are continued if they are there.
        graspctl: Runs the commands.
        seed: That of the first training; the others follow.
        settings: How much is done.
        progress: Called with trainings.
    """
    work = Study(out, graspctl, progress)
    data = work.dataset(settings.task, settings.trials)
    seeds = range(seed, seed + settings.seeds)
    by_method = work.results(
        lambda method, one: _training(method, one, data, settings), METHODS, seeds, settings.evaluated
    )
    done = Reproduction(
        name="fig5",
        seed=seed,
        settings=dataclasses.asdict(settings),
        rows=[{"density": method} | by_seed.row(results) for method, results in by_method.items()],
        verdicts=_verdicts(by_method),
        results=by_seed.recorded(by_method),
    )
    return write(done, _draw(by_method), out)


def _training(method: str, seed: int, data: Path, settings: Settings) -> Training:
    _, words = METHODS[method]
    common = ("--data", str(data), "--seed", str(seed), "--set", f"train.steps={settings.steps}")
    name = f"{method.lower().replace(', ', '-').replace(' ', '-')}-{settings.steps}-{seed}"
    return Training(name, (*words, *common), settings.task)


def _verdicts(by_method: dict[str, list[Result]]) -> list[Verdict]:
    mof, fixed, trainable = (by_method[name] for name in ("MoF", "GMM, fixed variance", "GMM, trainable variance"))
    against = {name: by_seed.difference(mof, results) for name, results in by_method.items() if name != "MoF"}
    worse = by_seed.difference(fixed, trainable)
    wide, narrow = by_seed.scatter(trainable), by_seed.scatter(fixed)
    return [
        judge(
            "The MoF achieves the highest success.",
            [found.better for found in against.values()],
            "; ".join(f"MoF - {name}: {found}" for name, found in against.items()) + ".",
        ),
        judge(
            "A trainable variance of the GMM performs worse than a fixed one.",
            [worse.better],
            f"Fixed - trainable: {worse}.",
        ),
        judge(
            "A trainable variance is less stable.",
            [wide.width > narrow.width and wide.p_value < SIGNIFICANCE],
            f"From the worst seed to the best: trainable {wide}; fixed {narrow}.",
        ),
    ]


def _draw(by_method: dict[str, list[Result]]) -> Figure:
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.add_subplot()
    by_seed.draw(axes, {method: (METHODS[method][0], results) for method, results in by_method.items()})
    axes.set_title("Bottles and cups, successes of random grasps")
    axes.legend()
    return figure
