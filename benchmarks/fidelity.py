"""Whether labels can be believed: the simulator against finer ones, against none of its early exits, against the arm,
and against itself elsewhere in the tray.

Half of the grasps are aimed near an object, half are random ones that physics has to decide.
Prints tables and writes JSON.

    python benchmarks/fidelity.py [--grasps 400] [--seed 0] [--tasks blocks …] [--out benchmarks/fidelity.json]
"""

import argparse
import collections
import json
import math
import pathlib
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.sim.full_arm import FullArmWorld
from grasp_tfp.sim.physics import GraspOutcome, GraspWorld, may_hold
from grasp_tfp.sim.rigid_motion import carried
from grasp_tfp.sim.tasks import BOTTLE_WORKSPACE, TASKS, find_task, oracle_grasps, random_pose
from grasp_tfp.success import SuccessRate
from grasp_tfp.trial import Scene

Floats = NDArray[np.float64]

AIM = (0.015, 0.015, 0.0, 0.3)
"""Standard deviation of the aimed grasps from the oracle's, x, y, z [m] and yaw [rad]."""

EDGE = (0.002, math.radians(3))
"""A grasp is near the edge when a move this far along an axis of the jaw [m] or a turn [rad] changes its label."""

FINER, REFERENCE = "1/1920 s, 200 it", "1/960 s, 100 it"
LABELS, FEW, COARSE, COARSER = "labels", "1/960 s, 50 it", "1/480 s, 50 it", "1/240 s, 50 it"
NO_EXITS, ARM, ELSEWHERE = "without exits", "full arm", "elsewhere"


class Case(NamedTuple):
    """A grasp to be simulated in several ways."""

    scene: Scene
    pose: Floats
    aimed: bool


class Watched(GraspWorld):
    """Remembers how its last grasp ended."""

    ended = ""

    def grasp(self, scene: Scene, gripper_pose: Floats) -> GraspOutcome:
        self.ended = "blocked"
        outcome = super().grasp(scene, gripper_pose)
        if self.ended == "lifted":
            self.ended = "held" if outcome.success else "dropped"
        return outcome

    def _closed(self, gripper: int) -> bool:
        shut = super()._closed(gripper)
        self.ended = "closed on nothing" if shut else "lifted"
        return shut


class WatchedArm(Watched, FullArmWorld):
    """The full arm, watched."""


class WithoutExits(GraspWorld):
    """Simulates every grasp from the start of its descent to the end of its lift."""

    def _clear(self, scene: Scene, gripper_pose: Floats) -> bool:
        return False

    def _closed(self, gripper: int) -> bool:
        return False

    def _until_still(self, seconds: float, watched: Callable[[], Floats]) -> NDArray[np.bool_]:
        self._step(seconds)
        return np.zeros(len(watched()), bool)


class Elsewhere(GraspWorld):
    """Carries every grasp elsewhere in the tray first, as views are."""

    def __init__(self) -> None:
        super().__init__()
        self._rng = np.random.default_rng(0)

    def grasp(self, scene: Scene, gripper_pose: Floats) -> GraspOutcome:
        return super().grasp(*carried(scene, gripper_pose, BOTTLE_WORKSPACE, self._rng))


WORLDS: dict[str, Callable[[], GraspWorld]] = {
    FINER: lambda: GraspWorld(time_step=1 / 1920, iterations=200),
    REFERENCE: lambda: GraspWorld(time_step=1 / 960, iterations=100),
    LABELS: Watched,
    FEW: lambda: GraspWorld(time_step=1 / 960, iterations=50),
    COARSE: lambda: GraspWorld(time_step=1 / 480, iterations=50),
    COARSER: lambda: GraspWorld(time_step=1 / 240, iterations=50),
    NO_EXITS: WithoutExits,
    ARM: WatchedArm,
    ELSEWHERE: Elsewhere,
}


