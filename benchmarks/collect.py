"""Trials per CPU second against PyBullet's own grasping environment, frames against TinyRenderer, and two processes.

Every round runs every row once, so that a busy machine slows all rows alike; ratios are taken within a round.
Prints tables and writes JSON.

    python benchmarks/collect.py [--rounds 5] [--tasks blocks …] [--out benchmarks/collect.json]
"""

import argparse
import json
import multiprocessing
import pathlib
import statistics
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from peer import PEER_SIZE, Peer, run_peer
from tiny import TinyRenderer

from grasp_tfp.policies.policy import run_trial
from grasp_tfp.policies.random import RandomPolicy
from grasp_tfp.robots.sim import SimRobot
from grasp_tfp.sim.renderer import Renderer
from grasp_tfp.sim.tasks import TASKS, find_task, random_pose

Rows = dict[str, list[float]]

SIZES = (64, 128, 472)
PEER_EPISODES = {PEER_SIZE: 20, 472: 5}
"""Episodes of the peer in a round, by image size; they differ much in length."""

SECONDS = 1.5
"""How long a row of ours runs in a round [CPU s]."""

FRAMES = 8
"""Frames that TinyRenderer draws in a round; ours draws ten times as many."""

POOL_TRIALS = 300
"""Trials of each process where one and two are compared."""

NOT_ALIKE = """
What is not alike: the peer drops five random objects into a deep tray, moves the whole arm by its joint motors for at
most 8 steps at 1/240 s and 150 solver iterations, and takes an image of {size} px with TinyRenderer when it starts and
after each step. Its arm sinks with every step and grasps only if it gets low enough:
{attempts} of its {episodes} episodes ended with a grasp attempt, {successes} held something.
Ours lays out its objects as the task says (two blocks, two bottles), moves the jaw without the arm's dynamics, makes
3 to 10 free moves and then always a grasp, at 1/960 s and 50 iterations (100 for bottles), and skips the physics that
geometry decides. "Every image" is the initial image and one per move, drawn but not encoded; collection itself writes
states only."""


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), help="which tasks")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("benchmarks/collect.json"))
    options = parser.parse_args()
    rows: Rows = {}
    episodes: list[Peer] = []
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as first, ProcessPoolExecutor(1, context) as second:
        warm_up(options.tasks, [first, second])
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", flush=True)
            for row, value in one_round(number, options.tasks, [first, second], episodes).items():
                rows.setdefault(row, []).append(value)
    show(rows, options.tasks)
    peer = {key: sum(getattr(run, key) for run in episodes) for key in ("attempts", "successes", "episodes")}
    print(NOT_ALIKE.format(size=PEER_SIZE, **peer))
    options.out.write_text(json.dumps({"rounds": options.rounds, "rows": rows, "peer": peer}, indent=2) + "\n")
    print(f"Wrote {options.out}")


def one_round(
    number: int, tasks: list[str], workers: list[ProcessPoolExecutor], episodes: list[Peer]
) -> dict[str, float]:
    """One value of each row; the peer's runs are added to `episodes`."""
    found = {}
    for size, count in PEER_EPISODES.items():
        episodes.append(run_peer(size, count, number))
        found[peer_row(size)] = episodes[-1].rate
    for task in tasks:
        for image_size in (None, *SIZES):
            found[row_name(task, image_size)] = trials_per_second(task, number, image_size)
        for size in SIZES:
            ours, theirs = frame_rows(task, size)
            found[ours], found[theirs] = frames_per_second(task, number, size)
    for row, used in (("one process", workers[:1]), ("two processes", workers)):
        began = time.monotonic()
        wait(used, POOL_TRIALS)
        found[row] = len(used) * POOL_TRIALS / (time.monotonic() - began)
    return found


def row_name(task: str, size: int | None) -> str:
    """The label of a row of ours."""
    return f"{task}, states only" if size is None else f"{task}, every image at {size} px"


def peer_row(size: int) -> str:
    """The label of a row of the peer's."""
    return f"KukaDiverseObjectEnv at {size} px"


def frame_rows(task: str, size: int) -> tuple[str, str]:
    """The labels of our frames and of TinyRenderer's."""
    return f"{task} at {size} px", f"{task} at {size} px, TinyRenderer"


