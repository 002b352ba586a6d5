"""The contract of a viewer over both, where their SDKs are installed, and what it must not change."""

import contextlib
import json
import math
import os
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mcap.reader import make_reader

from grasp_tfp.errors import UsageError
from grasp_tfp.policies.actor import ActorPolicy
from grasp_tfp.policies.policy import run_trials
from grasp_tfp.policies.random import RandomPolicy
from grasp_tfp.robots.robot import GraspResult
from grasp_tfp.robots.sim import SimRobot
from grasp_tfp.robots.viewer import Lines, Viewer, WatchedRobot, WatchedSampler, jaw_lines, sample_lines
from grasp_tfp.robots.views import open_viewer
from grasp_tfp.sim.geometry import JAW
from grasp_tfp.trial import Scene


class Notes(Viewer):
    """Remembers what it was shown."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []

    def begin(self, index: int, scene: Scene | None) -> None:
        self.calls.append(("begin", (index, scene)))

    def look(self, image: Any, pose: Any) -> None:
        self.calls.append(("look", (image.shape, pose.copy())))

    def propose(self, samples: Lines) -> None:
        self.calls.append(("propose", samples))

    def end(self, index: int, result: GraspResult) -> None:
        self.calls.append(("end", (index, result)))

    def close(self) -> None:
        self.calls.append(("close", None))

    def named(self, name: str) -> list[Any]:
        return [what for called, what in self.calls if called == name]


class Samples:
    """Stands for an actor: proposes small moves, the last of them the most probable."""

    digest = "d"

    def act(self, image: Any, initial_image: Any, noise: Any) -> tuple[Any, Any]:
        scores = np.arange(noise.shape[1], dtype=np.float32)[None].repeat(len(noise), 0)
        return (0.01 * noise[..., :4]).astype(np.float32), scores


def test_a_watched_trial_is_the_same_trial_and_shown_whole() -> None:
    for make in (lambda sampler: RandomPolicy(), ActorPolicy):
        notes = Notes()
        robots = SimRobot(image_size=32), SimRobot(image_size=32)
        watched = WatchedRobot(robots[0], notes)
        seen = [run.trial for run in run_trials([watched], make(WatchedSampler(Samples(), watched)), 0, range(3))]
        plain = [run.trial for run in run_trials([robots[1]], make(Samples()), 0, range(3))]
        for one, two in zip(seen, plain, strict=True):
            np.testing.assert_array_equal(one.gripper_poses, two.gripper_poses)
            np.testing.assert_array_equal(one.final_pose, two.final_pose)
            assert (one.success, one.stop_reason, one.trial_id) == (two.success, two.stop_reason, two.trial_id)
        assert [index for index, _ in notes.named("begin")] == [0, 1, 2] == [index for index, _ in notes.named("end")]
        assert [result.success for _, result in notes.named("end")] == [trial.success for trial in seen]
        assert len(notes.named("look")) == sum(trial.num_steps + 1 for trial in seen)
        proposed = sum(trial.num_steps for trial in seen) if make is ActorPolicy else 0
        assert len(notes.named("propose")) == proposed
        for robot in robots:
            robot.close()


def test_lines_are_jaws_from_red_to_green() -> None:
    pose = np.array([0.5, 0.0, 0.2, 0.0])
    lines = sample_lines(pose, np.array([[0.1, 0, -0.1, math.pi / 2], [0, 0, 0, 0]]), np.array([-1.0, 3.0]))
    half = JAW.opening / 2
    np.testing.assert_allclose(lines.points[1], [[0.5 - half, 0, 0.2], [0.5 + half, 0, 0.2]])
    np.testing.assert_allclose(np.ptp(lines.points[0], axis=0), [0, JAW.opening, 0], atol=1e-9)
    np.testing.assert_allclose(lines.points[0].mean(0), [0.6, 0, 0.1])
    assert lines.colours.tolist() == [[1, 0, 0], [0, 1, 0]]
    assert jaw_lines(pose[None], np.ones((1, 3))).points.shape == (1, 4, 3)


def show(viewer: Viewer) -> int:
    """Shows three trials of an actor among bottles; returns how many looks that takes."""
    robot = WatchedRobot(SimRobot(task="bottles", image_size=32), viewer)
    with contextlib.closing(robot), contextlib.closing(viewer):
        policy = ActorPolicy(WatchedSampler(Samples(), robot))
        return sum(run.trial.num_steps + 1 for run in run_trials([robot], policy, 0, range(3)))


def rerun_program() -> str:
    """Rerun's program itself, which the SDK brings; the one in `bin` only starts it."""
    package = Path(pytest.importorskip("rerun_cli").__file__).parent
    return str(package / "rerun")


def rerun_rows(path: Path) -> dict[str, int]:
    """How many messages an .rrd file has on each topic."""
    words = [rerun_program(), "rrd", "print", str(path)]
    printed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    rows: dict[str, int] = {}
    for line in printed.splitlines():
        if line.startswith("Chunk(") and " rows (" in line:
            count, topic = line.split(" with ")[1].split(" rows ")[0], line.split(" - ")[1]
            rows[topic.strip()] = rows.get(topic.strip(), 0) + int(count)
    return rows


