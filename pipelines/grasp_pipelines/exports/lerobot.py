"""Episodes as a LeRobotDataset v3: rows in Parquet, images in MP4, an index of the episodes beside them."""

import json
import pathlib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import simplejpeg

from grasp_pipelines.exports.episode import Episode
from grasp_pipelines.exports.lerobot_layout import (
    EPISODES_PATH,
    FPS,
    IMAGE,
    INITIAL_IMAGE,
    SCHEMA,
    VIDEO_MB,
    VIDEOS,
    Place,
    describe,
    write_tasks,
)
from grasp_pipelines.exports.lerobot_statistics import Histogram, image_statistics, statistics
from grasp_pipelines.exports.video import Video
from grasp_pipelines.steps import UnusableTrial

__all__ = ["LeRobotWriter"]

INDEX_ROWS = 1000
"""Episodes of the index that are written at a time."""


class LeRobotWriter:
    """Writes episodes as `lerobot` reads them.

    Args:
        folder: Where the files go.
        file_bytes: Size of a video at which the files end, and the next ones begin.
    """

    def __init__(self, folder: pathlib.Path, file_bytes: int = VIDEO_MB << 20) -> None:
        self._folder = folder
        self._file_bytes = file_bytes
        self._size: tuple[int, int] | None = None
        self._tasks: dict[str, int] = {}
        self._index: list[dict[str, Any]] = []
        self._index_file: Any = None
        self._columns: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}
        self._written: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}
        self._pixels = {name: Histogram() for name in VIDEOS}
        self._videos: dict[str, Video] = {}
        self._episodes = self._rows = self._file = 0

    def add(self, episode: Episode, split: str) -> None:
        """Appends one episode; the format has no splits that its readers look at, so `split` is a column.

        Raises:
            UnusableTrial: Its images have another size than those before, or a size that MP4 does not take.
        """
        frames = {IMAGE: [_decoded(jpeg) for jpeg in episode.images]}
        frames[INITIAL_IMAGE] = [_decoded(episode.initial_image)] * len(episode)
        self._check_size({frame.shape[:2] for name in VIDEOS for frame in frames[name]})
        row = self._described(episode, split)
        for name, images in frames.items():
            row |= self._add_frames(name, images)
        for name, values in self._values(episode).items():
            self._columns[name].append(values)
            row |= _flat(name, statistics(values))
        self._index.append(row)
        self._episodes += 1
        self._rows += len(episode)
        if len(self._index) == INDEX_ROWS:
            self._write_index()
        if max(video.bytes for video in self._videos.values()) >= self._file_bytes:
            self._end_files()

    def close(self) -> None:
        """Writes the last rows and all that is in `meta/`."""
        if self._videos:
            self._end_files()
        self._write_index()
        self._index_file.close()
        write_tasks(self._folder / "meta" / "tasks.parquet", list(self._tasks))
        info = describe(self._episodes, self._rows, len(self._tasks), self._size or (0, 0))
        found = {name: image_statistics(pixels) for name, pixels in self._pixels.items()}
        found |= {name: statistics(np.concatenate(values)) for name, values in self._written.items()}
        for name, content in {"info": info, "stats": found}.items():
            path = self._folder / "meta" / f"{name}.json"
            path.write_text(json.dumps(content, indent=4) + "\n", encoding="utf-8")

    def discard(self) -> None:
        """Closes the files as they are."""
        for video in self._videos.values():
            video.abandon()
        self._videos = {}
        if self._index_file is not None:
            self._index_file.close()

    def _check_size(self, sizes: set[tuple[int, ...]]) -> None:
        height, width = next(iter(sizes))
        if len(sizes) > 1 or self._size not in (None, (height, width)):
            raise UnusableTrial("its images are not as large as those before")
        if height % 2 or width % 2:
            raise UnusableTrial("its images have an odd height or width, which MP4 does not take")
        self._size = height, width

    def _described(self, episode: Episode, split: str) -> dict[str, Any]:
        """What the index says of an episode, without its videos and statistics."""
        place = Place.of_file(self._file)
        return {
            "episode_index": self._episodes,
            "tasks": [_task(episode)],
            "length": len(episode),
            "trial_id": episode.trial.trial_id,
            "split": split,
            "success": episode.trial.success,
            "dataset_from_index": self._rows,
            "dataset_to_index": self._rows + len(episode),
            "meta/episodes/chunk_index": 0,
            "meta/episodes/file_index": 0,
            "data/chunk_index": place.chunk_index,
            "data/file_index": place.file_index,
        }

    def _add_frames(self, name: str, images: list[Any]) -> dict[str, Any]:
        """Appends frames to a video; returns what the index says of them."""
        place = Place.of_file(self._file)
        if name not in self._videos:
            path = _made(place.video(self._folder, name))
            self._videos[name] = Video(path, self._size or (0, 0), FPS)
        video, pixels = self._videos[name], Histogram()
        row = {f"videos/{name}/{key}": value for key, value in place._asdict().items()}
        row[f"videos/{name}/from_timestamp"] = video.frames / FPS
        for image in images:
            video.add(image)
            pixels.add(image)
        row[f"videos/{name}/to_timestamp"] = video.frames / FPS
        self._pixels[name].merge(pixels)
        return row | _flat(name, image_statistics(pixels))

    def _values(self, episode: Episode) -> dict[str, Any]:
        """The columns of an episode's rows."""
        steps, number = len(episode), np.arange(len(episode))
        return {
            "observation.state": episode.poses,
            "action": episode.actions,
            "grasp_action": episode.grasp_actions,
            "next.reward": episode.rewards,
            "next.done": episode.last,
            "next.success": episode.last & episode.trial.success,
            "timestamp": (number / FPS).astype(np.float32),
            "frame_index": number,
            "episode_index": np.full(steps, self._episodes),
            "index": self._rows + number,
            "task_index": np.full(steps, self._tasks.setdefault(_task(episode), len(self._tasks))),
        }

    def _end_files(self) -> None:
        """Writes the rows that go with the videos, and completes both."""
        for video in self._videos.values():
            video.close()
        self._videos = {}
        arrays = []
        for name, parts in self._columns.items():
            values = np.concatenate(parts)
            flat = pa.array(values.ravel())
            arrays.append(pa.FixedSizeListArray.from_arrays(flat, values.shape[1]) if values.ndim > 1 else flat)
            self._written[name].append(values)
            parts.clear()
        pq.write_table(pa.Table.from_arrays(arrays, schema=SCHEMA), _made(Place.of_file(self._file).data(self._folder)))
        self._file += 1

    def _write_index(self) -> None:
        if not self._index:
            return
        if self._index_file is None:
            schema = pa.Table.from_pylist(self._index).schema
            self._index_file = pq.ParquetWriter(_made(self._folder / EPISODES_PATH), schema)
        self._index_file.write_table(pa.Table.from_pylist(self._index, schema=self._index_file.schema))
        self._index.clear()


def _task(episode: Episode) -> str:
    """The task in words, as policies that read them want it."""
    return f"grasp an object ({episode.trial.task})"


def _decoded(jpeg: bytes) -> Any:
    """An image, uint8 (height, width, 3)."""
    return simplejpeg.decode_jpeg(jpeg, "RGB")


def _flat(feature: str, values: dict[str, Any]) -> dict[str, Any]:
    return {f"stats/{feature}/{name}": value for name, value in values.items()}


def _made(path: pathlib.Path) -> pathlib.Path:
    """The same path, in a folder that exists."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
