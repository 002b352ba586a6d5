"""TFDS builds the dataset of the command's own bytes."""

import dataclasses
import hashlib
import inspect
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import tensorflow_datasets as tfds
from typer.testing import CliRunner

from grasp_datasets.dataset import load_examples, open_dataset
from grasp_datasets.grasp_steps import grasp_steps_dataset_builder
from grasp_datasets.grasp_steps.grasp_steps_dataset_builder import CONVERTERS, Builder, GraspStepsConfig
from grasp_tfp.errors import UsageError
from graspctl.convert import convert
from graspctl.main import app

PROJECT = Path(__file__).parents[3]
DUMMY_DATA = Path(grasp_steps_dataset_builder.__file__).parent / "dummy_data"


@pytest.fixture(scope="module", autouse=True)
def _installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Makes the entry points of setup.py known, whether or not the package is installed."""
    folder = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "setup.py", "--quiet", "egg_info", "--egg-base", str(folder)]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        yield


class GraspStepsTest(tfds.testing.DatasetBuilderTestCase):
    """TFDS's own test of a builder, on what `graspctl collect --sim --trials 16 --seed 20` logs."""

    DATASET_CLASS = Builder
    SPLITS = {"train": 54, "validation": 6}


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_the_command_line_of_tfds_gives_the_same_bytes(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["convert", str(DUMMY_DATA), str(tmp_path / "out")])
    assert result.exit_code == 0, result.stderr
    build = [sys.executable, "-m", "tensorflow_datasets.scripts.cli.main", "build", str(DUMMY_DATA.parent)]
    options = [f"--manual_dir={DUMMY_DATA}", f"--data_dir={tmp_path / 'data'}"]
    environment = os.environ | {"TFDS_DATA_DIR": str(tmp_path / "data"), "CUDA_VISIBLE_DEVICES": ""}
    run = subprocess.run([*build, *options], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    ours, theirs = (digests(path) for path in (tmp_path / "out", tmp_path / "data/grasp_steps/default/1.0.0"))
    assert {name for name in ours if ".tfrecord-" in name} >= {"grasp_steps-train.tfrecord-00000-of-00001"}
    assert ours.keys() == theirs.keys()
    assert {name for name in ours if ours[name] != theirs[name]} == {"dataset_info.json"}
    assert len(load_examples(tmp_path / "data/grasp_steps/default/1.0.0", "train", successes_only=False)["step"]) == 54


def test_options_are_those_of_the_config(tmp_path: Path) -> None:
    config = GraspStepsConfig(name="small", image_size=32, failures=0.0)
    builder = Builder(data_dir=tmp_path, config=config)
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=DUMMY_DATA))
    metadata = open_dataset(tmp_path / "grasp_steps/small/1.0.0").metadata
    assert (metadata["image_size"], metadata["failures_kept"], metadata["successes"]) == (32, 0.0, 2)
    assert builder.info.splits["train"].num_examples == metadata["examples"]["train"]
    with pytest.raises(UsageError, match="expected no limit"):
        Builder(data_dir=tmp_path / "other").download_and_prepare(
            download_config=tfds.download.DownloadConfig(manual_dir=DUMMY_DATA, max_examples_per_split=3)
        )


def test_defaults_are_those_of_the_command() -> None:
    """A default of the command that the builder does not share would change the bytes."""
    command = {
        name: parameter.default.value if hasattr(parameter.default, "value") else parameter.default
        for name, parameter in inspect.signature(convert).parameters.items()
    }
    common = {field.name for field in dataclasses.fields(tfds.core.BuilderConfig)}
    fields = {field.name: field.default for field in dataclasses.fields(GraspStepsConfig) if field.name not in common}
    assert {name: command[name] for name in fields} == fields
    how = {"logs", "out", "beam_args", "workers", "overwrite", "skip_damaged", "as_json"}
    assert command.keys() - fields.keys() == how


def test_converters_are_found_by_their_entry_point(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (entry,) = entry_points(group=CONVERTERS)
    assert entry.value == "grasp_pipelines.convert:convert"
    monkeypatch.setattr(grasp_steps_dataset_builder, "entry_points", lambda group: [])
    with pytest.raises(UsageError, match="No converter of logs is installed"):
        Builder(data_dir=tmp_path).download_and_prepare(
            download_config=tfds.download.DownloadConfig(manual_dir=DUMMY_DATA)
        )
