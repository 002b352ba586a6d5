"""Logs become a TFDS dataset: the right labels, the same bytes however it runs, and nothing half-written."""

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import pytest
import simplejpeg

from grasp_datasets.schema import parse
from grasp_pipelines.convert import convert
from grasp_pipelines.shards import Shard
from grasp_pipelines.trial_log import TrialWriter
from grasp_tfp.errors import GraspError, UsageError
from grasp_tfp.sim.renderer import Renderer
from grasp_tfp.trial import Scene, Trial

SCENE = Scene(("block",), np.array([[0.55, 0.0, 0.02, 0.0, 0.0, 0.0, 1.0]]))


@pytest.fixture(autouse=True)
def _workers_find_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))


def picture(value: int) -> bytes:
    jpeg: bytes = simplejpeg.encode_jpeg(np.full((16, 16, 3), value, np.uint8))
    return jpeg


def trial(index: int, steps: int = 3, success: bool = True) -> Trial:
    """A trial of a real cell."""
    rng = np.random.default_rng(index)
    low, high = [0.45, -0.1, 0.08, -1.5], [0.65, 0.1, 0.22, 1.5]
    return Trial(
        trial_id=f"trial-{index}",
        task="blocks",
        seed=0,
        index=index,
        policy="random",
        policy_digest="",
        gripper_poses=rng.uniform(low, high, (steps, 4)),
        final_pose=rng.uniform(low, high),
        success=success,
        label_source="image-difference",
        stop_reason="max-actions",
        initial_image=picture(index % 200),
        images=tuple(picture(index % 200 + step) for step in range(1, steps + 1)),
    )


def write_logs(folder: Path, logs: dict[str, list[Trial]]) -> Path:
    folder.mkdir()
    for name, trials in logs.items():
        with TrialWriter(folder / name) as writer:
            for written in trials:
                writer.write(written)
    return folder


def records(out: Path, split: str) -> Iterator[dict[str, Any]]:
    """The examples of a split, their checksums verified."""
    for path in sorted(out.glob(f"grasp_steps-{split}.tfrecord-*")):
        data = path.read_bytes()
        while data:
            length = int.from_bytes(data[:8], "little")
            record, stored = data[12 : 12 + length], int.from_bytes(data[12 + length : 16 + length], "little")
            crc = google_crc32c.value(record)
            assert stored == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
            yield parse(record)
            data = data[16 + length :]


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_every_step_arrives_once_with_its_label_in_its_trials_split(tmp_path: Path) -> None:
    trials = [trial(index, steps=1 + index % 3, success=index % 4 == 0) for index in range(120)]
    logs = write_logs(tmp_path / "logs", {"a.mcap": trials[:50], "b.mcap": trials[50:]})
    report = convert(logs, tmp_path / "out")
    found = {split: list(records(tmp_path / "out", split)) for split in ("train", "validation")}
    assert report.examples == {split: len(examples) for split, examples in found.items()}
    assert (report.logs, report.trials, report.successes, report.files) == (2, 120, 30, 2)
    split_of = {example["trial_id"]: split for split, examples in found.items() for example in examples}
    assert 1 <= sum(split == "validation" for split in split_of.values()) <= 18
    by_key = {(e["trial_id"], e["step"]): (e, split) for split, examples in found.items() for e in examples}
    assert len(by_key) == sum(t.num_steps for t in trials) == sum(map(len, found.values()))
    for written in trials:
        for step in range(written.num_steps):
            example, split = by_key[written.trial_id.encode(), step]
            assert split == split_of[written.trial_id.encode()]
            assert (example["image"], example["initial_image"]) == (written.images[step], written.initial_image)
            assert (example["success"], example["num_steps"]) == (written.success, written.num_steps)
            *move, turn = written.actions[step]
            np.testing.assert_allclose(example["action"], [*move, np.sin(turn), np.cos(turn)], atol=1e-6)


