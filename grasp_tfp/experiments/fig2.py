"""Figure 2: how many iterations CEM needs to hit one of ten targets, and an actor that needs one (Section III)."""

import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from grasp_tfp.config import DensityConfig
from grasp_tfp.experiments.fig2_picture import PAPER_DIMENSIONS, draw_fig2, of_radius
from grasp_tfp.experiments.oracle_cem import SAMPLES, cem_iterations, growth_in_ranges, nearest
from grasp_tfp.experiments.reproduction import Progress, Reproduction, Verdict, finished, judge, write
from grasp_tfp.experiments.toy_tasks import TargetPoints
from grasp_tfp.experiments.toy_training import Schedule, ToyActor, ToyTraining, train_toy
from grasp_tfp.success import SuccessRate

__all__ = ["FULL", "QUICK", "RADII", "Settings", "reproduce"]

Floats = NDArray[np.float64]

RADII = (0.1, 0.03)
TRAINED = 0.99
"""Share of unseen tasks that an actor has to solve to count as trained."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """How much is done."""

    dimensions: int = 9
    """Largest D; the paper's is 6."""

    repeats: int = 1000
    """Tasks for each D and r; the violins show the first 100, as in the paper."""

    steps: int = 10_000
    """Of each actor's training."""

    timed: int = 200
    """Tasks that are inferred one at a time; the second half of them is timed."""


FULL = Settings()
QUICK = Settings(dimensions=4, repeats=30, steps=50, timed=5)


def reproduce(out: Path, *, seed: int = 0, settings: Settings = FULL, progress: Progress | None = None) -> Reproduction:
    """Runs CEM and trains an actor for every D and r, compares them, and draws the figure.

    Args:
        out: Folder for fig2.png, fig2.json and what is finished of an interrupted run.
        seed: Of everything.
        settings: How much is done.
        progress: Called with training steps.
    """
    tasks = [TargetPoints(size, radius) for radius in RADII for size in range(1, settings.dimensions + 1)]
    decides = dataclasses.asdict(settings) | {"density": _density(tasks[0]).__dict__}
    results: list[dict[str, Any]] = []
    for number, task in enumerate(tasks):
        before, label = number * settings.steps, f"D={task.dimensions} r={task.radius}"

        def report(step: int, extra: str = "", before: int = before, label: str = label) -> None:
            if progress:
                progress(before + step, len(tasks) * settings.steps, f"{label} {extra}".rstrip())

        path = out / "finished" / f"d{task.dimensions}_r{task.radius}_seed{seed}.json"
        compute = _Comparison(task, seed, settings, report)
        results.append(finished(path, decides, compute))
        report(settings.steps, results[-1]["actor"]["success"])
    fits = {
        str(radius): {
            mean: growth_in_ranges([result["cem"][mean] for result in of_radius(results, radius)])
            for mean in ("mean", "mean_of_successes")
        }
        for radius in RADII
    }
    done = Reproduction(
        name="fig2",
        seed=seed,
        settings=dataclasses.asdict(settings),
        rows=[_row(result) for result in results],
        verdicts=_verdicts(results, fits),
        results={"fits": fits, "settings": [_counted(result) for result in results]},
    )
    return write(done, draw_fig2(results, fits), out)


