"""Batches are a function of seed and number: the right records, and the same ones wherever reading starts."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
import tensorflow as tf

from grasp_datasets.dataset import load_examples
from grasp_datasets.readers import actor_batches, critic_batches, prior_batches
from grasp_pipelines.convert import convert
from grasp_pipelines.trial_log import TrialWriter
from grasp_tfp.errors import UsageError
from grasp_tfp.trial import Trial

SIZE = 16


def picture(value: int) -> bytes:
    """Brightness says where a pixel is, and of what."""
    pixels = np.empty((SIZE, SIZE, 3), np.uint8)
    pixels[..., :2] = np.indices((SIZE, SIZE)).transpose(1, 2, 0) * 8
    pixels[..., 2] = value
    jpeg: bytes = simplejpeg.encode_jpeg(pixels, 98, colorsubsampling="444")
    return jpeg


def trial(index: int, success: bool) -> Trial:
    rng = np.random.default_rng(index)
    low, high = [0.45, -0.1, 0.08, -1.5], [0.65, 0.1, 0.22, 1.5]
    poses, final = rng.uniform(low, high, (3, 4)), rng.uniform(low, high)
    jpegs = [picture(2 * index + step) for step in range(4)]
    scripted = ("image-difference", "max-actions", None, jpegs[0], tuple(jpegs[1:]))
    return Trial(f"trial-{index}", "blocks", 0, index, "random", "", poses, final, success, *scripted)


def convert_trials(folder: Path, trials: list[Trial], failures: float = 1.0) -> Path:
    """A dataset with one file for every ten trials."""
    (folder / "logs").mkdir()
    for start in range(0, len(trials), 10):
        with TrialWriter(folder / "logs" / f"{start:03d}.mcap") as writer:
            for written in trials[start : start + 10]:
                writer.write(written)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("grasp_pipelines.shards.SHARD_BYTES", 1)
        convert(folder / "logs", folder / "out", image_size=SIZE, failures=failures, workers=1)
    return folder / "out"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    trials = [trial(index, success=index % 4 == 0) for index in range(60)]
    return convert_trials(tmp_path_factory.mktemp("dataset"), trials)


def flat(batches: Any) -> list[list[Any]]:
    """Each batch as a list of plain arrays."""
    return [[np.asarray(leaf) for leaf in tf.nest.flatten(batch)] for batch in batches.as_numpy_iterator()]


def equal(first: list[list[Any]], second: list[list[Any]]) -> bool:
    return len(first) == len(second) and all(
        np.array_equal(a, b) for one, other in zip(first, second, strict=True) for a, b in zip(one, other, strict=True)
    )


READERS: dict[str, Callable[..., Any]] = {
    "actor": lambda out, **options: actor_batches(out, "train", 8, 5, **options),
    "critic": lambda out, **options: critic_batches(out, "train", 8, 5, **options),
    "balanced critic": lambda out, **options: critic_batches(out, "train", 8, 5, balanced=True, **options),
    "prior": lambda out, **options: prior_batches(out, "train", 8, 5, **options),
}


@pytest.mark.parametrize("reader", READERS)
def test_a_resumed_reading_equals_one_that_was_not_interrupted(out: Path, reader: str) -> None:
    read = READERS[reader]
    whole = flat(read(out, crop=12).take(60))
    for start in (0, 1, 7, 45):
        assert equal(flat(read(out, crop=12, start=start).take(60 - start)), whole[start:])


@pytest.mark.parametrize("reader", READERS)
def test_the_seed_alone_decides(out: Path, reader: str) -> None:
    whole = flat(READERS[reader](out, crop=12).take(5))
    tf.random.set_seed(1234)
    assert equal(flat(READERS[reader](out, crop=12).take(5)), whole)
    other = critic_batches(out, "train", 8, 6, balanced=reader == "balanced critic", crop=12)
    assert not equal(flat(other.take(5)), whole)


def rows(batches: list[list[Any]], field: int) -> Any:
    return np.concatenate([batch[field] for batch in batches])


def ordered(values: Any) -> Any:
    return values[np.lexsort(values.T)]


def test_one_epoch_holds_what_the_dataset_holds(out: Path) -> None:
    successes, everything = (load_examples(out, "train", successes_only=flag) for flag in (True, False))
    batches = actor_batches(out, "train", 8, 0, epochs=1)
    found = flat(batches)
    assert len(found) == int(batches.cardinality())
    assert equal(flat(actor_batches(out, "train", 8, 0, epochs=1, start=2)), found[2:])
    np.testing.assert_array_equal(ordered(rows(found, 3)), ordered(successes["action"]))
    assert {len(batch[0]) for batch in found[:-1]} == {8}
    labels = np.concatenate([y for _, y in critic_batches(out, "train", 8, 0, epochs=2).as_numpy_iterator()])
    assert len(labels) == 2 * len(everything["success"])
    assert labels.sum() == 2 * everything["success"].sum()
    assert labels.dtype == np.float32


def test_batches_are_what_fit_takes(out: Path) -> None:
    observation, action = actor_batches(out, "train", 8, 0, image_size=SIZE).element_spec
    assert action.shape == (8, 4)
    assert {name: (spec.shape, spec.dtype) for name, spec in observation.items()} == {
        "image": ((8, SIZE, SIZE, 3), tf.uint8),
        "initial_image": ((8, SIZE, SIZE, 3), tf.uint8),
        "gripper_pose": ((8, 4), tf.float32),
    }
    assert {*critic_batches(out, "train", 8, 0).element_spec[0]} == {*observation, "action"}
    assert {*prior_batches(out, "train", 8, 0).element_spec[0]} == {*observation}
    assert actor_batches(out, "train", 8, 0, image_size=24).element_spec[0]["image"].shape == (8, 24, 24, 3)


def test_a_prior_counts_the_failures_that_were_left_out(tmp_path: Path) -> None:
    trials = [
        dataclasses.replace(trial(index % 60, success=index % 4 == 0), trial_id=f"{index}") for index in range(400)
    ]
    out = convert_trials(tmp_path, trials, failures=0.25)
    read = [reader(out, "train", 8, seed=0, epochs=1).as_numpy_iterator() for reader in (prior_batches, critic_batches)]
    weights, labels = [], []
    for (_, action, weight), (inputs, label) in zip(*read, strict=True):
        np.testing.assert_array_equal(action, inputs["action"])
        weights.append(weight)
        labels.append(label)
    weight, label = np.concatenate(weights), np.concatenate(labels)
    assert weight.mean() == pytest.approx(1, abs=1e-5)
    assert weight[label == 0][0] == pytest.approx(4 * weight[label == 1][0])
    assert (weight * (label == 0)).sum() / weight.sum() == pytest.approx(0.75, abs=0.08)


def test_images_labels_and_actions_stay_together(out: Path) -> None:
    known = load_examples(out, "train", successes_only=False)
    place = {action.tobytes(): number for number, action in enumerate(known["action"])}
    for inputs, success in critic_batches(out, "train", 8, 1, epochs=1).as_numpy_iterator():
        numbers = [place[action.tobytes()] for action in inputs["action"]]
        np.testing.assert_array_equal(success, known["success"][numbers])
        for name in ("image", "initial_image", "gripper_pose"):
            np.testing.assert_array_equal(inputs[name], known[name][numbers])


def test_balanced_batches_are_half_successes_and_use_all_of_both(out: Path) -> None:
    known = load_examples(out, "train", successes_only=False)
    batches = list(critic_batches(out, "train", 9, 0, balanced=True).take(80).as_numpy_iterator())
    assert all(success.sum() == 5 and len(success) == 9 for _, success in batches)
    seen = {action.tobytes() for inputs, _ in batches for action in inputs["action"]}
    assert seen == {action.tobytes() for action in known["action"]}


def test_crops_are_windows_of_both_images_at_the_same_place(out: Path) -> None:
    def corners(**options: Any) -> Any:
        found = []
        for observation, _ in actor_batches(out, "train", 8, 2, crop=8, **options).take(12).as_numpy_iterator():
            where = [np.rint(observation[n].mean((1, 2))[:, :2] / 8 - 3.5) for n in ("image", "initial_image")]
            np.testing.assert_array_equal(*where)
            found.append(where[0])
        return np.concatenate(found)

    random = corners()
    assert set(random.ravel().tolist()) == set(range(9))
    assert len({tuple(corner) for corner in random.tolist()}) > 30
    assert set(corners(epochs=1).ravel().tolist()) == {4.0}


def test_crops_are_resized_on_request(out: Path) -> None:
    batches = actor_batches(out, "train", 4, 0, crop=12, image_size=6)
    assert batches.element_spec[0]["image"].shape == (4, 6, 6, 3)
    with pytest.raises(UsageError, match="expected 1 to 16 pixels, got 17"):
        actor_batches(out, "train", 4, 0, crop=17)


def test_what_is_not_there_is_refused_instead_of_searched_forever(tmp_path: Path) -> None:
    out = convert_trials(tmp_path, [trial(index, success=False) for index in range(5)])
    with pytest.raises(UsageError, match="No successes in split 'train' of"):
        actor_batches(out, "train", 8, 0)
    with pytest.raises(UsageError, match="No successes in split 'train' of"):
        critic_batches(out, "train", 8, 0, balanced=True)
    with pytest.raises(UsageError, match="Balanced batches have no end"):
        critic_batches(out, "train", 8, 0, balanced=True, epochs=1)
    assert len(flat(critic_batches(out, "train", 8, 0, epochs=1))) == 2


def test_without_failures_there_is_nothing_to_judge(tmp_path: Path) -> None:
    out = convert_trials(tmp_path, [trial(index, success=index % 2 == 0) for index in range(50)], failures=0.0)
    for read in (critic_batches, prior_batches):
        with pytest.raises(UsageError, match="No failed trial in .* --failures 0.1 or more"):
            read(out, "train", 8, seed=0)


def test_files_are_counted_where_the_metadata_does_not_say(out: Path) -> None:
    text = (out / "graspctl.json").read_text()
    metadata = json.loads(text)
    expected = flat(actor_batches(out, "train", 8, 0).take(3))
    assert len(metadata.pop("shards")) > 6
    (out / "graspctl.json").write_text(json.dumps(metadata))
    assert equal(flat(actor_batches(out, "train", 8, 0).take(3)), expected)
    (out / "graspctl.json").write_text(text)


def test_the_documented_lines_work(
    out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "dataset.md").read_text(encoding="utf-8")
    code = page.split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(out.parent)
    exec(compile(code, "docs/dataset.md", "exec"), {})
    assert capsys.readouterr().out == "(64, 16, 16, 3) (64, 4)\n(64, 4) (64,)\n"
