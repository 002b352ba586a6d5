"""Figure 3: what the three densities make of the five-point task (Section VI-A)."""

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from tensorflow_probability import distributions as tfd

from grasp_tfp.config import DensityConfig
from grasp_tfp.experiments.reproduction import Progress, Reproduction, Verdict, finished, judge, write
from grasp_tfp.experiments.toy_tasks import FivePoints
from grasp_tfp.experiments.toy_training import Schedule, ToyActor, train_toy

__all__ = ["FULL", "MODELS", "QUICK", "Model", "Settings", "measure", "reproduce"]

TASK = FivePoints()
CLOSE = 0.05
"""KL divergence below which a density counts as the truth [nat]."""

UNSEEN = 10**9
"""First half of the seeds of the observations that nothing is trained on."""

SIDE = 72
"""Pixels of a panel, which shows actions from -10 to 10."""


class Model(NamedTuple):
    """One of the paper's models, and the name of its panel."""

    label: str
    family: str
    config: DensityConfig


def _paper_model(family: str, initial_scale: float = 1.0, function: str = "softplus") -> DensityConfig:
    """Section VI-A: linear layers, 4 components, 4 couplings whose networks have 2 layers."""
    return DensityConfig(
        components=4, couplings=4, hidden=64, scale="learned", scale_function=function, initial_scale=initial_scale
    )


MODELS = {
    "gmm-1": Model("GMM, initial σ 1", "gmm", _paper_model("gmm")),
    "gmm-10": Model("GMM, initial σ 10", "gmm", _paper_model("gmm", 10.0)),
    "real-nvp": Model("Real NVP", "real-nvp", _paper_model("real-nvp")),
    "mof-1": Model("MoF, initial σ 1", "mof", _paper_model("mof")),
    "mof-10": Model("MoF, initial σ 10", "mof", _paper_model("mof", 10.0)),
    "gmm-10-exp": Model("GMM, initial σ 10, σ = exp", "gmm", _paper_model("gmm", 10.0, "exp")),
}
"""The last one is not in the paper: it asks what the saddle owes to the way σ is parametrised."""

PANELS = ("gmm-1", "gmm-10", "real-nvp", "mof-1", "mof-10")


@dataclasses.dataclass(frozen=True)
class Settings:
    """How much is done."""

    steps: int = 20_000
    seeds: int = 5
    held_out: int = 20_000
    """Observations, each with one good action, on which a model is measured."""


FULL = Settings()
QUICK = Settings(steps=50, seeds=1, held_out=500)


def reproduce(out: Path, *, seed: int = 0, settings: Settings = FULL, progress: Progress | None = None) -> Reproduction:
    """Trains every model from several seeds, measures it, and draws the paper's panels.

    Args:
        out: Folder for fig3.png, fig3.json and what is finished of an interrupted run.
        seed: The first of the seeds.
        settings: How much is done.
        progress: Called with training steps.
    """
    seeds = range(seed, seed + settings.seeds)
    parts = [(start, name) for start in seeds for name in MODELS]
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in MODELS}
    for number, (start, name) in enumerate(parts):
        results[name].append(_trained(out, name, start, settings, _Share(progress, number, len(parts), settings.steps)))
    done = Reproduction(
        name="fig3",
        seed=seed,
        settings=dataclasses.asdict(settings),
        rows=[_row(name, results[name]) for name in MODELS],
        verdicts=_verdicts(results),
        results={"per_seed": {name: [_without_picture(r) for r in results[name]] for name in MODELS}},
    )
    return write(done, _draw(results), out)


class _Share(NamedTuple):
    """Progress of one training among all of them."""

    progress: Progress | None
    number: int
    parts: int
    steps: int

    def __call__(self, step: int, label: str) -> None:
        if self.progress:
            self.progress(self.number * self.steps + step, self.parts * self.steps, label)


def _trained(out: Path, name: str, seed: int, settings: Settings, share: _Share) -> dict[str, Any]:
    """What is measured of one model trained from one seed, now or by an earlier run."""
    model, schedule = MODELS[name], Schedule(settings.steps)
    decides = {"model": model.config.__dict__, "schedule": schedule.__dict__, "held_out": settings.held_out}

    def compute() -> dict[str, Any]:
        """Trains and measures."""
        actor = ToyActor(TASK, model.family, model.config, seed)
        training = train_toy(
            actor, TASK, schedule, seed, 500, lambda now: share(now.step, f"{name} seed {seed}  nll {now.nll:.2f}")
        )
        measured = measure(actor, settings.held_out)
        return {"seed": seed, **measured, "seconds": training.seconds, "cpu_seconds": training.cpu_seconds,
                "log_density": _panel(actor.distribution(_shown()[0]))}  # fmt: skip

    result = finished(out / "finished" / f"{name}_seed{seed}.json", decides, compute)
    share(settings.steps, f"{name} seed {seed}  KL {result['kl']:.3f}")
    return result


