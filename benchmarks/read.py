"""Examples read per second, and the share of a training step spent waiting for them; prints tables and writes JSON.

Images are rendered, so their JPEGs are smaller than photographs of the same size: the table says how large. Rounds
are interleaved, so that a busy machine slows all rows alike; compare rows, not runs.

    python benchmarks/read.py [--trials 1500] [--rounds 5] [--sizes 96 128 472] [--out benchmarks/read.json]
"""

import argparse
import itertools
import json
import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from grasp_datasets.dataset import open_dataset
from grasp_datasets.readers import actor_batches, critic_batches
from grasp_pipelines.collect import collect
from grasp_pipelines.convert import convert
from grasp_tfp.config import load_config

BATCH = 64
SECONDS = 1.5
"""Time for which each row is read in a round, about."""

PAPER_SIZE = 472
"""From this size on, training is that of the paper's network, below of the laptop's."""

READERS: dict[str, Callable[[pathlib.Path, int], Any]] = {
    "actor_batches": lambda out, size: actor_batches(out, "train", BATCH, 0),
    "actor_batches, cropped to 7/8": lambda out, size: actor_batches(out, "train", BATCH, 0, crop=size * 7 // 8),
    "critic_batches": lambda out, size: critic_batches(out, "train", BATCH, 0),
    "critic_batches, balanced": lambda out, size: critic_batches(out, "train", BATCH, 0, balanced=True),
}


class Reading(NamedTuple):
    """What one row of the first table was in one round."""

    rate: float
    """Examples per second [1/s]."""

    cpu: float
    """CPU time per example [ms]."""


class Training(NamedTuple):
    """What one row of the second table was in one round."""

    step: float
    """Time of a training step and of reading its batch [ms]."""

    from_memory: float
    """Time of a training step on a batch that is there already [ms]."""

    waiting: float
    """Share of `step` spent waiting for the batch [%]."""


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", type=int, nargs="+", default=[96, 128, 472])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("benchmarks/read.json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = make_datasets(pathlib.Path(folder), options.trials, options.sizes)
        kilobytes = {size: jpeg_size(out) for size, out in data.items()}
        readings = measure_reading(data, options.rounds)
        print(f"{'median [lowest, highest]':<42}{'examples/s':>22}{'CPU ms/example':>18}   two images each")
        for (size, reader), rows in readings.items():
            label = f"{size} px ({kilobytes[size]:.0f} KB), {reader}"
            print(f"{label:<46}{spread(rows, 'rate', 0):>18}{spread(rows, 'cpu', 2):>20}", flush=True)
        trainings = measure_training(data, options.rounds)
        print(f"\n{'median [lowest, highest]':<38}{'waiting, % of a step':>22}{'ms/step':>20}{'ms from memory':>20}")
        for size, steps in trainings.items():
            columns = (spread(steps, "waiting", 2), spread(steps, "step", 0), spread(steps, "from_memory", 0))
            print(f"{describe(size):<38}{columns[0]:>22}{columns[1]:>20}{columns[2]:>20}", flush=True)
    report = {
        "jpeg_kilobytes": kilobytes,
        "reading": {f"{size} px, {name}": list(map(Reading._asdict, rows)) for (size, name), rows in readings.items()},
        "training": {describe(size): list(map(Training._asdict, rows)) for size, rows in trainings.items()},
    }
    options.out.write_text(json.dumps(report, indent=2) + "\n")
    print(f"Wrote {options.out}")


def make_datasets(folder: pathlib.Path, trials: int, sizes: list[int]) -> dict[int, pathlib.Path]:
    """The same simulated trials at each size, failures thinned to about as many as successes."""
    collect(folder / "logs", trials=trials)
    for size in sizes:
        convert(folder / "logs", folder / str(size), image_size=size, failures=0.1)
    return {size: folder / str(size) for size in sizes}


def jpeg_size(out: pathlib.Path) -> float:
    """Mean size of an image [KB]."""
    metadata = open_dataset(out).metadata
    records = sum(path.stat().st_size for path in out.glob("*.tfrecord-*"))
    return float(records / sum(metadata["examples"].values()) / 2 / 1000)


def measure_reading(data: dict[int, pathlib.Path], rounds: int) -> dict[tuple[int, str], list[Reading]]:
    """Each reader at each size, one after the other in every round."""
    found: dict[tuple[int, str], list[Reading]] = {key: [] for key in itertools.product(data, READERS)}
    for _ in range(rounds):
        for size, reader in found:
            batches = iter(READERS[reader](data[size], size))
            next(batches)
            found[size, reader].append(read(batches))
    return found


def read(batches: Iterator[Any]) -> Reading:
    """Reads for a while."""
    examples, began, cpu = 0, time.perf_counter(), time.process_time()
    while (elapsed := time.perf_counter() - began) < SECONDS or not examples:
        next(batches)
        examples += BATCH
    return Reading(examples / elapsed, 1000 * (time.process_time() - cpu) / examples)


def measure_training(data: dict[int, pathlib.Path], rounds: int) -> dict[int, list[Training]]:
    """A model at each size, one after the other in every round."""
    rows: dict[int, list[Training]] = {size: [] for size in data}
    fits = {size: prepared(size, out) for size, out in data.items()}
    for _ in range(rounds):
        for size, (actor, batches) in fits.items():
            rows[size].append(train(actor, batches))
    return rows


def prepared(size: int, out: pathlib.Path) -> tuple[Any, Iterator[Any]]:
    """An actor that has made its first step, and its batches."""
    from grasp_tfp.models.actor import build_actor
    from grasp_tfp.training.off_policy import optimizer

    preset = "paper" if size >= PAPER_SIZE else "laptop"
    config = load_config(preset, None, [f"vision.image_size={size}"])
    actor = build_actor(config, "mof")
    batches = iter(actor_batches(out, "train", config.train.batch_size, 0))
    actor.adapt(*next(batches))
    actor.compile(optimizer=optimizer(config.train), jit_compile=False)
    actor.train_on_batch(*next(batches))
    return actor, batches


def train(actor: Any, batches: Iterator[Any]) -> Training:
    """Some steps on batches that are read meanwhile, and some on one that is there."""
    batch = next(batches)
    waited, steps, began = 0.0, 0, time.perf_counter()
    while time.perf_counter() - began < 2 * SECONDS or steps < 3:
        asked = time.perf_counter()
        batch = next(batches)
        waited += time.perf_counter() - asked
        actor.train_on_batch(*batch)
        steps += 1
    elapsed = time.perf_counter() - began
    alone = time.perf_counter()
    for _ in range(steps):
        actor.train_on_batch(*batch)
    return Training(1000 * elapsed / steps, 1000 * (time.perf_counter() - alone) / steps, 100 * waited / elapsed)


def describe(size: int) -> str:
    """The label of a row of the second table."""
    name = "paper" if size >= PAPER_SIZE else "laptop"
    return f"{size} px, {name}, batches of {load_config(name).train.batch_size}"


def spread(rows: list[Any], column: str, digits: int) -> str:
    """Median, lowest and highest of a column."""
    values = [getattr(row, column) for row in rows]
    median, low, high = (f"{value:.{digits}f}" for value in (statistics.median(values), min(values), max(values)))
    return f"{median} [{low}, {high}]"


if __name__ == "__main__":
    main()
