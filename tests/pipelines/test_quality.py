"""What makes a dataset worth training on: splits, views, weights, counts that add up, and a card that says so."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg

from grasp_datasets.schema import parse
from grasp_pipelines.convert import convert
from grasp_pipelines.steps import LOOKS, TrialImages, steps_of_trial, with_views
from grasp_pipelines.trial_log import TrialWriter
from grasp_tfp.actions import decode_action, relative_action
from grasp_tfp.errors import UsageError
from grasp_tfp.sim.geometry import TRAY, WORKSPACE
from grasp_tfp.sim.renderer import Renderer
from grasp_tfp.sim.tasks import TASKS
from grasp_tfp.trial import Scene, Trial

SCENE = Scene(("block",), np.array([[0.55, 0.0, 0.02, 0.0, 0.0, 0.0, 1.0]]))
JPEG: bytes = simplejpeg.encode_jpeg(np.zeros((16, 16, 3), np.uint8))


def trial(index: int) -> Trial:
    """A simulated trial; every third one succeeds."""
    poses = np.random.default_rng(index).uniform([0.5, -0.08, 0.1, -1.5], [0.6, 0.08, 0.2, 1.5], (3, 4))
    name, success = f"trial-{index}", index % 3 == 0
    return Trial(name, "blocks", 0, index, "random", "", poses[:2], poses[2], success, "", "", SCENE)


def write_logs(folder: Path, number: int, trials: int) -> Path:
    folder.mkdir()
    for log in range(number):
        with TrialWriter(folder / f"{log:02d}.mcap") as writer:
            for index in range(log * trials, (log + 1) * trials):
                writer.write(trial(index))
    return folder


def examples(out: Path, split: str) -> Iterator[dict[str, Any]]:
    for path in sorted(out.glob(f"grasp_steps-{split}.tfrecord-*")):
        data, at = path.read_bytes(), 0
        while at < len(data):
            length = int.from_bytes(data[at : at + 8], "little")
            yield parse(data[at + 12 : at + 12 + length])
            at += 16 + length


def metadata(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "graspctl.json").read_bytes())
    return found


def test_sessions_stay_in_one_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs = write_logs(tmp_path / "logs", 40, 3)
    convert(logs, tmp_path / "out", image_size=16, split_by="session", workers=1)
    indices = {
        split: {int(example["trial_id"].decode().split("-")[1]) for example in examples(tmp_path / "out", split)}
        for split in ("train", "validation")
    }
    sessions = {split: {index // 3 for index in found} for split, found in indices.items()}
    assert len(sessions["validation"]) == 2 and not sessions["validation"] & sessions["train"]
    assert len(indices["train"]) + len(indices["validation"]) == 120
    assert metadata(tmp_path / "out")["split"] == {"by": "session", "validation_share": 0.05}
    monkeypatch.setattr("grasp_pipelines.shards.SHARD_BYTES", 1)
    convert(logs, tmp_path / "other", image_size=16, split_by="session", workers=1)
    assert {e["trial_id"] for e in examples(tmp_path / "other", "validation")} == {
        e["trial_id"] for e in examples(tmp_path / "out", "validation")
    }


def test_two_sessions_are_one_for_each_split_and_one_is_refused(tmp_path: Path) -> None:
    convert(write_logs(tmp_path / "two", 2, 3), tmp_path / "out", image_size=16, split_by="session", workers=1)
    assert metadata(tmp_path / "out")["examples"] == {"train": 6, "validation": 6}
    with pytest.raises(UsageError, match="expected two logs or more, found one. Use --split-by trial"):
        convert(write_logs(tmp_path / "one", 1, 3), tmp_path / "none", split_by="session")


def test_views_are_training_steps_towards_the_same_grasp_elsewhere(tmp_path: Path) -> None:
    logs = write_logs(tmp_path / "logs", 1, 40)
    for name in ("out", "again"):
        report = convert(logs, tmp_path / name, image_size=32, views=4, seed=5, workers=1)
    assert report.examples == {"train": 39 * (2 + 4), "validation": 2}
    stored = metadata(tmp_path / "out")
    assert stored["views"] == {"per_trial": 4, "examples": {"train": 39 * 4, "validation": 0}}
    views = [example for example in examples(tmp_path / "out", "train") if example["step"] >= example["num_steps"]]
    assert len(views) == 39 * 4 and sum(view["success"] for view in views) == 14 * 4
    assert len({view["gripper_pose"].tobytes() for view in views}) == 39 * 4
    assert len({view["initial_image"] for view in views}) > 130
    assert [(p.name, p.read_bytes()) for p in sorted((tmp_path / "out").iterdir())] == [
        (p.name, p.read_bytes()) for p in sorted((tmp_path / "again").iterdir())
    ]
    actions = np.array([decode_action(e["action"]) for e in examples(tmp_path / "out", "train") if e["success"]])
    assert stored["action"]["count"] == len(actions)
    np.testing.assert_allclose(stored["action"]["mean"], actions.mean(0), atol=1e-6)
    np.testing.assert_allclose(stored["action"]["std"], actions.std(0), atol=1e-6)


def test_a_view_shows_the_objects_where_its_label_finds_them() -> None:
    """A grasp at a block's centre stays there, and the images are of the carried block."""
    recorded = dataclasses.replace(trial(0), final_pose=np.array([0.55, 0.0, 0.1, 0.0]))
    _, views = with_views(recorded, 50, np.random.default_rng(0))
    seen = list(steps_of_trial(recorded, TrialImages(64), views))[recorded.num_steps :]
    for view, example in zip(views, seen, strict=True):
        assert view.scene is not None
        np.testing.assert_allclose(view.scene.poses[0, :2], view.final_pose[:2], atol=1e-9)
        move = relative_action(view.gripper_poses[0], view.final_pose)
        np.testing.assert_allclose(decode_action(example["action"]), move, atol=1e-6)
        for key, drawn in (
            ("image", Renderer(64).image(view.scene, view.gripper_poses[0])),
            ("initial_image", Renderer(64).initial_image(view.scene)),
        ):
            assert np.abs(simplejpeg.decode_jpeg(example[key]).astype(int) - drawn).mean() < 4
    assert len({tuple(view.final_pose) for view in views}) == 50


