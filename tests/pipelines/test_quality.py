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
from grasp_pipelines.steps import LOOKS, NO_VIEWS, draw_views, redraw_looks
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


def test_views_are_steps_of_other_poses_towards_the_same_grasp(tmp_path: Path) -> None:
    logs = write_logs(tmp_path / "logs", 1, 30)
    for name in ("out", "again"):
        report = convert(logs, tmp_path / name, image_size=32, views=4, seed=5, workers=1)
    assert sum(report.examples.values()) == 30 * 2 + 10 * 4
    stored = metadata(tmp_path / "out")
    assert stored["views"]["per_success"] == 4 and sum(stored["views"]["examples"].values()) == 40
    found = [example for split in ("train", "validation") for example in examples(tmp_path / "out", split)]
    views = [example for example in found if example["step"] >= example["num_steps"]]
    assert len(views) == 40 and all(view["success"] for view in views)
    assert len({view["gripper_pose"].tobytes() for view in views}) == 40
    for view in views:
        written = trial(int(view["trial_id"].decode().split("-")[1]))
        move = decode_action(view["action"])
        np.testing.assert_allclose(move, relative_action(view["gripper_pose"], written.final_pose), atol=1e-6)
        drawn = Renderer(32).image(SCENE, view["gripper_pose"].astype(np.float64))
        assert np.abs(simplejpeg.decode_jpeg(view["image"]).astype(int) - drawn).mean() < 4
        assert np.all(np.abs(view["gripper_pose"][:2] - TRAY.centre) <= WORKSPACE.half_width + 1e-6)
    assert [(p.name, p.read_bytes()) for p in sorted((tmp_path / "out").iterdir())] == [
        (p.name, p.read_bytes()) for p in sorted((tmp_path / "again").iterdir())
    ]
    actions = np.array([decode_action(e["action"]) for e in examples(tmp_path / "out", "train") if e["success"]])
    assert stored["action"]["count"] == len(actions)
    np.testing.assert_allclose(stored["action"]["mean"], actions.mean(0), atol=1e-6)
    np.testing.assert_allclose(stored["action"]["std"], actions.std(0), atol=1e-6)


def test_only_simulated_successes_get_views() -> None:
    rng = np.random.default_rng(0)
    pictured = dataclasses.replace(trial(0), images=(JPEG, JPEG), initial_image=JPEG)
    assert draw_views(trial(0), 5, rng).shape == (5, 4)
    for other in (trial(1), pictured, dataclasses.replace(trial(0), scene=None)):
        assert draw_views(other, 5, rng) is NO_VIEWS
    assert draw_views(trial(0), 0, rng) is NO_VIEWS


def test_views_stay_in_the_tasks_free_space() -> None:
    wide = dataclasses.replace(trial(0), task="bottles")
    offsets = np.abs(draw_views(wide, 200, np.random.default_rng(0))[:, :2] - TRAY.centre).max()
    assert WORKSPACE.half_width < offsets <= TASKS["bottles"].workspace.half_width


def test_the_later_looks_of_a_policy_are_drawn_anew() -> None:
    rng = np.random.default_rng(0)
    poses = np.array([[0.55, 0.05, 0.2, 1.0], *[[0.55, 0.0, 0.1, 0.0]] * 3])
    steered = dataclasses.replace(trial(1), policy="ensemble", gripper_poses=poses)
    looks = redraw_looks(steered, rng).gripper_poses
    assert np.array_equal(looks[0], poses[0]) and looks.shape == (LOOKS, 4)
    assert len(np.unique(looks[:, :2], axis=0)) == LOOKS
    for kept in (trial(0), dataclasses.replace(steered, images=(JPEG,) * 4, initial_image=JPEG),
                 dataclasses.replace(steered, scene=None)):  # fmt: skip
        assert redraw_looks(kept, rng) is kept


def test_the_card_says_what_was_drawn_anew(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    with TrialWriter(tmp_path / "logs" / "0.mcap") as writer:
        for index in range(40):
            writer.write(dataclasses.replace(trial(index), policy="exploring" if index % 2 else "random"))
    convert(tmp_path / "logs", tmp_path / "out", image_size=16, failures=1, workers=1)
    redrawn = 20 * (LOOKS - 1)
    assert sum(metadata(tmp_path / "out")["redrawn"].values()) == redrawn
    assert f"{redrawn} examples are later looks of a policy" in (tmp_path / "out" / "README.md").read_text("utf-8")


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
    for phrase in (
        "# grasp_steps 1.0.0",
        "20/60 = 33.3 % [22.7, 45.9] of the trials succeeded",
        f"| train | success | {held} | {size} |",
        f"| train | failure | {total - held} | {all_bytes - size} |",
        "25 % of the failed trials are in, chosen by a hash of their id; give each a weight of 4 to undo that.",
        "40 examples are views: 2 more gripper poses around each simulated success",
        "a session is one log",
        f"| dx [m] | {stored['action']['mean'][0]:.6g} | {stored['action']['std'][0]:.6g} |",
        "Nothing: every trial of every log was read.",
        'tfds.builder_from_directory("…")',
    ):
        assert phrase in card
