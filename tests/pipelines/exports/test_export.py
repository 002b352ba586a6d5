"""What every export does: the same bytes, nothing half-written, damage counted, errors in one line."""

import contextlib
import hashlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow_datasets as tfds

from grasp_pipelines.convert import convert
from grasp_pipelines.export import FORMATS, export
from grasp_tfp.errors import GraspError, UsageError
from grasp_tfp.sim.renderer import Renderer
from grasp_tfp.trial import Trial

WriteLog = Callable[[Path, list[Trial]], None]

each_format = pytest.mark.parametrize("format", FORMATS)


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@each_format
def test_the_same_logs_give_the_same_bytes_in_another_process(format: str, logs: Path, tmp_path: Path) -> None:
    report = export(logs, tmp_path / "here", format)
    assert (report.trials, report.successes, report.steps) == (6, 3, 18)
    found = digests(tmp_path / "here")
    assert report.files == len(found) and not list(tmp_path.glob("*.partial"))
    words = [sys.executable, "-c", "import sys; from grasp_pipelines.export import export; export(*sys.argv[1:])"]
    there = {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "7"}
    subprocess.run([*words, str(logs), str(tmp_path / "there"), format], env=os.environ | there, check=True)
    assert digests(tmp_path / "there") == found


@each_format
def test_damage_costs_what_is_damaged(format: str, trials: list[Trial], write_log: WriteLog, tmp_path: Path) -> None:
    write_log(tmp_path / "logs" / "a.mcap", trials[:3])
    write_log(tmp_path / "logs" / "b.mcap", [trials[2], trials[3]])
    content = bytearray((tmp_path / "logs" / "a.mcap").read_bytes())
    content[content.index(b"trial-1")] ^= 1
    (tmp_path / "logs" / "a.mcap").write_bytes(content)
    report = export(tmp_path / "logs", tmp_path / "out", format)
    assert report.trials == 3
    assert report.skipped == {"its id is that of a trial before it": 1}
    assert list(report.damaged) == ["a.mcap"] and "crc" in report.damaged["a.mcap"]


@each_format
def test_it_appears_complete_or_not_at_all(format: str, logs: Path, tmp_path: Path) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(logs, tmp_path / "out", format, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_line(logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first video is on a device that takes no byte."""
    path = tmp_path / "out.partial" / "videos" / "observation.images.image" / "chunk-000" / "file-000.mp4"

    def on_a_full_disk(folder: str, plan: bytes) -> Any:
        path.parent.mkdir(parents=True)
        path.symlink_to("/dev/full")
        return contextlib.nullcontext()

    monkeypatch.setattr("grasp_pipelines.export.claimed", on_a_full_disk)
    with pytest.raises(GraspError, match="Cannot write .* No space left on device. Make room or name another folder."):
        export(logs, tmp_path / "out", "lerobot")
    assert not (tmp_path / "out").exists()


def test_images_of_simulated_trials_are_rendered(simulated_trial: Trial, write_log: WriteLog, tmp_path: Path) -> None:
    write_log(tmp_path / "logs" / "a.mcap", [simulated_trial])
    export(tmp_path / "logs", tmp_path / "out", "rlds", image_size=48)
    (episode,) = tfds.builder_from_directory(tmp_path / "out").as_dataset()["train"]
    assert simulated_trial.scene is not None
    renderer = Renderer(48)
    for step, pose in zip(episode["steps"], simulated_trial.gripper_poses, strict=True):
        shown = step["observation"]["image"].numpy().astype(float)
        assert np.abs(shown - renderer.image(simulated_trial.scene, pose)).mean() < 4


def test_splits_and_kept_failures_are_those_of_convert(
    real_trial: Any, write_log: WriteLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    write_log(tmp_path / "logs" / "a.mcap", [real_trial(2 * index + 1, 1) for index in range(60)])
    export(tmp_path / "logs", tmp_path / "episodes", "rlds", failures=0.5)
    convert(tmp_path / "logs", tmp_path / "steps", failures=0.5, workers=1)
    for split in ("train", "validation"):
        episodes = tfds.builder_from_directory(tmp_path / "episodes").as_dataset(split=split)
        steps = tfds.builder_from_directory(tmp_path / "steps").as_dataset(split=split)
        assert {e["episode_id"].numpy() for e in episodes} == {step["trial_id"].numpy() for step in steps} != set()


def test_bad_words(logs: Path, tmp_path: Path, write_log: WriteLog, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="Unknown format 'rdls'.*Did you mean 'rlds'"):
        export(logs, tmp_path / "out", "rdls")
    with pytest.raises(UsageError, match="expected a folder of this machine"):
        export(logs, "gs://bucket/out", "rlds")
    with pytest.raises(UsageError, match="collect --sim"):
        export(tmp_path / "nowhere", tmp_path / "out", "rlds")
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "mine.txt").write_text("kept")
    with pytest.raises(UsageError, match="found a folder with files in it"):
        export(logs, tmp_path / "used", "rlds")
    (tmp_path / "steps").mkdir()
    (tmp_path / "steps" / "graspctl.json").write_text("{}")
    with pytest.raises(UsageError, match="Name the logs that it was made from"):
        export(tmp_path / "steps", tmp_path / "out", "rlds")
    write_log(tmp_path / "empty" / "a.mcap", [])
    with pytest.raises(GraspError, match="No trials to export"):
        export(tmp_path / "empty", tmp_path / "out", "rlds")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "steps", "used"]


def test_a_missing_library_is_named(logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"av is not installed. Run pip install 'graspctl\[lerobot\]'"):
        export(logs, tmp_path / "out", "lerobot")
    assert list(tmp_path.iterdir()) == []
