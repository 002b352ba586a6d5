"""Turns finished shards into a dataset: TFDS's names and metadata, and what it was made from."""

import json
import math
from collections.abc import Sequence
from typing import Any

from grasp_datasets import schema
from grasp_pipelines import storage
from grasp_pipelines.dataset_card import CARD, dataset_card
from grasp_pipelines.log_schema import software_versions
from grasp_pipelines.shard_results import ShardResult, added, problems
from grasp_pipelines.shards import VALIDATION, Settings, record_file
from grasp_pipelines.tfds_files import RecordFile, write_tfds_files

__all__ = ["write_metadata"]

DESCRIPTION = (
    "Steps of grasp trials: what the camera saw, where the gripper was, and the relative move to the pose "
    "at which it closed. Written by graspctl convert; graspctl.json says from what."
)


def write_metadata(settings: Settings, results: Sequence[ShardResult]) -> list[str]:
    """Completes the dataset in `settings.folder`.

    Args:
        settings: What the shards were made with.
        results: What became of each shard.

    Returns:
        Names of the dataset's files, `graspctl.json` last.
    """
    files = {split: _record_files(split, results) for split in schema.SPLITS}
    metadata = _provenance(settings, results, files)
    with storage.scratch(settings.folder) as folder:
        records = {
            split: [RecordFile(f["name"], f["examples"], f["bytes"]) for f in named] for split, named in files.items()
        }
        write_tfds_files(folder, schema.DATASET, schema.VERSION, schema.features(), DESCRIPTION, records)
        (folder / CARD).write_text(dataset_card(metadata), encoding="utf-8")
        (folder / schema.METADATA_FILE).write_text(json.dumps(metadata, indent=2) + "\n", encoding="utf-8")
        made = {path.name for path in folder.iterdir()}
        written = [*sorted(made - {schema.METADATA_FILE}), schema.METADATA_FILE]
        for name in written:
            storage.publish(folder / name, f"{settings.folder}/{name}")
    for split, named in files.items():
        built = [record_file(split, index) for index, result in enumerate(results) if result.examples.get(split)]
        names = [file["name"] for file in named]
        storage.move(settings.folder, settings.folder, list(zip(built, names, strict=True)))
        written = names + written
    return written


def _record_files(split: str, results: Sequence[ShardResult]) -> list[dict[str, Any]]:
    """The names that TFDS expects for the files of a split, and what is in them; shards without records have none."""
    filled = [result for result in results if result.examples.get(split)]
    return [
        {
            "name": f"{schema.DATASET}-{split}.tfrecord-{number:05d}-of-{len(filled):05d}",
            "examples": result.examples[split],
            "successful_examples": result.successful_examples.get(split, 0),
            "bytes": result.record_bytes[split],
        }
        for number, result in enumerate(filled)
    ]


def _provenance(
    settings: Settings, results: Sequence[ShardResult], files: dict[str, list[dict[str, Any]]]
) -> dict[str, Any]:
    trials, successes = (sum(getattr(result, name) for result in results) for name in ("trials", "successes"))
    return {
        "dataset": schema.DATASET,
        "version": schema.VERSION,
        "image_size": settings.image_size,
        "seed": settings.seed,
        "failures_kept": settings.failures,
        "failure_weight": 1 / settings.failures if settings.failures else None,
        "views": {"per_trial": settings.views, "examples": added(results, "views")},
        "split": {"by": settings.split_by, "validation_share": VALIDATION},
        "trials": trials,
        "successes": successes,
        "base_rate": successes / trials,
        "examples": added(results, "examples"),
        "successful_examples": added(results, "successful_examples"),
        "bytes": added(results, "record_bytes"),
        "successful_bytes": added(results, "successful_record_bytes"),
        "shards": [file for named in files.values() for file in named],
        "tasks": added(results, "tasks"),
        "policies": added(results, "policies"),
        "skipped": added(results, "skipped"),
        "problems": [problem._asdict() for problem in problems(results)],
        "action": _action_statistics(results),
        "source": settings.source.describe(),
        "cell": settings.source.cell(added(results, "tasks")),
        "logs": [log for result in results for log in result.logs],
        "versions": software_versions(),
    }


def _action_statistics(results: Sequence[ShardResult]) -> dict[str, Any]:
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
