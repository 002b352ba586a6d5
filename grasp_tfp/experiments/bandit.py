"""Where the on-policy loss of Section IV-B leads: π ∝ exp(r/α), if the behaviour follows the policy.

The actions are the cells of a square grid. The policy is a Gaussian mixture with one narrow Gaussian in every cell and
weights to learn, so that it can be any distribution over the cells, and its loss is the one that actors are trained on.
"""

import dataclasses
import math

import keras
import numpy as np
import scipy.optimize
import scipy.special
import tensorflow as tf
from numpy.typing import NDArray

from grasp_tfp.models.gmm import GaussianMixture
from grasp_tfp.models.losses import on_policy_loss

__all__ = ["BanditReport", "rewards", "run", "uniform_optimum"]

Floats = NDArray[np.float64]

SPREAD = 0.1
"""Standard deviation of a Gaussian, in cells."""


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


def run(alpha: float = 0.3, side: int = 6, steps: int = 3000, batch: int = 512, seed: int = 0) -> BanditReport:
    """Learn both policies.

    Args:
        alpha: Weight of the entropy, α.
        side: Cells along an edge of the grid.
        steps: Optimisation steps.
        batch: Actions in a step.
        seed: Start of every random choice.
    """
    reward = rewards(side)
    wanted = scipy.special.softmax(reward / alpha)
    tracking, uniform = (_learn(reward, alpha, follow, steps, batch, seed) for follow in (True, False))
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


def _learn(reward: Floats, alpha: float, follow: bool, steps: int, batch: int, seed: int) -> Floats:
    """The weights of the policy (n,) after training with actions of its own, or with uniform ones."""
    side = math.isqrt(len(reward))
    cells = np.stack(np.meshgrid(*[np.arange(side)] * 2, indexing="ij"), axis=-1).reshape(1, -1, 2)
    loc, values = tf.constant(cells, tf.float32), tf.constant(reward, tf.float32)
    logits = tf.Variable(tf.zeros([1, len(reward)]))
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.PolynomialDecay(0.05, steps, 0.0))
    optimizer.build([logits])

    @tf.function(jit_compile=True)
    def step(number: tf.Tensor) -> None:
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
    return np.asarray(scipy.special.softmax(logits.numpy()[0].astype(np.float64)))


def _total_variation(first: Floats, second: Floats) -> float:
    return float(np.abs(first - second).sum() / 2)
