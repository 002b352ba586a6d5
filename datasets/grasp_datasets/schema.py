"""One training example: a step of a trial, what was seen there and the action that led to the grasp (Section V).

This is the only place that knows the fields. Records are `tf.train.Example` messages as TFDS writes
them, built without importing TensorFlow.
"""

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = [
    "ACTION",
    "DATASET",
    "GRIPPER_POSE",
    "IMAGE",
    "INITIAL_IMAGE",
    "METADATA_FILE",
    "NUM_STEPS",
    "SPLITS",
    "STEP",
    "SUCCESS",
    "TASK",
    "TRIAL_ID",
    "VERSION",
    "features",
    "is_success",
    "parse",
    "serialize",
]

DATASET = "grasp_steps"
VERSION = "1.0.0"
SPLITS = ("train", "validation")
METADATA_FILE = "graspctl.json"
"""What the dataset was made from and with; lies beside TFDS's own files, which ignore it."""

IMAGE = "image"
INITIAL_IMAGE = "initial_image"
GRIPPER_POSE = "gripper_pose"
ACTION = "action"
SUCCESS = "success"
TRIAL_ID = "trial_id"
STEP = "step"
NUM_STEPS = "num_steps"
TASK = "task"


@functools.cache
def features() -> Any:
    """The fields of one example, a `tfds.features.FeaturesDict`."""
    import tensorflow_datasets as tfds

    kind = tfds.features
    jpeg = {"shape": (None, None, 3), "encoding_format": "jpeg"}
    return kind.FeaturesDict(
        {
            IMAGE: kind.Image(**jpeg, doc="The camera's view at this step"),
            INITIAL_IMAGE: kind.Image(**jpeg, doc="The camera's view before the arm came in"),
            GRIPPER_POSE: kind.Tensor(
                shape=(4,), dtype=np.float32, doc="Fingertips at this step: x, y, z [m], yaw [rad], base frame"
            ),
            ACTION: kind.Tensor(
                shape=(5,),
                dtype=np.float32,
                doc="Final grasp pose minus this pose: dx, dy, dz [m], sine and cosine of dyaw",
            ),
            SUCCESS: kind.Scalar(np.bool_, doc="Whether the trial's grasp held an object"),
            TRIAL_ID: kind.Text(doc="The trial that this step belongs to"),
            STEP: kind.Scalar(np.int32, doc="Number of this step within its trial, from 0"),
            NUM_STEPS: kind.Scalar(np.int32, doc="How many steps the trial took"),
            TASK: kind.Text(doc="Name of the trial's task"),
        }
    )


def serialize(example: Mapping[str, Any]) -> bytes:
    """The record of one example, the same bytes in every process.

    Args:
        example: A value for each field; images as their JPEG bytes, which are stored as they are.
    """
    record: bytes = _serializer().get_tf_example(dict(example)).SerializeToString(deterministic=True)
    return record


def is_success(record: bytes) -> bool:
    """The success of a record, without looking at the rest."""
    from tensorflow_datasets.proto import tf_example_pb2

    return bool(tf_example_pb2.Example.FromString(record).features.feature[SUCCESS].int64_list.value[0])


def parse(record: bytes) -> dict[str, Any]:
    """The inverse of `serialize`, with arrays as float32."""
    from tensorflow_datasets.proto import tf_example_pb2

    found = tf_example_pb2.Example.FromString(record).features.feature
    return {name: _value(found[name], info) for name, info in features().get_serialized_info().items()}


@functools.cache
def _serializer() -> Any:
    from tensorflow_datasets.core.example_serializer import ExampleSerializer

    return ExampleSerializer(features().get_serialized_info())


def _value(feature: Any, info: Any) -> Any:
    values = np.array(getattr(feature, feature.WhichOneof("kind")).value, info.np_dtype)
    return values if info.shape else values.item()
