"""Memory, CPU and time of `graspctl convert`, against a plain loop, `cp` and TFDS's own writer.

Rounds are interleaved, so that a busy machine slows all rows alike; compare CPU seconds and memory before
times. Memory is that of a whole tree of processes: what each has for itself, summed, at its highest.

    python benchmarks/convert.py [--sizes 0.25 1 4] [--rounds 3] [--out benchmarks/convert.json]
"""

import argparse
import dataclasses
import itertools
import json
import pathlib
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from process_cost import Cost, cost_of

TRIALS_PER_LOG = 100
TFDS_SIZE = 0.25
"""Largest logs that TFDS's writer is tried on: it keeps all examples in memory, several times over [GB]."""

POOL = 40
"""Trials that are rendered; the logs repeat their images under names of their own."""


def main() -> None:
    """Runs the benchmark, or one of its rows in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=float, nargs="+", default=[0.25, 1.0, 4.0], help="of the logs [GB]")
    parser.add_argument("--state-trials", type=int, default=1500, help="trials whose images are rendered")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("benchmarks/convert.json"))
    parser.add_argument("--folder", type=pathlib.Path, help="where there is room for three times the largest size")
    parser.add_argument("--row", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row:
        return run_row(*options.row)
    results: dict[str, Any] = {"logs with images": {}, "logs of states": {}}
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for size in options.sizes:
            results["logs with images"][f"{size:g} GB"] = images_table(pathlib.Path(folder), size, options)
        if options.state_trials:
            results["logs of states"] = states_table(pathlib.Path(folder), options)
    options.out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(f"Wrote {options.out}")


def images_table(folder: pathlib.Path, size: float, options: argparse.Namespace) -> dict[str, Any]:
    """Measures and prints all rows for logs with images of one size [GB]."""
    logs = folder / "images"
    total = make_image_logs(logs, int(size * 1e9))
    rows = ["convert, 1 worker", "convert, 2 workers", "plain loop", "cp"]
    if size <= TFDS_SIZE:
        rows.append("TFDS's Beam writer")
    costs: dict[str, list[Cost]] = {row: [] for row in rows}
    for number in range(options.rounds):
        for row in rows if number == 0 else rows[:4]:
            costs[row].append(measure(folder, row, str(logs), str(folder / "out")))
    shutil.rmtree(logs)
    print(
        f"\nLogs with JPEGs of 472 pixels, {total / 1e9:.2f} GB: median of {options.rounds} rounds (lowest to highest)"
    )
    print(f"{'':<22}{'peak, tree':>12}{'largest':>10}{'CPU':>23}{'time':>23}{'logs':>12}")
    for row, values in costs.items():
        print(
            f"{row:<22}{max(c.tree_mb for c in values):9.0f} MB{max(c.largest_mb for c in values):7.0f} MB"
            f"{spread([c.cpu_seconds for c in values]):>23}{spread([c.seconds for c in values]):>23}"
            f"{total / 1e6 / statistics.median(c.seconds for c in values):7.0f} MB/s"
        )
    ratios = [
        a.cpu_seconds / b.cpu_seconds for a, b in zip(costs["convert, 1 worker"], costs["plain loop"], strict=True)
    ]
    print(f"CPU of convert with 1 worker over that of the plain loop, round by round: {spread(ratios, '')}")
    return {
        "bytes": total,
        "rows": {row: [vars(c) for c in found] for row, found in costs.items()},
        "cpu_ratio": ratios,
    }


def states_table(folder: pathlib.Path, options: argparse.Namespace) -> dict[str, Any]:
    """Measures and prints how fast images are rendered."""
    logs = folder / "states"
    images = make_state_logs(logs, options.state_trials)
    results: dict[str, Any] = {"images": images}
    print(f"\nLogs of states, {images} images to render: median of {options.rounds} rounds (lowest to highest)")
    print(f"{'':<22}{'peak, tree':>12}{'images per CPU second':>28}{'images per second':>26}")
    for pixels in (64, 472):
        for workers in (1, 2):
            row = f"{pixels} pixels, {workers} worker{'s'[: workers - 1]}"
            costs = [
                measure(folder, row, str(logs), str(folder / "out"), str(pixels), str(workers))
                for _ in range(options.rounds)
            ]
            results[row] = [vars(cost) for cost in costs]
            print(
                f"{row:<22}{max(c.tree_mb for c in costs):9.0f} MB"
                f"{spread([images / c.cpu_seconds for c in costs], ''):>28}"
                f"{spread([images / c.seconds for c in costs], ''):>26}"
            )
    return results


def run_row(row: str, logs: str, out: str, pixels: str = "472", workers: str = "") -> None:
    """One measured command."""
    if row == "plain loop":
        return plain_loop(logs, out)
    if row == "TFDS's Beam writer":
        return tfds_writer(logs, out)
    from grasp_pipelines.convert import convert

    number = int(workers or row.removeprefix("convert, ")[0])
    convert(logs, out, image_size=int(pixels), workers=number)


def plain_loop(logs: str, out: str) -> None:
    """The same work in a loop in place of Beam."""
    from grasp_pipelines import convert as conversion

    def loop(name: str, function: Any, elements: list[Any], argument: Any, **_: Any) -> None:
        for element in elements:
            function(element, argument)

    conversion.run_map = loop
    conversion.convert(logs, out, image_size=472)


def tfds_writer(logs: str, out: str) -> None:
    """The same examples through the writer that TFDS has for Beam pipelines."""
    import apache_beam as beam
    import tensorflow_datasets as tfds
    from apache_beam.options.pipeline_options import PipelineOptions

    from grasp_datasets import schema
    from grasp_pipelines.trial_log import log_files

    class GraspStepsByTfds(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version(schema.VERSION)

        def _info(self) -> Any:
            return tfds.core.DatasetInfo(builder=self, features=schema.features())

        def _split_generators(self, manager: Any) -> Any:
            return {"train": beam.Create(list(map(str, log_files(pathlib.Path(logs))))) | beam.FlatMap(tfds_examples)}

        def _generate_examples(self) -> Any:
            raise NotImplementedError

    options = PipelineOptions(["--runner=FnApiRunner"])
    download = tfds.download.DownloadConfig(beam_options=options)
    GraspStepsByTfds(data_dir=out).download_and_prepare(download_config=download)


def tfds_examples(log: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Keys and examples as TFDS wants them."""
    from grasp_datasets import schema
    from grasp_pipelines.steps import TrialImages, steps_of_trial
    from grasp_pipelines.trial_log import read_trials

    for trial in read_trials(pathlib.Path(log)):
        for step in steps_of_trial(trial, TrialImages(472)):
            yield f"{step[schema.TRIAL_ID]}-{step[schema.STEP]}", step


