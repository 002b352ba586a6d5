"""Times and peak memory of decisions, each measured in processes of its own."""

import multiprocessing
import os
import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from grasp_tfp.experiments.latency_cases import Case, Decision, image_size_of, prepare
from grasp_tfp.quiet import quiet_stderr

__all__ = ["peak_memory", "timed_rounds"]


def timed_rounds(cases: Sequence[Case], cores: int, rounds: int, seed: int) -> list[dict[str, list[float]]]:
    """Times each case once a round, in one fresh process, always on images that it has not seen.

    Args:
        cases: What to time.
        cores: How many the process may use.
        rounds: How often; the cases take turns, so that other work on the machine slows all alike.
        seed: Of images and samples.

    Returns:
        For each case `wall` and `cpu`, the time of every round [ms].
    """
    return list(_in_a_fresh_process(_timed, cases, cores, rounds, seed))


def peak_memory(case: Case, seed: int) -> dict[str, float]:
    """The most memory that a process needs for two decisions on one core.

    Args:
        case: What it decides with.
        seed: Of images and samples.

    Returns:
        `imported`, with the libraries only, `built`, with the networks too, and `peak` [MB].
    """
    return dict(_in_a_fresh_process(_remembered, case, seed))


def _in_a_fresh_process(function: Callable[..., Any], *arguments: Any) -> Any:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        with quiet_stderr():  # which the process inherits: TensorFlow writes there as it loads
            future = pool.submit(function, *arguments)
        return future.result()


def _timed(cases: Sequence[Case], cores: int, rounds: int, seed: int) -> list[dict[str, list[float]]]:
    _use_cores(cores)
    rng = np.random.default_rng(seed)
    decisions = [prepare(case, cores) for case in cases]
    for case, decide in zip(cases, decisions, strict=True):
        _decide(case, decide, rng)  # traces the graph
    times: list[dict[str, list[float]]] = [{"wall": [], "cpu": []} for _ in cases]
    for _ in range(rounds):
        for case, decide, taken in zip(cases, decisions, times, strict=True):
            wall, cpu = _decide(case, decide, rng)
            taken["wall"].append(wall)
            taken["cpu"].append(cpu)
    return times


def _decide(case: Case, decide: Decision, rng: np.random.Generator) -> tuple[float, float]:
    size = image_size_of(case)
    image, initial_image = rng.integers(0, 256, (2, 1, size, size, 3), dtype=np.uint8)
    wall, cpu = time.perf_counter(), time.process_time()
    decide(image, initial_image, rng)
    return 1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - cpu)


def _remembered(case: Case, seed: int) -> dict[str, float]:
    _use_cores(1)
    rng, imported = np.random.default_rng(seed), _memory("VmRSS")
    decide = prepare(case, 1)
    built = _memory("VmHWM")
    for _ in range(2):
        _decide(case, decide, rng)
    return {"imported": imported, "built": built, "peak": _memory("VmHWM")}


def _memory(name: str) -> float:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1000 if found else float("nan")


def _use_cores(cores: int) -> None:
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")  # it warns of a function traced for each of several models
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    tf.config.threading.set_intra_op_parallelism_threads(cores)
    tf.config.threading.set_inter_op_parallelism_threads(1)
