"""Logs whose bytes were changed at random: never an exception, a hang, much memory, or a trial that is another.

Run as a script (`make fuzz`), it changes a real log ten thousand times and prints what it found.
"""

import argparse
import base64
import collections
import json
import pathlib
import random
import struct
import tempfile
import time
import tracemalloc
import zlib
from collections.abc import Callable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from grasp_pipelines.log_chunks import Damage
from grasp_pipelines.steps import TrialImages, UnusableTrial, steps_of_trial
from grasp_pipelines.trial_log import TrialWriter, read_trials
from grasp_tfp.trial import Scene, Trial

PATIENCE = 5.0
"""Longest that reading a log of some kilobytes may take, on a machine that is busy with other things [s]."""

MEMORY = 30
"""Most memory that reading may allocate, in sizes of the file: JSON's numbers and lists take that much."""

ALLOWANCE = 2_000_000
"""Memory that reading takes whatever the file is, such as for the imports of the first call [bytes]."""


def real_log(path: pathlib.Path, trials: int = 6) -> None:
    """A log of simulated trials, every second of them with something like images."""
    rng = np.random.default_rng(7)
    with TrialWriter(path) as writer:
        for index in range(trials):
            poses = rng.uniform([0.5, -0.08, 0.1, -1.5], [0.6, 0.08, 0.2, 1.5], (4, 4))
            scene = Scene(("block", "block"), np.tile([0.55, 0.0, 0.02, 0.0, 0.0, 0.0, 1.0], (2, 1)))
            images = tuple(rng.bytes(300) for _ in range(3)) if index % 2 else ()
            writer.write(
                Trial(
                    f"trial-{index}", "blocks", 0, index, "random", "", poses[:3], poses[3], True, "lift", "converged",
                    scene, rng.bytes(300) if images else None, images,
                )
            )  # fmt: skip


def fingerprint(trial: Trial) -> str:
    """All of a trial."""
    return repr(
        {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in vars(trial).items()}
    )


def repaired(data: bytearray) -> bytes:
    """The same bytes with the checksum of each chunk made to fit, so that damage reaches what the chunk holds."""
    at = 8
    while 0 <= at + 9 <= len(data):
        (length,) = struct.unpack_from("<Q", data, at + 1)
        if at + 9 + length > len(data):
            break
        if data[at] == 0x06 and length >= 40:
            struct.pack_into("<I", data, at + 9 + 24, zlib.crc32(data[at + 9 + 40 : at + 9 + length]))
        at += 9 + length
    return bytes(data)


def flip(data: bytearray, rng: random.Random) -> bytes:
    for _ in range(rng.choice([1, 1, 1, 2, 8, 64])):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def cut(data: bytearray, rng: random.Random) -> bytes:
    return bytes(data[: rng.randrange(len(data))])


