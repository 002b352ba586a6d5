"""Turns finished shards into a dataset: TFDS's names and metadata, and what it was made from."""

import json
import math
from typing import Any

from grasp_datasets import schema
from grasp_pipelines.log_schema import software_versions
from grasp_pipelines.shards import Settings, ShardResult, added, record_file
from grasp_tfp.sim.geometry import describe_cell

__all__ = ["write_metadata"]

DESCRIPTION = (
    "Steps of grasp trials: what the camera saw, where the gripper was, and the relative move to the pose "
    "at which it closed. Written by graspctl convert; graspctl.json says from what."
)


def write_metadata(settings: Settings, results: list[ShardResult]) -> None:
    """Completes the dataset in `settings.folder`.

    Args:
        settings: What the shards were made with.
        results: What became of each shard.
    """
    lengths = {split: _name_shards(settings, split, results) for split in schema.SPLITS}
    _write_tfds_files(settings, {split: counts for split, counts in lengths.items() if counts}, results)
    text = json.dumps(_provenance(settings, results), indent=2)
    (settings.folder / schema.METADATA_FILE).write_text(text + "\n", encoding="utf-8")


def _name_shards(settings: Settings, split: str, results: list[ShardResult]) -> list[int]:
    """Gives the files of a split the names that TFDS expects, without the empty ones; returns their lengths."""
    counts = [result.examples.get(split, 0) for result in results]
    filled = [index for index, count in enumerate(counts) if count]
    for index in set(range(len(counts))) - set(filled):
        record_file(settings.folder, split, index).unlink()
    for number, index in enumerate(filled):
        name = f"{schema.DATASET}-{split}.tfrecord-{number:05d}-of-{len(filled):05d}"
        record_file(settings.folder, split, index).rename(settings.folder / name)
    return [counts[index] for index in filled]


def _write_tfds_files(settings: Settings, lengths: dict[str, list[int]], results: list[ShardResult]) -> None:
    import tensorflow_datasets as tfds

    template = tfds.core.ShardedFileTemplate(
        data_dir=settings.folder, dataset_name=schema.DATASET, filetype_suffix="tfrecord"
    )
    splits = [
        tfds.core.SplitInfo(
            name=split,
            shard_lengths=counts,
            num_bytes=sum(result.record_bytes.get(split, 0) for result in results),
            filename_template=template.replace(split=split),
        )
        for split, counts in lengths.items()
    ]
    tfds.folder_dataset.write_metadata(
        data_dir=settings.folder,
        features=schema.features(),
        split_infos=splits,
        version=schema.VERSION,
        check_data=False,
        description=DESCRIPTION,
    )


def _provenance(settings: Settings, results: list[ShardResult]) -> dict[str, Any]:
    trials, successes = (sum(getattr(result, name) for result in results) for name in ("trials", "successes"))
    return {
        "dataset": schema.DATASET,
        "version": schema.VERSION,
        "image_size": settings.image_size,
        "seed": settings.seed,
        "failures_kept": settings.failures,
        "trials": trials,
        "successes": successes,
        "base_rate": successes / trials,
        "examples": added(results, "examples"),
        "successful_examples": added(results, "successful_examples"),
        "tasks": added(results, "tasks"),
        "policies": added(results, "policies"),
        "skipped": added(results, "skipped"),
        "damaged": [line for result in results for line in result.damaged],
        "action": _action_statistics(results),
        "cell": describe_cell(),
        "logs": [log for result in results for log in result.logs],
        "versions": software_versions(),
    }


def _action_statistics(results: list[ShardResult]) -> dict[str, Any]:
    """Mean and standard deviation of the successful training actions: (dx, dy, dz) [m], dyaw [rad]."""
    moments = [result.actions for result in results]
    counts, sums, squares = (
        [math.fsum(column) for column in zip(*rows, strict=True)] for rows in zip(*moments, strict=True)
    )
    if not counts[0]:
        return {"count": 0, "mean": None, "std": None}
    mean = [total / count for total, count in zip(sums, counts, strict=True)]
    variance = [square / count - m * m for square, count, m in zip(squares, counts, mean, strict=True)]
    return {"count": int(counts[0]), "mean": mean, "std": [math.sqrt(max(v, 0.0)) for v in variance]}
