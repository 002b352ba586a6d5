"""From a record to what a network takes: fields parsed, images decoded, the turn as an angle."""

import math
from collections.abc import Callable
from typing import Any

from grasp_datasets import schema

__all__ = ["OBSERVATION", "batched", "decoder", "for_actor", "for_critic", "parser"]

ACCURATE = "INTEGER_ACCURATE"
"""How JPEGs are decoded. TensorFlow's default is faster, but makes images darker by up to one level of 255, which a
network learns and then misses in the images of a camera."""

OBSERVATION = (schema.IMAGE, schema.INITIAL_IMAGE, schema.GRIPPER_POSE)


def parser() -> Any:
    """A function from a record to its fields, images still as JPEG."""
    from tensorflow_datasets.core.example_parser import ExampleParser

    return ExampleParser(schema.features().get_serialized_info()).parse_example


def decoder(image_size: int | None, crop: int | None = None) -> Callable[..., dict[str, Any]]:
    """A function of the parsed fields that decodes the images and makes the sine and cosine of a turn its angle.

    Args:
        image_size: Height and width to resize images to, S [pixels]; they keep their size by default.
        crop: Height and width of the window to cut out first [pixels]; JPEGs are only decoded inside of it. The
            function then takes where that window lies as a second argument, from 0 (top, left) to 1, float32 (2,).
    """
    import tensorflow as tf

    def decode(example: dict[str, Any], corner: Any = None) -> dict[str, Any]:
        *move, sine, cosine = tf.unstack(example[schema.ACTION])
        turn = tf.math.floormod(tf.atan2(sine, cosine) + math.pi / 2, math.pi) - math.pi / 2
        images = {name: image(example[name], corner) for name in (schema.IMAGE, schema.INITIAL_IMAGE)}
        return {**example, **images, schema.ACTION: tf.stack([*move, turn])}

    def image(jpeg: Any, corner: Any) -> Any:
        """RGB of uint8, (H, W, 3)."""
        pixels = tf.io.decode_jpeg(jpeg, 3, dct_method=ACCURATE) if crop is None else cropped(jpeg, corner)
        if image_size in (None, crop):
            return pixels
        resized = tf.image.resize(pixels, (image_size, image_size), method="area")
        return tf.cast(tf.round(resized), tf.uint8)

    def cropped(jpeg: Any, corner: Any) -> Any:
        """Only the window, (crop, crop, 3)."""
        room = tf.io.extract_jpeg_shape(jpeg)[:2] - crop
        start = tf.cast(tf.round(corner * tf.cast(room, tf.float32)), tf.int32)
        window = tf.concat([start, [crop, crop]], axis=0)
        return tf.ensure_shape(tf.image.decode_and_crop_jpeg(jpeg, window, 3, dct_method=ACCURATE), (crop, crop, 3))

    return decode


def for_actor(example: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """Observation and action, which are what an actor is fitted to."""
    return {name: example[name] for name in OBSERVATION}, example[schema.ACTION]


def for_critic(example: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """Observation with the action in it, and the success as float32, which are what a critic is fitted to."""
    import tensorflow as tf

    names = (*OBSERVATION, schema.ACTION)
    return {name: example[name] for name in names}, tf.cast(example[schema.SUCCESS], tf.float32)


def batched(pairs: Any, batch_size: int, batches: int | None) -> Any:
    """Batches of `pairs`, a `tf.data.Dataset`, made ahead of their use.

    Args:
        pairs: Of `for_actor` or `for_critic`.
        batch_size: Examples in a batch.
        batches: How many there are, the last one filled with what is left; None where `pairs` has no end.
    """
    import tensorflow as tf

    made = pairs.batch(batch_size, drop_remainder=batches is None).prefetch(tf.data.AUTOTUNE)
    return made if batches is None else made.apply(tf.data.experimental.assert_cardinality(batches))