def remove(data: bytearray, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    del data[start : start + rng.choice([1, 2, 8, 100, 3000])]
    return bytes(data)


def insert(data: bytearray, rng: random.Random) -> bytes:
    start = rng.randrange(len(data))
    data[start:start] = rng.randbytes(rng.choice([1, 2, 8, 100, 3000]))
    return bytes(data)


def repeat(data: bytearray, rng: random.Random) -> bytes:
    start, other = rng.randrange(len(data)), rng.randrange(len(data))
    data[start:start] = data[other : other + rng.randrange(1, 3000)]
    return bytes(data)


def number(data: bytearray, rng: random.Random) -> bytes:
    value = rng.choice([0, 1, 2**31, 2**32 - 1, 2**40, 2**63, 2**64 - 1, len(data)])
    start = rng.randrange(len(data) - 8)
    data[start : start + 8] = struct.pack("<Q", value)
    return bytes(data)


def inside(data: bytearray, rng: random.Random) -> bytes:
    """Changes that the checksums do not show."""
    for _ in range(rng.choice([1, 1, 3, 20])):
        data[rng.randrange(len(data))] = rng.choice(b'\x00\xff"{}[],:.-0123456789eNInf \\u')
    return repaired(data)


def nested(data: bytearray, rng: random.Random) -> bytes:
    """A message that is all brackets, under a checksum that fits."""
    start = data.find(b'{"trial_id"', rng.randrange(len(data) // 2))
    if start >= 0:
        size = data.find(b"}}", start) - start
        data[start : start + size] = (rng.choice([b"[", b'{"a":', b"[],", b"[1,"]) * size)[:size]
    return repaired(data)


MUTATIONS: tuple[Callable[[bytearray, random.Random], bytes], ...] = (
    flip, cut, remove, insert, repeat, number, inside, nested,
)  # fmt: skip
HONEST = {flip, cut, remove, insert, repeat, number}
"""Changes that leave every checksum as it was: what is read must be what was written."""


def read(path: pathlib.Path) -> tuple[list[Trial], list[Damage], float, int]:
    """Reads a log; returns its trials and damages, the time [s] and the most memory [bytes] that it took."""
    damages: list[Damage] = []
    tracemalloc.start()
    began = time.monotonic()
    try:
        trials = list(read_trials(path, damages.append))
        return trials, damages, time.monotonic() - began, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def check(path: pathlib.Path, data: bytes, known: set[str] | None) -> tuple[int, int]:
    """Reads changed bytes and tries to make examples of what they hold; returns the numbers of trials and damages.

    Args:
        path: Where to put the bytes.
        data: The log.
        known: The trials that may be in it; None if they may be any.
    """
    path.write_bytes(data)
    trials, damages, seconds, memory = read(path)
    assert seconds < PATIENCE
    assert memory < MEMORY * len(data) + ALLOWANCE
    assert all(0 <= damage.offset <= len(data) and len(damage.reason) < 300 for damage in damages)
    assert known is None or {fingerprint(trial) for trial in trials} <= known
    for trial in trials:
        if known is None:
            examples(trial)
    return len(trials), len(damages)


def examples(trial: Trial) -> None:
    """Makes examples of a trial, which has either a reason against it or none."""
    try:
        for _ in steps_of_trial(trial, TrialImages(16)):
            pass
    except UnusableTrial as reason:
        assert str(reason)


def fuzz(count: int, seed: int, folder: pathlib.Path) -> collections.Counter[str]:
    """Changes a real log many times; returns how often each change was made, and what came of it."""
    whole = folder / "whole.mcap"
    real_log(whole)
    original, rng = whole.read_bytes(), random.Random(seed)
    known = {fingerprint(trial) for trial in read_trials(whole)}
    tally: collections.Counter[str] = collections.Counter()
    for _ in range(count):
        mutation = rng.choice(MUTATIONS)
        data = mutation(bytearray(original), rng)
        trials, damages = check(folder / "changed.mcap", data, known if mutation in HONEST else None)
        tally.update({mutation.__name__: 1, "logs": 1, "trials read": trials, "damages named": damages})
        tally["logs read whole"] += trials == len(known)
        tally["logs without a trial"] += trials == 0
    return tally


def test_a_log_with_a_few_changes(tmp_path: pathlib.Path) -> None:
    tally = fuzz(400, seed=1, folder=tmp_path)
    assert tally["trials read"] > 400 and tally["damages named"] > 200


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=4000), st.booleans(), st.booleans())
def test_any_bytes(data: bytes, magic: bool, header: bool) -> None:
    profile = b"\x01" + struct.pack("<QI", 16, 8) + b"graspctl" + struct.pack("<I", 0)
    data = (b"\x89MCAP0\r\n" if magic or header else b"") + (profile if header else b"") + data
    with tempfile.TemporaryDirectory() as folder:
        check(pathlib.Path(folder) / "any.mcap", data, None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
POSE = st.fixed_dictionaries({name: st.floats() | JSON for name in ("x", "y", "z", "yaw")})
POSE_IN_FRAME = st.fixed_dictionaries(
    {"pose": st.fixed_dictionaries({"position": POSE | JSON}) | JSON, "yaw": st.floats() | JSON}
)
SCENE = st.fixed_dictionaries(
    {"objects": st.lists(st.just("block") | JSON, max_size=2), "poses": JSON}
) | st.fixed_dictionaries(
    {"objects": st.just(["block"]), "poses": st.lists(st.lists(st.floats(), min_size=7, max_size=7), max_size=2)}
)
START = st.fixed_dictionaries(
    {
        "trial_id": st.text(max_size=4) | JSON, "task": st.text(max_size=4) | JSON, "seed": st.integers() | JSON,
        "index": st.integers() | JSON, "policy": st.text(max_size=4), "policy_digest": st.text(max_size=4),
        "scene": st.none() | SCENE | JSON,
    }
)  # fmt: skip
END = st.fixed_dictionaries(
    {
        "final_pose": POSE | JSON, "success": st.booleans() | JSON, "label_source": st.text(max_size=4),
        "stop_reason": st.text(max_size=4), "num_steps": st.integers(0, 2) | JSON,
    }
)  # fmt: skip
IMAGE = st.fixed_dictionaries({"data": st.binary(max_size=30).map(lambda data: base64.b64encode(data).decode()) | JSON})


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.just("/trial/start"), START | JSON)
        | st.tuples(st.just("/gripper_pose"), POSE_IN_FRAME | JSON)
        | st.tuples(st.sampled_from(["/camera/initial_image", "/camera/image"]), IMAGE | JSON)
        | st.tuples(st.just("/trial/end"), END | JSON),
        max_size=12,
    )
)
def test_any_messages(messages: list[tuple[str, object]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "any.mcap"
        with TrialWriter(path) as writer:
            for topic, message in messages:
                writer._writer.add_message(writer._channels[topic], 0, json.dumps(message).encode(), 0)
        check(pathlib.Path(folder) / "copy.mcap", path.read_bytes(), None)


def main() -> None:
    """Runs many more changes than the tests do."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--logs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        tally = fuzz(options.logs, options.seed, pathlib.Path(folder))
    for name, count in tally.items():
        print(f"{count:8d}  {name}")
    print(f"No exception, hang, memory beyond the limit or altered trial in {time.monotonic() - began:.0f} s.")


if __name__ == "__main__":
    main()
