"""A dataset that TFDS itself wrote, with the features of Open X-Embodiment's kuka, becomes examples."""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow_datasets as tfds
from typer.testing import CliRunner

from grasp_datasets.dataset import load_examples
from grasp_datasets.schema import parse
from grasp_datasets.tfrecord import framed, read_records
from grasp_pipelines.convert import ConversionReport, convert
from grasp_pipelines.log_chunks import Damage
from grasp_pipelines.sources.kuka import Kuka
from grasp_pipelines.sources.source import find_source
from grasp_tfp.actions import wrap_yaw
from grasp_tfp.errors import UsageError
from grasp_tfp.trial import Trial
from graspctl.main import app

Tensor, Image, zlib = tfds.features.Tensor, tfds.features.Image, tfds.features.Encoding.ZLIB
FEATURES = {
    "steps": tfds.features.Dataset(
        {
            "action": {
                "base_displacement_vector": Tensor(shape=(2,), dtype=np.float32),
                "base_displacement_vertical_rotation": Tensor(shape=(1,), dtype=np.float32),
                "gripper_closedness_action": Tensor(shape=(1,), dtype=np.float32),
                "rotation_delta": Tensor(shape=(3,), dtype=np.float32),
                "terminate_episode": Tensor(shape=(3,), dtype=np.int32),
                "world_vector": Tensor(shape=(3,), dtype=np.float32),
            },
            "is_first": np.bool_,
            "is_last": np.bool_,
            "is_terminal": np.bool_,
            "observation": {
                "clip_function_input/base_pose_tool_reached": Tensor(shape=(7,), dtype=np.float32, encoding=zlib),
                "clip_function_input/workspace_bounds": Tensor(shape=(3, 3), dtype=np.float32, encoding=zlib),
                "gripper_closed": Tensor(shape=(1,), dtype=np.float32, encoding=zlib),
                "height_to_bottom": Tensor(shape=(1,), dtype=np.float32, encoding=zlib),
                "image": Image(shape=(512, 640, 3), encoding_format="jpeg"),
                "natural_language_embedding": Tensor(shape=(512,), dtype=np.float32),
                "natural_language_instruction": np.str_,
                "task_id": Tensor(shape=(1,), dtype=np.float32, encoding=zlib),
            },
            "reward": tfds.features.Scalar(np.float32),
        }
    ),
    "success": np.bool_,
}
"""As in TFDS's catalogue; what is compressed is as in the published features.json."""

CLOSES_AT = (3, 1, 4, None, 2, 5, 0, 2, 3, 1)
"""The step of each episode at which the gripper closes; two episodes are no grasp that can be learned."""


def poses(episode: int) -> np.ndarray[Any, Any]:
    """Tool poses (6, 7) [m, quaternion] of a gripper that points down and turns about the vertical."""
    rng = np.random.default_rng(episode)
    half = np.linspace(-1.5, 1.5, 6) * rng.uniform(0.2, 1) / 2
    zero = np.zeros(6)
    down_and_turned = np.stack([np.cos(half), np.sin(half), zero, zero], 1)
    return np.concatenate([rng.uniform(-0.5, 0.5, (6, 3)), down_and_turned], 1).astype(np.float32)


def step(episode: int, number: int) -> dict[str, Any]:
    closes = CLOSES_AT[episode]
    return {
        "action": {
            "base_displacement_vector": np.zeros(2, np.float32),
            "base_displacement_vertical_rotation": np.zeros(1, np.float32),
            "gripper_closedness_action": np.array([closes is not None and number >= closes], np.float32),
            "rotation_delta": np.zeros(3, np.float32),
            "terminate_episode": np.array([0, number == 5, number < 5], np.int32),
            "world_vector": np.zeros(3, np.float32),
        },
        "is_first": number == 0,
        "is_last": number == 5,
        "is_terminal": number == 5,
        "observation": {
            "clip_function_input/base_pose_tool_reached": poses(episode)[number],
            "clip_function_input/workspace_bounds": np.zeros((3, 3), np.float32),
            "gripper_closed": np.zeros(1, np.float32),
            "height_to_bottom": np.zeros(1, np.float32),
            "image": np.full((512, 640, 3), 20 * episode + number, np.uint8),
            "natural_language_embedding": np.zeros(512, np.float32),
            "natural_language_instruction": "pick anything",
            "task_id": np.zeros(1, np.float32),
        },
        "reward": 0.0,
    }


