"""Training runs in MLflow and Weights & Biases, beside TensorBoard and `history.csv`.

Both stay on this machine unless their own variables say otherwise: MLFLOW_TRACKING_URI names a server,
WANDB_MODE=online uploads. A run that is continued goes on in the record that it began.
"""

import abc
import json
import math
import os
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from grasp_tfp.errors import unknown_name
from grasp_tfp.extras import require
from grasp_tfp.files import write_json

__all__ = ["TRACKERS", "MlflowTracker", "Tracker", "WandbTracker", "make_tracker"]

PROJECT = "graspctl"
"""Experiment of MLflow, project of Weights & Biases."""

RECORD = "tracking.json"
"""In the folder of a run: its id in each service."""

DATABASE = "mlflow.db"
"""Beside the folders of the runs, so that one page shows all of them."""


class Tracker(keras.callbacks.Callback, abc.ABC):
    """Sends the settings of a run, and what each epoch measured, to a service.

    Args:
        run: Folder of the run; its name is that of the record.
        settings: The run's `config.json`.
    """

    name: str

    def __init__(self, run: Path, settings: Mapping[str, Any]) -> None:
        super().__init__()
        self._run, self._settings = run, _flat(settings)

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Opens the record, or the one that the run began."""
        path = self._run / RECORD
        known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        found = self._begin(known.get(self.name))
        write_json(path, known | {self.name: found})

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Sends what is known; what was not measured in this epoch is left out."""
        values = {name: float(value) for name, value in (logs or {}).items()}
        self._log({name: value for name, value in values.items() if math.isfinite(value)}, self._step())

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        """Completes the record."""
        self._end()

    def _step(self) -> int:
        return int(self.model.optimizer.iterations)

    @abc.abstractmethod
    def _begin(self, record: str | None) -> str:
        """Opens a record, or goes on with the one of that id; returns its id."""

    @abc.abstractmethod
    def _log(self, values: Mapping[str, float], step: int) -> None: ...

    @abc.abstractmethod
    def _end(self) -> None: ...


class MlflowTracker(Tracker):
    """A run in an SQLite file beside the runs' folders, or on the server that MLFLOW_TRACKING_URI names."""

    name = "mlflow"

    def _begin(self, record: str | None) -> str:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
        from mlflow.tracking import MlflowClient

        place = f"sqlite:///{(self._run.parent / DATABASE).resolve()}"
        self._client = MlflowClient(os.environ.get("MLFLOW_TRACKING_URI", place))
        if record is None:
            experiment = self._client.get_experiment_by_name(PROJECT)
            number = experiment.experiment_id if experiment else self._client.create_experiment(PROJECT)
            record = str(self._client.create_run(number, run_name=self._run.name).info.run_id)
            for name, value in self._settings.items():
                self._client.log_param(record, name, value)
        self._record = record
        self._client.update_run(record, "RUNNING")
        return record

    def _log(self, values: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = int(1000 * time.time())
        self._client.log_batch(self._record, [Metric(name, value, now, step) for name, value in values.items()])

    def _end(self) -> None:
        self._client.set_terminated(self._record)


class WandbTracker(Tracker):
    """A run in the folder `wandb` of the run, as `wandb sync` uploads it, or online with WANDB_MODE=online."""

    name = "wandb"

    def _begin(self, record: str | None) -> str:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        import wandb

        record = record or uuid.uuid4().hex[:8]
        self._wandb = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=self._run.name,
            id=record,
            resume="allow",
            dir=str(self._run),
            config=self._settings,
            mode=os.environ.get("WANDB_MODE", "offline"),
            settings=wandb.Settings(silent=True, console="off"),
        )
        return record

    def _log(self, values: Mapping[str, float], step: int) -> None:
        self._wandb.log(dict(values), step=step)

    def _end(self) -> None:
        self._wandb.finish()


TRACKERS: dict[str, type[Tracker]] = {"mlflow": MlflowTracker, "wandb": WandbTracker}
"""Name of each, which is that of its package and of the extra that brings it."""


def make_tracker(name: str, run: Path, settings: Mapping[str, Any]) -> Tracker:
    """The callback that logs a run to a service.

    Raises:
        UsageError: The name is unknown, or its package is not installed.
    """
    if name not in TRACKERS:
        raise unknown_name("tracker", name, TRACKERS)
    require(name, name, f"log to {name}")
    return TRACKERS[name](run, settings)


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings under names with dots, such as `config.train.steps`."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        inner = isinstance(value, Mapping)
        flat |= _flat(value, f"{prefix}{name}.") if inner else {f"{prefix}{name}": value}
    return flat