def check_rerun(rows: dict[str, int], looks: int) -> None:
    assert rows["/camera/image"] == looks and rows["/gripper"] == looks + 3
    assert rows["/samples"] == (looks - 3) + 3, "and one that clears them for each trial"
    assert rows["/success"] == rows["/outcome"] == rows["/scene/cylinders"] == 3


def test_rerun_writes_a_file_with_everything(tmp_path: Path) -> None:
    rerun_program()
    looks = show(open_viewer(str(tmp_path / "trials.rrd")))
    check_rerun(rerun_rows(tmp_path / "trials.rrd"), looks)


def test_rerun_shows_live_to_a_viewer_on_this_machine(tmp_path: Path) -> None:
    """Its own program takes the place of its window, which needs a display."""
    program = rerun_program()
    from grasp_tfp.robots.view_rerun import RerunViewer

    with pytest.raises(UsageError, match="No Rerun viewer listens at 127.0.0.1:19876. Run rerun --bind 127.0.0.1"):
        RerunViewer(None, port=19876)
    words = [program, "--bind", "127.0.0.1", "--port", "19876", "--save", str(tmp_path / "live.rrd")]
    with open(tmp_path / "log.txt", "w") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, env=os.environ | {"HOME": str(tmp_path)})
    try:
        viewer = None
        while viewer is None:
            assert process.poll() is None, (tmp_path / "log.txt").read_text()
            with contextlib.suppress(UsageError):
                viewer = RerunViewer(None, port=19876)
            time.sleep(0.1)
        looks = show(viewer)
        time.sleep(1)
    finally:
        process.terminate()
        process.wait(10)
    check_rerun(rerun_rows(tmp_path / "live.rrd"), looks)


def check_foxglove(topics: list[str], looks: int) -> None:
    assert topics.count("/camera/image") == topics.count("/gripper_pose") == looks
    assert topics.count("/trial/outcome") == 3
    assert topics.count("/scene") == 3 * 2 + looks + (looks - 3) + 3, "objects, samples and gripper"


def test_foxglove_writes_a_file_with_everything(tmp_path: Path) -> None:
    pytest.importorskip("foxglove")
    from foxglove_schemas_protobuf.CompressedImage_pb2 import CompressedImage
    from foxglove_schemas_protobuf.SceneUpdate_pb2 import SceneUpdate

    looks = show(open_viewer(str(tmp_path / "trials.mcap")))
    with open(tmp_path / "trials.mcap", "rb") as stream:
        found = [(channel.topic, message.data) for _, channel, message in make_reader(stream).iter_messages()]
    check_foxglove([topic for topic, _ in found], looks)
    (image, *_) = [CompressedImage.FromString(data) for topic, data in found if topic == "/camera/image"]
    assert image.format == "jpeg" and image.data.startswith(b"\xff\xd8")
    entities = [SceneUpdate.FromString(data).entities[0] for topic, data in found if topic == "/scene"]
    assert max(len(entity.lines) for entity in entities if entity.id == "samples") == 64
    assert {len(entity.cylinders) for entity in entities if entity.id == "objects"} == {2}
    greens = [entity.lines[-1].color.g for entity in entities if entity.id == "samples" and entity.lines]
    assert set(greens) == {1.0}


def test_foxglove_serves_this_machine_only(tmp_path: Path) -> None:
    pytest.importorskip("foxglove")
    from websockets.sync.client import connect

    from grasp_tfp.robots.view_foxglove import FoxgloveViewer

    viewer = FoxgloveViewer(None, port=0)
    with connect(f"ws://127.0.0.1:{viewer.port}", subprotocols=["foxglove.sdk.v1"], max_size=None) as client:  # type: ignore[list-item]
        names = dict(advertised(client))
        assert sorted(names.values()) == ["/camera/image", "/gripper_pose", "/scene", "/trial/outcome"]
        wanted = [{"id": number, "channelId": number} for number in names]
        client.send(json.dumps({"op": "subscribe", "subscriptions": wanted}))
        time.sleep(0.5)
        with pytest.raises(UsageError, match=f"Cannot serve 127.0.0.1:{viewer.port}: .* End what listens there."):
            FoxgloveViewer(None, port=viewer.port)
        robot = WatchedRobot(SimRobot(task="bottles", image_size=32), viewer)
        ran = run_trials([robot], ActorPolicy(WatchedSampler(Samples(), robot)), 0, range(3))
        looks = sum(run.trial.num_steps + 1 for run in ran)
        topics: list[str] = []
        with contextlib.suppress(TimeoutError):
            while True:
                message = client.recv(timeout=1)
                if isinstance(message, bytes):
                    topics.append(names[struct.unpack_from("<I", message, 1)[0]])
        robot.close()
    viewer.close()
    check_foxglove(topics, looks)


def advertised(client: Any) -> Iterator[tuple[int, str]]:
    """The channels that the server offers."""
    while True:
        message = json.loads(client.recv(timeout=5))
        if message["op"] == "advertise":
            yield from ((channel["id"], channel["topic"]) for channel in message["channels"])
            return