def main() -> None:
    """Runs the measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--grasps", type=int, default=400, help="grasps of each task")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), help="which tasks")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("benchmarks/fidelity.json"))
    options = parser.parse_args()
    found = {task: measure(task, options.grasps, options.seed) for task in options.tasks}
    options.out.write_text(
        json.dumps({"grasps": options.grasps, "seed": options.seed, "tasks": found}, indent=2) + "\n"
    )
    print(f"Wrote {options.out}")


def measure(task: str, grasps: int, seed: int) -> dict[str, Any]:
    """Simulates the grasps of one task in every way, prints the tables and returns them."""
    cases, skipped = draw(task, grasps, seed)
    held: dict[str, NDArray[np.bool_]] = {name: np.zeros(grasps, bool) for name in WORLDS}
    ended: list[tuple[str, str]] = []
    seconds = dict.fromkeys(WORLDS, 0.0)
    with ExitStack() as stack:
        worlds = {name: stack.enter_context(world()) for name, world in WORLDS.items()}
        for index, case in progress(task, cases):
            for name, world in worlds.items():
                began = time.process_time()
                held[name][index] = world.grasp(case.scene, case.pose).success
                seconds[name] += time.process_time() - began
            ended.append((worlds[LABELS].ended, worlds[ARM].ended))  # type: ignore[attr-defined]
        missed = sum(worlds[NO_EXITS].grasp(case.scene, case.pose).success for case in skipped)
        report = {
            "comparisons": compare(task, cases, held, {name: 1e3 * cpu / grasps for name, cpu in seconds.items()}),
            "exits": exits(held, [gantry for gantry, _ in ended], missed, len(skipped)),
            "full_arm": explain(worlds[LABELS], cases, held, ended),
        }
    return report


def draw(task: str, grasps: int, seed: int) -> tuple[list[Case], list[Case]]:
    """The grasps to compare, aimed and random ones in turn, and half as many random ones that touch nothing."""
    cases: list[Case] = []
    skipped: list[Case] = []
    for index in range(grasps):
        rng = np.random.default_rng([seed, index])
        scene = find_task(task).scene(rng)
        if index % 2 == 0:
            pose = oracle_grasps(scene)[rng.integers(len(scene.objects))] + rng.normal(size=4) * AIM
        else:
            pose, other = random_pose(rng, find_task(task).workspace), random_pose(rng, find_task(task).workspace)
            while not may_hold(scene, pose):
                pose = random_pose(rng, find_task(task).workspace)
            while may_hold(scene, other):
                other = random_pose(rng, find_task(task).workspace)
            skipped.append(Case(scene, other, False))
        cases.append(Case(scene, pose, index % 2 == 0))
    return cases, skipped


def progress(task: str, cases: list[Case]) -> Iterator[tuple[int, Case]]:
    """Numbers the cases and says on stderr how far it is."""
    began, live = time.monotonic(), sys.stderr.isatty()
    for index, case in enumerate(cases):
        yield index, case
        done = index + 1
        if live or done % max(1, len(cases) // 4) == 0:
            left = (time.monotonic() - began) / done * (len(cases) - done)
            line = f"{task}: {done} of {len(cases)} grasps, {left:.0f} s left"
            print(f"\r{line}  " if live else line, end="" if live and done < len(cases) else "\n", file=sys.stderr)


def compare(
    task: str, cases: list[Case], held: dict[str, NDArray[np.bool_]], milliseconds: dict[str, float]
) -> dict[str, Any]:
    """How often one way of simulating gives another's label."""
    aimed = np.array([case.aimed for case in cases])
    pairs = [
        (LABELS, REFERENCE),
        (FEW, REFERENCE),
        (COARSE, REFERENCE),
        (COARSER, REFERENCE),
        (LABELS, FINER),
        (REFERENCE, FINER),
        (ARM, LABELS),
        (ELSEWHERE, LABELS),
    ]
    rows: dict[str, Any] = {}
    base = SuccessRate(int(held[REFERENCE].sum()), len(cases))
    print(f"\n{task}: {len(cases)} grasps, half of them aimed; {REFERENCE} holds {base}")
    print(f"{'':<36}{'agree':<32}{'false positive':<20}{'false negative':<20}agree if aimed, random")
    for name, other in pairs:
        same, more, less = held[name] == held[other], held[name] & ~held[other], ~held[name] & held[other]
        rates = [SuccessRate(int(which.sum()), len(which)) for which in (same, more, less, same[aimed], same[~aimed])]
        rows[f"{name} against {other}"] = {
            key: {"count": rate.successes, "of": rate.trials, "interval": rate.interval}
            for key, rate in zip(("agree", "false positive", "false negative", "aimed", "random"), rates, strict=True)
        }
        wrong = "".join(f"{str(rate).split('= ')[1]:<20}" for rate in rates[1:3])
        print(f"{name + ' : ' + other:<36}{rates[0]!s:<32}{wrong}{rates[3].rate:.1%}, {rates[4].rate:.1%}")
    print("CPU per grasp: " + ", ".join(f"{name} {cost:.0f} ms" for name, cost in milliseconds.items()))
    return {"pairs": rows, "cpu_milliseconds": milliseconds}