def test_records_are_shuffled(tmp_path: Path) -> None:
    logs = write_logs(tmp_path / "logs", {"a.mcap": [trial(index) for index in range(40)]})
    orders = []
    for seed in (0, 1):
        convert(logs, tmp_path / f"out{seed}", seed=seed)
        orders.append([(e["trial_id"], e["step"]) for e in records(tmp_path / f"out{seed}", "train")])
    assert orders[0] != orders[1]
    assert sorted(orders[0]) == sorted(orders[1])
    assert sum(a[0] == b[0] for a, b in zip(orders[0], orders[0][1:], strict=False)) < 15


def test_the_same_logs_give_the_same_bytes_on_any_number_of_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = {f"{name}.mcap": [trial(10 * number + i) for i in range(10)] for number, name in enumerate("abc")}
    monkeypatch.setattr("grasp_pipelines.shards.SHARD_BYTES", 1)
    write_logs(tmp_path / "forwards", content)
    write_logs(tmp_path / "backwards", dict(reversed(content.items())))
    seen: list[tuple[int, int]] = []
    report = convert(tmp_path / "forwards", tmp_path / "one", workers=1)
    convert(tmp_path / "backwards", tmp_path / "two", workers=2, progress=lambda *state: seen.append(state))
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert report.files == sum(".tfrecord-" in name for name in digests(tmp_path / "one")) >= 3
    assert seen == sorted(seen)
    assert seen[-1] == (3, 3)


def test_simulated_trials_are_rendered(tmp_path: Path) -> None:
    simulated = dataclasses.replace(trial(1), scene=SCENE, initial_image=None, images=())
    convert(write_logs(tmp_path / "logs", {"a.mcap": [simulated, trial(2)]}), tmp_path / "out", image_size=32)
    examples = [example for split in ("train", "validation") for example in records(tmp_path / "out", split)]
    shapes = {
        simplejpeg.decode_jpeg(example[name]).shape for example in examples for name in ("image", "initial_image")
    }
    assert shapes == {(32, 32, 3), (16, 16, 3)}
    (step,) = [e for e in examples if e["trial_id"] == b"trial-1" and e["step"] == 2]
    drawn = Renderer(32).image(SCENE, simulated.gripper_poses[2])
    assert np.abs(simplejpeg.decode_jpeg(step["image"]).astype(int) - drawn).mean() < 2


def test_metadata_says_what_the_dataset_was_made_from(tmp_path: Path) -> None:
    trials = [trial(index, success=index % 2 == 0) for index in range(30)]
    logs = write_logs(tmp_path / "logs", {"a.mcap": trials})
    convert(logs, tmp_path / "out", seed=3)
    metadata = json.loads((tmp_path / "out" / "graspctl.json").read_bytes())
    trained = {example["trial_id"].decode() for example in records(tmp_path / "out", "train")}
    actions = np.concatenate([t.actions for t in trials if t.success and t.trial_id in trained])
    assert metadata["logs"][0]["sha256"] == hashlib.sha256((logs / "a.mcap").read_bytes()).hexdigest()
    assert (metadata["trials"], metadata["base_rate"], metadata["seed"]) == (30, 0.5, 3)
    assert metadata["successful_examples"]["train"] == metadata["action"]["count"] == len(actions)
    np.testing.assert_allclose(metadata["action"]["mean"], actions.mean(0))
    np.testing.assert_allclose(metadata["action"]["std"], actions.std(0))
    assert str(tmp_path) not in "".join(path.read_text() for path in (tmp_path / "out").glob("*.json"))


def test_thinned_failures_still_count_in_the_base_rate(tmp_path: Path) -> None:
    trials = [trial(index, success=index < 10) for index in range(100)]
    logs = write_logs(tmp_path / "logs", {"a.mcap": trials})
    kept = {}
    for failures in (0.0, 0.5):
        report = convert(logs, tmp_path / f"out{failures}", failures=failures)
        assert (report.trials, report.successes) == (100, 10)
        kept[failures] = sum(report.examples.values())
    assert kept[0.0] == 30
    assert 30 + 3 * 25 < kept[0.5] < 30 + 3 * 65


