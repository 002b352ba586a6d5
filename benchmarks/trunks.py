"""Trunks of the actor side by side: how fast each trains, and what it has learnt after the same number of steps.

Every trunk gets the same batches, is judged by the likelihood of other scenes' grasps, and then grasps in scenes of its
own. The rates are those of one training step, measured in turns, per second of one core, since other work on the
machine slows all of them alike. Prints a table and writes JSON.

    python benchmarks/trunks.py --data demo/out [--steps 2000] [--trials 500] [--trunks laptop …] [--out FILE]
"""

import argparse
import dataclasses
import json
import math
import pathlib
import statistics
import tempfile
import time
from typing import Any

import tensorflow as tf

from grasp_datasets.readers import actor_batches
from grasp_tfp.config import Config, TrainConfig, VisionConfig
from grasp_tfp.models.actor import Actor, build_actor
from grasp_tfp.models.bundle import in_memory
from grasp_tfp.policies.ensemble import EnsemblePolicy
from grasp_tfp.robots.sim import SimRobot
from grasp_tfp.success import SuccessRate
from grasp_tfp.training import off_policy
from grasp_tfp.training.evaluation import Evaluation, evaluate

SEED = 40_000_000
AT_ONCE = 64
ROUNDS, STEPS_A_ROUND = 7, 6

LAPTOP = VisionConfig()
TRUNKS = {
    "naive": dataclasses.replace(LAPTOP, filters=(32,) * 6, strides=(2, 1, 1, 1, 1, 2, 1)),
    "laptop": LAPTOP,
    "narrow": dataclasses.replace(LAPTOP, filters=(16, 16, 24, 24, 24, 24)),
    "strided": dataclasses.replace(LAPTOP, strides=(2, 2, 1, 1, 1, 1, 1)),
    "patches": dataclasses.replace(LAPTOP, filters=(32,) * 6, kernels=(8, *(3,) * 6), strides=(4, *(1,) * 6)),
    "pointwise": dataclasses.replace(LAPTOP, kernels=(5, *(3,) * 5, 1)),
    "small": dataclasses.replace(LAPTOP, filters=(16, 16, 24, 24, 24, 24), kernels=(5, *(3,) * 5, 1)),
}
"""`naive` keeps wide maps almost to the end; `patches` cuts the image into 4 × 4 pixels at once."""


def main() -> None:
    """Runs the measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="dataset of blocks that convert wrote")
    parser.add_argument("--steps", type=int, default=2000, help="training steps of each trunk")
    parser.add_argument("--trials", type=int, default=500, help="grasps of each trunk")
    parser.add_argument("--trunks", nargs="+", choices=TRUNKS, default=list(TRUNKS), help="which trunks")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("benchmarks/trunks.json"))
    options = parser.parse_args()
    configs = {name: Config(vision=TRUNKS[name], train=TrainConfig(steps=options.steps)) for name in options.trunks}
    rates = examples_per_second(configs, options.data)
    robots = [SimRobot(seed=SEED) for _ in range(min(AT_ONCE, options.trials))]
    print(f"{'trunk':<10} MMAC  examples a CPU second  validation  {'success':<33}off by")
    rows = {}
    for name, config in configs.items():
        actor, nll = trained(config, options.data)
        found = evaluate(robots, EnsemblePolicy(in_memory(actor)), trials=options.trials)
        rows[name] = row = describe(config.vision, rates[name], nll, found)
        print(line(name, row), flush=True)
    options.out.write_text(json.dumps({"steps": options.steps, "trunks": rows}, indent=2) + "\n")
    print(f"Wrote {options.out}")


def examples_per_second(configs: dict[str, Config], data: pathlib.Path) -> dict[str, list[float]]:
    """Training examples per second of one core, of every round of each trunk."""
    steps: dict[str, Any] = {}
    for name, config in configs.items():
        batch = next(iter(actor_batches(data, "train", config.train.batch_size, 0)))
        steps[name] = _step(config, batch)
        steps[name]()
    rates: dict[str, list[float]] = {name: [] for name in configs}
    for _ in range(ROUNDS):
        for name, config in configs.items():
            begin = time.process_time()
            for _ in range(STEPS_A_ROUND):
                steps[name]()
            rates[name].append(STEPS_A_ROUND * config.train.batch_size / (time.process_time() - begin))
    return rates


def _step(config: Config, batch: Any) -> Any:
    actor = build_actor(config, "mof")
    actor.compile(optimizer=off_policy.optimizer(config.train), jit_compile=False)
    return tf.function(lambda: actor.train_step(batch))


def trained(config: Config, data: pathlib.Path) -> tuple[Actor, float]:
    """An actor after the steps, and its validation loss [nat]."""
    actor = build_actor(config, "mof")
    size, seed = config.train.batch_size, config.train.seed
    with tempfile.TemporaryDirectory() as run:
        report = off_policy.train(
            actor,
            actor_batches(data, "train", size, seed),
            actor_batches(data, "validation", size, seed, epochs=1),
            pathlib.Path(run),
        )
    return actor, report.validation_loss


def describe(vision: VisionConfig, rates: list[float], nll: float, found: Evaluation) -> dict[str, Any]:
    """A row of the table, as JSON values."""
    error = found.median_error
    return {
        "config": dataclasses.asdict(vision),
        "mmac": multiplications(vision) / 1e6,
        "examples_per_cpu_second": statistics.median(rates),
        "range": [min(rates), max(rates)],
        "validation_nll": nll,
        "successes": found.rate.successes,
        "trials": found.rate.trials,
        "across": error.across if error else math.nan,
        "yaw": math.degrees(error.yaw) if error else math.nan,
    }


def line(name: str, row: dict[str, Any]) -> str:
    """A row of the table."""
    low, high = row["range"]
    rate = f"{row['examples_per_cpu_second']:.0f} [{low:.0f}, {high:.0f}]"
    success = SuccessRate(row["successes"], row["trials"])
    return (f"{name:<10}{row['mmac']:5.1f}  {rate:<21}  {row['validation_nll']:6.3f} nat  {success!s:<33}"
            f"{1000 * row['across']:.1f} mm, {row['yaw']:.1f}°")  # fmt: skip


def multiplications(vision: VisionConfig) -> int:
    """Multiply-accumulates of the convolutions for one observation."""
    channels = (6, *vision.filters, vision.feature_points + vision.attended_values)
    side, total = vision.image_size, 0
    for layer, (kernel, stride) in enumerate(zip(vision.kernels, vision.strides, strict=True)):
        side = math.ceil(side / stride)
        total += side**2 * kernel**2 * channels[layer] * channels[layer + 1]
    return total


if __name__ == "__main__":
    main()
