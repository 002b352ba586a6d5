"""Where the on-policy loss of Section IV-B leads: π ∝ exp(r/α), if the behaviour follows the policy.

The actions are the cells of a square grid. The policy is a Gaussian mixture with one narrow Gaussian in every cell and
weights to learn, so that it can be any distribution over the cells, and its loss is the one that actors are trained on.
"""

import dataclasses
import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import scipy.optimize
import scipy.special
import tensorflow as tf
from matplotlib.figure import Figure
from numpy.typing import NDArray

from grasp_tfp.experiments.reproduction import Progress, Reproduction, Verdict, finished, judge, write
from grasp_tfp.models.gmm import GaussianMixture
from grasp_tfp.models.losses import on_policy_loss

__all__ = ["FULL", "QUICK", "BanditReport", "Settings", "reproduce", "rewards", "run", "uniform_optimum"]

Floats = NDArray[np.float64]

BATCH = 512
"""Actions in a step."""

SPREAD = 0.1
"""Standard deviation of a Gaussian, in cells."""

CLOSE = 0.02
"""Total variation below which a policy counts as the one that it should become."""

EVERY = 100
"""Steps between two reports of progress."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """How much is done."""

    alphas: tuple[float, ...] = (0.1, 0.3, 1.0)
    """Weights of the entropy; the paper gives none."""

    side: int = 6
    """Cells along an edge of the grid."""

    steps: int = 3000
    """Optimisation steps of each policy."""


FULL = Settings()
QUICK = Settings(alphas=(0.3,), side=3, steps=100)


@dataclasses.dataclass(frozen=True)
class BanditReport:
    """What the policy became; distances are total variations."""

    alpha: float
    cells: int
    steps: int
    seed: int

    tracking: float
    """Distance to exp(r/α) when every action is drawn from the policy as it is."""

    uniform: float
    """Distance to exp(r/α) when every action is drawn uniformly."""

    uniform_to_optimum: float
    """Distance of the same policy to the optimum of the loss with uniform actions, which `uniform_optimum` computes."""


def run(alpha: float = 0.3, side: int = 6, steps: int = 3000, batch: int = BATCH, seed: int = 0) -> BanditReport:
    """Learn both policies.

    Args:
        alpha: Weight of the entropy, α.
        side: Cells along an edge of the grid.
        steps: Optimisation steps.
        batch: Actions in a step.
        seed: Start of every random choice.
    """
    reward = rewards(side)
    tracking, uniform = (_learn(reward, alpha, follow, steps, batch, seed) for follow in (True, False))
    return _report(reward, alpha, steps, seed, tracking, uniform)


def reproduce(out: Path, *, seed: int = 0, settings: Settings = FULL, progress: Progress | None = None) -> Reproduction:
    """Learns both policies for several α, and draws what they became.

    Args:
        out: Folder for bandit.png, bandit.json and what is finished of an interrupted run.
        seed: Start of every random choice.
        settings: How much is done.
        progress: Called with training steps.
    """
    reward, total = rewards(settings.side), 2 * settings.steps * len(settings.alphas)
    results: list[dict[str, Any]] = []
    for number, alpha in enumerate(settings.alphas):

        def step(done: int, alpha: float = alpha, before: int = 2 * number * settings.steps) -> None:
            if progress:
                progress(before + done, total, f"α={alpha}")

        decides = {"alpha": alpha, "side": settings.side, "steps": settings.steps, "batch": BATCH}
        path = out / "finished" / f"alpha{alpha}_seed{seed}.json"
        compute = functools.partial(_part, reward, alpha, settings.steps, seed, step)
        results.append(finished(path, decides, compute))
        step(2 * settings.steps)
    done = Reproduction(
        name="bandit",
        seed=seed,
        settings=dataclasses.asdict(settings),
        rows=[_row(result["report"]) for result in results],
        verdicts=[_verdict([result["report"] for result in results])],
        results={"reward": reward.tolist(), "policies": results},
    )
    return write(done, _draw(reward, results), out)


def _part(reward: Floats, alpha: float, steps: int, seed: int, watch: Callable[[int], None]) -> dict[str, Any]:
    """Both policies for one α, and how far they are from what they should become."""
    tracking = _learn(reward, alpha, True, steps, BATCH, seed, watch)
    uniform = _learn(reward, alpha, False, steps, BATCH, seed, lambda done: watch(steps + done))
    report = _report(reward, alpha, steps, seed, tracking, uniform)
    return {"report": dataclasses.asdict(report), "tracking": tracking.tolist(), "uniform": uniform.tolist()}


def _report(reward: Floats, alpha: float, steps: int, seed: int, tracking: Floats, uniform: Floats) -> BanditReport:
    wanted = scipy.special.softmax(reward / alpha)
    return BanditReport(
        alpha=alpha,
        cells=len(reward),
        steps=steps,
        seed=seed,
        tracking=_total_variation(tracking, wanted),
        uniform=_total_variation(uniform, wanted),
        uniform_to_optimum=_total_variation(uniform, uniform_optimum(reward, alpha)),
    )


def rewards(side: int) -> Floats:
    """Two bumps of different height, r in [0, 1], on the cells (side²,) of the grid."""
    x, y = np.meshgrid(*[np.arange(side) / (side - 1)] * 2, indexing="ij")
    bumps = [h * np.exp(-((x - c) ** 2 + (y - d) ** 2) / 0.08) for h, c, d in ((1.0, 0.2, 0.2), (0.8, 0.8, 0.6))]
    return np.maximum(*bumps).ravel()


def uniform_optimum(reward: Floats, alpha: float) -> Floats:
    """The policy (n,) with the least loss when the actions are uniform.

    Where the derivative of -Σ r log π / n + α Σ π log π is the same for every cell, π (log π + c) = r / (n α).
    """
    share = reward / (len(reward) * alpha)

    def policy(c: float) -> Floats:
        return np.asarray(np.exp(np.real(scipy.special.lambertw(share * np.exp(c))) - c))

    return policy(scipy.optimize.brentq(lambda c: float(policy(c).sum()) - 1, -1.0, 50.0))


def _learn(
    reward: Floats,
    alpha: float,
    follow: bool,
    steps: int,
    batch: int,
    seed: int,
    watch: Callable[[int], None] = lambda done: None,
) -> Floats:
    """The weights of the policy (n,) after training with actions of its own, or with uniform ones."""
    side = math.isqrt(len(reward))
    cells = np.stack(np.meshgrid(*[np.arange(side)] * 2, indexing="ij"), axis=-1).reshape(1, -1, 2)
    loc, values = tf.constant(cells, tf.float32), tf.constant(reward, tf.float32)
    logits = tf.Variable(tf.zeros([1, len(reward)]))
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.PolynomialDecay(0.05, steps, 0.0))
    optimizer.build([logits])

    @tf.function(jit_compile=True)
    def step(number: tf.Tensor) -> None:
        """One step of Adam on cells that the policy draws, or that are drawn uniformly."""
        draw, place, entropy = tf.unstack(tf.random.experimental.stateless_split(tf.stack([seed, number]), 3))
        behaviour = logits if follow else tf.zeros_like(logits)
        cell = tf.random.stateless_categorical(behaviour, batch, draw)[0]
        noise = SPREAD * tf.random.stateless_normal([batch, 1, 2], place)
        action, reward = tf.gather(loc[0], cell)[:, None] + noise, tf.gather(values, cell)[:, None]
        with tf.GradientTape() as tape:
            policy = GaussianMixture(tf.convert_to_tensor(logits), loc, SPREAD * tf.ones_like(loc))
            loss = on_policy_loss(policy, action, reward, alpha, entropy, num_samples=4)
        optimizer.apply([tape.gradient(loss, logits)])

    for number in range(steps):
        step(tf.constant(number))
        if number % EVERY == EVERY - 1:
            watch(number + 1)
    return np.asarray(scipy.special.softmax(logits.numpy()[0].astype(np.float64)))


def _total_variation(first: Floats, second: Floats) -> float:
    return float(np.abs(first - second).sum() / 2)


def _row(report: dict[str, Any]) -> dict[str, Any]:
    return {
        "α": report["alpha"],
        "actions of the policy: distance to exp(r/α)": report["tracking"],
        "uniform actions: distance to exp(r/α)": report["uniform"],
        "to the optimum of their own loss": report["uniform_to_optimum"],
    }


def _verdict(reports: list[dict[str, Any]]) -> Verdict:
    def listed(key: str) -> str:
        return ", ".join(f"{report[key]:.3f}" for report in reports)

    return judge(
        "The on-policy loss converges to π ∝ exp(r/α).",
        [report["tracking"] < CLOSE for report in reports],
        f"Total variation for α = {', '.join(str(report['alpha']) for report in reports)}: {listed('tracking')} where "
        f"the actions are the policy's own. Where they stay uniform it is {listed('uniform')}, and "
        f"{listed('uniform_to_optimum')} to the optimum of that loss.",
    )


def _draw(reward: Floats, results: list[dict[str, Any]]) -> Figure:
    """One row for each α: what the policy should become, what it became, and what it became of uniform actions."""
    side = math.isqrt(len(reward))
    figure = Figure(figsize=(9.5, 3 * len(results)), layout="constrained")
    titles = ("exp(r/α), normalised", "actions of the policy", "uniform actions")
    for row, result in zip(figure.subplots(len(results), len(titles), squeeze=False), results, strict=True):
        report = result["report"]
        wanted = scipy.special.softmax(reward / report["alpha"])
        policies = [wanted, *(np.array(result[key]) for key in ("tracking", "uniform"))]
        distances = ["", *(f"\ndistance {report[key]:.3f}" for key in ("tracking", "uniform"))]
        top = max(float(policy.max()) for policy in policies)
        for axes, title, distance, policy in zip(row, titles, distances, policies, strict=True):
            image = axes.imshow(policy.reshape(side, side).T, origin="lower", vmin=0, vmax=top)
            axes.set(title=f"{title}{distance}", xticks=[], yticks=[])
        row[0].set(ylabel=f"α = {report['alpha']}")
        figure.colorbar(image, ax=row, label="probability of a cell", shrink=0.8)
    return figure
