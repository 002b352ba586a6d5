"""Runs in MLflow and in Weights & Biases, where they are installed; nothing leaves this machine."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from grasp_tfp.errors import UsageError
from grasp_tfp.training.tracking import TRACKERS, make_tracker

SETTINGS = {"model": "mof", "config": {"train": {"steps": 6, "label_noise": [0.1, 0.2]}}}


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "WANDB_MODE", "WANDB_PROJECT", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


class _Measured(keras.callbacks.Callback):
    """Stands for what evaluates every other epoch."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs["success"] = 0.5 if epoch % 2 else float("nan")


def fit(run: Path, tracker: str, *, first: int = 0, epochs: int = 2) -> None:
    """Two epochs of three steps."""
    run.mkdir(parents=True, exist_ok=True)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.optimizer.iterations.assign(3 * first)
    model.fit(np.ones((6, 1)), np.ones((6, 1)), batch_size=2, initial_epoch=first, epochs=epochs, verbose=0,
              callbacks=[_Measured(), make_tracker(tracker, run, SETTINGS)])  # fmt: skip


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's, of SQLAlchemy
def test_mlflow_has_settings_and_every_epoch_and_goes_on_where_it_was(tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    run = tmp_path / "runs" / "mof"
    fit(run, "mlflow")
    fit(run, "mlflow", first=2, epochs=3)
    client = MlflowClient(f"sqlite:///{tmp_path}/runs/mlflow.db")
    experiment = client.get_experiment_by_name("graspctl")
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.run_id == json.loads((run / "tracking.json").read_text())["mlflow"]
    assert (found.info.run_name, found.info.status) == ("mof", "FINISHED")
    assert found.data.params["config.train.steps"] == "6" and found.data.params["model"] == "mof"
    assert [point.step for point in client.get_metric_history(found.info.run_id, "loss")] == [3, 6, 9]
    (success,) = client.get_metric_history(found.info.run_id, "success")
    assert (success.step, success.value) == (6, 0.5)


def wandb_records(path: Path) -> Iterator[bytes]:
    """The records of a .wandb file: blocks of 32 KB, and fragments with checksum, length and kind, as in LevelDB."""
    content, at, record = path.read_bytes(), 7, b""
    while at + 7 <= len(content):
        if 32768 - at % 32768 < 7:
            at += 32768 - at % 32768
            continue
        _, length, kind = struct.unpack_from("<IHB", content, at)
        record += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # whole, or the last fragment
            yield record
            record = b""


def test_wandb_has_settings_and_every_epoch_offline(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    from wandb.proto import wandb_internal_pb2

    run = tmp_path / "runs" / "mof"
    fit(run, "wandb")
    (path,) = (run / "wandb").glob("offline-run-*/*.wandb")
    assert json.loads((run / "tracking.json").read_text())["wandb"] in path.name
    history: list[dict[str, Any]] = []
    config: dict[str, Any] = {}
    for data in wandb_records(path):
        record = wandb_internal_pb2.Record.FromString(data)
        config |= {item.key: json.loads(item.value_json) for item in record.run.config.update}
        if items := record.history.item:
            history.append({item.key or item.nested_key[0]: json.loads(item.value_json) for item in items})
    assert config["config.train.steps"] == 6 and config["model"] == "mof"
    assert [row["_step"] for row in history] == [3, 6]
    assert all("loss" in row for row in history) and [row.get("success") for row in history] == [None, 0.5]


def test_bad_names_and_absent_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="Unknown tracker 'mlfow'.*Did you mean 'mlflow'"):
        make_tracker("mlfow", tmp_path, SETTINGS)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for name in TRACKERS:
        with pytest.raises(UsageError, match=rf"Cannot log to {name}: .* Run pip install 'graspctl\[{name}\]'"):
            make_tracker(name, tmp_path, SETTINGS)