@dataclasses.dataclass(frozen=True)
class _Comparison:
    """CEM and an actor on the same tasks of one D and r."""

    task: TargetPoints
    seed: int
    settings: Settings
    report: Any

    def __call__(self) -> dict[str, Any]:
        rng = np.random.default_rng([self.seed, self.task.dimensions, round(1000 * self.task.radius)])
        targets = rng.uniform(size=(self.settings.repeats, TargetPoints.TARGETS, self.task.dimensions))
        iterations, succeeded = cem_iterations(targets, self.task.radius, rng)
        cem = {
            "iterations": iterations.tolist(),
            "failed": int((~succeeded).sum()),
            "mean": float(iterations.mean()),
            "mean_of_successes": float(iterations[succeeded].mean()),
            "milliseconds": self._timed(lambda one: cem_iterations(one, self.task.radius, rng), targets),
        }
        return {
            "dimensions": self.task.dimensions,
            "radius": self.task.radius,
            "cem": cem,
            "actor": self._actor(targets),
        }

    def _actor(self, targets: Floats) -> dict[str, Any]:
        actor = ToyActor(self.task, "gmm", _density(self.task), self.seed)
        choose = tf.function(lambda seen: _choose(actor, seen), reduce_retracing=True)
        curve: list[tuple[int, float, float]] = []

        def solved(now: ToyTraining) -> None:
            rate = self._hits(choose, targets).mean()
            curve.append((now.step, now.cpu_seconds, float(rate)))
            self.report(now.step, f"solves {100 * rate:.0f} %")

        training = train_toy(actor, self.task, Schedule(self.settings.steps), self.seed, 500, solved)
        hits = self._hits(choose, targets)
        reached = next(((step, seconds) for step, seconds, rate in curve if rate >= TRAINED), None)
        return {
            "hits": int(hits.sum()),
            "success": str(SuccessRate(int(hits.sum()), len(hits))),
            "steps_to_trained": reached[0] if reached else None,
            "cpu_seconds_to_trained": reached[1] if reached else None,
            "seconds": training.seconds,
            "cpu_seconds": training.cpu_seconds,
            "milliseconds": self._timed(lambda one: choose(_seen(one)), targets),
            "curve": curve,
        }

    def _hits(self, choose: Any, targets: Floats) -> NDArray[np.bool_]:
        """Which tasks the densest of the actor's samples solves (n,)."""
        chosen = (choose(_seen(targets)).numpy().astype(float) + 1) / 2
        return np.asarray(nearest(chosen[:, None], targets)[:, 0] <= self.task.radius)

    def _timed(self, infer: Any, targets: Floats) -> float:
        """Median CPU time of one inference for one task [ms]."""
        times = []
        for index in range(min(self.settings.timed, len(targets))):
            began = time.process_time()
            infer(targets[index : index + 1])
            times.append(time.process_time() - began)
        return 1000 * float(np.median(times[len(times) // 2 :]))


def _density(task: TargetPoints) -> DensityConfig:
    return DensityConfig(components=task.TARGETS, scale_floor=1e-3)


def _seen(targets: Floats) -> tf.Tensor:
    """What the network sees of targets (n, 10, D)."""
    return tf.constant(2 * targets.reshape(len(targets), -1) - 1, tf.float32)


def _choose(actor: ToyActor, seen: tf.Tensor) -> tf.Tensor:
    return actor.distribution(seen).mode(seed=tf.constant([0, 0]), num_samples=SAMPLES)


def _counted(result: dict[str, Any]) -> dict[str, Any]:
    """A result with how many runs took how many iterations, in place of every run."""
    runs = dict(zip(*np.unique(result["cem"]["iterations"], return_counts=True), strict=True))
    counts = {str(iterations): int(number) for iterations, number in runs.items()}
    return {**result, "cem": {**result["cem"], "iterations": counts}}


def _row(result: dict[str, Any]) -> dict[str, Any]:
    cem, actor = result["cem"], result["actor"]
    number = len(cem["iterations"])
    return {
        "D": result["dimensions"],
        "r": str(result["radius"]),
        "CEM mean": cem["mean"],
        "median": float(np.median(cem["iterations"])),
        "failed within 50": str(SuccessRate(cem["failed"], number)),
        "actor, one iteration": actor["success"],
        "steps to 99 %": actor["steps_to_trained"] or "-",
        "training CPU s": actor["cpu_seconds"],
        "CEM ms": cem["milliseconds"],
        "actor ms": actor["milliseconds"],
    }


def _verdicts(results: list[dict[str, Any]], fits: dict[str, Any]) -> list[Verdict]:
    last = min(PAPER_DIMENSIONS, max(r["dimensions"] for r in results))
    coarse, fine = (of_radius(results, radius) for radius in RADII)
    at_last = [group[last - 1]["cem"]["mean"] for group in (coarse, fine)]
    failed = [(r["dimensions"], r["cem"]["failed"], len(r["cem"]["iterations"])) for r in fine[:last]]
    beyond = [SuccessRate(g[-1]["cem"]["failed"], len(g[-1]["cem"]["iterations"])) for g in (coarse, fine)]
    actors = [SuccessRate(r["actor"]["hits"], len(r["cem"]["iterations"])) for r in results]
    worst = min(actors, key=lambda rate: rate.rate)
    steps = [[r["actor"]["steps_to_trained"] for r in group] for group in (coarse, fine)]
    times, searches = ([r[who]["milliseconds"] for r in results] for who in ("actor", "cem"))
    return [
        _growth_verdict(fits),
        judge("The number of iterations grows quickly with the precision.", [at_last[1] > 1.5 * at_last[0]],
              f"Mean at D = {last}: {at_last[0]:.1f} for r = 0.1, {at_last[1]:.1f} for r = 0.03."),
        judge("With r = 0.03 some runs find nothing within 50 iterations.", [any(count for _, count, _ in failed)],
              ", ".join(f"D = {d}: {count}/{n}" for d, count, n in failed)
              + f". At D = {coarse[-1]['dimensions']}: {beyond[0]} for r = 0.1, {beyond[1]} for r = 0.03."),
        judge("A trained actor always hits with the densest of 100 samples.", [a.rate >= 0.999 for a in actors],
              f"{sum(a.successes == a.trials for a in actors)} of {len(actors)} settings without a miss; "
              f"the worst: {worst}."),
        judge("Training takes longer as D grows.", [_longer(group) for group in steps],
              "Steps until 99 % of unseen tasks are solved, by D: "
              + "; ".join(f"r = {radius}: {', '.join(map(str, group))}"
                          for radius, group in zip(RADII, steps, strict=True)) + "."),
        judge("Inference time stays constant.", [max(times) < 2 * min(times)],
              f"{min(times):.2f} to {max(times):.2f} ms of CPU over all D and r; CEM takes {min(searches):.2f} to "
              f"{max(searches):.2f} ms, its oracle costing next to nothing."),
    ]  # fmt: skip


def _longer(steps: list[int | None]) -> bool:
    return steps[0] is not None and (steps[-1] is None or steps[-1] > steps[0])


def _growth_verdict(fits: dict[str, Any]) -> Verdict:
    """Exponential growth counts as seen where the exponential explains more of the variance than the line."""
    compared = [
        (f"r = {radius}, {name}", *(fit[kind]["r2"] for kind in ("linear", "exponential")))
        for radius, means in fits.items()
        for name, fit in means["mean"].items()
    ]
    exponential = [curve > line for _, line, curve in compared]
    evidence = (
        f"The line explains more than the exponential in {exponential.count(False)} of {len(compared)} fits; R² of "
        "line and exponential, failures counted as 50: "
        + "; ".join(f"{name}: {line:.3f} and {curve:.3f}" for name, line, curve in compared)
        + "."
    )
    return judge("The mean number of iterations grows exponentially with D.", exponential, evidence)
