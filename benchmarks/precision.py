"""Steps of training in float32 and in the precision that training chooses, in turns; prints a table and writes JSON.

Both are float32 on a CPU without bfloat16.

    python benchmarks/precision.py [--rounds 15] [--out benchmarks/precision.json]
"""

import argparse
import contextlib
import json
import pathlib
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import tensorflow as tf

from grasp_tfp.config import Config
from grasp_tfp.models.actor import build_actor
from grasp_tfp.training.off_policy import fastest_precision, optimizer

STEPS = 10
"""Of a round."""

PRECISIONS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "float32": contextlib.nullcontext,
    "as trained": fastest_precision,
}


class Round(NamedTuple):
    """One step of a round [ms]."""

    wall: float
    cpu: float


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("benchmarks/precision.json"))
    options = parser.parse_args()
    rounds = measure(options.rounds)
    plain = rounds["float32"]
    print(f"{'precision':<12}{'ms a step':<24}CPU ms a step  times as fast, by CPU time")
    for name, found in rounds.items():
        wall, cpu = ([getattr(each, field) for each in found] for field in Round._fields)
        ratio = statistics.median(slow.cpu / each.cpu for slow, each in zip(plain, found, strict=True))
        spread = f"{statistics.median(wall):.1f} [{min(wall):.1f}, {max(wall):.1f}]"
        print(f"{name:<12}{spread:<24}{statistics.median(cpu):<15.1f}{ratio:.2f}")
    options.out.write_text(json.dumps({name: [r._asdict() for r in found] for name, found in rounds.items()}) + "\n")
    print(f"Wrote {options.out}")


def measure(rounds: int) -> dict[str, list[Round]]:
    """The rounds of each precision."""
    steps = {name: _step() for name in PRECISIONS}
    found: dict[str, list[Round]] = {name: [] for name in PRECISIONS}
    for number in range(rounds + 1):
        for name, precision in PRECISIONS.items():
            with precision():
                wall, cpu = time.perf_counter(), time.process_time()
                for _ in range(STEPS):
                    steps[name]()
                each = Round((time.perf_counter() - wall) / STEPS * 1e3, (time.process_time() - cpu) / STEPS * 1e3)
            if number:  # The first round traces.
                found[name].append(each)
    return found


def _step() -> Any:
    config = Config()
    actor = build_actor(config, "mof")
    actor.compile(optimizer=optimizer(config.train), jit_compile=False)
    size, batch = config.vision.image_size, config.train.batch_size
    pixels = tf.random.stateless_uniform([2, batch, size, size, 3], [0, 0], 0, 256, tf.int32)
    image, initial_image = tf.unstack(tf.cast(pixels, tf.uint8))
    observation = {"image": image, "initial_image": initial_image, "gripper_pose": tf.zeros([batch, 4])}
    action = 0.05 * tf.random.stateless_normal([batch, 4], [0, 1])
    return tf.function(lambda: actor.train_step((observation, action)))


if __name__ == "__main__":
    main()
