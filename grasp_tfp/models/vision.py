"""The image network (Section V): seven convolutions, a spatial softmax, two dense layers."""

from typing import Any

import keras
import tensorflow as tf

from grasp_tfp.config import VisionConfig

__all__ = ["SpatialSoftmax", "VisionNetwork"]

PIXEL_SCALE = 40.0
"""Spread of a pixel around its mean over the images of one cell, of 255."""


class SpatialSoftmax(keras.layers.Layer):
    """The expected image coordinates of every map, and what the map attends to there.

    Call arguments:
        maps: One per feature point, (B, H, W, P).
        values: What a feature point may read off the image, (B, H, W, V).

    Returns:
        x and y in [-1, 1] and V values of every feature point, (B, P (2 + V)).
    """

    def __init__(self, temperature: float, ramp: float, **kwargs: Any) -> None:
        """Declare the layer.

        Args:
            temperature: Initial sharpness that the maps are multiplied by.
            ramp: Initial spread of the slope that is added to every map.
            **kwargs: Passed to `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self.temperature, self.ramp = temperature, ramp

    def build(self, maps_shape: tuple[int, ...], values_shape: tuple[int, ...]) -> None:
        """Create the sharpness and the slope of every map."""
        points = maps_shape[-1]
        start = keras.initializers.Constant(self.temperature)
        self.sharpness = self.add_weight(name="sharpness", shape=(points, 1), initializer=start)
        start = keras.initializers.RandomNormal(0.0, self.ramp)
        self.slope = self.add_weight(name="slope", shape=(points, 2), initializer=start, trainable=self.ramp > 0)

    def call(self, maps: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        """The feature points."""
        height, width, points = maps.shape[1:]
        grid = tf.stack(tf.meshgrid(tf.linspace(-1.0, 1.0, width), tf.linspace(-1.0, 1.0, height)), axis=-1)
        grid = tf.reshape(grid, [height * width, 2])
        scores = tf.transpose(tf.reshape(maps, [-1, height * width, points]), [0, 2, 1])
        attention = tf.nn.softmax(self.sharpness * scores + tf.matmul(self.slope, grid, transpose_b=True))
        seen = tf.matmul(attention, tf.reshape(values, [-1, height * width, values.shape[-1]]))
        places = tf.tensordot(attention, grid, 1)
        return tf.reshape(tf.concat([places, seen], axis=-1), [-1, points * (2 + values.shape[-1])])


class VisionNetwork(keras.layers.Layer):
    """Features of the current image and of the image taken before the arm came in.

    Call arguments:
        image: uint8, (B, S, S, 3).
        initial_image: uint8, (B, S, S, 3).

    Returns:
        Features (B, C).
    """

    def __init__(self, config: VisionConfig, **kwargs: Any) -> None:
        """Declare the network.

        Args:
            config: Its sizes.
            **kwargs: Passed to `keras.layers.Layer`.
        """
        super().__init__(**kwargs)
        self.config = config
        self.supports_jit = False  # XLA's convolutions take 1.3 to 1.5 times as long as oneDNN's on a CPU.
        channels = (*config.filters, config.feature_points + config.attended_values)
        sizes = enumerate(zip(channels, config.kernels, config.strides, strict=True))
        self.convolutions = [
            keras.layers.Conv2D(*size, padding="same", use_bias=not config.batch_norm, name=f"conv_{number}")
            for number, size in sizes
        ]
        norm = keras.layers.BatchNormalization if config.batch_norm else keras.layers.Identity
        self.norms = [norm(name=f"norm_{number}") for number in range(len(channels))]
        self.softmax = SpatialSoftmax(config.temperature, config.ramp, name="spatial_softmax")
        self.dropout = keras.layers.Dropout(config.dropout, name="dropout")
        self.dense = [keras.layers.Dense(width, "relu", name=f"dense_{n}") for n, width in enumerate(config.dense)]

    def build(self, image_shape: tuple[int | None, ...], initial_image_shape: tuple[int | None, ...]) -> None:
        """Create the mean images, which `set_mean_images` fills."""
        if self.config.dropout:
            self.dropout_state = (
                self.dropout.seed_generator.state
            )  # tracked, so that a resumed run draws on where it was
        size = self.config.image_size
        middle = keras.initializers.Constant(127.5)
        self.mean = self.add_weight(name="mean_images", shape=(size, size, 6), initializer=middle, trainable=False)

    def set_mean_images(self, image: Any, initial_image: Any) -> None:
        """Set the images (S, S, 3) that are subtracted from the inputs: their means over the training data."""
        self.mean.assign(tf.concat([image, initial_image], axis=-1))

    def call(self, image: tf.Tensor, initial_image: tf.Tensor) -> tf.Tensor:
        """The features."""
        layers = len(self.convolutions)
        return self.features(self.maps(image, initial_image, layers), layers)

    def maps(self, image: tf.Tensor, initial_image: tf.Tensor, layers: int) -> tf.Tensor:
        """What the first `layers` convolutions yield, (B, H, W, channels)."""
        images = tf.cast(tf.concat([image, initial_image], axis=-1), self.compute_dtype)
        maps = (images - tf.cast(self.mean, images.dtype)) / PIXEL_SCALE
        return self._convolved(maps, 0, layers)

    def features(self, maps: tf.Tensor, layers: int) -> tf.Tensor:
        """The features of the maps that the first `layers` convolutions yielded."""
        maps = self._convolved(maps, layers, len(self.convolutions))
        # Not by slicing, whose gradient is so slow on a CPU that it takes a sixth of a training step.
        maps, values = tf.split(maps, [self.config.feature_points, self.config.attended_values], axis=-1)
        features = self.softmax(maps, values)
        for dense in self.dense:
            features = self.dropout(dense(features))
        return features

    def _convolved(self, maps: tf.Tensor, start: int, stop: int) -> tf.Tensor:
        for number in range(start, stop):
            convolution, norm = self.convolutions[number], self.norms[number]
            maps = norm(convolution(maps if number == 0 else tf.nn.relu(maps)))
        return maps
