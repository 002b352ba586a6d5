"""Where a critic's action meets the image: after the convolutions, or inside them (Section VI-B)."""

import math
from typing import Any

import keras
import tensorflow as tf

from grasp_tfp.config import CriticConfig
from grasp_tfp.models.vision import VisionNetwork

__all__ = ["Glances", "LateMerge", "MapMerge", "image_grid"]

Tensors = dict[str, tf.Tensor]

EMBEDDING = 64
"""Width of what an action says to each place of a map, as in Grasping44."""


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
        grid = image_grid(height, width)
        aim = tf.reshape(self.aim(query), [-1, number, self.places, 2])
        # |aim - grid|² without the part that is the same for the whole grid, which softmax takes out. A product of
        # batches that is scaled and added to would be fused by oneDNN, which crashes there.
        scores = tf.tensordot(aim, 2 * tf.transpose(grid), 1) - tf.reduce_sum(tf.square(grid), axis=-1)
        attention = tf.nn.softmax(tf.exp(self.sharpness)[:, None] * scores)
        attention = tf.reshape(attention, [-1, number * self.places, height * width])
        seen = tf.matmul(attention, tf.reshape(maps, [-1, height * width, channels]))
        return tf.reshape(seen, [-1, number, self.places * channels])


class _Merge(keras.layers.Layer):
    """What both kinds share: the gripper's own pose, read off the image, tells where an action leads."""

    layers_before: int

    def __init__(self, vision: VisionNetwork, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.vision = vision
        self.pose = keras.layers.Dense(5, name="gripper_pose")

    def see(self, image: tf.Tensor, initial_image: tf.Tensor) -> Tensors:
        """What is computed once for any number of actions: `maps`, `features` and `gripper_pose`."""
        maps = self.vision.maps(image, initial_image, self.layers_before)
        features = self.vision.features(maps, self.layers_before)
        return {"maps": maps, "features": features, "gripper_pose": self.pose(features)}

    def target(self, seen: Tensors, action: tf.Tensor) -> tf.Tensor:
        """Where the jaw would be and which way it would point, with products, as perspective needs them, (B, n, 8).

        Args:
            seen: What `see` returned.
            action: (dx, dy, dyaw), the first two in the unit of whitened poses, (B, n, 3).
        """
        pose = seen["gripper_pose"][:, None]
        x, y = tf.unstack(pose[..., :2] + action[..., :2], axis=-1)
        sine, cosine, turn = pose[..., 3], pose[..., 4], 2 * action[..., 2]
        turned = (sine * tf.cos(turn) + cosine * tf.sin(turn), cosine * tf.cos(turn) - sine * tf.sin(turn))
        return tf.stack([x, y, *turned, x * y, x * x, y * y, turned[0] * turned[1]], axis=-1)


class LateMerge(_Merge):
    """Judges actions by the trunk's features and maps, which one pass yields for any number of actions.

    Where an action leads, the layer glances at the maps. Without the glances, a critic of a hundred thousand examples
    hardly learns.
    """

    def __init__(self, config: CriticConfig, vision: VisionNetwork, **kwargs: Any) -> None:
        """Declare the layer.

        Args:
            config: Glances and dense layers.
            vision: The image network.
            **kwargs: Passed to `keras.layers.Layer`.
        """
        super().__init__(vision, **kwargs)
        self.layers_before = len(vision.convolutions) - 1
        self.glances = Glances(config.glances, name="glances")
        self.hidden = [keras.layers.Dense(width, "relu", name=f"hidden_{n}") for n, width in enumerate(config.hidden)]
        self.logit = keras.layers.Dense(1, name="logit")

    def call(self, seen: Tensors, action: tf.Tensor) -> tf.Tensor:
        """Logits (B, n) of actions as `target` takes them, (B, n, 3)."""
        target = self.target(seen, action)
        glanced = self.glances(tf.nn.relu(seen["maps"]), target)
        features = tf.repeat(seen["features"][:, None], tf.shape(action)[1], axis=1)
        hidden = tf.concat([features, target, glanced], axis=-1)
        for dense in self.hidden:
            hidden = dense(hidden)
        return self.logit(hidden)[..., 0]


class MapMerge(_Merge):
    """Adds actions to a map between two convolutions, like QT-Opt's Grasping44; the rest runs once per action.

    What is added differs from place to place, by how the action's target lies from there: added alike everywhere, as
    in Grasping44, it is lost in the spatial softmax, which that network does not have.
    """

    def __init__(self, config: CriticConfig, vision: VisionNetwork, **kwargs: Any) -> None:
        """Declare the layer.

        Args:
            config: Where to merge, and the dense layers after the features.
            vision: The image network.
            **kwargs: Passed to `keras.layers.Layer`.
        """
        super().__init__(vision, **kwargs)
        self.layers_before = config.merge_layer
        channels = (*vision.config.filters, vision.config.feature_points + vision.config.attended_values)
        self.there = keras.layers.Dense(EMBEDDING, name="there")
        self.here = keras.layers.Dense(EMBEDDING, use_bias=False, name="here")
        self.embedding = keras.layers.Dense(EMBEDDING, "relu", name="embedding")
        self.addition = keras.layers.Dense(channels[config.merge_layer - 1], name="addition")
        self.hidden = [keras.layers.Dense(width, "relu", name=f"hidden_{n}") for n, width in enumerate(config.hidden)]
        self.logit = keras.layers.Dense(1, name="logit")

    def call(self, seen: Tensors, action: tf.Tensor) -> tf.Tensor:
        """Logits (B, n) of actions as `target` takes them, (B, n, 3)."""
        height, width, channels = seen["maps"].shape[1:]
        target = self.target(seen, action)
        there, here = self.there(target)[:, :, None], self.here(image_grid(height, width))
        added = self.addition(self.embedding(tf.nn.relu(there + here)))
        maps = seen["maps"][:, None] + tf.reshape(added, [-1, tf.shape(action)[1], height, width, channels])
        features = self.vision.features(tf.reshape(maps, [-1, height, width, channels]), self.layers_before)
        hidden = tf.concat([features, tf.reshape(target, [-1, target.shape[-1]])], axis=-1)
        for dense in self.hidden:
            hidden = dense(hidden)
        return tf.reshape(self.logit(hidden), tf.shape(action)[:2])


def image_grid(height: int, width: int) -> tf.Tensor:
    """The places of a map, x and y in [-1, 1], (H W, 2)."""
    grid = tf.stack(tf.meshgrid(tf.linspace(-1.0, 1.0, width), tf.linspace(-1.0, 1.0, height)), axis=-1)
    return tf.reshape(grid, [height * width, 2])