@pytest.fixture(scope="module")
def dataset(write_episodes: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    episodes = [
        {"steps": [step(episode, number) for number in range(6)], "success": episode % 2 == 0}
        for episode in range(len(CLOSES_AT))
    ]
    return write_episodes(tmp_path_factory.mktemp("rlds"), "kuka", FEATURES, episodes)


@pytest.fixture(scope="module")
def converted(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ConversionReport]:
    out = tmp_path_factory.mktemp("converted") / "out"
    return out, convert(dataset, out, workers=1)


@pytest.fixture(autouse=True)
def _workers_find_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))


def examples(out: Path) -> list[dict[str, Any]]:
    return [parse(record) for path in sorted(out.glob("*.tfrecord-*")) for _, record in read_records(path)]


def episode_of(image: bytes) -> tuple[int, int]:
    """Episode and step of an image, from its brightness."""
    return divmod(int(np.rint(tfds.as_numpy(_decoded(image)).mean())), 20)


def _decoded(image: bytes) -> Any:
    import tensorflow as tf

    return tf.io.decode_jpeg(image)


def test_steps_before_the_grasp_are_labelled_with_the_move_to_it(converted: tuple[Path, ConversionReport]) -> None:
    out, report = converted
    assert report.skipped == {"the gripper closes at the first step": 1, "the gripper never closes": 1}
    assert (report.trials, report.successes) == (8, 5 - 1)
    found = examples(out)
    assert len(found) == sum(filter(None, CLOSES_AT)) == sum(report.examples.values())
    for example in found:
        episode, number = episode_of(example["image"])
        grasp = CLOSES_AT[episode]
        assert grasp is not None and (example["step"], example["num_steps"]) == (number, grasp)
        assert example["success"] == (episode % 2 == 0)
        assert episode_of(example["initial_image"]) == (episode, 0)
        move = poses(episode)[grasp, :3] - poses(episode)[number, :3]
        heading = [2 * np.arctan2(pose[4], pose[3]) for pose in poses(episode)]
        turn = wrap_yaw(heading[grasp] - heading[number])
        np.testing.assert_allclose(example["action"], [*move, np.sin(turn), np.cos(turn)], atol=1e-5)
        np.testing.assert_allclose(example["gripper_pose"][:3], poses(episode)[number, :3])


def test_the_stored_jpegs_are_passed_on(dataset: Path, converted: tuple[Path, ConversionReport]) -> None:
    out, _ = converted
    stored = b"".join(path.read_bytes() for path in dataset.glob("*.tfrecord-*"))
    assert all(example["image"] in stored and example["initial_image"] in stored for example in examples(out))
    assert load_examples(out, "train", image_size=32)["image"].shape[1:] == (32, 32, 3)


def test_metadata_names_what_was_derived_and_assumed(converted: tuple[Path, ConversionReport]) -> None:
    metadata = json.loads((converted[0] / "graspctl.json").read_bytes())
    assert metadata["source"]["name"] == "kuka"
    assert "first frame" in metadata["source"]["initial_image"]
    assert metadata["source"]["initial_image"] in (converted[0] / "README.md").read_text()
    assert (metadata["image_size"], metadata["cell"], metadata["tasks"]) == (512, {}, {"kuka": 8})
    assert [log["name"] for log in metadata["logs"]] == [f"kuka-train.tfrecord-0000{i}-of-00002" for i in (0, 1)]


