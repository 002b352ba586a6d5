"""What a training run leaves on disk while it goes on.

checkpoints/
    last.weights.h5     the whole state, which an interrupted run continues from
    best.weights.h5     the state in which the average of the weights was best
    000500/             the average of the weights after 500 steps, of the last few epochs
"""

import contextlib
import hashlib
import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from grasp_tfp.models.network import GraspNetwork

__all__ = ["Checkpoints", "averaged", "load_average", "newest_average"]

AVERAGES = 4
"""Numbered averages that are kept."""

WEIGHTS = "weights.npz"


class Checkpoints(keras.callbacks.Callback):
    """Keeps the last state of a run, to continue from, and the best average of its weights.

    A file takes its name when it is whole, so that a crash leaves the one before.

    Args:
        folder: Where they are kept.
        validation: What the averages are judged by; None takes the last one for the best.
        patience: After how many epochs in a row without a better average training ends; 0 for never.
    """

    def __init__(self, folder: Path, validation: tf.data.Dataset | None, patience: int = 0) -> None:
        super().__init__()
        self._folder, self._last, self._best = folder, folder / "last.weights.h5", folder / "best.weights.h5"
        self._validation = validation
        self._patience, self._waited = patience, 0
        self._best_loss = float("inf")
        folder.mkdir(parents=True, exist_ok=True)

    def restore(self, model: GraspNetwork) -> int:
        """Loads the last state, if there is one; returns how many steps it had made."""
        model.optimizer.build(model.trainable_variables)
        if self._last.exists():
            loss, _ = self.restore_best(model)
            self._best_loss = float("inf") if loss is None else loss
            model.load_weights(self._last)
        return int(model.optimizer.iterations)

    def restore_best(self, model: GraspNetwork) -> tuple[float | None, int]:
        """Loads the best weights; returns their validation loss and how many steps they had made."""
        model.load_weights(self._best)
        return self._loss(model), int(model.optimizer.iterations)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Judges the average of the weights, and writes what is to be kept."""
        model = self.model
        with averaged(model):
            loss = self._loss(model)
            self._waited += 1
            if loss is None or loss < self._best_loss:
                self._best_loss, self._waited = self._best_loss if loss is None else loss, 0
                _save(model, self._best)
            self._save_average(model)
        if self._patience and self._waited >= self._patience:
            model.stop_training = True
        if logs is not None and loss is not None:
            logs[f"val_{model.criterion}"] = loss

    def keep_last(self) -> keras.callbacks.Callback:
        """A callback that keeps the last state, behind all that record an epoch: a crash repeats it for them."""
        return keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: _save(self.model, self._last))

    def _loss(self, model: GraspNetwork) -> float | None:
        if self._validation is None:
            return None
        return float(model.evaluate(self._validation, verbose=0, return_dict=True)[model.criterion])

    def _save_average(self, model: GraspNetwork) -> None:
        path = self._folder / f"{int(model.optimizer.iterations):06d}"
        partial = self._folder / f".{path.name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        np.savez(partial / WEIGHTS, *model.get_weights())
        shutil.rmtree(path, ignore_errors=True)
        os.replace(partial, path)
        for old in _averages(self._folder)[:-AVERAGES]:
            shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def averaged(model: GraspNetwork) -> Iterator[None]:
    """Gives a model the moving average of its weights for a while."""
    weights = [variable.numpy() for variable in model.trainable_variables]
    model.optimizer.finalize_variable_values(model.trainable_variables)
    try:
        yield
    finally:
        for variable, value in zip(model.trainable_variables, weights, strict=True):
            variable.assign(value)


def newest_average(folder: Path) -> Path | None:
    """The numbered average of the most steps, or None."""
    return next(reversed(_averages(folder)), None)


def load_average(model: GraspNetwork, path: Path) -> str:
    """Gives a model the weights of a numbered average; returns their SHA-256.

    Raises:
        FileNotFoundError: It was removed meanwhile.
    """
    content = (path / WEIGHTS).read_bytes()
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        model.set_weights([arrays[name] for name in arrays.files])
    return hashlib.sha256(content).hexdigest()


def _averages(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.name.isdigit())


def _save(model: GraspNetwork, path: Path) -> None:
    partial = path.with_name(f".{path.name}")
    model.save_weights(partial, overwrite=True)
    os.replace(partial, path)
