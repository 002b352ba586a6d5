"""An exported LeRobotDataset v3: its published layout, its rows, its frames and its statistics."""

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
import simplejpeg

from grasp_pipelines.export import export
from grasp_pipelines.exports.episode import Episode
from grasp_pipelines.exports.lerobot import LeRobotWriter
from grasp_pipelines.steps import UnusableTrial
from grasp_tfp.actions import apply_action, decode_action
from grasp_tfp.trial import Trial

IMAGES = ("observation.images.image", "observation.images.initial_image")
PUBLISHED = [
    "data/chunk-000/file-000.parquet",
    "meta/episodes/chunk-000/file-000.parquet",
    "meta/info.json",
    "meta/stats.json",
    "meta/tasks.parquet",
    *(f"videos/{name}/chunk-000/file-000.mp4" for name in IMAGES),
]


@pytest.fixture(scope="module")
def out(logs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "lerobot"
    assert export(logs, folder, "lerobot").trials == 6
    return folder


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def frames(path: Path) -> Any:
    """All frames of a video, with their times [s]."""
    with av.open(str(path)) as container:
        found = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    times, images = zip(*found, strict=True)
    return np.array(times), np.array(images)


def write(folder: Path, trials: list[Trial], **options: Any) -> None:
    folder.mkdir()
    writer = LeRobotWriter(folder, **options)
    for trial in trials:
        writer.add(Episode(trial, trial.initial_image or b"", trial.images), "train")
    writer.close()


def test_the_files_are_those_of_the_published_layout(out: Path) -> None:
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()) == PUBLISHED
    info = read(out / "meta" / "info.json")
    assert (info["codebase_version"], info["splits"]) == ("v3.0", {"train": "0:6"})
    assert (info["total_episodes"], info["total_frames"], info["total_tasks"]) == (6, 18, 2)
    place = {"chunk_index": 0, "file_index": 0}
    assert info["data_path"].format(**place) == PUBLISHED[0]
    assert info["video_path"].format(video_key=IMAGES[0], **place) in PUBLISHED
    videos = {name for name, feature in info["features"].items() if feature["dtype"] == "video"}
    assert videos == set(IMAGES) and info["features"][IMAGES[0]]["shape"] == [32, 32, 3]
    columns = set(info["features"]) - videos
    assert columns == set(pq.read_schema(out / PUBLISHED[0]).names)
    assert {"timestamp", "frame_index", "episode_index", "index", "task_index"} < columns


def test_pandas_finds_the_tasks_by_their_words(out: Path) -> None:
    tasks = pq.read_table(out / "meta" / "tasks.parquet").to_pandas()
    assert dict(tasks["task_index"]) == {"grasp an object (blocks)": 0, "grasp an object (bottles)": 1}


def test_rows_and_frames_are_those_of_the_trials(out: Path, trials: list[Trial]) -> None:
    rows = pq.read_table(out / PUBLISHED[0]).to_pylist()
    episodes = pq.read_table(out / PUBLISHED[1]).to_pylist()
    videos = {name: frames(out / "videos" / name / "chunk-000" / "file-000.mp4") for name in IMAGES}
    assert [row["index"] for row in rows] == list(range(18))
    for number, (trial, episode) in enumerate(zip(trials, episodes, strict=True)):
        own = rows[episode["dataset_from_index"] : episode["dataset_to_index"]]
        assert (episode["trial_id"], episode["success"]) == (trial.trial_id, trial.success)
        assert len(own) == episode["length"] == trial.num_steps
        assert {row["episode_index"] for row in own} == {number} and [row["frame_index"] for row in own] == [
            *range(len(own))
        ]
        assert [row["task_index"] for row in own] == [int(trial.task == "bottles")] * len(own)
        np.testing.assert_allclose([row["observation.state"] for row in own], trial.gripper_poses, rtol=1e-6)
        moves = [apply_action(row["observation.state"], decode_action(row["action"])) for row in own]
        np.testing.assert_allclose(moves, [*trial.gripper_poses[1:], trial.final_pose], atol=1e-6)
        assert [row["next.done"] for row in own] == [False] * (len(own) - 1) + [True]
        assert [row["next.reward"] for row in own] == [0] * (len(own) - 1) + [float(trial.success)]
        for name, expected in zip(IMAGES, (trial.images, (trial.initial_image,) * len(own)), strict=True):
            times, images = videos[name]
            first = episode[f"videos/{name}/from_timestamp"]
            assert episode[f"videos/{name}/to_timestamp"] == first + len(own)
            for row, jpeg in zip(own, expected, strict=True):
                (at,) = np.flatnonzero(times == first + row["timestamp"])
                error = images[at].astype(float) - simplejpeg.decode_jpeg(jpeg)
                assert np.abs(error).max() < 6, "video is lossy, but not by more"