def test_only_simulated_trials_get_views() -> None:
    rng = np.random.default_rng(0)
    pictured = dataclasses.replace(trial(0), images=(JPEG, JPEG), initial_image=JPEG)
    assert [len(with_views(each, 5, rng)[1]) for each in (trial(0), trial(1))] == [5, 5]
    for other in (pictured, dataclasses.replace(trial(0), scene=None)):
        seen, views = with_views(other, 5, rng)
        assert seen is other and views == []
    assert with_views(trial(0), 0, rng)[1] == []


def test_views_stay_in_the_tasks_free_space() -> None:
    wide = dataclasses.replace(trial(0), task="bottles")
    poses = np.concatenate([view.gripper_poses for view in with_views(wide, 200, np.random.default_rng(0))[1]])
    assert WORKSPACE.half_width < np.abs(poses[:, :2] - TRAY.centre).max() <= TASKS["bottles"].workspace.half_width


def test_the_later_looks_of_a_policy_are_drawn_anew() -> None:
    rng = np.random.default_rng(0)
    poses = np.array([[0.55, 0.05, 0.2, 1.0], *[[0.55, 0.0, 0.1, 0.0]] * 3])
    steered = dataclasses.replace(trial(1), policy="ensemble", gripper_poses=poses)
    seen, views = with_views(steered, 0, rng)
    assert np.array_equal(seen.gripper_poses, poses[:1]) and len(views) == LOOKS - 1
    assert len(with_views(dataclasses.replace(steered, success=True), 3, rng)[1]) == LOOKS - 1 + 3
    for kept in (dataclasses.replace(steered, images=(JPEG,) * 4, initial_image=JPEG),
                 dataclasses.replace(steered, scene=None)):  # fmt: skip
        seen, views = with_views(kept, 3, rng)
        assert seen is kept and views == []


def test_the_card_says_what_was_drawn(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    with TrialWriter(tmp_path / "logs" / "0.mcap") as writer:
        for index in range(40):
            writer.write(dataclasses.replace(trial(index), policy="exploring" if index % 2 else "random"))
    convert(tmp_path / "logs", tmp_path / "out", image_size=16, failures=1, views=0, workers=1)
    drawn = 20 * (LOOKS - 1)
    assert sum(metadata(tmp_path / "out")["views"]["examples"].values()) == drawn
    assert f"{drawn} examples are views, drawn from simulated scenes" in (tmp_path / "out" / "README.md").read_text(
        "utf-8"
    )


def test_counts_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grasp_pipelines.shards.SHARD_BYTES", 1)
    report = convert(
        write_logs(tmp_path / "logs", 4, 30), tmp_path / "out", image_size=16, failures=0.25, views=1, workers=1
    )
    stored = metadata(tmp_path / "out")
    assert (stored["failures_kept"], stored["failure_weight"]) == (0.25, 4.0)
    assert stored["trials"] == 120 and stored["base_rate"] == pytest.approx(1 / 3)
    for split in ("train", "validation"):
        found = list(examples(tmp_path / "out", split))
        shards = [shard for shard in stored["shards"] if f"-{split}." in shard["name"]]
        assert len(found) == stored["examples"][split] == report.examples[split]
        assert sum(shard["examples"] for shard in shards) == len(found)
        successes = sum(example["success"] for example in found)
        assert sum(shard["successful_examples"] for shard in shards) == successes
        assert stored["successful_examples"][split] == successes
        sizes = {shard["name"]: (tmp_path / "out" / shard["name"]).stat().st_size for shard in shards}
        assert [shard["bytes"] + 16 * shard["examples"] for shard in shards] == list(sizes.values())
        assert stored["bytes"][split] == sum(shard["bytes"] for shard in shards)
    kept = {e["trial_id"] for s in ("train", "validation") for e in examples(tmp_path / "out", s) if not e["success"]}
    assert 8 <= len(kept) <= 34


def test_the_card_says_what_the_metadata_says(tmp_path: Path) -> None:
    convert(
        write_logs(tmp_path / "logs", 2, 30), tmp_path / "out", image_size=16, failures=0.25, views=2,
        split_by="session", workers=1,
    )  # fmt: skip
    stored, card = metadata(tmp_path / "out"), (tmp_path / "out" / "README.md").read_text()
    held, total = stored["successful_examples"]["train"], stored["examples"]["train"]
    size, all_bytes = stored["successful_bytes"]["train"], stored["bytes"]["train"]
    views = sum(stored["views"]["examples"].values())
    assert views == stored["examples"]["train"] // 2
    for phrase in (
        "# grasp_steps 1.0.0",
        "20/60 = 33.3 % [22.7, 45.9] of the trials succeeded",
        f"| train | success | {held} | {size} |",
        f"| train | failure | {total - held} | {all_bytes - size} |",
        "25 % of the failed trials are in, chosen by a hash of their id; give each a weight of 4 to undo that.",
        f"{views} examples are views, drawn from simulated scenes",
        "a session is one log",
        f"| dx [m] | {stored['action']['mean'][0]:.6g} | {stored['action']['std'][0]:.6g} |",
        "Nothing: every trial of every log was read.",
        'tfds.builder_from_directory("…")',
    ):
        assert phrase in card
