"""What `graspctl doctor` runs: the way from a trial to a policy, as short as it can be."""

import contextlib
import math
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from grasp_tfp.errors import GraspError
from grasp_tfp.models.loading import load_tensorflow
from graspctl.runs import PRETRAINED, load_policy

__all__ = ["self_test"]

TRIALS = 10
SEED = 4
"""Of ten random trials of which two hold, as training needs one at least."""

IMAGE_SIZE = 64
EVALUATED = 20
LEAST = 10
"""Grasps of `EVALUATED` that the actor of the package holds, at the least: random actions hold about two."""


@contextlib.contextmanager
def self_test() -> Iterator[dict[str, Callable[[], str]]]:
    """The looks of the self-test, each on what the one before wrote, in a folder that goes with them."""
    with tempfile.TemporaryDirectory(prefix="graspctl-doctor-") as name:
        folder = Path(name)
        looks = {"trial": _trial, "conversion": _conversion, "training": _training}
        yield {look: partial(run, folder) for look, run in looks.items()} | {"evaluation": _evaluation}


def _trial(folder: Path) -> str:
    from grasp_pipelines.collect import collect

    report = collect(folder / "logs", trials=TRIALS, seed=SEED, workers=1)
    return f"{report.successes} of {report.trials} random grasps held"


def _conversion(folder: Path) -> str:
    from grasp_pipelines.convert import convert

    report = convert(folder / "logs", folder / "out", image_size=IMAGE_SIZE, workers=1)
    return f"{report.trials} trials to {sum(report.examples.values())} examples of {IMAGE_SIZE} pixels"


def _training(folder: Path) -> str:
    load_tensorflow()
    from grasp_datasets.readers import actor_batches
    from grasp_tfp.config import load_config
    from grasp_tfp.models.actor import build_actor
    from grasp_tfp.training.off_policy import optimizer

    config = load_config(overrides=["train.batch_size=4", "density.components=2", "density.couplings=2"])
    batches = actor_batches(folder / "out", "train", config.train.batch_size, SEED)
    network = build_actor(config, "mof")
    network.adapt(*next(iter(batches)))
    network.compile(optimizer=optimizer(config.train), jit_compile=False)
    loss = network.fit(batches, steps_per_epoch=1, shuffle=False, verbose=0).history["loss"][0]
    if not math.isfinite(loss):
        raise GraspError(f"expected a finite loss after one step, found {loss}. Report this with the lines above.")
    return f"one step of {network.count_params()} parameters, loss {loss:.2f}"


def _evaluation() -> str:
    from grasp_tfp.policies.ensemble import EnsemblePolicy
    from grasp_tfp.robots.sim import SimRobot
    from grasp_tfp.training.evaluation import evaluate

    bundle = load_policy(PRETRAINED / "bundle")
    cells = [SimRobot(seed=SEED, image_size=bundle.image_size) for _ in range(EVALUATED)]
    found = evaluate(cells, EnsemblePolicy(bundle), trials=EVALUATED)
    for cell in cells:
        cell.close()
    if found.rate.successes < LEAST:
        raise GraspError(f"expected the packaged actor to hold {LEAST} or more of {EVALUATED}, found {found.rate}.")
    return f"the packaged actor holds {found.rate}, {found.decision_milliseconds:.1f} ms a decision"
