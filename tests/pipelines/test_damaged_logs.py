"""Whatever is broken is named, and everything that is not broken arrives."""

import dataclasses
import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from grasp_pipelines.convert import convert
from grasp_pipelines.log_chunks import CUT_OFF, Damage
from grasp_pipelines.trial_log import TrialWriter, read_trials
from grasp_tfp.trial import Scene, Trial

SCENE = Scene(("block",), np.array([[0.55, 0.0, 0.02, 0.0, 0.0, 0.0, 1.0]]))
JPEG: bytes = simplejpeg.encode_jpeg(np.zeros((16, 16, 3), np.uint8))


def trial(index: int, **change: object) -> Trial:
    poses = np.random.default_rng(index).uniform([0.5, -0.08, 0.1, -1.5], [0.6, 0.08, 0.2, 1.5], (4, 4))
    made = Trial(
        f"trial-{index}", "blocks", 0, index, "random", "", poses[:3], poses[3], index % 2 == 0, "", "",
        initial_image=JPEG, images=(JPEG,) * 3,
    )  # fmt: skip
    return dataclasses.replace(made, **change)  # type: ignore[arg-type]


def write(path: Path, *trials: Trial) -> list[int]:
    """Writes a log; returns its size after each trial."""
    path.parent.mkdir(exist_ok=True)
    with TrialWriter(path) as writer:
        sizes = []
        for written in trials:
            writer.write(written)
            sizes.append(path.stat().st_size)
    return sizes


def read(path: Path) -> tuple[list[int], list[Damage]]:
    damages: list[Damage] = []
    return [found.index for found in read_trials(path, damages.append)], damages


def change(path: Path, offset: int, data: bytes) -> None:
    content = bytearray(path.read_bytes())
    content[offset : offset + len(data)] = data
    path.write_bytes(content)


@pytest.mark.parametrize("lost", [0, 2, 5])
def test_a_flipped_bit_costs_one_trial(tmp_path: Path, lost: int) -> None:
    path = tmp_path / "a.mcap"
    ends = [0, *write(path, *map(trial, range(6)))]
    middle = (ends[lost] + ends[lost + 1]) // 2
    change(path, middle, bytes([path.read_bytes()[middle] ^ 16]))
    found, (damage,) = read(path)
    assert found == [index for index in range(6) if index != lost]
    assert ends[lost] <= damage.offset < middle and "checksum" in damage.reason


def chunk_offsets(path: Path) -> list[int]:
    data = path.read_bytes()
    offsets, at = [], 8
    while data[at] != 0x0F:
        offsets += [at] if data[at] == 0x06 else []
        at += 9 + struct.unpack_from("<Q", data, at + 1)[0]
    return offsets


@pytest.mark.parametrize("length", [0, 7, 10**4, 2**40, 2**64 - 1])
@pytest.mark.parametrize("complete", [True, False])
def test_a_wrong_length_costs_one_trial(tmp_path: Path, length: int, complete: bool) -> None:
    path = tmp_path / "a.mcap"
    write(path, *map(trial, range(6)))
    chunks = chunk_offsets(path)
    if not complete:
        path.write_bytes(path.read_bytes()[: chunks[5] - 5])
    change(path, chunks[2] + 1, struct.pack("<Q", length))
    found, damages = read(path)
    assert found == [0, 1, 3, 4, 5][: 5 if complete else 4]
    assert damages[0].offset == chunks[2] and damages[0].reason != CUT_OFF
    assert [damage.reason for damage in damages[1:]] == ([] if complete else [CUT_OFF])


@pytest.mark.parametrize(("start", "stop"), [(0, 8), (9, 25)])
def test_a_damaged_beginning_costs_no_trial(tmp_path: Path, start: int, stop: int) -> None:
    path = tmp_path / "a.mcap"
    write(path, *map(trial, range(3)))
    change(path, start, b"\xff" * (stop - start))
    found, damages = read(path)
    assert found == [0, 1, 2]
    assert len(damages) == 1 and damages[0].offset <= 8


def test_zeros_in_the_middle_as_after_a_power_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    ends = write(path, *map(trial, range(6)))
    change(path, ends[1] - 40, bytes(ends[3] - ends[1]))
    found, damages = read(path)
    assert found == [0, 1, 4, 5] or found == [0, 4, 5]
    assert damages


def test_half_written_empty_and_foreign_logs_are_named(tmp_path: Path) -> None:
    ends = write(tmp_path / "whole.mcap", *map(trial, range(4)))
    whole = (tmp_path / "whole.mcap").read_bytes()
    cases: dict[str, tuple[bytes, int, str]] = {
        "empty": (b"", 0, "it is empty"),
        "magic": (whole[:5], 0, CUT_OFF),
        "head": (whole[:30], 0, CUT_OFF),
        "half": (whole[: ends[2] + 100], 3, CUT_OFF),
        "no summary": (whole[:-200], 4, CUT_OFF),
        "text": (b"a note, not a log\n" * 100, 0, "not a valid MCAP file"),
        "bag": (b"#ROSBAG V2.0\n" + bytes(5000), 0, "not a valid MCAP file"),
        "other profile": (whole.replace(b"graspctl", b"ros2bags", 1), 0, "its profile is 'ros2bags'"),
    }
    for name, (data, saved, reason) in cases.items():
        path = tmp_path / f"{name}.mcap"
        path.write_bytes(data)
        found, damages = read(path)
        assert (name, found) == (name, list(range(saved)))
        assert (name, len(damages)) == (name, 1) and damages[0].reason.startswith(reason)


