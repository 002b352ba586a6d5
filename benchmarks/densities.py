"""The mixture of flows against the same composed of nflows and of zuko: training steps, and 64 samples.

Every round measures every row once, so that a busy machine slows all rows alike; ratios are taken within a round. Times
are those of the processor, on one thread. Prints tables and writes JSON.

    python benchmarks/densities.py --torch PYTHON [--rounds 5] [--out benchmarks/densities.json]
"""

import argparse
import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import time
from collections.abc import Callable
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import tensorflow as tf

from grasp_tfp.config import DensityConfig
from grasp_tfp.models.mof import MixtureOfFlowsHead

FEATURES, EVENT, LAYERS, BATCH, SAMPLES = 64, 4, 4, 256, 64

SIZES = ((4, 64), (8, 64), (16, 64), (32, 64), (16, 128), (32, 256))
"""Components K and width H of the hidden layers; 64 is what `train mof` uses."""

WORK = {"training": "log-probability and gradient of 256", "sampling": "64 samples for one observation"}
GOALS = {"training": 1.5, "sampling": 10.0}
ROWS = ("ours, XLA", "ours", "nflows", "zuko")
SECONDS = {"training": 0.4, "sampling": 0.15}
"""How long a row is measured in a round."""

NOT_ALIKE = """
What is alike: networks, masks, inputs and the number of parameters. What is not: nflows and zuko have no mixture of
flows, so theirs is a loop over K flows of the library; for samples it asks only those that a sample falls into, as ours
does. nflows bounds the scale of a coupling by a sigmoid, zuko by a soft clip, ours by a tanh. Ours is a compiled graph,
with XLA or without, theirs run eagerly, as in their documentation; compiling one of ours took up to {compiled:.0f} s.
A compiled call of ours that does nothing takes {empty:.2f} ms: the least that 64 samples could take."""

Times = dict[str, list[float]]


@dataclasses.dataclass(frozen=True)
class Asked:
    """One measurement."""

    library: str
    components: int
    hidden: int
    work: str


