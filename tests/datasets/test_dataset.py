"""What was logged comes back as arrays: only successes, decoded."""

import json
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from grasp_datasets.dataset import load_examples, open_dataset
from grasp_pipelines.convert import convert
from grasp_pipelines.trial_log import TrialWriter
from grasp_tfp.errors import UsageError
from grasp_tfp.trial import Trial


def trial(index: int, success: bool) -> Trial:
    rng = np.random.default_rng(index)
    low, high = [0.45, -0.1, 0.08, -1.5], [0.65, 0.1, 0.22, 1.5]
    poses, final = rng.uniform(low, high, (3, 4)), rng.uniform(low, high)
    jpegs = [simplejpeg.encode_jpeg(np.full((16, 16, 3), 4 * index + k, np.uint8)) for k in range(4)]
    scripted = ("image-difference", "max-actions", None, jpegs[0], tuple(jpegs[1:]))
    return Trial(f"trial-{index}", "blocks", 0, index, "random", "", poses, final, success, *scripted)


TRIALS = [trial(index, success=index % 2 == 0) for index in range(50)]


def convert_trials(folder: Path, trials: list[Trial]) -> Path:
    (folder / "logs").mkdir()
    with TrialWriter(folder / "logs" / "a.mcap") as writer:
        for written in trials:
            writer.write(written)
    convert(folder / "logs", folder / "out")
    return folder / "out"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert_trials(tmp_path_factory.mktemp("dataset"), TRIALS)


def test_arrays_hold_the_successful_steps_as_they_were_logged(out: Path) -> None:
    examples = load_examples(out, "train")
    logged = {t.trial_id: t for t in TRIALS}
    assert len({len(values) for values in examples.values()}) == 1
    assert examples["success"].all()
    for number, name in enumerate(examples["trial_id"]):
        written, step = logged[name.decode()], examples["step"][number]
        assert written.success
        np.testing.assert_allclose(examples["action"][number], written.actions[step], atol=1e-6)
        np.testing.assert_allclose(examples["gripper_pose"][number], written.gripper_poses[step], atol=1e-6)
        assert abs(int(examples["image"][number].mean()) - (4 * written.index + 1 + step)) <= 1
        assert abs(int(examples["initial_image"][number].mean()) - 4 * written.index) <= 1
    assert examples["image"].shape[1:] == (16, 16, 3)
    assert examples["action"].dtype == np.float32


def test_splits_and_failures_add_up(out: Path) -> None:
    lengths = [len(load_examples(out, split, successes_only=False)["step"]) for split in ("train", "validation")]
    assert sum(lengths) == 150
    assert len(load_examples(out, "train")["step"]) == open_dataset(out).metadata["successful_examples"]["train"]


def test_images_are_resized_on_request(out: Path) -> None:
    small, whole = load_examples(out, "train", image_size=8), load_examples(out, "train")
    assert small["image"].shape[1:] == (8, 8, 3)
    assert np.abs(small["image"].mean((1, 2, 3)) - whole["image"].mean((1, 2, 3))).max() < 1


def test_a_dataset_without_success_is_refused_instead_of_searched_forever(tmp_path: Path) -> None:
    out = convert_trials(tmp_path, [trial(index, success=False) for index in range(5)])
    with pytest.raises(UsageError, match="No successes in split 'train'"):
        load_examples(out, "train")


def test_what_is_no_dataset_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name, content in {"foreign": {"name": "mnist"}, "old": {"dataset": "grasp_steps", "version": "0.1.0"}}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "graspctl.json").write_text(json.dumps(content))
    (tmp_path / "empty").mkdir()
    found = {
        "missing": "nothing",
        "file": "a file",
        "empty": "a folder without graspctl.json",
        "foreign": "an unreadable graspctl.json",
        "old": "grasp_steps 0.1.0",
    }
    for name, what in found.items():
        with pytest.raises(UsageError, match=rf"{name}': expected grasp_steps 1\.0\.0 .*found {what}\. Run `graspctl"):
            open_dataset(tmp_path / name)


def test_missing_parts_are_named(tmp_path: Path) -> None:
    out = convert_trials(tmp_path, TRIALS[:40])
    with pytest.raises(UsageError, match=r"No split 'test' in .* It has: train, validation\."):
        open_dataset(out).files("test")
    (file,) = open_dataset(out).files("train")
    Path(file).rename(file.replace("-of-00001", "-of-00002"))
    with pytest.raises(UsageError, match="expected 2 files of split 'train', found 1"):
        load_examples(out, "train")