def test_tfds_opens_the_dataset_in_a_process_without_our_packages(tmp_path: Path) -> None:
    convert(write_logs(tmp_path / "logs", {"a.mcap": [trial(index) for index in range(40)]}), tmp_path / "out")
    script = """
import json, sys
import tensorflow_datasets as tfds
assert not {"grasp_tfp", "grasp_datasets", "grasp_pipelines"} & set(sys.modules)
builder = tfds.builder_from_directory(sys.argv[1])
counts = {name: split.num_examples for name, split in builder.info.splits.items()}
examples = list(tfds.as_numpy(builder.as_dataset(split="train")))
first = examples[0]
print(json.dumps([builder.info.full_name, counts, len(examples), first["image"].shape, str(first["image"].dtype),
                  first["action"].shape, str(first["success"].dtype), sorted(first)]))
"""
    command = [sys.executable, "-c", script, str(tmp_path / "out")]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"PYTHONSAFEPATH": "1"}
    run = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    name, counts, length, shape, dtype, action, success, fields = json.loads(run.stdout.splitlines()[-1])
    assert (name, shape, dtype, action, success) == ("grasp_steps/1.0.0", [16, 16, 3], "uint8", [5], "bool")
    assert sum(counts.values()) == 120
    assert counts["train"] == length
    assert fields == sorted(
        ["image", "initial_image", "gripper_pose", "action", "success", "trial_id", "step", "num_steps", "task"]
    )


def test_damaged_logs_and_unusable_trials_are_named_and_the_rest_is_converted(tmp_path: Path) -> None:
    broken = dataclasses.replace(trial(7), gripper_poses=np.full((3, 4), np.nan))
    logs = write_logs(tmp_path / "logs", {"a.mcap": [trial(0), broken], "c.mcap": [trial(1)]})
    (logs / "b.mcap").write_text("this is no log")
    report = convert(logs, tmp_path / "out")
    assert report.trials == 2
    assert report.skipped == {"a pose is not finite": 1}
    assert report.damaged == 1
    assert [(p.log, p.where, p.saved, p.damage) for p in report.problems] == [
        ("a.mcap", "trial trial-7", 1, False),
        ("b.mcap", "byte 0", 0, True),
    ]
    stored = json.loads((tmp_path / "out" / "graspctl.json").read_bytes())["problems"]
    assert stored == [problem._asdict() for problem in report.problems]


@pytest.mark.parametrize(
    ("out", "found"), [("used", "a folder with files in it"), ("file", "a file"), ("file/below", "Cannot create")]
)
def test_an_output_in_use_is_refused_untouched(tmp_path: Path, out: str, found: str) -> None:
    logs = write_logs(tmp_path / "logs", {"a.mcap": [trial(0)]})
    write_logs(tmp_path / "used", {"mine": []})
    (tmp_path / "file").touch()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match=found):
        convert(logs, tmp_path / out)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_empty_output_folder_is_taken(tmp_path: Path) -> None:
    logs = write_logs(tmp_path / "logs", {"a.mcap": [trial(0)]})
    (tmp_path / "out").mkdir()
    convert(logs, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["logs", "out"]
    assert (tmp_path / "out" / "graspctl.json").exists()


def test_logs_without_a_usable_trial_leave_nothing_behind(tmp_path: Path) -> None:
    logs = write_logs(tmp_path / "logs", {"a.mcap": [trial(0, steps=0)], "b.mcap": []})
    with pytest.raises(GraspError, match=r"No examples in .*its 2 logs, found it has no steps \(1 trials\)"):
        convert(logs, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failure_inside_beam_is_one_line_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    logs = write_logs(tmp_path / "logs", {"a.mcap": [trial(0)]})
    vanished = [Shard(index, (str(tmp_path / "vanished.mcap"),)) for index in range(2)]
    monkeypatch.setattr("grasp_pipelines.convert.plan_shards", lambda logs, split_by: vanished)
    with pytest.raises(GraspError, match=r"stopped.*No such file.*vanished\.mcap") as error:
        convert(logs, tmp_path / "out", workers=workers)
    assert "\n" not in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]