class Torch:
    """The process that runs nflows and zuko."""

    def __init__(self, python: str) -> None:
        script = pathlib.Path(__file__).with_name("densities_torch.py")
        sizes = [str(number) for number in (FEATURES, EVENT, LAYERS, BATCH, SAMPLES)]
        command = [python, "-W", "ignore", str(script), *sizes]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def measure(self, asked: Asked, calls: int) -> tuple[list[float], int]:
        """Milliseconds of every call, and the parameters."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise SystemExit("The process for nflows and zuko has no pipes.")
        stdin.write(json.dumps(dataclasses.asdict(asked) | {"calls": calls}) + "\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            raise SystemExit("The process for nflows and zuko has ended: see what it printed above.")
        answer = json.loads(line)
        return answer["milliseconds"], answer["parameters"]

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate()


class Ours:
    """Our mixtures of flows, compiled when they are first needed."""

    def __init__(self) -> None:
        self._works: dict[Asked, tuple[Callable[[int], Any], int]] = {}
        self._inputs = tf.random.stateless_normal([4, BATCH, EVENT + FEATURES], [1, 2])
        self.compiled = 0.0

    def measure(self, asked: Asked, calls: int) -> tuple[list[float], int]:
        """Milliseconds of every call, and the parameters."""
        if asked not in self._works:
            started = time.perf_counter()
            self._works[asked] = self._work(asked)
            self._works[asked][0](0)
            self.compiled = max(self.compiled, time.perf_counter() - started)
        work, parameters = self._works[asked]
        return _times(work, calls), parameters

    def _work(self, asked: Asked) -> tuple[Callable[[int], Any], int]:
        head = MixtureOfFlowsHead(EVENT, DensityConfig(asked.components, LAYERS, asked.hidden))
        head.build((None, FEATURES))
        variables, jit_compile = head.trainable_variables, asked.library == "ours, XLA"

        @tf.function(jit_compile=jit_compile)
        def training(value: tf.Tensor, features: tf.Tensor) -> Any:
            with tf.GradientTape() as tape:
                loss = -tf.reduce_mean(head.distribution(head(features)).log_prob(value))
            return tape.gradient(loss, variables)

        @tf.function(jit_compile=jit_compile)
        def sampling(features: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
            return head.distribution(head(features)).sample(SAMPLES, seed=seed)

        values, contexts = tf.unstack(self._inputs[..., :EVENT]), tf.unstack(self._inputs[..., EVENT:])
        seeds = [tf.constant([7, number]) for number in range(4)]
        if asked.work == "training":
            return lambda number: training(values[number % 4], contexts[number % 4]), head.count_params()
        single = [context[:1] for context in contexts]
        return lambda number: sampling(single[number % 4], seeds[number % 4]), head.count_params()


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch", required=True, help="the Python of an environment with benchmarks/densities.txt")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("benchmarks/densities.json"))
    options = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    ours, torch = Ours(), Torch(options.torch)
    results = []
    for work in WORK:
        for components, hidden in SIZES:
            results.append(_compare(work, components, hidden, options.rounds, ours, torch))
            print(".", end="", flush=True)
    torch.close()
    empty = _empty_call()
    for work in WORK:
        _print_table(work, [result for result in results if result["work"] == work])
    print(NOT_ALIKE.format(compiled=ours.compiled, empty=empty))
    values = {"threads": 1, "rounds": options.rounds, "empty_call_ms": empty, "results": results}
    options.out.write_text(json.dumps(values, indent=1) + "\n")
    print(f"Wrote {options.out}")


def _compare(work: str, components: int, hidden: int, rounds: int, ours: Ours, torch: Torch) -> dict[str, Any]:
    """Median milliseconds of each round and row, and parameters of each row."""
    times: Times = {row: [] for row in ROWS}
    parameters, calls = {}, {}
    for row in ROWS:
        asked = Asked(row, components, hidden, work)
        first, parameters[row] = _side(row, ours, torch).measure(asked, 3)
        calls[row] = max(3, int(SECONDS[work] / (min(first) / 1e3)))
    for _ in range(rounds):
        for row in ROWS:
            found, _ = _side(row, ours, torch).measure(Asked(row, components, hidden, work), calls[row])
            times[row].append(statistics.median(found))
    return {"work": work, "components": components, "hidden": hidden, "milliseconds": times, "parameters": parameters}


def _side(row: str, ours: Ours, torch: Torch) -> Ours | Torch:
    return ours if row.startswith("ours") else torch


def _print_table(work: str, results: list[dict[str, Any]]) -> None:
    """Medians over the rounds, with the least and the most of the ratios."""
    print(f"\n{WORK[work]} [CPU ms], and how many times as long theirs takes as ours with XLA (goal: {GOALS[work]:g})")
    names = "".join(f"{row:>11}" for row in ROWS)
    print(f"   K    H  parameters{names}     nflows / ours         zuko / ours")
    for result in results:
        times = result["milliseconds"]
        medians = "".join(f"{statistics.median(times[row]):11.2f}" for row in ROWS)
        ratios = "".join(f"{_ratio(times, row):>20}" for row in ("nflows", "zuko"))
        counts = set(result["parameters"].values())
        parameters = f"{counts.pop():,}" if len(counts) == 1 else "differ"
        print(f"{result['components']:4d} {result['hidden']:4d}{parameters:>12}{medians}{ratios}")


def _ratio(times: Times, row: str) -> str:
    ratios = [theirs / ours for theirs, ours in zip(times[row], times[ROWS[0]], strict=True)]
    return f"{statistics.median(ratios):.1f} [{min(ratios):.1f}, {max(ratios):.1f}]"


def _empty_call() -> float:
    """Milliseconds of a compiled call that does next to nothing."""
    variable = tf.Variable(1.0)
    work = tf.function(lambda value: value + variable, jit_compile=True)
    value = tf.constant(2.0)
    work(value)
    return statistics.median(_times(lambda _: work(value), 1000))


def _times(work: Callable[[int], Any], calls: int) -> list[float]:
    """CPU milliseconds of each call."""
    times = []
    for number in range(calls):
        started = time.process_time()
        work(number)
        times.append(1e3 * (time.process_time() - started))
    return times


if __name__ == "__main__":
    main()
