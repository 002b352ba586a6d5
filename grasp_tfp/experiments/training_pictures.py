"""What a model proposes while it learns, as images in TensorBoard."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from matplotlib.backends.backend_agg import FigureCanvasAgg

from grasp_tfp.experiments.sample_picture import policies_figure
from grasp_tfp.models.bundle import in_memory
from grasp_tfp.models.network import GraspNetwork
from grasp_tfp.robots.sim import SimRobot

__all__ = ["TrainingPictures"]

SCENES = (0, 1)
SEED = 2_000_000
"""Of scenes that are in no collection and no evaluation."""


class TrainingPictures(keras.callbacks.Callback):
    """Draws the samples, densities and values of a model every few epochs.

    Args:
        folder: Where TensorBoard looks for files.
        network: The model that is fitted.
        task: What lies in the tray.
        every: Epochs between two pictures.
    """

    def __init__(self, folder: Path, network: GraspNetwork, task: str, every: int) -> None:
        super().__init__()
        self._folder, self._network, self._task, self._every = folder, network, task, every
        self._policy: Any = None

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Draws a picture, if it is time."""
        if (epoch + 1) % self._every:
            return
        if self._policy is None:
            self._policy = in_memory(self._network)
        robot = SimRobot(task=self._task, seed=SEED, image_size=self._network.config.vision.image_size)
        figure = policies_figure(robot, dict.fromkeys(self._policy.roles, self._policy), indices=SCENES)
        robot.close()
        canvas: Any = FigureCanvasAgg(figure)
        canvas.draw()
        pixels = np.asarray(canvas.buffer_rgba())[None, ..., :3]
        with tf.summary.create_file_writer(str(self._folder / "pictures")).as_default():
            tf.summary.image("policies", pixels, step=int(self._network.optimizer.iterations))
