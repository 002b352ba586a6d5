"""What a run leaves on disk while it goes on."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from grasp_tfp.config import load_config
from grasp_tfp.models.actor import Actor, build_actor
from grasp_tfp.training import checkpoints
from grasp_tfp.training.checkpoints import Checkpoints, averaged, load_average, newest_average
from grasp_tfp.training.off_policy import optimizer

TINY = ("vision.image_size=16", "vision.filters=[2, 2, 2, 2, 2, 2]", "vision.feature_points=4",
        "vision.attended_values=0", "vision.dense=[8, 8]", "density.components=2", "density.hidden=4")  # fmt: skip


def network() -> Actor:
    actor = build_actor(load_config("laptop", None, TINY), "gmm")
    actor.compile(optimizer=optimizer(actor.config.train))
    actor.optimizer.build(actor.trainable_variables)
    return actor


def after(actor: Actor, steps: int) -> None:
    """As if that many steps had been made."""
    actor.optimizer.apply([tf.ones(variable.shape) for variable in actor.trainable_variables])
    actor.optimizer.iterations.assign(steps)


def test_the_last_averages_are_kept_and_the_newest_can_be_loaded(tmp_path: Path) -> None:
    actor, keep = network(), Checkpoints(tmp_path, None)
    keep.set_model(actor)
    assert newest_average(tmp_path) is None
    for steps in range(250, 250 * (checkpoints.AVERAGES + 3), 250):
        after(actor, steps)
        keep.on_epoch_end(0)
    kept = sorted(path.name for path in tmp_path.iterdir() if path.is_dir())
    assert kept == ["000750", "001000", "001250", "001500"]
    newest = newest_average(tmp_path)
    assert newest == tmp_path / "001500"
    other = network()
    digest = load_average(other, newest)
    with averaged(actor):
        for one, two in zip(actor.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(one, two)
    assert len(digest) == 64
    assert load_average(other, tmp_path / "001250") != digest


def test_a_run_without_validation_keeps_its_last_average(tmp_path: Path) -> None:
    actor, keep = network(), Checkpoints(tmp_path, None)
    keep.set_model(actor)
    for steps in (10, 20):
        after(actor, steps)
        keep.on_epoch_end(0)
        keep.keep_last().on_epoch_end(0, {})
    after(actor, 30)
    assert keep.restore_best(actor) == (None, 20)
    assert Checkpoints(tmp_path, None).restore(network()) == 20
