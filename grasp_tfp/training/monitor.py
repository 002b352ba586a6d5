"""What a policy is worth while it learns: success on scenes of its own, and how far off its grasps are."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from grasp_tfp.models.bundle import Bundle, in_memory
from grasp_tfp.models.network import GraspNetwork
from grasp_tfp.policies.actor import sample_actions
from grasp_tfp.policies.policy import Policy, observe
from grasp_tfp.robots.sim import SimRobot
from grasp_tfp.training.checkpoints import averaged
from grasp_tfp.training.evaluation import Evaluation, evaluate

__all__ = ["Monitor"]

SEED = 2_500_000
"""Of scenes that are in no collection and no evaluation."""

AT_ONCE = 25
"""Trials that run at the same time."""

COLUMNS = ("success", "success_low", "success_high", "across_mm", "yaw_deg", "entropy")


class Monitor(keras.callbacks.Callback):
    """Evaluates the average of the weights every few epochs, always on the same scenes.

    What it finds goes to TensorBoard and into the epoch's logs, and so into `history.csv`: the share of the trials
    that held with its 95 % interval, the median error of the grasps across the object [mm] and in yaw [deg], and the
    entropy of an actor's density at the first look of some trials [nat], which tells when it collapses.

    Args:
        folder: Where TensorBoard looks for files.
        network: The model that is fitted.
        task: What lies in the tray.
        make_policy: The policy of a model that acts.
        every: Epochs between two evaluations.
        trials: Trials of an evaluation.
    """

    def __init__(
        self,
        folder: Path,
        network: GraspNetwork,
        task: str,
        make_policy: Callable[[Bundle], Policy],
        *,
        every: int,
        trials: int,
    ) -> None:
        super().__init__()
        self._folder, self._network, self._task, self._make_policy = folder, network, task, make_policy
        self._every, self._trials = every, trials
        self._bundle: Bundle | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Evaluates, if it is time."""
        values = dict.fromkeys(COLUMNS, math.nan)
        if (epoch + 1) % self._every == 0:
            found, entropy = self._evaluate()
            low, high = found.rate.interval
            values = dict(zip(COLUMNS, (found.rate.rate, low, high, *_median_error(found), entropy), strict=True))
            self._write(found, values)
        if logs is not None:
            logs |= values

    def _evaluate(self) -> tuple[Evaluation, float]:
        if self._bundle is None:
            self._bundle = in_memory(self._network)
        size = self._network.config.vision.image_size
        robots = [SimRobot(task=self._task, seed=SEED, image_size=size) for _ in range(AT_ONCE)]
        try:
            with averaged(self._network):
                entropy = _entropy(self._bundle, robots) if "actor" in self._bundle.roles else math.nan
                return evaluate(robots, self._make_policy(self._bundle), trials=self._trials), entropy
        finally:
            for robot in robots:
                robot.close()

    def _write(self, found: Evaluation, values: dict[str, float]) -> None:
        errors = [outcome.error for outcome in found.outcomes if outcome.error]
        step = int(self._network.optimizer.iterations)
        with tf.summary.create_file_writer(str(self._folder / "evaluation")).as_default():
            for name, value in values.items():
                tf.summary.scalar(f"evaluation/{name}", value, step=step)
            tf.summary.histogram("evaluation/across_mm", [1000 * error.across for error in errors], step=step)
            tf.summary.histogram("evaluation/yaw_deg", np.degrees([error.yaw for error in errors]), step=step)


def _entropy(actor: Bundle, robots: Sequence[SimRobot]) -> float:
    for index, robot in enumerate(robots):
        robot.begin(index)
    rngs = [np.random.default_rng([SEED, index]) for index in range(len(robots))]
    _, log_probs = sample_actions(actor, observe(robots), rngs)
    return -float(np.mean(log_probs))


def _median_error(found: Evaluation) -> tuple[float, float]:
    error = found.median_error
    return (math.nan, math.nan) if error is None else (1000 * error.across, math.degrees(error.yaw))