def test_the_same_bytes_on_any_number_of_workers_from_any_folder(
    dataset: Path, converted: tuple[Path, ConversionReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(dataset.parent, tmp_path / "renamed")
    report = convert(tmp_path / "renamed", tmp_path / "out", workers=2)
    assert (report.logs, report.files) == (2, converted[1].files)
    assert sum("-train." in path.name for path in converted[0].iterdir()) == 2
    one, two = (
        {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(out.iterdir())}
        for out in (converted[0], tmp_path / "out")
    )
    assert one == two


def test_the_command_recognises_the_dataset(dataset: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["convert", str(dataset), str(tmp_path / "out"), "--workers", "1", "--json"])
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["trials"] == 8
    named = CliRunner().invoke(app, ["convert", str(dataset), str(tmp_path / "other"), "--source", "kukka"])
    assert named.exit_code == 2
    assert named.stderr.strip().endswith("Unknown source 'kukka'. Expected one of: kuka, logs. Did you mean 'kuka'?")


def test_a_dataset_of_another_name_has_to_be_named(dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(dataset, tmp_path / "other")
    info = tmp_path / "other" / "dataset_info.json"
    info.write_text(info.read_text().replace('"kuka"', '"berkeley"'))
    with pytest.raises(UsageError, match=r"No source recognises .* Expected one for kuka, logs\..*--source"):
        find_source(str(tmp_path / "other"))
    assert len(find_source(str(tmp_path / "other"), "kuka").files()) == 2


def test_what_does_not_fit_is_refused_before_anything_runs(dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(dataset, tmp_path / "kuka")
    (tmp_path / "kuka" / "kuka-train.tfrecord-00001-of-00002").unlink()
    with pytest.raises(UsageError, match="expected 2 files of split 'train', found 1"):
        Kuka(str(tmp_path / "kuka")).files()
    features = tmp_path / "kuka" / "features.json"
    features.write_text(features.read_text().replace("base_pose_tool_reached", "pose"))
    with pytest.raises(UsageError, match="expected the feature 'steps/observation/clip_function_input/base_pose_tool"):
        Kuka(str(tmp_path / "kuka"))
    with pytest.raises(UsageError, match=r"features\.json': expected a dataset as TFDS writes it"):
        find_source(str(tmp_path / "nothing"), "kuka")


def test_damage_is_named_and_every_other_episode_is_kept(dataset: Path, tmp_path: Path) -> None:
    shutil.copytree(dataset, tmp_path / "kuka")
    altered, cut = sorted((tmp_path / "kuka").glob("*.tfrecord-*"))
    (_, *_, last) = list(read_records(cut))
    cut.write_bytes(cut.read_bytes()[:-9])
    ((first, record), *_) = list(read_records(altered))
    data = bytearray(altered.read_bytes())
    data[first + 12 + len(record) // 2] ^= 1
    altered.write_bytes(data)
    report = convert(tmp_path / "kuka", tmp_path / "out", workers=1)
    damage = {(problem.log, problem.where): problem.reason for problem in report.problems if problem.damage}
    assert damage == {
        (altered.name, "byte 0"): "the checksum of a record does not match",
        (cut.name, f"byte {last[0]}"): "it ends inside a record",
    }
    assert report.trials + sum(report.skipped.values()) == len(CLOSES_AT) - 2


def test_mutated_records_never_break_the_reader(dataset: Path) -> None:
    """Checksums catch accidents; records that were damaged before they were written have to be left out."""
    source = Kuka(str(dataset))
    records = [record for path in sorted(dataset.glob("*.tfrecord-*")) for _, record in read_records(path)]
    rng = np.random.default_rng(0)
    trials: list[Trial] = []
    damage: list[Damage] = []
    for number in range(500):
        mutated = bytearray(records[number % len(records)])
        for position in rng.integers(0, len(mutated), rng.integers(1, 30)):
            mutated[position] = rng.integers(256)
        (dataset / "mutated").write_bytes(framed(bytes(mutated)))
        trials += source.trials(dataset / "mutated", "mutated", damage.append)
    assert len(trials) + len(damage) == 500
    assert trials and len({found.reason for found in damage}) > 2