def warm_up(tasks: list[str], workers: list[ProcessPoolExecutor]) -> None:
    """Compiles and loads everything that only the first trial pays for."""
    wait(workers, 20)
    for task in tasks:
        trials_per_second(task, 0, 64, seconds=0.01)


def wait(workers: list[ProcessPoolExecutor], trials: int) -> None:
    """Runs that many trials in each worker at the same time."""
    for future in [worker.submit(run_trials, trials) for worker in workers]:
        future.result()


def run_trials(trials: int) -> None:
    """Runs trials of the blocks task."""
    robot, policy = SimRobot(), RandomPolicy()
    for index in range(trials):
        run_trial(robot, policy, 0, index)
    robot.close()


def trials_per_second(task: str, number: int, size: int | None, seconds: float = SECONDS) -> float:
    """Trials per CPU second [1/s], each with its initial image and one image per move when `size` is given."""
    robot, policy = SimRobot(task=task, seed=number), RandomPolicy()
    renderer = Renderer(size) if size else None
    trials, began, elapsed = 0, time.process_time(), 0.0
    while elapsed < seconds:
        trial = run_trial(robot, policy, number, trials)
        if renderer:
            renderer.initial_image(robot.scene)
            for pose in trial.gripper_poses:
                renderer.image(robot.scene, pose)
        trials, elapsed = trials + 1, time.process_time() - began
    robot.close()
    return trials / elapsed


def frames_per_second(task: str, number: int, size: int) -> tuple[float, float]:
    """Images of one scene per CPU second [1/s]: ours and TinyRenderer's."""
    rng = np.random.default_rng([number, size])
    scene = find_task(task).scene(rng)
    poses = [random_pose(rng, find_task(task).workspace) for _ in range(10 * FRAMES)]
    renderer = Renderer(size)
    began = time.process_time()
    for pose in poses:
        renderer.image(scene, pose)
    ours = len(poses) / (time.process_time() - began)
    with TinyRenderer(scene, size) as tiny:
        began = time.process_time()
        for pose in poses[:FRAMES]:
            tiny.image(pose)
        return ours, FRAMES / (time.process_time() - began)


def show(rows: Rows, tasks: list[str]) -> None:
    """Prints medians, spread and ratios within each round."""
    print(head("trials per CPU second, one process", "times the peer at 48 px, at 472 px"))
    for size in PEER_EPISODES:
        print(line(rows, peer_row(size)))
    for task in tasks:
        for image_size in (None, *SIZES):
            row = row_name(task, image_size)
            print(f"{line(rows, row)}   {ratio(rows, row, peer_row(PEER_SIZE)):<18}{ratio(rows, row, peer_row(472))}")
    print(head("frames per CPU second", "times TinyRenderer"))
    for task in tasks:
        for size in SIZES:
            ours, theirs = frame_rows(task, size)
            print(f"{line(rows, ours)}   {ratio(rows, ours, theirs)}\n{line(rows, theirs)}")
    print(head("blocks, trials per second", "times one process; means something on two idle cores"))
    print(f"{line(rows, 'one process')}\n{line(rows, 'two processes')}   {ratio(rows, 'two processes', 'one process')}")


def head(label: str, last: str) -> str:
    """The heading of a table."""
    return f"\n{label:<38}{'median':>8}{'lowest':>8}{'highest':>8}   {last}"


def line(rows: Rows, row: str) -> str:
    """A row's label, median, lowest and highest value."""
    values = statistics.median(rows[row]), min(rows[row]), max(rows[row])
    return f"{row:<38}" + "".join(f"{value:>8.{2 if value < 10 else 0}f}" for value in values)


def ratio(rows: Rows, row: str, other: str) -> str:
    """Median and spread of the ratios within each round."""
    ratios = [ours / theirs for ours, theirs in zip(rows[row], rows[other], strict=True)]
    digits = 2 if max(ratios) < 10 else 0
    return f"{statistics.median(ratios):.{digits}f} [{min(ratios):.{digits}f}, {max(ratios):.{digits}f}]"


if __name__ == "__main__":
    main()
