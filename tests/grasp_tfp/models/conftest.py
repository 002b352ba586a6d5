"""A network small enough to test in milliseconds."""

import pytest

from grasp_tfp.config import Config, DensityConfig, TrainConfig, VisionConfig


@pytest.fixture(scope="session")
def small() -> Config:
    """Sizes of the small network, on images of 16 pixels."""
    return Config(
        vision=VisionConfig(16, (4,) * 6, (3,) * 7, (2, 1, 1, 1, 1, 1, 1), feature_points=4, dense=(8, 8)),
        density=DensityConfig(components=3, couplings=3, hidden=8),
        train=TrainConfig(batch_size=8),
    )
