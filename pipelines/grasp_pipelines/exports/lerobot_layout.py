"""Names, types and paths of a LeRobotDataset v3, and the files in its `meta/` that describe it.

Layout: https://huggingface.co/docs/lerobot/lerobot-dataset-v3. Trials have no clock, so a step takes one second;
whole seconds also are exact in the 32-bit timestamps of the format.
"""

import json
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from grasp_pipelines.exports.episode import AXES, MOVE_AXES
from grasp_pipelines.exports.video import CODEC, PIXEL_FORMAT

__all__ = [
    "EPISODES_PATH",
    "FPS",
    "IMAGE",
    "INITIAL_IMAGE",
    "SCHEMA",
    "VIDEOS",
    "VIDEO_MB",
    "Place",
    "describe",
    "write_tasks",
]

FPS = 1
CHUNK_FILES = 1000
"""Files in a folder `chunk-…`."""

DATA_MB, VIDEO_MB = 100, 200
"""Sizes at which a file ends. Ours end together, with the larger of the videos."""

DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
EPISODES_PATH = "meta/episodes/chunk-000/file-000.parquet"

IMAGE, INITIAL_IMAGE = "observation.images.image", "observation.images.initial_image"
VIDEOS = (IMAGE, INITIAL_IMAGE)
VECTORS = {"observation.state": AXES, "action": MOVE_AXES, "grasp_action": MOVE_AXES}
SCALARS = {
    "next.reward": "float32",
    "next.done": "bool",
    "next.success": "bool",
    "timestamp": "float32",
    "frame_index": "int64",
    "episode_index": "int64",
    "index": "int64",
    "task_index": "int64",
}
TYPES = {"float32": pa.float32(), "bool": pa.bool_(), "int64": pa.int64()}

SCHEMA = pa.schema(
    [(name, pa.list_(pa.float32(), len(axes))) for name, axes in VECTORS.items()]
    + [(name, TYPES[kind]) for name, kind in SCALARS.items()]
)
"""Of the rows, one per step."""


class Place(NamedTuple):
    """Where the rows and frames of an episode are."""

    chunk_index: int
    file_index: int

    @classmethod
    def of_file(cls, number: int) -> "Place":
        """The place of the files of a number, from 0."""
        return cls(*divmod(number, CHUNK_FILES))

    def data(self, folder: pathlib.Path) -> pathlib.Path:
        """The file of the rows."""
        return folder / DATA_PATH.format(**self._asdict())

    def video(self, folder: pathlib.Path, key: str) -> pathlib.Path:
        """The file of a camera's frames."""
        return folder / VIDEO_PATH.format(video_key=key, **self._asdict())


def describe(episodes: int, rows: int, tasks: int, size: tuple[int, int]) -> dict[str, Any]:
    """The content of `meta/info.json`.

    Args:
        episodes: How many there are.
        rows: Steps of all of them.
        tasks: How many kinds of tasks.
        size: Height and width of the images [pixels].
    """
    height, width = size
    video = {
        "video.height": height, "video.width": width, "video.codec": CODEC, "video.pix_fmt": PIXEL_FORMAT,
        "video.is_depth_map": False, "video.fps": FPS, "video.channels": 3, "has_audio": False,
    }  # fmt: skip
    shown = {"dtype": "video", "shape": [height, width, 3], "names": ["height", "width", "channels"], "info": video}
    vectors = {name: {"dtype": "float32", "shape": [len(axes)], "names": axes} for name, axes in VECTORS.items()}
    scalars = {name: {"dtype": kind, "shape": [1], "names": None} for name, kind in SCALARS.items()}
    return {
        "codebase_version": "v3.0",
        "robot_type": "graspctl",
        "total_episodes": episodes,
        "total_frames": rows,
        "total_tasks": tasks,
        "chunks_size": CHUNK_FILES,
        "data_files_size_in_mb": DATA_MB,
        "video_files_size_in_mb": VIDEO_MB,
        "fps": FPS,
        "splits": {"train": f"0:{episodes}"},
        "data_path": DATA_PATH,
        "video_path": VIDEO_PATH,
        "features": dict.fromkeys(VIDEOS, shown) | vectors | scalars,
    }


def write_tasks(path: pathlib.Path, tasks: Sequence[str]) -> None:
    """Writes `meta/tasks.parquet`, whose readers want the task in words as pandas's index."""
    index = {"name": "task", "field_name": "task", "pandas_type": "unicode", "numpy_type": "object"}
    column = {"name": "task_index", "field_name": "task_index", "pandas_type": "int64", "numpy_type": "int64"}
    columns = [values | {"metadata": None} for values in (column, index)]
    described = {"index_columns": ["task"], "column_indexes": [], "columns": columns}
    table = pa.table({"task_index": pa.array(range(len(tasks)), pa.int64()), "task": list(tasks)})
    pq.write_table(table.replace_schema_metadata({"pandas": json.dumps(described)}), path)
