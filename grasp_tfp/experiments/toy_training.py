"""Fitting a density to a task without images, on data that is drawn afresh at each step."""

import dataclasses
import time
from collections.abc import Callable

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from grasp_tfp.config import DensityConfig
from grasp_tfp.experiments.toy_tasks import ToyTask
from grasp_tfp.models.actor import DENSITIES
from grasp_tfp.models.losses import negative_log_likelihood

__all__ = ["Schedule", "ToyActor", "ToyTraining", "train_toy"]


COMPILED_STEPS = 1000
"""Steps from which on a training is compiled with XLA, which takes seconds itself."""


@dataclasses.dataclass(frozen=True)
class Schedule:
    """How a density is fitted: Adam, whose rate falls from `learning_rate` to zero along a cosine."""

    steps: int
    batch_size: int = 256
    learning_rate: float = 3e-3
    clip_norm: float = 10.0


class ToyActor:
    """A density predicted from an observation by nothing but its own layer, as in Section VI-A."""

    def __init__(self, task: ToyTask, family: str, config: DensityConfig, seed: int) -> None:
        """Create the weights, which depend on the seed alone; it restarts the global random generators.

        Args:
            task: Decides the sizes.
            family: `gmm`, `mof` or `real-nvp`.
            config: Of the density.
            seed: Of the weights.
        """
        keras.utils.set_random_seed(seed)
        self.head = DENSITIES[family](task.action_size, config)
        self.head.build((None, task.observation_size))

    def distribution(self, observation: tf.Tensor) -> tfd.Distribution:
        """The density over actions for observations (B, C)."""
        density: tfd.Distribution = self.head.distribution(self.head(observation))
        return density


@dataclasses.dataclass(frozen=True)
class ToyTraining:
    """How far a training is."""

    step: int
    """Steps made."""

    nll: float
    """Mean negative log-likelihood [nat] since the last report."""

    seconds: float
    """Wall time, compilation included."""

    cpu_seconds: float
    """The same in processor time, which a busy machine does not lengthen."""


def train_toy(
    actor: ToyActor,
    task: ToyTask,
    schedule: Schedule,
    seed: int,
    every: int,
    watch: Callable[[ToyTraining], None],
) -> ToyTraining:
    """Fits an actor by maximum likelihood.

    Args:
        actor: What to fit.
        task: Draws the data.
        schedule: Steps and their size.
        seed: Of the data.
        every: Steps between two calls of `watch`.
        watch: Called with how far the training is; its own time does not count.

    Returns:
        What was last passed to `watch`.
    """
    variables = actor.head.trainable_variables
    rate = keras.optimizers.schedules.CosineDecay(schedule.learning_rate, schedule.steps)
    optimizer = keras.optimizers.Adam(rate, global_clipnorm=schedule.clip_norm)
    optimizer.build(variables)

    def step(number: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        observation, action = task.batch(tf.stack([seed, number]), schedule.batch_size)
        with tf.GradientTape() as tape:
            loss = negative_log_likelihood(actor.distribution(observation), action)
        optimizer.apply(tape.gradient(loss, variables), variables)
        return number + 1, total + loss

    def loop(first: tf.Tensor, end: tf.Tensor) -> tf.Tensor:
        return tf.while_loop(lambda number, _: number < end, step, (first, tf.zeros([])))[1]

    number = tf.TensorSpec([], tf.int32)
    compiled = tf.function(loop, jit_compile=schedule.steps >= COMPILED_STEPS).get_concrete_function
    clock = _Clock()
    with clock:
        steps = compiled(number, number)
    for first in range(0, schedule.steps, every):
        end = min(first + every, schedule.steps)
        with clock:
            loss = float(steps(tf.constant(first), tf.constant(end))) / (end - first)
        watch(ToyTraining(end, loss, clock.wall, clock.processor))
    return ToyTraining(end, loss, clock.wall, clock.processor)


class _Clock:
    """Adds up the wall and the processor time [s] spent inside its context."""

    def __init__(self) -> None:
        self.wall = self.processor = 0.0

    def __enter__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def __exit__(self, *error: object) -> None:
        self.wall += time.perf_counter() - self._began[0]
        self.processor += time.process_time() - self._began[1]
