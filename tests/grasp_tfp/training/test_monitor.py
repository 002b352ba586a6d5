"""What a policy is worth while it learns."""

import math
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from grasp_tfp.config import load_config
from grasp_tfp.models.actor import Actor, build_actor
from grasp_tfp.policies.actor import ActorPolicy
from grasp_tfp.training.monitor import Monitor
from grasp_tfp.training.off_policy import optimizer

TINY = ("vision.image_size=16", "vision.filters=[2, 2, 2, 2, 2, 2]", "vision.feature_points=4",
        "vision.attended_values=0", "vision.dense=[8, 8]", "density.components=2", "density.hidden=4")  # fmt: skip


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Actor:
    monkeypatch.setattr("grasp_tfp.training.monitor.AT_ONCE", 3)
    network = build_actor(load_config("laptop", None, TINY), "gmm")
    network.set_action_statistics([0, 0, -0.05, 0], [0.02] * 4)
    network.compile(optimizer=optimizer(network.config.train))
    network.optimizer.build(network.trainable_variables)
    return network


def test_it_evaluates_every_second_epoch_and_tells_success_and_errors(tmp_path: Path, network: Actor) -> None:
    before = [weight.copy() for weight in network.get_weights()]
    monitor = Monitor(tmp_path, network, "blocks", ActorPolicy, every=2, trials=6)
    first: dict[str, float] = {}
    monitor.on_epoch_end(0, first)
    assert all(math.isnan(value) for value in first.values())
    second: dict[str, float] = {}
    monitor.on_epoch_end(1, second)
    assert second.keys() == first.keys()
    assert 0 <= second["success_low"] <= second["success"] <= second["success_high"] <= 1
    assert second["across_mm"] >= 0
    assert 0 <= second["yaw_deg"] <= 90
    for one, two in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    tags = {
        value.tag
        for path in (tmp_path / "evaluation").glob("events.*")
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
    }
    assert {"evaluation/success", "evaluation/yaw_deg", "evaluation/across_mm", "evaluation/entropy"} <= tags


def test_the_entropy_is_that_of_the_density(tmp_path: Path, network: Actor) -> None:
    monitor = Monitor(tmp_path, network, "blocks", ActorPolicy, every=1, trials=3)
    wide, narrow = dict[str, float](), dict[str, float]()
    monitor.on_epoch_end(0, wide)
    network.set_action_statistics([0, 0, -0.05, 0], [0.01] * 4)
    monitor.on_epoch_end(1, narrow)
    assert wide["entropy"] - narrow["entropy"] == pytest.approx(4 * math.log(2), abs=1e-3)
