"""Where a critic's action meets the image: after the convolutions, or inside them (Section VI-B)."""

import math
from typing import Any

import keras
import tensorflow as tf

from grasp_tfp.config import CriticConfig, VisionConfig
from grasp_tfp.models.vision import VisionNetwork

__all__ = ["Glances", "LateMerge", "MapMerge"]

Tensors = dict[str, tf.Tensor]


class Glances(keras.layers.Layer):
    """Reads maps around places that a query asks for, as soft attention to points of the image.

    Call arguments:
        maps: (B, H, W, C).
        query: (B, n, Q).

    Returns:
        What is seen at each of G places, (B, n, G C).
    """

    def __init__(self, places: int, **kwargs: Any) -> None:
        """Declare the layer.

        Args:
            places: Glances for each query, G.
            **kwargs: Passed to `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self.places = places
        self.aim = keras.layers.Dense(2 * places, name="aim")

    def build(self, maps_shape: tuple[int, ...], query_shape: tuple[int, ...]) -> None:
        """Create the sharpness of every glance, at first that of a third of the image."""
        self.aim.build(query_shape)
        start = keras.initializers.Constant(math.log(4.0))
        self.sharpness = self.add_weight(name="log_sharpness", shape=(self.places,), initializer=start)

    def call(self, maps: tf.Tensor, query: tf.Tensor) -> tf.Tensor:
        """What is seen."""
        height, width, channels = maps.shape[1:]
        number = tf.shape(query)[1]
        grid = tf.stack(tf.meshgrid(tf.linspace(-1.0, 1.0, width), tf.linspace(-1.0, 1.0, height)), axis=-1)
        grid = tf.reshape(grid, [height * width, 2])
        aim = tf.reshape(self.aim(query), [-1, number, self.places, 2])
        # |aim - grid|² without the part that is the same for the whole grid, which softmax takes out. A product of
        # batches that is scaled and added to would be fused by oneDNN, which crashes there.
        scores = tf.tensordot(aim, 2 * tf.transpose(grid), 1) - tf.reduce_sum(tf.square(grid), axis=-1)
        attention = tf.nn.softmax(tf.exp(self.sharpness)[:, None] * scores)
        attention = tf.reshape(attention, [-1, number * self.places, height * width])
        seen = tf.matmul(attention, tf.reshape(maps, [-1, height * width, channels]))
        return tf.reshape(seen, [-1, number, self.places * channels])


class LateMerge(keras.layers.Layer):
    """Judges actions by the trunk's features and maps, which one pass yields for any number of actions.

    An action is added to the gripper's own pose, which the trunk reads off the image; where that leads, the layer
    glances at the maps. Without the glances, a critic of a few ten thousand examples hardly learns.
    """

    def __init__(self, config: CriticConfig, vision: VisionNetwork, **kwargs: Any) -> None:
        """Declare the layer.

        Args:
            config: Glances and dense layers.
            vision: The image network.
            **kwargs: Passed to `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self.vision, self.layers_before = vision, len(vision.convolutions) - 1
        self.pose = keras.layers.Dense(5, name="gripper_pose")
        self.glances = Glances(config.glances, name="glances")
        self.first = keras.layers.Dense(config.hidden[0], "relu", name="first")
        self.rest = [keras.layers.Dense(width, "relu", name=f"rest_{n}") for n, width in enumerate(config.hidden[1:])]
        self.logit = keras.layers.Dense(1, name="logit")

    def see(self, image: tf.Tensor, initial_image: tf.Tensor) -> Tensors:
        """`maps`, `features` and `gripper_pose`."""
        maps = self.vision.maps(image, initial_image, self.layers_before)
        features = self.vision.features(maps, self.layers_before)
        return {"maps": tf.nn.relu(maps), "features": features, "gripper_pose": self.pose(features)}

    def call(self, seen: Tensors, action: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Logits (B, n) of actions (B, n, 3), whitened like poses and the turn in [rad]; the gripper's pose (B, 5)."""
        target = self._target(seen["gripper_pose"][:, None], action)
        glanced = self.glances(seen["maps"], target)
        features = tf.repeat(seen["features"][:, None], tf.shape(action)[1], axis=1)
        hidden = self.first(tf.concat([features, target, glanced], axis=-1))
        for dense in self.rest:
            hidden = dense(hidden)
        return self.logit(hidden)[..., 0], seen["gripper_pose"]

    def _target(self, pose: tf.Tensor, action: tf.Tensor) -> tf.Tensor:
        """Where the jaw would be and which way it would point, with products, as perspective needs them, (B, n, 8)."""
        x, y = tf.unstack(pose[..., :2] + action[..., :2], axis=-1)
        sine, cosine, turn = pose[..., 3], pose[..., 4], 2 * action[..., 2]
        turned = (sine * tf.cos(turn) + cosine * tf.sin(turn), cosine * tf.cos(turn) - sine * tf.sin(turn))
        return tf.stack([x, y, *turned, x * y, x * x, y * y, turned[0] * turned[1]], axis=-1)


class MapMerge(keras.layers.Layer):
    """Adds actions to a map between two convolutions, as QT-Opt's Grasping44 does; the rest runs once per action."""

    def __init__(self, config: CriticConfig, vision: VisionNetwork, **kwargs: Any) -> None:
        """Declare the layer.

        Args:
            config: Where to merge, and the dense layers that the action passes.
            vision: The image network.
            **kwargs: Passed to `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self.vision, self.layers_before = vision, config.merge_layer
        channels = _channels(vision.config)[config.merge_layer - 1]
        self.embedding = [keras.layers.Dense(width, "relu", name=f"embed_{n}") for n, width in enumerate(config.hidden)]
        self.addition = keras.layers.Dense(channels, name="addition")
        self.pose = keras.layers.Dense(5, name="gripper_pose")
        self.logit = keras.layers.Dense(1, name="logit")

    def see(self, image: tf.Tensor, initial_image: tf.Tensor) -> Tensors:
        """`maps`."""
        return {"maps": self.vision.maps(image, initial_image, self.layers_before)}

    def call(self, seen: Tensors, action: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Logits (B, n) of actions (B, n, 3), whitened like poses and the turn in [rad]; the gripper's pose (B, 5)."""
        turn = 2 * action[..., 2:]
        added = tf.concat([action[..., :2], tf.sin(turn), tf.cos(turn)], axis=-1)
        for dense in self.embedding:
            added = dense(added)
        maps = seen["maps"][:, None] + self.addition(added)[:, :, None, None]
        features = self.vision.features(tf.reshape(maps, [-1, *seen["maps"].shape[1:]]), self.layers_before)
        features = tf.reshape(features, [-1, tf.shape(action)[1], features.shape[-1]])
        return self.logit(features)[..., 0], self.pose(features[:, 0])


def _channels(vision: VisionConfig) -> tuple[int, ...]:
    return (*vision.filters, vision.feature_points + vision.attended_values)
