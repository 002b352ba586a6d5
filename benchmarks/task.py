"""How hard the tasks are: random and oracle success of each, and how much a grasp of a block needs the right yaw.

Prints a table and writes JSON.

    python benchmarks/task.py [--trials 4000] [--tasks blocks …] [--out benchmarks/task.json]
"""

import argparse
import json
import pathlib

import numpy as np

from grasp_tfp.policies.policy import run_trial
from grasp_tfp.policies.random import RandomPolicy
from grasp_tfp.robots.sim import SimRobot
from grasp_tfp.sim.physics import GraspWorld
from grasp_tfp.sim.tasks import TASKS, find_task, oracle_grasps
from grasp_tfp.success import SuccessRate

SEED = 20_000_000
YAW_BINS = 6
NEAR = 0.01
"""Grasps at random yaw lie within this distance of a block's centre [m]."""


def main() -> None:
    """Runs the measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=4000, help="random trials; a quarter as many of the others")
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), help="which tasks")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("benchmarks/task.json"))
    options = parser.parse_args()
    values = {}
    with GraspWorld() as world:
        for task in options.tasks:
            print(f"\n{task}")
            rates = measure(world, task, options.trials)
            values[task] = {label: {"successes": rate.successes, "trials": rate.trials} for label, rate in rates}
    options.out.write_text(json.dumps(values, indent=2) + "\n")
    print(f"Wrote {options.out}")


def measure(world: GraspWorld, task: str, trials: int) -> list[tuple[str, SuccessRate]]:
    """The rates of one task, printed as they are found."""
    rates = [("random policy", random_policy(task, trials)), ("oracle grasp", oracle(world, task, trials // 4))]
    if task == "blocks":
        rates += yaw_rates(*random_yaw(world, trials // 4))
    for label, rate in rates:
        print(f"{label:<26}{rate}", flush=True)
    return rates


def random_policy(task: str, trials: int) -> SuccessRate:
    """Success of the random policy."""
    robot = SimRobot(task=task, seed=SEED)
    held = sum(run_trial(robot, RandomPolicy(), SEED, index).success for index in range(trials))
    robot.close()
    return SuccessRate(held, trials)


def oracle(world: GraspWorld, task: str, trials: int) -> SuccessRate:
    """Success of grasps at an object's centre and across it, the objects in turn."""
    held = 0
    for index in range(trials):
        scene = find_task(task).scene(np.random.default_rng([SEED, index]))
        held += world.grasp(scene, oracle_grasps(scene)[index % len(scene.objects)]).success
    return SuccessRate(held, trials)


def random_yaw(world: GraspWorld, trials: int) -> tuple[np.ndarray, np.ndarray]:
    """Yaw errors [degrees] (trials,) of grasps near a block's centre, and which of them held (trials,)."""
    errors, held = np.zeros(trials), np.zeros(trials, bool)
    for index in range(trials):
        rng = np.random.default_rng([SEED, index])
        scene = find_task("blocks").scene(rng)
        angle, radius, turn = (
            rng.uniform(0, 2 * np.pi),
            NEAR * np.sqrt(rng.uniform()),
            rng.uniform(-np.pi / 2, np.pi / 2),
        )
        offset = [radius * np.cos(angle), radius * np.sin(angle), 0, turn]
        errors[index] = abs(np.degrees(turn))
        held[index] = world.grasp(scene, oracle_grasps(scene)[index % 2] + offset).success
    return errors, held


def yaw_rates(errors: np.ndarray, held: np.ndarray) -> list[tuple[str, SuccessRate]]:
    """Success at random yaw, altogether and by the yaw's error."""
    rates = [("random yaw at the centre", SuccessRate(int(held.sum()), len(held)))]
    for number in range(YAW_BINS):
        low, high = number * 90 / YAW_BINS, (number + 1) * 90 / YAW_BINS
        inside = (errors >= low) & (errors < high)
        rates.append((f"yaw off by {low:.0f} to {high:.0f}°", SuccessRate(int(held[inside].sum()), int(inside.sum()))))
    return rates


if __name__ == "__main__":
    main()
