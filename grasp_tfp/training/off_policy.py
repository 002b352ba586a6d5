"""Fitting an actor to the successes of recorded trials (Section IV-B)."""

import dataclasses
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from grasp_tfp.config import TrainConfig
from grasp_tfp.models.actor import Actor

__all__ = ["EPOCH_STEPS", "TrainingReport", "optimizer", "train"]

EPOCH_STEPS = 250
"""Steps between two validations, and between two checkpoints."""

ADAPT_BATCHES = 64
"""Batches from which the statistics of images and actions are taken."""

Progress = Callable[[int, int, float], None]


@dataclasses.dataclass(frozen=True)
class TrainingReport:
    """What a training run did."""

    run: str
    density: str
    parameters: int
    steps: int
    best_step: int
    """After how many steps the weights were best, which are those that were kept."""

    validation_nll: float
    """Negative log-likelihood of the validation actions under these weights, without label noise [nat]."""

    seconds: float


def train(
    actor: Actor, batches: tf.data.Dataset, validation: tf.data.Dataset, run: Path, *, progress: Progress | None = None
) -> TrainingReport:
    """Fits an actor and leaves it with the best of its weights.

    After every epoch the moving average of the weights is judged by the likelihood of the validation actions, and
    the best average is kept: few scenes overfit, and the likelihood of new scenes falls long before that of the
    training scenes stops rising. An interrupted run continues from its last checkpoint, with the same data in the
    same order, when it is called with the same `run`.

    Args:
        actor: What to fit; its `config.train` says how.
        batches: Endless batches of observations and actions of successful steps, the same on every pass.
        validation: The same from other trials, in a single pass.
        run: Folder for checkpoints, TensorBoard's files and `history.csv`.
        progress: Called with steps done, steps in all, and the last step's negative log-likelihood.
    """
    started = time.perf_counter()
    config = actor.config.train
    actor.adapt(*_joined(batches.take(ADAPT_BATCHES)))
    actor.compile(optimizer=optimizer(config), jit_compile=False)
    checkpoints = _Checkpoints(run / "checkpoints", validation)
    done = checkpoints.restore(actor)
    callbacks = [
        checkpoints,
        keras.callbacks.TensorBoard(run / "tensorboard", write_graph=False),
        _History(run / "history.csv"),
        _Steps(config.steps, progress),
    ]
    if done < config.steps:
        actor.fit(
            batches.skip(done),
            initial_epoch=done // EPOCH_STEPS,
            epochs=math.ceil(config.steps / EPOCH_STEPS),
            steps_per_epoch=EPOCH_STEPS,
            callbacks=callbacks,
            shuffle=False,
            verbose=0,
        )
    validation_nll, best_step = checkpoints.restore_best(actor)
    return TrainingReport(
        run=str(run),
        density=actor.density,
        parameters=actor.count_params(),
        steps=config.steps,
        best_step=best_step,
        validation_nll=validation_nll,
        seconds=time.perf_counter() - started,
    )


def optimizer(config: TrainConfig) -> keras.optimizers.Optimizer:
    """AdamW with a warm-up, a linear fall over the second half, and a moving average of the weights."""
    return keras.optimizers.AdamW(
        _Schedule(config.learning_rate, config.warmup_steps, config.steps),
        weight_decay=config.weight_decay,
        global_clipnorm=config.clip_norm,
        use_ema=True,
        ema_momentum=config.ema_momentum,
    )


class _Schedule(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self, peak: float, warmup_steps: int, steps: int) -> None:
        self.peak, self.warmup_steps, self.steps = peak, warmup_steps, steps

    def __call__(self, step: Any) -> tf.Tensor:
        done = tf.cast(step, tf.float32)
        rise = (done + 1) / max(self.warmup_steps, 1)
        return self.peak * tf.minimum(1.0, tf.minimum(rise, 2 * (1 - done / self.steps)))

    def get_config(self) -> dict[str, Any]:
        return {"peak": self.peak, "warmup_steps": self.warmup_steps, "steps": self.steps}


class _Checkpoints(keras.callbacks.Callback):
    """Keeps the last state of a run, to continue from, and the best average of its weights.

    A file takes its name when it is whole, so that a crash leaves the one before.
    """

    def __init__(self, folder: Path, validation: tf.data.Dataset) -> None:
        super().__init__()
        self._last, self._best = folder / "last.weights.h5", folder / "best.weights.h5"
        self._validation = validation
        self._best_nll = float("inf")
        folder.mkdir(parents=True, exist_ok=True)

    def restore(self, actor: Actor) -> int:
        """Loads the last state, if there is one; returns how many steps it had made."""
        actor.optimizer.build(actor.trainable_variables)
        if self._best.exists():
            self._best_nll, _ = self.restore_best(actor)
        if self._last.exists():
            actor.load_weights(self._last)
        return int(actor.optimizer.iterations)

    def restore_best(self, actor: Actor) -> tuple[float, int]:
        """Loads the best weights; returns their validation likelihood and how many steps they had made."""
        actor.load_weights(self._best)
        return self._nll(actor), int(actor.optimizer.iterations)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Judges the average of the weights, and writes what is to be kept."""
        actor = self.model
        weights = [variable.numpy() for variable in actor.trainable_variables]
        actor.optimizer.finalize_variable_values(actor.trainable_variables)
        nll = self._nll(actor)
        if nll < self._best_nll:
            self._best_nll = nll
            _save(actor, self._best)
        for variable, value in zip(actor.trainable_variables, weights, strict=True):
            variable.assign(value)
        _save(actor, self._last)
        if logs is not None:
            logs["val_nll"] = nll

    def _nll(self, actor: Actor) -> float:
        return float(actor.evaluate(self._validation, verbose=0, return_dict=True)["nll"])


class _History(keras.callbacks.Callback):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        row = {"step": int(self.model.optimizer.iterations)} | (logs or {})
        header = "" if self._path.exists() else ",".join(row) + "\n"
        with self._path.open("a", encoding="utf-8") as file:
            file.write(header + ",".join(f"{value:.6g}" for value in row.values()) + "\n")


class _Steps(keras.callbacks.Callback):
    """Reports every step, and ends the last epoch early when the steps are no multiple of an epoch."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        super().__init__()
        self._total, self._progress = total, progress

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        step = int(self.model.optimizer.iterations)
        self.model.stop_training = step >= self._total
        if self._progress:
            self._progress(step, self._total, float((logs or {})["nll"]))


def _save(actor: Actor, path: Path) -> None:
    partial = path.with_name(f".{path.name}")
    actor.save_weights(partial, overwrite=True)
    os.replace(partial, path)


def _joined(batches: tf.data.Dataset) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    observations, actions = zip(*batches, strict=True)
    return {name: tf.concat([o[name] for o in observations], 0) for name in observations[0]}, tf.concat(actions, 0)
