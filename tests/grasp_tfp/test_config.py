"""Presets, a TOML file and single overrides make one configuration; mistakes are named in one line."""

import dataclasses
import json
from pathlib import Path

import pytest

from grasp_tfp.config import PRESETS, ActionConfig, Config, load_config
from grasp_tfp.errors import UsageError


def test_presets() -> None:
    assert load_config() == load_config("laptop") == Config()
    assert load_config("paper").vision.image_size == 472 and load_config("paper").vision.feature_points == 128


def test_file_then_overrides(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text("[train]\nlearning_rate = 1\nsteps = 7\n[vision]\ndense = [32, 16]\n")
    config = load_config(
        "paper", file, ["train.steps=8", "train.label_noise=[0, 0, 0, 0.5]", "vision.batch_norm=false"]
    )
    expected = PRESETS["paper"]
    assert config.train == dataclasses.replace(
        expected.train, learning_rate=1.0, steps=8, label_noise=(0.0, 0.0, 0.0, 0.5)
    )
    assert config.vision == dataclasses.replace(expected.vision, dense=(32, 16), batch_norm=False)


@pytest.mark.parametrize("preset", list(PRESETS))
def test_survives_json(preset: str) -> None:
    assert Config.from_dict(json.loads(json.dumps(PRESETS[preset].to_dict()))) == PRESETS[preset]


def test_is_hashable_and_frozen() -> None:
    assert hash(Config()) == hash(Config())
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().train.steps = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.lerning_rate=1", "Unknown configuration key 'train.lerning_rate'.*Did you mean 'train.learning_rate'"),
        ("trian.steps=1", "Unknown configuration section 'trian'.*Did you mean 'train'"),
        ("train.steps=1.5", "Wrong type for train.steps: expected int .*received 1.5"),
        ("train.seed=true", "Wrong type for train.seed: expected int .*received True"),
        ("train.learning_rate=fast", "Wrong type for train.learning_rate: expected float .*received 'fast'"),
        ("train.learning_rate=nan", "Wrong type for train.learning_rate: expected float .*received nan"),
        ("vision.dense=3", "Wrong type for vision.dense: expected a list of int"),
        ("vision.dense=[3, 1.5]", "Wrong type for vision.dense: expected int .*received 1.5"),
        ("vision.batch_norm=1", "Wrong type for vision.batch_norm: expected bool .*received 1"),
        ("train.steps=0", "Invalid value for train.steps: expected above 0, received 0"),
        ("train.pose_loss=-1", "Invalid value for train.pose_loss: expected 0 or more, received -1"),
        ("vision.strides=[1, 0, 1, 1, 1, 1, 1]", "Invalid value for vision.strides: expected above 0, received 0"),
        ("vision.filters=[8]", "vision.kernels needs 2 numbers, one more than vision.filters: received 7"),
        ("density.scale_floor=1.5", "density.scale_floor must be below density.initial_scale"),
        ("train.label_noise=[1]", "train.label_noise needs 4 numbers"),
        ("density.scale=learnt", "Unknown density.scale 'learnt'.*Did you mean 'learned'"),
        ("density.scale_function=relu", "Unknown density.scale_function 'relu'"),
        ("action.size=5", "Invalid value for action.size: expected 4 or 6, received 5"),
        ("action.yaw_period=-1", "Invalid value for action.yaw_period: expected 0 or more"),
        ("train.steps", "Cannot read the override 'train.steps'"),
        ("steps=3", "Cannot read the override 'steps=3'"),
    ],
)
def test_mistakes_are_named(override: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        load_config(overrides=[override])
    assert "\n" not in str(error.value)


def test_unknown_preset() -> None:
    with pytest.raises(UsageError, match="Unknown preset 'papper'.*Did you mean 'paper'"):
        load_config("papper")


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"[train", "is not TOML"), (b"train = 3", "section train: expected a table"), (b"\xff", "Cannot read")],
)
def test_bad_file(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "run.toml"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        load_config(toml_path=file)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Cannot read the configuration file"):
        load_config(toml_path=tmp_path / "none.toml")


def test_rotation_vectors_have_no_period() -> None:
    with pytest.raises(UsageError, match="action.yaw_period has no meaning for rotation vectors"):
        ActionConfig(size=6, yaw_period=1.0)
