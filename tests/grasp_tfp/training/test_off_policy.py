"""Keras fit of an actor on a scene small enough for seconds."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from grasp_tfp.config import load_config
from grasp_tfp.models import bundle
from grasp_tfp.models.actor import build_actor
from grasp_tfp.training import off_policy
from grasp_tfp.training.checkpoints import Checkpoints
from grasp_tfp.training.off_policy import TrainingReport, optimizer, train

SMALL = (
    "vision.image_size=16",
    "vision.filters=[4, 4, 4, 4, 4, 4]",
    "vision.strides=[2, 1, 1, 1, 1, 1, 1]",
    "vision.feature_points=4",
    "vision.attended_values=2",
    "vision.dense=[16, 16]",
    "density.components=2",
    "density.hidden=8",
    "train.batch_size=16",
)


def batches(seed: int, *, endless: bool) -> tf.data.Dataset:
    """A bright pixel at a random place, and a grasp right there."""
    rng = np.random.default_rng(seed)
    places = rng.integers(0, 16, (256, 2))
    image = np.zeros((256, 16, 16, 3), np.uint8)
    image[np.arange(256), places[:, 0], places[:, 1]] = 255
    action = np.concatenate([places / 16, rng.normal(0, 0.1, (256, 2))], axis=1).astype(np.float32)
    observation = {"image": image, "initial_image": image, "gripper_pose": np.zeros((256, 4), np.float32)}
    data = tf.data.Dataset.from_tensor_slices((observation, action)).batch(16)
    return data.repeat() if endless else data


def fitted(run: Path, steps: int) -> TrainingReport:
    config = load_config("laptop", None, [*SMALL, f"train.steps={steps}"])
    return train(build_actor(config, "mof"), batches(0, endless=True), batches(1, endless=False), run)


def test_fit_raises_the_likelihood_of_new_scenes_and_leaves_its_records(tmp_path: Path) -> None:
    early, late = fitted(tmp_path / "early", 10), fitted(tmp_path / "late", 250)
    assert early.validation_loss is not None
    assert late.validation_loss is not None
    assert late.validation_loss < early.validation_loss - 0.5
    assert 0 < late.best_step <= 250
    assert (tmp_path / "late" / "history.csv").read_text().startswith("step,")
    assert list((tmp_path / "late" / "tensorboard" / "train").glob("events.*"))


def test_a_validation_ends_after_so_many_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(off_policy, "VALIDATION_BATCHES", 16)
    good = batches(1, endless=False)
    bad = good.map(lambda observation, action: (observation, action * np.nan))
    config = load_config("laptop", None, [*SMALL, "train.steps=5"])
    report = train(build_actor(config, "mof"), batches(0, endless=True), good.concatenate(bad), tmp_path)
    assert report.validation_loss is not None and np.isfinite(report.validation_loss)


@pytest.mark.parametrize(
    ("flags", "bfloat16"),
    [("fma avx512_bf16 amx_bf16", True), ("fma avx512_bf16", True), ("fma avx512f", False), (None, False)],
)
def test_bfloat16_is_for_cpus_that_have_it_and_for_training_alone(
    flags: str | None, bfloat16: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(off_policy, "CPU_INFO", tmp_path / "cpuinfo")
    if flags:
        off_policy.CPU_INFO.write_text(flags)
    option = "auto_mixed_precision_onednn_bfloat16"
    with off_policy.fastest_precision():
        assert tf.config.optimizer.get_experimental_options()[option] is bfloat16
    assert not tf.config.optimizer.get_experimental_options()[option]


def test_an_interrupted_run_ends_like_an_uninterrupted_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(off_policy, "EPOCH_STEPS", 10)
    whole = fitted(tmp_path / "whole", 60)

    def interrupt(done: int, total: int, nll: float) -> None:
        if done == 35:
            raise KeyboardInterrupt

    config = load_config("laptop", None, [*SMALL, "train.steps=60"])
    data = batches(0, endless=True), batches(1, endless=False)
    with pytest.raises(KeyboardInterrupt):
        train(build_actor(config, "mof"), *data, tmp_path / "cut", progress=interrupt)
    seen: list[int] = []
    resumed = train(
        build_actor(config, "mof"), *data, tmp_path / "cut", progress=lambda done, total, nll: seen.append(done)
    )
    assert seen == list(range(31, 61))
    assert (resumed.validation_loss, resumed.best_step) == (whole.validation_loss, whole.best_step)
    assert (resumed.steps, resumed.new_steps, whole.new_steps) == (60, 30, 60)


def test_a_run_goes_on_from_the_weights_and_statistics_of_another(tmp_path: Path) -> None:
    config = load_config("laptop", None, [*SMALL, "train.steps=250"])
    first = build_actor(config, "mof")
    data = batches(0, endless=True), batches(1, endless=False)
    long = train(first, *data, tmp_path / "first")
    policy = bundle.export(first, tmp_path / "bundle", {})
    second = build_actor(load_config("laptop", None, [*SMALL, "train.steps=2"]), "mof")
    report, alone = train(second, *data, tmp_path / "second", initial=policy), fitted(tmp_path / "alone", 2)
    assert report.steps == 2
    assert report.validation_loss == pytest.approx(long.validation_loss, abs=0.2)
    assert alone.validation_loss is not None and report.validation_loss is not None
    assert alone.validation_loss > report.validation_loss + 0.5
    np.testing.assert_array_equal(second.action_mean, first.action_mean)


@pytest.mark.parametrize("where", ["before the epoch is recorded", "after it"])
def test_an_epoch_that_was_cut_off_is_recorded_once(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(off_policy, "EPOCH_STEPS", 10)
    fitted(tmp_path / "whole", 40)

    def cut(epoch: int, logs: dict[str, float]) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    monitor = keras.callbacks.LambdaCallback(on_epoch_end=cut)
    config = load_config("laptop", None, [*SMALL, "train.steps=40"])
    data = batches(0, endless=True), batches(1, endless=False)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        if where == "after it":
            patch.setattr(Checkpoints, "keep_last", lambda _: monitor)
        first = [] if where == "after it" else [monitor]
        train(build_actor(config, "mof"), *data, tmp_path / "cut", callbacks=first)
    fitted(tmp_path / "cut", 40)
    whole, again = ((tmp_path / name / "history.csv").read_text() for name in ("whole", "cut"))
    assert again == whole


def test_the_best_average_is_kept_and_not_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(off_policy, "EPOCH_STEPS", 5)
    config = load_config("laptop", None, [*SMALL, "train.steps=30", "train.learning_rate=0.003"])
    actor = build_actor(config, "gmm")
    report = train(actor, batches(0, endless=True), batches(1, endless=False), tmp_path)
    rows = [line.split(",") for line in (tmp_path / "history.csv").read_text().splitlines()]
    history = [float(row[rows[0].index("val_nll")]) for row in rows[1:]]
    assert report.validation_loss == pytest.approx(min(history), abs=1e-4)
    assert report.best_step == 5 * (1 + history.index(min(history)))
    with off_policy.fastest_precision():
        evaluated = actor.evaluate(batches(1, endless=False), verbose=0, return_dict=True)["nll"]
    assert evaluated == pytest.approx(report.validation_loss)


def test_steps_need_be_no_multiple_of_an_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(off_policy, "EPOCH_STEPS", 10)
    first = fitted(tmp_path, 25)
    rows = (tmp_path / "history.csv").read_text().splitlines()
    assert [int(row.split(",")[0]) for row in rows[1:]] == [10, 20, 25]
    assert fitted(tmp_path, 25).validation_loss == first.validation_loss
    assert (tmp_path / "history.csv").read_text().splitlines() == rows


def test_the_learning_rate_rises_holds_and_falls() -> None:
    config = load_config("laptop", None, ["train.steps=1000", "train.warmup_steps=100", "train.learning_rate=0.01"])
    schedule = optimizer(config.train)._learning_rate
    rates = [float(schedule(step)) for step in (0, 49, 100, 500, 750, 1000)]
    assert rates == pytest.approx([0.0001, 0.005, 0.01, 0.01, 0.005, 0.0])
