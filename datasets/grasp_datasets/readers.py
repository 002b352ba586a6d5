"""Readers for training: each batch is a function of the seed and its number alone.

So an interrupted reading is resumed by its position: `start=n` goes on with batch n, at no cost, exactly as if the
batches before it had been read. A pass reads every wanted record once, some files at a time; other records are read
only when a file is looked through for the first time.
"""

import math
import pathlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grasp_datasets.dataset import GraspDataset, open_dataset
from grasp_datasets.decoding import batched, decoder, for_actor, for_critic, parser
from grasp_datasets.reading_order import ReadingOrder
from grasp_datasets.record_index import EXAMPLES, FAILURES, SUCCESSES, RecordIndex
from grasp_datasets.tfrecord import read_record
from grasp_tfp.errors import UsageError

__all__ = ["actor_batches", "critic_batches", "prior_batches"]

LOOKAHEAD = 2048
"""Examples ahead of the reading at which files are looked through."""


def actor_batches(
    out: pathlib.Path,
    split: str,
    batch_size: int,
    seed: int,
    *,
    start: int = 0,
    epochs: int | None = None,
    image_size: int | None = None,
    crop: int | None = None,
) -> Any:
    """Batches of the steps of successful trials.

    Args:
        out: The dataset's folder.
        split: `train` or `validation`.
        batch_size: Examples in a batch, B.
        seed: Of the order and the crops.
        start: Number of the first batch.
        epochs: Passes over the data, the last batch filled with what is left; endless by default.
        image_size: Height and width to resize images to, S [pixels]; they keep their size by default.
        crop: Height and width of the window to cut out first [pixels]: at random, the same for both images of an
            example, or from the middle when `epochs` is given.

    Returns:
        A `tf.data.Dataset` of pairs: the observation, a dict of `image` and `initial_image`, uint8 (B, S, S, 3), and
        `gripper_pose`, float32 (B, 4); and the action (dx, dy, dz, dyaw), float32 (B, 4).

    Raises:
        UsageError: There is no such dataset or split, no success in it, or its images are smaller than the crop.
    """
    dataset = open_dataset(out)
    reading = _Reading(dataset, split, seed, {SUCCESSES: batch_size})
    examples = _examples(reading, start, epochs, image_size, crop)
    return batched(examples.map(for_actor), batch_size, reading.left(start, epochs))


def critic_batches(
    out: pathlib.Path,
    split: str,
    batch_size: int,
    seed: int,
    *,
    balanced: bool = False,
    start: int = 0,
    epochs: int | None = None,
    image_size: int | None = None,
    crop: int | None = None,
) -> Any:
    """Batches of the steps of all trials, as far as the dataset kept them.

    Args:
        out: The dataset's folder.
        split: `train` or `validation`.
        batch_size: Examples in a batch, B.
        seed: Of the order and the crops.
        balanced: Whether half of each batch are steps of successes, which then are passed over more or less often
            than failures; only without `epochs`.
        start: Number of the first batch.
        epochs: Passes over the data, the last batch filled with what is left; endless by default.
        image_size: Height and width to resize images to, S [pixels]; they keep their size by default.
        crop: As in `actor_batches`.

    Returns:
        A `tf.data.Dataset` of pairs: a dict like the observation of `actor_batches`, with `action` (B, 4) beside; and
        the success of the trial, float32 (B,). The dataset's `failures_kept` tells how many failures are missing.

    Raises:
        UsageError: There is no such dataset or split, no failure or not what is asked for in it, or its images are
            smaller than the crop.
    """
    if balanced and epochs is not None:
        raise UsageError("Balanced batches have no end: expected no epochs, or balanced=False.")
    dataset = open_dataset(out)
    if not dataset.metadata["failures_kept"]:
        raise UsageError(f"No failed trial in {str(out)!r}. Convert the logs with --failures 0.1 or more.")
    half = batch_size // 2
    shares = {SUCCESSES: batch_size - half, FAILURES: half} if balanced else {EXAMPLES: batch_size}
    reading = _Reading(dataset, split, seed, shares)
    examples = _examples(reading, start, epochs, image_size, crop)
    return batched(examples.map(for_critic), batch_size, reading.left(start, epochs))


