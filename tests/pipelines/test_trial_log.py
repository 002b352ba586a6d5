"""What is written is what is read, up to where a log was cut off; anything else is named."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from mcap.reader import make_reader
from mcap.writer import Writer

from grasp_pipelines.trial_log import MalformedLog, TrialWriter, log_files, read_trials
from grasp_tfp.errors import UsageError
from grasp_tfp.sim.objects import BOTTLES, OBJECTS
from grasp_tfp.trial import Scene, Trial

numbers = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def trials(draw: st.DrawFn) -> Trial:
    """Any trial: simulated or real, with images or without."""
    steps, objects = draw(st.integers(0, 4)), draw(st.lists(st.text(), max_size=3))
    pictured = draw(st.booleans())
    scene = Scene(tuple(objects), draw(arrays(np.float64, (len(objects), 7), elements=numbers)))
    return Trial(
        trial_id=draw(st.text()),
        task=draw(st.text()),
        seed=draw(st.integers(0, 2**63)),
        index=draw(st.integers(0, 10**8)),
        policy=draw(st.text()),
        policy_digest=draw(st.text()),
        gripper_poses=draw(arrays(np.float64, (steps, 4), elements=numbers)),
        final_pose=draw(arrays(np.float64, 4, elements=numbers)),
        success=draw(st.booleans()),
        label_source=draw(st.text()),
        stop_reason=draw(st.text()),
        scene=draw(st.none() | st.just(scene)),
        initial_image=draw(st.none() | st.binary()),
        images=tuple(draw(st.binary()) for _ in range(steps)) if pictured else (),
    )


def numbered(index: int) -> Trial:
    rng = np.random.default_rng(index)
    scene = Scene(("block", "block"), rng.normal(size=(2, 7)))
    poses, final = rng.normal(size=(3, 4)), rng.normal(size=4)
    name = f"blocks-0-{index:09d}"
    return Trial(
        name, "blocks", 0, index, "random", "", poses, final, index % 3 == 0, "lift-height", "max-actions", scene
    )


def write(path: Path, *written: Trial) -> list[int]:
    """Writes a log; returns its size after each trial."""
    with TrialWriter(path) as writer:
        sizes = []
        for trial in written:
            writer.write(trial)
            sizes.append(path.stat().st_size)
    return sizes


def same(first: Trial, second: Trial) -> bool:
    """Equality to the last bit."""
    return repr(state(first)) == repr(state(second))


def state(trial: Trial) -> dict[str, object]:
    scene = trial.scene and (trial.scene.objects, trial.scene.poses.tolist(), trial.scene.poses.shape)
    poses = (trial.gripper_poses.tolist(), trial.gripper_poses.shape, trial.final_pose.tolist())
    return vars(trial) | {"scene": scene, "gripper_poses": poses, "final_pose": None}


@settings(max_examples=60, deadline=None)
@given(st.lists(trials(), max_size=3))
def test_trials_come_back_to_the_last_bit_and_give_the_same_bytes(written: list[Trial]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder) / "first.mcap", Path(folder) / "second.mcap"
        write(first, *written)
        write(second, *written)
        assert first.read_bytes() == second.read_bytes()
        found = list(read_trials(first))
    assert len(found) == len(written)
    assert all(same(a, b) for a, b in zip(found, written, strict=True))


def test_a_log_cut_off_anywhere_gives_the_trials_before_the_cut(tmp_path: Path) -> None:
    whole = tmp_path / "whole.mcap"
    sizes = write(whole, *map(numbered, range(3)))
    data = whole.read_bytes()
    for length in [*range(0, len(data), 53), *sizes, *(size - 1 for size in sizes)]:
        part = tmp_path / "part.mcap"
        part.write_bytes(data[:length])
        flushed = sum(size <= length for size in sizes)
        found = [trial.index for trial in read_trials(part)]
        assert found == list(range(len(found)))
        assert flushed <= len(found) <= flushed + 1


def test_a_killed_writer_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    script = """
import sys, numpy, pathlib
from grasp_pipelines.trial_log import TrialWriter
from grasp_tfp.trial import Trial
with TrialWriter(pathlib.Path(sys.argv[1])) as writer:
    for index in range(1_000_000):
        poses = numpy.full((5, 4), index / 7)
        writer.write(Trial("t", "blocks", 0, index, "random", "", poses, poses[0], True, "", ""))
        print(index, flush=True)