def measure(actor: ToyActor | None, held_out: int) -> dict[str, float]:
    """How far a density is from the truth, on observations that nothing is trained on.

    Args:
        actor: The density; None for the truth itself.
        held_out: Observations.

    Returns:
        `kl`, the divergence of the density from the truth, and its standard error [nat]; `leaked`, the share of
        samples further than three standard deviations from every centre; `covered`, the share of the centres that
        more than 5 % of the samples are that near to; `best`, how often the densest of 64 samples is within one.
    """
    observation, centres = TASK.observe(tf.constant([UNSEEN, 0]), held_out)
    truth = TASK.truth(centres)
    density = actor.distribution(observation) if actor else truth
    action = truth.sample(seed=[UNSEEN, 1])
    divergence = truth.log_prob(action) - density.log_prob(action)
    few = min(held_out, 2000)
    observation, centres = observation[:few], centres[:few]
    density = actor.distribution(observation) if actor else TASK.truth(centres)
    samples = density.sample(256, seed=[UNSEEN, 2])
    near = tf.norm(samples[:, :, None] - centres, axis=-1) / TASK.SPREAD
    densest = tf.argmax(density.log_prob(samples[:64]), axis=0)
    of_densest = tf.gather(tf.transpose(tf.reduce_min(near, axis=-1)), densest, batch_dims=1)
    values = {
        "kl": tf.reduce_mean(divergence),
        "kl_error": tf.math.reduce_std(divergence) / held_out**0.5,
        "leaked": tf.reduce_mean(tf.cast(tf.reduce_all(near > 3, axis=-1), tf.float32)),
        "covered": tf.reduce_mean(tf.cast(tf.reduce_mean(tf.cast(near <= 3, tf.float32), axis=0) > 0.05, tf.float32)),
        "best": tf.reduce_mean(tf.cast(of_densest <= 1, tf.float32)),
    }
    return {name: float(value) for name, value in values.items()}


def _row(name: str, results: list[dict[str, Any]]) -> dict[str, Any]:
    def mean(key: str) -> float:
        return float(np.mean([result[key] for result in results]))

    return {
        "model": MODELS[name].label,
        "KL [nat], each seed": [result["kl"] for result in results],
        "mean": mean("kl"),
        "leaked": mean("leaked"),
        "covered": mean("covered"),
        "best of 64": mean("best"),
        "s per seed": mean("seconds"),
        "CPU s": mean("cpu_seconds"),
    }


def _verdicts(results: dict[str, list[dict[str, Any]]]) -> list[Verdict]:
    def kl(name: str) -> list[float]:
        return [result["kl"] for result in results[name]]

    def listed(name: str) -> str:
        return ", ".join(f"{round(value, 3) + 0.0:.3f}" for value in kl(name))

    def means(key: str) -> str:
        return f"{100 * float(np.mean([result[key] for result in results['real-nvp']])):.0f} %"

    mof = [float(np.mean(kl(name))) for name in ("mof-1", "mof-10")]
    slowest = max(result["cpu_seconds"] for name in ("mof-1", "mof-10") for result in results[name])
    escaped = sum(value < 1 for value in kl("gmm-10-exp"))
    truth = measure(None, len(kl("gmm-1")) * 1000)
    return [
        judge("The GMM can match the truth from an initial σ of 1.", [value < CLOSE for value in kl("gmm-1")],
              f"KL {listed('gmm-1')} nat: {sum(v < CLOSE for v in kl('gmm-1'))} of {len(kl('gmm-1'))} seeds match."),
        judge("The GMM fails to converge from an initial σ of 10.", [value > 1 for value in kl("gmm-10")],
              f"KL {listed('gmm-10')} nat with σ = softplus(…). With σ = exp(…), {escaped} of {len(kl('gmm-10'))} "
              f"seeds come below 1 nat ({listed('gmm-10-exp')})."),
        judge("Real NVP covers all 4 modes.", [result["covered"] > 0.9 for result in results["real-nvp"]],
              f"It covers {means('covered')} of them."),
        judge("Real NVP has much mass where there is none.", [r["leaked"] > 0.1 for r in results["real-nvp"]],
              f"{means('leaked')} of its samples lie beyond 3 σ of every centre "
              f"(truth: {100 * truth['leaked']:.1f} %); KL {listed('real-nvp')} nat."),
        judge("MoF represents the truth well.", [value < CLOSE for value in kl("mof-1")],
              f"KL {listed('mof-1')} nat, mean {mof[0]:.3f}, in at most {slowest:.0f} CPU seconds a seed."),
        judge("MoF does so from an initial σ of 10 too.", [value < CLOSE for value in kl("mof-10")],
              f"KL {listed('mof-10')} nat, mean {mof[1]:.3f}."),
    ]  # fmt: skip