def forged(whole: bytes, old: bytes, new: bytes) -> bytes:
    """A log with bytes of one message replaced by as many others, under a checksum that fits."""
    assert len(old) == len(new) and whole.count(old) == 1
    data = bytearray(whole.replace(old, new))
    at = 8
    while data[at] != 0x0F:
        (length,) = struct.unpack_from("<Q", data, at + 1)
        if data[at] == 0x06:
            struct.pack_into("<I", data, at + 9 + 24, zlib.crc32(data[at + 9 + 40 : at + 9 + length]))
        at += 9 + length
    return bytes(data)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b'"trial_id":"trial-1"', b'"trial_id":1234567.8', "trial_id is 1234567.8, not of type str"),
        (b'"success":false', b'"success":12345', "success is 12345, not of type bool"),
        (b'"num_steps":3', b'"num_steps":4', "3 poses and 3 images for 4 steps"),
        (b'"label_source":""', b'"label_sauce" :""', "no 'label_source'"),
        (b'"scene":null', b'"scene":1234', "it does not fit the schema"),
    ],
)
def test_a_trial_that_does_not_fit_is_skipped(tmp_path: Path, old: bytes, new: bytes, reason: str) -> None:
    odd = trial(1)
    path = tmp_path / "a.mcap"
    write(path, odd)
    single = forged(path.read_bytes(), old, new)
    path.write_bytes(single)
    found, (damage,) = read(path)
    assert found == []
    assert damage.trial is not None
    assert damage.reason.startswith("it does not fit the schema") and reason in damage.reason


def test_a_trial_without_its_end_record_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    with TrialWriter(path) as writer:
        writer.write(trial(0))
        writer._writer.add_message(writer._channels["/trial/start"], 0, b'{"trial_id":"stopped"}', 0)
        writer.write(trial(1))
        writer._writer.add_message(writer._channels["/trial/start"], 0, b"not JSON", 0)
    found, damages = read(path)
    assert found == [0, 1]
    assert [(damage.trial, damage.reason) for damage in damages] == [
        ("stopped", "its end record is missing"),
        ("without a name", "its end record is missing"),
    ]


def broken_folder(folder: Path) -> None:
    """One log of each kind of damage, and 20 sound trials."""
    write(folder / "a-sound.mcap", *map(trial, range(10)))
    ends = write(folder / "b-flipped.mcap", *map(trial, range(10, 16)))
    change(folder / "b-flipped.mcap", ends[1] + 3000, b"\x00\x01\x02")
    ends = write(folder / "c-half-written.mcap", *map(trial, range(20, 24)))
    (folder / "c-half-written.mcap").write_bytes((folder / "c-half-written.mcap").read_bytes()[: ends[2] + 50])
    (folder / "d-empty.mcap").touch()
    (folder / "e-foreign.mcap").write_text("a note, not a log")
    write(
        folder / "f-unusable.mcap",
        trial(30, gripper_poses=np.full((3, 4), np.nan)),
        trial(31, images=(JPEG, JPEG[:200], JPEG)),
        trial(32, images=(JPEG, b"no image", JPEG)),
        trial(33, images=(), initial_image=None),
        trial(34, images=(), scene=Scene(("unicorn",), SCENE.poses)),
        trial(35, images=(), scene=Scene(("block",), np.full((1, 7), 1e300))),
        trial(36),
    )
    write(folder / "g-repeated.mcap", trial(3), trial(4), trial(40))


def test_everything_that_is_sound_is_converted_and_the_rest_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grasp_pipelines.shards.SHARD_BYTES", 1)
    broken_folder(tmp_path / "logs")
    report = convert(tmp_path / "logs", tmp_path / "out", workers=1)
    assert report.trials == 10 + 5 + 3 + 1 + 1
    assert sum(report.examples.values()) == 3 * report.trials
    assert report.damaged == 4
    assert [(p.log, p.times, p.saved, p.damage) for p in report.problems] == [
        ("b-flipped.mcap", 1, 5, True),
        ("c-half-written.mcap", 1, 3, True),
        ("d-empty.mcap", 1, 0, True),
        ("e-foreign.mcap", 1, 0, True),
        ("f-unusable.mcap", 1, 1, False),
        ("f-unusable.mcap", 2, 1, False),
        ("f-unusable.mcap", 1, 1, False),
        ("f-unusable.mcap", 1, 1, False),
        ("f-unusable.mcap", 1, 1, False),
        ("g-repeated.mcap", 2, 1, False),
    ]
    assert report.skipped == {
        "a gripper pose or an object cannot be drawn": 1,
        "a pose is not finite": 1,
        "an image does not decode": 2,
        "an object of its scene is nowhere near the robot or has no orientation": 1,
        "images are missing and there is no scene to render them from": 1,
        "its id is that of a trial before it": 2,
    }
    card = (tmp_path / "out" / "README.md").read_text()
    assert "| b-flipped.mcap | byte " in card and "| 5 trials |" in card


def test_the_command_prints_the_table_and_fails_unless_told_otherwise(tmp_path: Path) -> None:
    broken_folder(tmp_path / "logs")
    command = [sys.executable, "-m", "graspctl", "convert", "logs", "out", "--workers", "1", "--failures", "1"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 1
    error = run.stderr.splitlines()[-1]
    assert error.startswith("Error: 4 logs damaged, see the table above; the dataset holds everything else.")
    assert "Traceback" not in run.stderr
    rows = [line.split() for line in run.stdout.splitlines()]
    assert [row[0] for row in rows if row[0].endswith(".mcap")] == [
        "b-flipped.mcap", "c-half-written.mcap", "d-empty.mcap", "e-foreign.mcap", *["f-unusable.mcap"] * 5,
        "g-repeated.mcap",
    ]  # fmt: skip
    again = subprocess.run(
        [*command, "--overwrite", "--skip-damaged", "--json"], cwd=tmp_path, env=environment, capture_output=True
    )
    assert again.returncode == 0
    assert len(json.loads(again.stdout)["problems"]) == 10