def measure(folder: pathlib.Path, row: str, logs: str, out: str, *words: str) -> Cost:
    """Runs one row in a process of its own; what it wrote goes away."""
    command = ["cp", "-r", logs, out] if row == "cp" else [sys.executable, __file__, "--row", row, logs, out, *words]
    cost = cost_of(command, folder / "printed.txt")
    shutil.rmtree(out, ignore_errors=True)
    return cost


def make_image_logs(folder: pathlib.Path, size: int) -> int:
    """Writes logs of about `size` bytes with images of simulated trials; returns their size."""
    from grasp_pipelines.steps import TrialImages
    from grasp_pipelines.trial_log import TrialWriter

    images, pool = TrialImages(472), []
    for trial in simulated(POOL):
        initial, steps = images(trial)
        pool.append(dataclasses.replace(trial, scene=None, initial_image=initial, images=tuple(steps)))
    folder.mkdir()
    total = index = 0
    while total < size:
        path = folder / f"blocks-0-{index:09d}.mcap"
        with TrialWriter(path) as writer:
            for _ in range(TRIALS_PER_LOG):
                writer.write(dataclasses.replace(pool[index % POOL], trial_id=f"blocks-0-{index:09d}", index=index))
                index += 1
        total += path.stat().st_size
    return total


def make_state_logs(folder: pathlib.Path, number: int) -> int:
    """Writes logs of states; returns how many images their trials have."""
    from grasp_pipelines.trial_log import TrialWriter

    folder.mkdir()
    count = 0
    trials = simulated(number)
    for log in range(-(-number // 50)):
        with TrialWriter(folder / f"{log:03d}.mcap") as writer:
            for trial in itertools.islice(trials, 50):
                writer.write(trial)
                count += 1 + trial.num_steps
    return count


def simulated(number: int) -> Iterator[Any]:
    """Trials of the random policy."""
    from grasp_tfp.policies.policy import run_trial
    from grasp_tfp.policies.random import RandomPolicy
    from grasp_tfp.robots.sim import SimRobot

    robot = SimRobot()
    yield from (run_trial(robot, RandomPolicy(), 0, index) for index in range(number))
    robot.close()


def spread(values: list[float], unit: str = " s") -> str:
    """The median, and the lowest and highest in brackets."""
    digits = 2 if not unit and max(values) < 10 else 0 if not unit else 1
    low, middle, high = (f"{value:.{digits}f}" for value in (min(values), statistics.median(values), max(values)))
    return f"{middle}{unit} ({low} to {high})"


if __name__ == "__main__":
    main()