def _shown() -> tuple[tf.Tensor, tf.Tensor]:
    """The observation (1, 10) of the panels and its centres (1, 4, 2): the one of many whose modes lie best apart."""
    observation, centres = TASK.observe(tf.constant([UNSEEN, 3]), 500)
    apart = tf.norm(centres[:, :, None] - centres[:, None], axis=-1) + 1e3 * tf.eye(4)
    shown = int(tf.argmax(tf.reduce_min(apart, axis=[1, 2])))
    return observation[shown : shown + 1], centres[shown : shown + 1]


def _panel(density: tfd.Distribution) -> list[list[float]]:
    """Log-density, rounded, in the middle of each pixel of a panel."""
    middle = (np.arange(SIDE, dtype=np.float32) + 0.5) * 20 / SIDE - 10
    grid = np.stack(np.meshgrid(middle, middle), axis=-1).reshape(-1, 1, 2)
    values = np.maximum(density.log_prob(grid).numpy(), -99).astype(float)
    return [[round(value, 2) for value in row] for row in values.reshape(SIDE, SIDE).tolist()]


def _without_picture(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key != "log_density"}


def _draw(results: dict[str, list[dict[str, Any]]]) -> Figure:
    """The paper's panels, each of the seed with the median divergence, over the divergences of all seeds."""
    figure = Figure(figsize=(15, 5.6), layout="constrained")
    grid = figure.add_gridspec(2, 1, height_ratios=[2.1, 1])
    panels = grid[0].subgridspec(1, 1 + len(PANELS)).subplots(squeeze=False)[0]
    truth = np.exp(np.array(_panel(TASK.truth(_shown()[1]))))
    scale = PowerNorm(0.5, 0, truth.max())
    titles = [
        "(a) Ground truth",
        *(f"({letter}) {MODELS[name].label}" for letter, name in zip("bcdee", PANELS, strict=True)),
    ]
    for axes, title, name in zip(panels, titles, ("", *PANELS), strict=True):
        shown = _median(results[name]) if name else None
        density = np.exp(np.array(shown["log_density"])) if shown else truth
        image = axes.imshow(density, origin="lower", extent=(-10, 10, -10, 10), norm=scale, cmap="viridis")
        note = f"seed {shown['seed']}, KL {shown['kl']:.3f} nat" if shown else "four Gaussians, σ 0.5"
        axes.set(title=f"{title}\n", xticks=(-10, 0, 10), yticks=(-10, 0, 10))
        axes.text(0.5, 1.03, note, transform=axes.transAxes, ha="center", fontsize=9, color="#555555")
    figure.colorbar(image, ax=panels, label="density", shrink=0.8, pad=0.01)
    _draw_seeds(figure.add_subplot(grid[1]), results)
    return figure


def _draw_seeds(axes: Axes, results: dict[str, list[dict[str, Any]]]) -> None:
    for row, name in enumerate(reversed(MODELS)):
        divergences = [max(result["kl"], 1e-4) for result in results[name]]
        axes.plot(divergences, [row] * len(divergences), "o", color="#1f4e9c", alpha=0.6, markersize=8)
    axes.axvline(CLOSE, color="#d7301f", linestyle="--", linewidth=1)
    axes.set(xscale="log", yticks=range(len(MODELS)), yticklabels=[m.label for m in reversed(MODELS.values())],
             xlabel=f"KL divergence from the truth, one dot per seed [nat]; dashed: {CLOSE}; below 1e-4 drawn there",
             ylim=(-0.6, len(MODELS) - 0.4))  # fmt: skip
    axes.grid(axis="x", alpha=0.3)


def _median(results: list[dict[str, Any]]) -> dict[str, Any]:
    return sorted(results, key=lambda result: float(result["kl"]))[len(results) // 2]
