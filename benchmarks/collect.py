"""Trials per CPU second, without images and with every image rendered; prints a table and writes JSON.

Rounds are interleaved, so that a busy machine slows all rows alike; compare rows, not runs.

    python benchmarks/collect.py [--trials 300] [--rounds 5] [--out benchmarks/collect.json]
"""

import argparse
import json
import pathlib
import statistics
import time

from grasp_tfp.policies.policy import run_trial
from grasp_tfp.policies.random import RandomPolicy
from grasp_tfp.robots.sim import SimRobot
from grasp_tfp.sim.renderer import Renderer

IMAGE_SIZES = (None, 64, 128, 472)


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=300, help="trials of a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("benchmarks/collect.json"))
    options = parser.parse_args()
    rates: dict[str, list[float]] = {name(size): [] for size in IMAGE_SIZES}
    measure(0, 10, 64)
    for number in range(options.rounds):
        for size in IMAGE_SIZES:
            rates[name(size)].append(measure(number * options.trials, options.trials, size))
    print(f"{'blocks, one process':<28}{'median':>8}{'lowest':>8}{'highest':>9}   trials per CPU second")
    for label, values in rates.items():
        print(f"{label:<28}{statistics.median(values):8.0f}{min(values):8.0f}{max(values):9.0f}")
    options.out.write_text(json.dumps({"trials": options.trials, "trials_per_cpu_second": rates}, indent=2) + "\n")
    print(f"Wrote {options.out}")


def name(size: int | None) -> str:
    """The label of a row."""
    return "states only" if size is None else f"every image at {size} px"


def measure(start: int, trials: int, size: int | None) -> float:
    """Trials per CPU second [1/s], each with its initial image and one image per step when `size` is given."""
    robot, policy = SimRobot(), RandomPolicy()
    renderer = Renderer(size) if size else None
    began = time.process_time()
    for index in range(start, start + trials):
        trial = run_trial(robot, policy, 0, index)
        if renderer:
            renderer.initial_image(robot.scene)
            for pose in trial.gripper_poses:
                renderer.image(robot.scene, pose)
    elapsed = time.process_time() - began
    robot.close()
    return trials / elapsed


if __name__ == "__main__":
    main()
