"""Training images in other light and from a nudged camera; the gripper's frame, and so the action, stays.

The two images of an example are seconds apart, so that both change alike: what differs between them is what the
network has to see.
"""

import math

import tensorflow as tf

__all__ = ["augmented"]

BRIGHTNESS = 32.0
"""Largest shift of all values, of 255, at strength 1."""

CONTRAST = 0.5
"""Largest change of contrast and of saturation, as a share, at strength 1."""

HUE = 0.2 * math.pi
"""Largest turn of the hue at strength 1 [rad]."""

TO_YIQ = ((0.299, 0.587, 0.114), (0.596, -0.274, -0.322), (0.211, -0.523, 0.312))
"""RGB to brightness and two numbers of colour, which a change of hue turns."""


def augmented(
    image: tf.Tensor, initial_image: tf.Tensor, *, photometric: float, shift: int, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Both images of each example, changed alike.

    Args:
        image: uint8, (B, S, S, 3).
        initial_image: uint8, (B, S, S, 3).
        photometric: Strength of the changes of brightness, contrast, saturation and hue, from 0 to 1.
        shift: Largest shift across and down [px]: a random crop of the images, extended by their mirror images.
        seed: Two numbers that decide everything, int32 (2,).
    """
    pair = tf.stack([image, initial_image], axis=1)
    colour_seed, shift_seed = tf.unstack(tf.random.experimental.stateless_split(seed, 2))
    if shift:
        pair = _shifted(pair, shift, shift_seed)
    if photometric:
        pair = _recoloured(pair, photometric, colour_seed)
    return pair[:, 0], pair[:, 1]


def _recoloured(pair: tf.Tensor, strength: float, seed: tf.Tensor) -> tf.Tensor:
    pixels = tf.cast(pair, tf.float32)
    drawn = strength * tf.random.stateless_uniform([tf.shape(pair)[0], 4], seed, -1.0, 1.0)
    brightness, contrast, saturation, hue = tf.unstack(drawn[:, :, None, None, None, None], axis=1)
    turn = hue[:, 0, 0, 0, 0] * HUE
    mean = tf.reduce_mean(pixels, axis=(1, 2, 3, 4), keepdims=True)
    pixels = mean + (1 + CONTRAST * contrast) * (pixels - mean) + BRIGHTNESS * brightness
    scale = 1 + CONTRAST * saturation[:, 0, 0, 0, 0]
    one, none = tf.ones_like(turn), tf.zeros_like(turn)
    rotation = tf.stack(
        [one, none, none, none, scale * tf.cos(turn), -scale * tf.sin(turn), none, scale * tf.sin(turn),
         scale * tf.cos(turn)], axis=-1)  # fmt: skip
    to_yiq = tf.constant(TO_YIQ)
    matrix = tf.linalg.inv(to_yiq) @ tf.reshape(rotation, [-1, 3, 3]) @ to_yiq
    shape = tf.shape(pixels)
    flat = tf.reshape(pixels, [shape[0], -1, 3])
    pixels = tf.reshape(tf.matmul(flat, matrix, transpose_b=True), shape)
    return tf.cast(tf.round(tf.clip_by_value(pixels, 0.0, 255.0)), tf.uint8)


def _shifted(pair: tf.Tensor, shift: int, seed: tf.Tensor) -> tf.Tensor:
    batch, size = tf.shape(pair)[0], pair.shape[2]
    extended = tf.pad(pair, [[0, 0], [0, 0], [shift, shift], [shift, shift], [0, 0]], "REFLECT")
    starts = tf.random.stateless_uniform([batch, 2], seed, 0, 2 * shift + 1, tf.int32)
    rows, columns = (starts[:, axis, None] + tf.range(size) for axis in (0, 1))
    taken = tf.gather(tf.transpose(extended, [0, 2, 3, 1, 4]), rows, axis=1, batch_dims=1)
    taken = tf.gather(tf.transpose(taken, [0, 2, 1, 3, 4]), columns, axis=1, batch_dims=1)
    return tf.transpose(taken, [0, 3, 2, 1, 4])
