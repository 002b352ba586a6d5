"""Readers of a converted dataset: batches of successful or of all steps, or everything as arrays."""

import dataclasses
import json
import math
import pathlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grasp_datasets import schema
from grasp_datasets.decoding import batched, decoder, for_actor, for_critic, parser
from grasp_tfp.errors import UsageError

__all__ = ["GraspDataset", "labelled_batches", "load_examples", "open_dataset", "success_batches", "tried_batches"]

FILES = 64
"""Files read at the same time: logs of several policies lie side by side, and a batch should hold grasps of all."""

SHUFFLE_BUFFER = 8192
"""Successful examples, still as JPEG, that a batch is drawn from."""


@dataclasses.dataclass(frozen=True)
class GraspDataset:
    """A dataset that `graspctl convert` wrote."""

    path: pathlib.Path
    metadata: dict[str, Any]
    """What it was made from and with: the content of its `graspctl.json`."""

    def files(self, split: str) -> list[str]:
        """The record files of a split, in order.

        Raises:
            UsageError: The split has none, or some are missing.
        """
        files = sorted(str(path) for path in self.path.glob(f"{schema.DATASET}-{split}.tfrecord-*-of-*"))
        if not files:
            has = ", ".join(self.metadata["examples"]) or "none"
            raise UsageError(f"No split {split!r} in {str(self.path)!r}. It has: {has}. Convert more trials.")
        if (expected := int(files[0].rpartition("-")[2])) != len(files):
            found = f"expected {expected} files of split {split!r}, found {len(files)}"
            raise UsageError(f"Incomplete dataset {str(self.path)!r}: {found}. Copy or convert it again.")
        return files


def open_dataset(out: pathlib.Path) -> GraspDataset:
    """Finds a dataset.

    Raises:
        UsageError: The folder holds none, or one of another version.
    """
    found = "a file" if out.is_file() else "nothing" if not out.exists() else f"a folder without {schema.METADATA_FILE}"
    path = out / schema.METADATA_FILE
    if path.is_file():
        try:
            metadata = json.loads(path.read_bytes())
            found = f"{metadata['dataset']} {metadata['version']}"
            if found == f"{schema.DATASET} {schema.VERSION}":
                return GraspDataset(out, metadata)
        except (ValueError, KeyError, TypeError):
            found = f"an unreadable {schema.METADATA_FILE}"
    expected = f"expected {schema.DATASET} {schema.VERSION} written by `graspctl convert`"
    raise UsageError(f"No dataset in {str(out)!r}: {expected}, found {found}. Run `graspctl convert logs/ out/` first.")


def success_batches(
    out: pathlib.Path,
    split: str,
    batch_size: int,
    seed: int,
    *,
    image_size: int | None = None,
    epochs: int | None = None,
) -> Any:
    """Shuffled batches of the steps of successful trials, ready for Keras `fit`.

    Args:
        out: The dataset's folder.
        split: `train` or `validation`.
        batch_size: Examples in a batch, B.
        seed: Of the order; the same seed gives the same batches.
        image_size: Height and width to resize images to, S [pixels]; they keep their size by default.
        epochs: Passes over the data; endless by default.

    Returns:
        A `tf.data.Dataset` of pairs: the observation, a dict of `image` and `initial_image`, uint8 (B, S, S, 3), and
        `gripper_pose`, float32 (B, 4); and the action (dx, dy, dz, dyaw), float32 (B, 4).

    Raises:
        UsageError: There is no such dataset or split, or no success in it.
    """
    examples = open_dataset(out).metadata["successful_examples"].get(split)
    steps = _steps(out, split, seed, image_size, epochs, successes_only=True)
    return batched(steps.map(for_actor), batch_size, _batches(batch_size, epochs, examples))


def labelled_batches(
    out: pathlib.Path,
    split: str,
    batch_size: int,
    seed: int,
    *,
    image_size: int | None = None,
    epochs: int | None = None,
) -> Any:
    """Shuffled batches of the steps of all trials, as far as the dataset kept them, ready for Keras `fit`.

    Args:
        out: The dataset's folder.
        split: `train` or `validation`.
        batch_size: Examples in a batch, B.
        seed: Of the order; the same seed gives the same batches.
        image_size: Height and width to resize images to, S [pixels]; they keep their size by default.
        epochs: Passes over the data; endless by default.

    Returns:
        A `tf.data.Dataset` of pairs: a dict like the observation of `success_batches`, with `action` (B, 4) beside;
        and the success of the trial, float32 (B,). The dataset's `failures_kept` tells how many failures are missing.

    Raises:
        UsageError: There is no such dataset or split, or no success or no failure in it.
    """
    dataset = open_dataset(out)
    if not dataset.metadata["failures_kept"]:
        raise UsageError(f"No failed trial in {str(out)!r}. Convert the logs with --failures 0.1 or more.")
    steps = _steps(out, split, seed, image_size, epochs, successes_only=False)
    return batched(steps.map(for_critic), batch_size, _batches(batch_size, epochs, dataset.metadata["examples"][split]))