def exits(held: dict[str, NDArray[np.bool_]], ended: list[str], missed: int, skipped: int) -> dict[str, Any]:
    """How many labels each early exit changes: what it skips, simulated to the end of the lift."""
    closed = np.array([end == "closed on nothing" for end in ended])
    rows = {"cannot hold": (missed, skipped)}
    for name, taken in (("closed on nothing", closed), ("descent beside everything, or at rest", ~closed)):
        rows[name] = int((held[LABELS] != held[NO_EXITS])[taken].sum()), int(taken.sum())
    print("Labels that an early exit changes: " + ", ".join(f"{name} {n} of {of}" for name, (n, of) in rows.items()))
    return {name: {"changed": changed, "of": of} for name, (changed, of) in rows.items()}


def explain(
    world: GraspWorld, cases: list[Case], held: dict[str, NDArray[np.bool_]], ended: list[tuple[str, str]]
) -> dict[str, Any]:
    """Why gantry and full arm differ: how each grasp ended, and whether it lies near the edge of what holds."""
    differ = np.flatnonzero(held[LABELS] != held[ARM])
    same = np.flatnonzero(held[LABELS] == held[ARM])
    control = same[:: max(1, len(same) // 40)]
    kinds = collections.Counter(f"gantry {ended[index][0]}, arm {ended[index][1]}" for index in differ)
    edges = {
        name: SuccessRate(sum(near_edge(world, cases[index]) for index in indices), len(indices))
        for name, indices in (("differ", differ), ("agree", control))
    }
    unsettled = int((held[LABELS] != held[REFERENCE])[differ].sum())
    print(f"Gantry and full arm differ on {len(differ)} grasps:")
    for kind, count in kinds.most_common():
        print(f"{count:6d}  {kind}")
    print(f"  near the edge of what holds: {edges['differ']}; of those where they agree {edges['agree']}")
    print(f"  the gantry's own label is not the reference's: {unsettled} of {len(differ)}")
    return {
        "kinds": dict(kinds),
        "near_edge": {name: {"count": rate.successes, "of": rate.trials} for name, rate in edges.items()},
        "gantry_not_reference": unsettled,
    }


def near_edge(world: GraspWorld, case: Case) -> bool:
    """Whether a small move changes the label."""
    cos, sin = np.cos(case.pose[3]), np.sin(case.pose[3])
    shift, turn = EDGE
    moves = np.array([[cos * shift, sin * shift, 0, 0], [-sin * shift, cos * shift, 0, 0], [0, 0, 0, turn]])
    outcomes = {world.grasp(case.scene, case.pose + move).success for move in (0 * moves[0], *moves, *-moves)}
    return len(outcomes) == 2


if __name__ == "__main__":
    main()
