"""Fitting an actor, a critic or both to recorded trials (Sections IV-B and VI-B)."""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from grasp_tfp.config import TrainConfig
from grasp_tfp.files import in_one_piece
from grasp_tfp.models import bundle
from grasp_tfp.models.network import GraspNetwork
from grasp_tfp.training.checkpoints import Checkpoints
from grasp_tfp.training.data_check import check_examples

__all__ = ["EPOCH_STEPS", "TrainingReport", "fastest_precision", "on_every_gpu", "optimizer", "train"]

EPOCH_STEPS = 250
"""Steps between two validations, and between two checkpoints."""

VALIDATION_BATCHES = 64
"""What a validation takes at most, the same each time: all that there are took a quarter of the time."""

ADAPT_BATCHES = 64
"""Batches from which the statistics of images and actions are taken."""

CPU_INFO = Path("/proc/cpuinfo")
"""Where Linux says what the CPU can do."""

BFLOAT16 = {"amx_bf16", "avx512_bf16"}
"""Names of what multiplies in bfloat16: Intel's tiles, and the vectors that AMD's cores since Zen 4 have too."""

Progress = Callable[[int, int, float], None]


@dataclasses.dataclass(frozen=True)
class TrainingReport:
    """What a training run did."""

    run: str
    model: str
    parameters: int
    steps: int
    new_steps: int
    """How many of them this call made, and not one that was interrupted."""

    best_step: int
    """After how many steps the weights were best, which are those that were kept."""

    criterion: str
    """What validation measured: `nll`, the negative log-likelihood of the actions, `bce`, the binary cross-entropy of
    the successes, or `joint`, the sum of both [nat]."""

    validation_loss: float | None
    """The criterion on the validation examples under these weights, without label noise [nat]; None without any."""

    seconds: float


def train(
    model: GraspNetwork,
    batches: tf.data.Dataset | Callable[[int], tf.data.Dataset],
    validation: tf.data.Dataset | None,
    run: Path,
    *,
    initial: bundle.Bundle | None = None,
    progress: Progress | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> TrainingReport:
    """Fits a model and leaves it with the best of its weights.

    After every epoch the moving average of the weights is judged by the model's criterion on validation examples, and
    the best average is kept: few scenes overfit, and the likelihood of new scenes falls long before that of the
    training scenes stops rising. An interrupted run continues from its last checkpoint, with the same data in the
    same order, when it is called with the same `run`.

    Args:
        model: What to fit; its `config.train` says how.
        batches: Endless batches of what its `fit` takes, the same on every pass; or what gives those that follow a
            number of steps, which need not be the same.
        validation: The same from other trials, in a single pass, of which the first `VALIDATION_BATCHES` are used; None
            where the last average is to be kept.
        run: Folder for checkpoints, TensorBoard's files and `history.csv`.
        initial: A policy of the same network, whose weights to begin with, and whose statistics to keep.
        progress: Called with steps done, steps in all, and the last step's criterion.
        callbacks: Called by Keras too, such as for pictures; before the epoch goes into `history.csv`.

    Raises:
        UsageError: Nothing can be learnt from such examples, or `initial` is of another network.
    """
    started = time.perf_counter()
    config = model.config.train
    after = batches if callable(batches) else batches.skip
    _prepare(model, after(0), initial)
    validated = None if validation is None else validation.take(VALIDATION_BATCHES)
    checkpoints = Checkpoints(run / "checkpoints", validated, config.patience)
    every = [
        checkpoints,
        *callbacks,
        keras.callbacks.TensorBoard(run / "tensorboard", write_graph=False),
        _History(run / "history.csv"),
        checkpoints.keep_last(),
        _Steps(config.steps, progress),
    ]
    with fastest_precision():
        done = checkpoints.restore(model)
        if done < config.steps:
            model.fit(
                after(done),
                initial_epoch=done // EPOCH_STEPS,
                epochs=math.ceil(config.steps / EPOCH_STEPS),
                steps_per_epoch=EPOCH_STEPS,
                callbacks=every,
                shuffle=False,
                verbose=0,
            )
        steps = int(model.optimizer.iterations)
        validation_loss, best_step = checkpoints.restore_best(model)
    return TrainingReport(
        run=str(run),
        model=model.describe()["model"],
        parameters=model.count_params(),
        steps=steps,
        new_steps=steps - done,
        best_step=best_step,
        criterion=model.criterion,
        validation_loss=validation_loss,
        seconds=time.perf_counter() - started,
    )


def _prepare(model: GraspNetwork, batches: tf.data.Dataset, initial: bundle.Bundle | None) -> None:
    """Gives a model its statistics, the weights to begin with, and its optimizer."""
    examples = _joined(batches.take(ADAPT_BATCHES))
    check_examples(*examples)
    model.adapt(*examples)
    if initial is not None:
        bundle.copy_weights(initial, model)
    model.compile(optimizer=optimizer(model.config.train), jit_compile=False)


def on_every_gpu() -> contextlib.AbstractContextManager[Any]:
    """Where to build a model: the scope of a `MirroredStrategy` if there are several GPUs, otherwise nowhere special.

    This was never run on several GPUs.
    """
    if len(tf.config.list_physical_devices("GPU")) < 2:
        return contextlib.nullcontext()
    scope: contextlib.AbstractContextManager[Any] = tf.distribute.MirroredStrategy().scope()
    return scope


@contextlib.contextmanager
def fastest_precision() -> Iterator[None]:
    """Convolutions and products in bfloat16 on CPUs that have instructions for it; others would only emulate it."""
    known = CPU_INFO.read_text(encoding="utf-8").split() if CPU_INFO.exists() else []
    able = not BFLOAT16.isdisjoint(known)
    tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": able})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": False})


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


class _History(keras.callbacks.Callback):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Drops the row of an epoch that is to be repeated."""
        if self._path.exists():
            done = int(self.model.optimizer.iterations)
            header, *rows = self._path.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [row for row in rows if row.endswith("\n") and int(row.split(",")[0]) <= done]
            with in_one_piece(self._path) as partial:
                partial.write_text("".join([header, *kept]), encoding="utf-8")

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
            self._progress(step, self._total, float((logs or {})[self.model.criterion]))


def _joined(batches: tf.data.Dataset) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    inputs, targets, *_ = zip(*batches, strict=True)
    return {name: tf.concat([o[name] for o in inputs], 0) for name in inputs[0]}, tf.concat(targets, 0)
