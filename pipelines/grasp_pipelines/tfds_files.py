"""TFDS's own metadata beside the record files of a dataset."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

__all__ = ["RecordFile", "write_tfds_files"]


class RecordFile(NamedTuple):
    """One file of records."""

    name: str
    records: int
    bytes: int
    """Of the records themselves."""


def write_tfds_files(
    folder: pathlib.Path,
    dataset: str,
    version: str,
    features: Any,
    description: str,
    files: Mapping[str, Sequence[RecordFile]],
) -> None:
    """Writes what `tfds.builder_from_directory` reads first.

    Args:
        folder: Where it goes, with or without the record files.
        dataset: Name of the dataset.
        version: Of the dataset, such as `1.0.0`.
        features: Its fields, a `tfds.features.FeaturesDict`.
        description: What it is.
        files: The record files of each split.
    """
    import tensorflow_datasets as tfds

    # TFDS wants to see files of the right names.
    absent = [path for named in files.values() for path in (folder / file.name for file in named) if not path.exists()]
    for path in absent:
        path.touch()
    template = tfds.core.ShardedFileTemplate(data_dir=folder, dataset_name=dataset, filetype_suffix="tfrecord")
    splits = [
        tfds.core.SplitInfo(
            name=split,
            shard_lengths=[file.records for file in named],
            num_bytes=sum(file.bytes for file in named),
            filename_template=template.replace(split=split),
        )
        for split, named in files.items()
        if named
    ]
    tfds.folder_dataset.write_metadata(
        data_dir=folder,
        features=features,
        split_infos=splits,
        version=version,
        check_data=False,
        description=description,
    )
    for path in absent:
        path.unlink()