def prior_batches(out: pathlib.Path, split: str, batch_size: int, seed: int, **options: Any) -> Any:
    """Batches of all actions tried, for a prior actor (Section VII).

    Args:
        out: As of `critic_batches`, like all others.
        split: `train` or `validation`.
        batch_size: Examples in a batch, B.
        seed: Of the order and the crops.
        **options: `start`, `epochs`, `image_size` and `crop`.

    Returns:
        A `tf.data.Dataset` of triples: observation and action of `actor_batches`, and weights float32 (B,) of mean 1
        over the split, in which each failure stands for those that the dataset left out.

    Raises:
        UsageError: As of `critic_batches`.
    """
    import tensorflow as tf

    batches = critic_batches(out, split, batch_size, seed, balanced=False, **options)
    metadata = open_dataset(out).metadata
    examples, successes = metadata["examples"][split], metadata["successful_examples"][split]
    failure = 1 / metadata["failures_kept"]
    scale = examples / (successes + failure * (examples - successes))

    def weighted(inputs: dict[str, Any], success: Any) -> tuple[dict[str, Any], Any, Any]:
        return *for_actor(inputs), scale * tf.where(success > 0, 1.0, failure)

    return batches.map(weighted)


class _Reading:
    """The records of each batch.

    Args:
        dataset: Where they are.
        split: Of the dataset.
        seed: Of their order.
        shares: How many records of each kind a batch has.
    """

    def __init__(self, dataset: GraspDataset, split: str, seed: int, shares: dict[str, int]) -> None:
        self.batch_size = sum(shares.values())
        self.dataset, self.seed = dataset, seed
        self._paths = [pathlib.Path(name) for name in dataset.files(split)]
        self._index = RecordIndex(self._paths)
        self._shares = shares
        self._orders: dict[str, ReadingOrder] = {}
        known = {shard["name"]: shard for shard in dataset.metadata.get("shards", ())}
        for number, kind in enumerate(shares):
            counts = [self._count(file, known.get(path.name), kind) for file, path in enumerate(self._paths)]
            if not sum(counts):
                where = f"split {split!r} of {str(dataset.path)!r}"
                raise UsageError(f"No {kind} in {where}. Collect and convert more trials.")
            self._orders[kind] = ReadingOrder(counts, [seed, number])

    def __len__(self) -> int:
        """Examples in one pass."""
        return sum(map(len, self._orders.values()))

    def batches(self, epochs: int) -> int:
        """How many batches some passes have."""
        return math.ceil(epochs * len(self) / self.batch_size)

    def left(self, start: int, epochs: int | None) -> int | None:
        """How many of them there are from number `start` on; None for endless reading."""
        return None if epochs is None else max(0, self.batches(epochs) - start)

    def batch(self, number: int, limit: int) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
        """The records of a batch and their positions in the reading, which ends before position `limit`."""
        records = []
        for kind, order in self._orders.items():
            size = self._shares[kind]
            first = number * size
            self._index.prepare(order.files(first + LOOKAHEAD).tolist())
            for file, record in map(order, range(first, min(first + size, limit))):
                offset, length = self._index[file][kind][record].tolist()
                records.append(read_record(self._paths[file], offset, length))
        return np.array(records, object), number * self.batch_size + np.arange(len(records))

    def _count(self, file: int, known: dict[str, int] | None, kind: str) -> int:
        if known is None:
            return len(self._index[file][kind])
        examples, successes = known["examples"], known["successful_examples"]
        return {EXAMPLES: examples, SUCCESSES: successes, FAILURES: examples - successes}[kind]


def _examples(reading: _Reading, start: int, epochs: int | None, image_size: int | None, crop: int | None) -> Any:
    """Decoded examples, in the order of their batches."""
    import tensorflow as tf

    stored = int(reading.dataset.metadata["image_size"])
    if crop is not None and not 0 < crop <= stored:
        where = str(reading.dataset.path)
        raise UsageError(f"Cannot crop the images in {where!r}: expected 1 to {stored} pixels, got {crop}.")
    limit = np.iinfo(np.int64).max if epochs is None else epochs * len(reading)
    last = limit // reading.batch_size if epochs is None else reading.batches(epochs)
    parse, decode = parser(), decoder(image_size, crop)

    def read(batch: Any) -> Any:
        types = (tf.string, tf.int64)
        found = tf.numpy_function(lambda number: reading.batch(int(number), limit), [batch], types, stateful=False)
        return tuple(tf.ensure_shape(part, [None]) for part in found)

    def example(record: Any, position: Any) -> Any:
        """The decoded record, its window drawn by its position."""
        if crop is None:
            return decode(parse(record))
        middle = tf.constant([0.5, 0.5])
        corner = middle if epochs else tf.random.stateless_uniform([2], tf.stack([reading.seed, position]))
        return decode(parse(record), corner)

    records = tf.data.Dataset.range(start, last).map(read).prefetch(2).unbatch()
    return records.map(example, num_parallel_calls=tf.data.AUTOTUNE)
