"""TensorBoard gets a picture every few epochs."""

from pathlib import Path

import tensorflow as tf

from grasp_tfp.config import Config, DensityConfig, VisionConfig
from grasp_tfp.experiments.training_pictures import TrainingPictures
from grasp_tfp.models.actor import build_actor
from grasp_tfp.training.off_policy import optimizer

CONFIG = Config(
    vision=VisionConfig(16, (4,) * 6, (3,) * 7, (2, 1, 1, 1, 1, 1, 1), feature_points=4, dense=(8, 8)),
    density=DensityConfig(components=2, couplings=1, hidden=4),
)


def test_a_picture_every_second_epoch(tmp_path: Path) -> None:
    actor = build_actor(CONFIG, "mof")
    actor.compile(optimizer=optimizer(CONFIG.train))
    pictures = TrainingPictures(tmp_path, actor, "blocks", every=2)
    for epoch in range(4):
        pictures.on_epoch_end(epoch)
    found = [
        tf.io.decode_image(value.tensor.string_val[2]).shape
        for file in sorted(tmp_path.glob("pictures/events.*"))
        for event in tf.compat.v1.train.summary_iterator(str(file))
        for value in event.summary.value
    ]
    assert len(found) == 2 and all(shape[-1] == 3 and min(shape[:2]) > 300 for shape in found)
