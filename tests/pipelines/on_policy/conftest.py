"""A training of a network so small that nothing takes long."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from grasp_pipelines.on_policy.job import OnPolicy
from grasp_tfp.config import load_config


@pytest.fixture
def job(tmp_path: Path) -> OnPolicy:
    config = load_config("laptop", None, ["vision.image_size=16", "vision.filters=[4, 4, 4, 4, 4, 4]",
                                          "vision.strides=[2, 1, 1, 1, 1, 1, 1]", "vision.feature_points=4",
                                          "vision.attended_values=2", "vision.dense=[16, 16]",
                                          "density.components=2", "density.hidden=8",
                                          "train.steps=3", "train.batch_size=4"])  # fmt: skip
    made = OnPolicy(tmp_path, "mof", config, "blocks", random_trials=10**6)
    made.logs.mkdir()
    return made


@pytest.fixture
def after() -> Callable[[int], Callable[[], bool]]:
    """Makes what a collector may ask `number` times before it has to stop."""

    def stop(number: int) -> Callable[[], bool]:
        asked = itertools.count()
        return lambda: next(asked) >= number

    return stop
