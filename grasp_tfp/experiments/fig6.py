"""Figure 6: data efficiency of actor and critic, on blocks and on bottles and cups (Section VI-B)."""

import dataclasses
import itertools
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from grasp_tfp.comparison import GainComparison
from grasp_tfp.experiments import by_seed, study
from grasp_tfp.experiments.reproduction import Progress, Reproduction, Verdict, judge, write
from grasp_tfp.experiments.study import Command, Result, Study, Training

__all__ = ["FULL", "METHODS", "QUICK", "Settings", "plan", "reproduce"]

METHODS = {"actor": ("tab:orange", "actor", "mof"), "critic": ("tab:blue", "cem", "critic")}
"""Colour, the policy that is evaluated, and what to train."""

Case = tuple[str, int, str]
"""Task, random trials, and method."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """How much is done."""

    steps: int = 6000
    sizes: tuple[int, ...] = (10_000, 30_000, 100_000)
    """Random trials attempted, whether they held or not. Each seed has trials of its own."""

    seeds: int = 3
    evaluated: int = 300
    """Trials of the evaluation at the end."""

    tasks: tuple[str, ...] = ("blocks", "bottles")


FULL = Settings()
QUICK = Settings(steps=250, sizes=(2000, 3000), seeds=1, evaluated=10)


def plan(settings: Settings) -> str:
    """What it takes."""
    cases = len(settings.tasks) * len(settings.sizes) * len(METHODS)
    return study.core_hours(cases * settings.seeds, settings.steps)


def reproduce(
    out: Path, *, graspctl: Command, seed: int = 0, settings: Settings = FULL, progress: Progress | None = None
) -> Reproduction:
    """Trains actors and critics on random trials of several numbers, and draws how often they grasp.

    Args:
        out: Folder for fig6.png, fig6.json and the runs, which are continued if they are there.
        graspctl: Runs the commands.
        seed: That of the first training; the others follow.
        settings: How much is done.
        progress: Called with trainings.
    """
    work = Study(out, graspctl, progress)
    cases = list(itertools.product(settings.tasks, settings.sizes, METHODS))
    seeds = range(seed, seed + settings.seeds)
    data = {
        (task, size, one): work.dataset(task, size, (one - seed) * max(settings.sizes))
        for task in settings.tasks
        for one in reversed(seeds)
        for size in settings.sizes
    }
    by_case = work.results(
        lambda case, one: _training(case, one, data[(*case[:2], one)], settings), cases, seeds, settings.evaluated
    )
    done = Reproduction(
        name="fig6",
        seed=seed,
        settings=dataclasses.asdict(settings),
        rows=[_row(case, results) for case, results in by_case.items()],
        verdicts=_verdicts(by_case, settings),
        results=by_seed.recorded({" ".join(map(str, case)): results for case, results in by_case.items()}),
    )
    return write(done, _draw(by_case, settings), out)


def _training(case: Case, seed: int, data: Path, settings: Settings) -> Training:
    task, size, method = case
    _, policy, model = METHODS[method]
    words = (model, "--data", str(data), "--seed", str(seed), "--set", f"train.steps={settings.steps}")
    return Training(f"{method}-{task}-{size}-{settings.steps}-{seed}", words, task, policy)


def _row(case: Case, results: list[Result]) -> dict[str, Any]:
    return dict(zip(("task", "trials", "model"), case, strict=True)) | by_seed.row(results)


def _verdicts(by_case: dict[Case, list[Result]], settings: Settings) -> list[Verdict]:
    gaps = {
        (task, size): by_seed.difference(by_case[task, size, "critic"], by_case[task, size, "actor"])
        for task in settings.tasks
        for size in settings.sizes
    }
    growth = {
        (task, method): [by_seed.pooled(by_case[task, size, method]).rate for size in settings.sizes]
        for task in settings.tasks
        for method in METHODS
    }
    largest = [gaps[task, max(settings.sizes)] for task in settings.tasks]
    wider = GainComparison(largest[-1], largest[0])
    return [
        judge(
            "Actor and critic grow alike with the data.",
            [rates == sorted(rates) for rates in growth.values()],
            "; ".join(
                f"{method} on {task}: {', '.join(f'{100 * rate:.1f}' for rate in rates)} %"
                for (task, method), rates in growth.items()
            )
            + f", for {', '.join(f'{size:,}' for size in settings.sizes)} trials.",
        ),
        judge(
            "The actor succeeds less often than the critic with CEM.",
            [found.better for found in gaps.values()],
            "Critic - actor: "
            + "; ".join(f"{task}, {size:,} trials: {gap}" for (task, size), gap in gaps.items())
            + ".",
        ),
        judge(
            "The gap is wider on bottles and cups.",
            [wider.better],
            f"{settings.tasks[-1]} - {settings.tasks[0]}, with {max(settings.sizes):,} trials: {wider}.",
        ),
    ]


def _draw(by_case: dict[Case, list[Result]], settings: Settings) -> Figure:
    figure = Figure(figsize=(8, 4), layout="constrained")
    panels = figure.subplots(1, len(settings.tasks), sharey=True, squeeze=False)[0]
    for axes, task in zip(panels, settings.tasks, strict=True):
        for method, (colour, _, _) in METHODS.items():
            results = [by_case[task, size, method] for size in settings.sizes]
            spread = [by_seed.over_seeds([own.rate.rate for own in one]) for one in results]
            axes.plot(settings.sizes, [100 * mean for mean, _, _ in spread], "o-", color=colour, label=method)
            if settings.seeds > 1:
                axes.fill_between(
                    settings.sizes,
                    [100 * low for _, low, _ in spread],
                    [100 * high for _, _, high in spread],
                    color=colour,
                    alpha=0.12,
                    linewidth=0,
                )
            for size, one in zip(settings.sizes, results, strict=True):
                axes.plot([size] * len(one), [100 * own.rate.rate for own in one], ".", color=colour, alpha=0.6)
        axes.set(xscale="log", xlabel="random trials attempted", title=task, ylim=(0, 100))
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("success [%]")
    panels[0].legend()
    return figure
