"""What each idea adds to the plain actor: what failures teach (Section VII), more views, altered images, all looks."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from grasp_tfp.experiments import by_seed, study
from grasp_tfp.experiments.reproduction import Progress, Reproduction, Verdict, judge, write
from grasp_tfp.experiments.study import Command, Result, Study, Training

__all__ = ["FULL", "QUICK", "TRAINED", "VARIANTS", "Settings", "Variant", "plan", "reproduce"]

PLAIN = "plain"

TRAINED = {
    PLAIN: ("mof",),
    "prior": ("prior",),
    "joint": ("joint",),
    "critic": ("critic",),
    "views": ("mof",),
    "shift": ("mof", "--set", "train.random_shift=2"),
    "photometric": ("mof", "--set", "train.photometric=0.2"),
}
"""What is trained, on recorded steps but for `views`."""


class Variant(NamedTuple):
    """A policy, and what it is made of."""

    policy: str
    runs: tuple[str, ...]
    idea: str


VARIANTS = {
    "plain actor": Variant("actor", (PLAIN,), ""),
    "success / prior": Variant("ratio", (PLAIN, "prior"), "failures"),
    "actor of joint training": Variant("actor", ("joint",), "failures"),
    "actor and critic of joint training": Variant("actor-critic", ("joint",), "failures"),
    "actor, and a critic of its own": Variant("actor-critic", (PLAIN, "critic"), "failures"),
    "each grasp elsewhere in the tray": Variant("actor", ("views",), "data"),
    "images shifted at random": Variant("actor", ("shift",), "data"),
    "colours changed at random": Variant("actor", ("photometric",), "data"),
    "samples of all looks": Variant("ensemble", (PLAIN,), "policy"),
}
"""What is evaluated, the first against each of the others."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """How much is done."""

    steps: int = 6000
    trials: int = 100_000
    """Random ones, collected once for all."""

    seeds: int = 3
    evaluated: int = 1000
    """Trials of each evaluation."""

    task: str = "blocks"


FULL = Settings()
QUICK = Settings(steps=250, trials=2000, seeds=1, evaluated=10)


def plan(settings: Settings) -> str:
    """What it takes."""
    return study.core_hours(len(TRAINED) * settings.seeds, settings.steps)


def reproduce(
    out: Path, *, graspctl: Command, seed: int = 0, settings: Settings = FULL, progress: Progress | None = None
) -> Reproduction:
    """Trains with and without each idea, and evaluates on the same scenes.

    Args:
        out: Folder for ablation.png, ablation.json and the runs, which are continued if they are there.
        graspctl: Runs the commands.
        seed: That of the first training; the others follow.
        settings: How much is done.
        progress: Called with trainings and evaluations.
    """
    work, seeds = Study(out, graspctl, progress), range(seed, seed + settings.seeds)
    data = {name: work.dataset(settings.task, settings.trials, recorded=name != "views") for name in TRAINED}
    work.trained(_training(name, one, settings, data) for one in seeds for name in TRAINED)
    by_variant = work.results(lambda label, one: _evaluation(label, one, settings), VARIANTS, seeds, settings.evaluated)
    done = Reproduction(
        name="ablation",
        seed=seed,
        settings=dataclasses.asdict(settings),
        rows=[_row(label, by_variant) for label in by_variant],
        verdicts=_verdicts(by_variant),
        results=by_seed.recorded(by_variant),
    )
    return write(done, _draw(by_variant), out)


def _run(name: str, seed: int, settings: Settings) -> str:
    return f"{name}-{settings.steps}-{seed}"


def _training(name: str, seed: int, settings: Settings, data: dict[str, Path]) -> Training:
    words = (*TRAINED[name], "--data", str(data[name]), "--seed", str(seed), "--set", f"train.steps={settings.steps}")
    return Training(_run(name, seed, settings), words, settings.task)


def _evaluation(label: str, seed: int, settings: Settings) -> Training:
    policy, runs, _ = VARIANTS[label]
    made_of = tuple(_run(name, seed, settings) for name in runs)
    return Training(f"{'+'.join(made_of)}-{policy}", (), settings.task, policy, made_of)


def _against_plain(label: str, by_variant: dict[str, list[Result]]) -> Any:
    return by_seed.difference(by_variant[label], by_variant[next(iter(VARIANTS))])


def _row(label: str, by_variant: dict[str, list[Result]]) -> dict[str, Any]:
    plain = label == next(iter(VARIANTS))
    gain = "" if plain else str(_against_plain(label, by_variant))
    return {"variant": label} | by_seed.row(by_variant[label]) | {"gain on the same scenes": gain}


def _verdicts(by_variant: dict[str, list[Result]]) -> list[Verdict]:
    claims = {
        "failures": "Goal, not the paper's: failures add to the actor (its future work).",
        "data": "Goal, not the paper's: more of the same data helps.",
        "policy": "Goal, not the paper's: the samples of all looks of a trial help.",
    }
    return [_gains(claim, [label for label in VARIANTS if VARIANTS[label].idea == idea], by_variant)
            for idea, claim in claims.items()]  # fmt: skip


def _gains(claim: str, labels: Iterable[str], by_variant: dict[str, list[Result]]) -> Verdict:
    found = {label: _against_plain(label, by_variant) for label in labels}
    held = [one.better for one in found.values()]
    return judge(claim, held, "; ".join(f"{label}: {one}" for label, one in found.items()) + ".")


def _draw(by_variant: dict[str, list[Result]]) -> Figure:
    """Success of each variant as a dot with its interval, its seeds as small ones, the plain actor as a line."""
    figure = Figure(figsize=(8, 0.42 * len(by_variant) + 1), layout="constrained")
    axes = figure.add_subplot()
    rates = [by_seed.pooled(results) for results in by_variant.values()]
    middle = np.array([100 * rate.rate for rate in rates])
    low, high = 100 * np.array([rate.interval for rate in rates]).T
    places = np.arange(len(rates))[::-1]
    axes.errorbar(middle, places, xerr=[middle - low, high - middle], fmt="o", color="tab:blue", capsize=3)
    for place, results in zip(places, by_variant.values(), strict=True):
        axes.plot([100 * own.rate.rate for own in results], [place] * len(results), ".", color="tab:gray", markersize=5)
    axes.axvline(middle[0], color="tab:gray", linewidth=0.8)
    axes.set_yticks(places, list(by_variant))
    axes.set(xlabel="success [%], 95 % interval of the trials; grey: each seed", xlim=(0, 100))
    axes.grid(alpha=0.3, axis="x")
    return figure