"""
    path = tmp_path / "killed.mcap"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stdout is not None
        for _ in range(200):
            acknowledged = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        acknowledged = max([acknowledged, *map(int, process.stdout.read().split("\n")[:-1])])
    found = list(read_trials(path))
    assert process.returncode == -signal.SIGKILL
    assert [trial.index for trial in found[: acknowledged + 1]] == list(range(acknowledged + 1))
    assert found[100].gripper_poses.tolist() == [[100 / 7] * 4] * 5


def test_a_flipped_bit_is_found_after_the_trials_before_it(tmp_path: Path) -> None:
    path = tmp_path / "flipped.mcap"
    sizes = write(path, *map(numbered, range(3)))
    data = bytearray(path.read_bytes())
    data[(sizes[0] + sizes[1]) // 2] ^= 4
    path.write_bytes(data)
    found = read_trials(path)
    assert next(found).index == 0
    with pytest.raises(MalformedLog, match=r"flipped\.mcap.*crc.*\.mcap log of `graspctl collect`"):
        next(found)


def test_a_record_that_claims_too_much_is_damage_in_a_finished_log(tmp_path: Path) -> None:
    path = tmp_path / "long.mcap"
    sizes = write(path, numbered(0), numbered(1))
    data = bytearray(path.read_bytes())
    start = data.index(b"\x06", sizes[0])
    data[start + 1 : start + 9] = (2**40).to_bytes(8, "little")
    path.write_bytes(data)
    with pytest.raises(MalformedLog, match="longer than the file"):
        list(read_trials(path))


def test_foreign_files_are_named(tmp_path: Path) -> None:
    text, robot = tmp_path / "text.mcap", tmp_path / "robot.mcap"
    text.write_text("this is no log")
    with open(robot, "wb") as stream:
        writer = Writer(stream)
        writer.start("ros2", "some recorder")
        writer.finish()
    with pytest.raises(MalformedLog, match=r"text\.mcap.*magic"):
        list(read_trials(text))
    with pytest.raises(MalformedLog, match=r"robot\.mcap.*profile is 'ros2'"):
        list(read_trials(robot))


def test_other_tools_can_read_the_log(tmp_path: Path) -> None:
    path = tmp_path / "log.mcap"
    write(path, numbered(0), numbered(1))
    with open(path, "rb") as stream:
        reader = make_reader(stream, validate_crcs=True)
        messages = [(schema, channel.topic, json.loads(m.data)) for schema, channel, m in reader.iter_messages()]
        summary = reader.get_summary()
    assert summary is not None and summary.statistics is not None
    assert [topic for _, topic, _ in messages] == ["/trial/start", "/scene", *["/gripper_pose"] * 3, "/trial/end"] * 2
    assert summary.statistics.message_count == len(messages)
    for schema, _, message in messages:
        assert schema is not None
        assert set(json.loads(schema.data)["required"]) == set(message)


def test_the_scene_shows_every_object_where_it_lies(tmp_path: Path) -> None:
    standing = np.array([0.6, 0.1, 0.03, 0.0, 0.0, 0.0, 1.0])
    lying = np.array([0.5, 0.0, 0.035, 0.0, np.sqrt(0.5), 0.0, np.sqrt(0.5)])
    block = np.array([0.55, -0.1, 0.02, 0.0, 0.0, 0.0, 1.0])
    trial = dataclasses.replace(
        numbered(0), scene=Scene(("block", BOTTLES[0], BOTTLES[1]), np.array([block, lying, standing]))
    )
    write(tmp_path / "log.mcap", trial)
    with open(tmp_path / "log.mcap", "rb") as stream:
        ((_, _, message),) = make_reader(stream).iter_messages(topics=["/scene"])
    (entity,) = json.loads(message.data)["entities"]
    (cube,), (first, second) = entity["cubes"], entity["cylinders"]
    assert cube["size"] == {"x": 0.17, "y": 0.042, "z": 0.04}
    assert cube["pose"]["position"] == {"x": 0.55, "y": -0.1, "z": 0.02}
    outline = OBJECTS[BOTTLES[0]].outline  # type: ignore[union-attr]
    along = (outline[:, 1].min() + outline[:, 1].max()) / 2
    assert first["size"]["z"] == pytest.approx(np.ptp(outline[:, 1]))
    assert first["size"]["x"] == first["size"]["y"] == pytest.approx(2 * outline[:, 0].max())
    assert list(first["pose"]["position"].values()) == pytest.approx([0.5 + along, 0.0, 0.035])
    assert second["pose"]["position"]["x"] == pytest.approx(0.6)


def test_logs_are_never_overwritten(tmp_path: Path) -> None:
    write(tmp_path / "a.mcap", numbered(0))
    before = (tmp_path / "a.mcap").read_bytes()
    with pytest.raises(UsageError, match=r"a\.mcap' exists"):
        TrialWriter(tmp_path / "a.mcap")
    assert (tmp_path / "a.mcap").read_bytes() == before


def test_logs_of_a_folder_are_sorted_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b.mcap", "a.mcap", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "c.mcap").mkdir()
    assert [path.name for path in log_files(tmp_path)] == ["a.mcap", "b.mcap"]


@pytest.mark.parametrize(
    ("name", "found"), [("empty", "a folder without any"), ("file", "a file"), ("missing", "nothing")]
)
def test_a_folder_without_logs_says_what_to_do(tmp_path: Path, name: str, found: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    expected = rf"{name}'\. Expected a folder of \.mcap logs, found {found}\. Run `graspctl collect --sim` first\."
    with pytest.raises(UsageError, match=expected):
        log_files(tmp_path / name)