def test_statistics_are_those_of_the_rows_and_of_the_images(out: Path) -> None:
    stats = read(out / "meta" / "stats.json")
    table = pq.read_table(out / PUBLISHED[0])
    for name in table.column_names:
        values = np.array(table[name].to_pylist(), float).reshape(18, -1)
        for key, expected in {"mean": values.mean(0), "std": values.std(0), "min": values.min(0), "max": values.max(0),
                              "q10": np.quantile(values, 0.1, 0), "count": 18}.items():  # fmt: skip
            np.testing.assert_allclose(stats[name][key], np.broadcast_to(expected, np.shape(stats[name][key])))
    for name in IMAGES:
        _, images = frames(out / "videos" / name / "chunk-000" / "file-000.mp4")
        assert np.shape(stats[name]["mean"]) == (3, 1, 1) and stats[name]["count"] == [18]
        for key in ("mean", "std", "min", "max"):
            found = getattr(images / 255, key)((0, 1, 2))
            np.testing.assert_allclose(np.ravel(stats[name][key]), found, atol=0.02)
    episode = pq.read_table(out / PUBLISHED[1]).to_pylist()[2]
    own = np.array(table["action"].to_pylist()[3:6])
    np.testing.assert_allclose(episode["stats/action/max"], own.max(0), rtol=1e-6)
    assert np.shape(episode[f"stats/{IMAGES[0]}/q50"]) == (3, 1, 1)


def test_large_datasets_go_to_several_files(trials: list[Trial], tmp_path: Path) -> None:
    write(tmp_path / "split", trials, file_bytes=1)
    write(tmp_path / "whole", trials)
    files = sorted((tmp_path / "split" / "data" / "chunk-000").iterdir())
    assert [path.name for path in files] == [f"file-{number:03d}.parquet" for number in range(6)]
    rows = [row for path in files for row in pq.read_table(path).to_pylist()]
    assert rows == pq.read_table(tmp_path / "whole" / PUBLISHED[0]).to_pylist()
    for number, episode in enumerate(pq.read_table(tmp_path / "split" / PUBLISHED[1]).to_pylist()):
        assert episode["data/file_index"] == episode[f"videos/{IMAGES[1]}/file_index"] == number
        assert episode[f"videos/{IMAGES[0]}/from_timestamp"] == 0
        path = tmp_path / "split" / "videos" / IMAGES[0] / "chunk-000" / f"file-{number:03d}.mp4"
        assert len(frames(path)[0]) == episode["length"]
    for name in ("info", "stats"):
        assert read(tmp_path / "split" / "meta" / f"{name}.json") == read(tmp_path / "whole" / "meta" / f"{name}.json")


def test_images_that_do_not_fit_are_left_out(real_trial: Any, tmp_path: Path) -> None:
    writer = LeRobotWriter(tmp_path)
    odd, small, large = (real_trial(index, size=size) for index, size in enumerate((31, 32, 64)))
    with pytest.raises(UnusableTrial, match="odd height"):
        writer.add(Episode(odd, odd.initial_image, odd.images), "train")
    writer.add(Episode(small, small.initial_image, small.images), "train")
    with pytest.raises(UnusableTrial, match="not as large"):
        writer.add(Episode(large, large.initial_image, large.images), "train")
    writer.close()
    assert read(tmp_path / "meta" / "info.json")["total_episodes"] == 1