def tried_batches(
    out: pathlib.Path,
    split: str,
    batch_size: int,
    seed: int,
    *,
    image_size: int | None = None,
    epochs: int | None = None,
) -> Any:
    """Shuffled batches of all actions tried, for a prior actor (Section VII).

    Args:
        out: The dataset's folder.
        split: `train` or `validation`.
        batch_size: Examples in a batch, B.
        seed: Of the order; the same seed gives the same batches.
        image_size: Height and width to resize images to, S [pixels]; they keep their size by default.
        epochs: Passes over the data; endless by default.

    Returns:
        A `tf.data.Dataset` of triples: observation and action of `success_batches`, and weights float32 (B,) of mean 1
        over the split, in which each failure stands for those that the dataset left out.

    Raises:
        UsageError: There is no such dataset or split, or no success or no failure in it.
    """
    import tensorflow as tf

    batches = labelled_batches(out, split, batch_size, seed, image_size=image_size, epochs=epochs)
    metadata = open_dataset(out).metadata
    examples, successes = metadata["examples"][split], metadata["successful_examples"][split]
    failure = 1 / metadata["failures_kept"]
    scale = examples / (successes + failure * (examples - successes))

    def weighted(inputs: dict[str, Any], success: Any) -> tuple[dict[str, Any], Any, Any]:
        return *for_actor(inputs), scale * tf.where(success > 0, 1.0, failure)

    return batches.map(weighted)


def _steps(
    out: pathlib.Path, split: str, seed: int, image_size: int | None, epochs: int | None, *, successes_only: bool
) -> Any:
    """Shuffled decoded examples."""
    import tensorflow as tf

    dataset = open_dataset(out)
    files = dataset.files(split)
    if not dataset.metadata["successful_examples"].get(split):
        raise UsageError(f"No successful trial in split {split!r} of {str(out)!r}. Collect and convert more trials.")
    shuffled = tf.data.Dataset.from_tensor_slices(files).shuffle(len(files), seed).repeat(epochs)
    records = shuffled.interleave(tf.data.TFRecordDataset, cycle_length=FILES, block_length=16)
    examples = records.map(parser())
    if successes_only:
        examples = examples.filter(lambda example: example[schema.SUCCESS])
    return examples.shuffle(SHUFFLE_BUFFER, seed).map(decoder(image_size), num_parallel_calls=tf.data.AUTOTUNE)


def _batches(batch_size: int, epochs: int | None, examples: int) -> int | None:
    """How many batches some passes have; None for endless reading."""
    return None if epochs is None else math.ceil(epochs * examples / batch_size)


def load_examples(
    out: pathlib.Path, split: str, *, successes_only: bool = True, image_size: int | None = None
) -> dict[str, NDArray[Any]]:
    """A whole split in memory; 64-pixel images take 25 KB per example.

    Args:
        out: The dataset's folder.
        split: `train` or `validation`.
        successes_only: Whether to leave out the steps of failed trials.
        image_size: Height and width to resize images to, S [pixels]; they keep their size by default.

    Returns:
        One array per field, in the order of the files: those of `success_batches`, and `success`, `trial_id`, `step`,
        `num_steps` and `task`. The first axis counts examples.

    Raises:
        UsageError: There is no such dataset or split, or nothing in it is left.
    """
    import tensorflow as tf

    examples = tf.data.TFRecordDataset(open_dataset(out).files(split)).map(parser())
    if successes_only:
        examples = examples.filter(lambda example: example[schema.SUCCESS])
    decoded = examples.map(decoder(image_size), num_parallel_calls=tf.data.AUTOTUNE)
    batches = list(decoded.batch(256).as_numpy_iterator())
    if not batches:
        raise UsageError(f"No successful trial in split {split!r} of {str(out)!r}. Collect and convert more trials.")
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
