"""A converted dataset, and all that it holds as arrays."""

import dataclasses
import json
import pathlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grasp_datasets import schema
from grasp_datasets.decoding import decoder, parser
from grasp_tfp.errors import UsageError

__all__ = ["GraspDataset", "load_examples", "open_dataset"]


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
        One array per field, in the order of the files: those of `actor_batches`, and `success`, `trial_id`, `step`,
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
        raise UsageError(f"No successes in split {split!r} of {str(out)!r}. Collect and convert more trials.")
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
