"""`graspctl train`: fit an actor, a critic or both to a dataset."""

import dataclasses
import enum
import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from grasp_tfp.errors import UsageError, unknown_name
from grasp_tfp.models.loading import load_tensorflow
from graspctl import completion
from graspctl.cells import DEFAULT_TASK, in_simulation
from graspctl.console import Progress, print_report, steps_made, summary
from graspctl.on_policy import train_on_policy
from graspctl.options import RARE, AsJson
from graspctl.runs import RUNS, find_run, load_policy, start_run

__all__ = ["MODELS", "train"]

ON_POLICY = "With --on-policy"

MODELS = ("critic", "gmm", "joint", "mof", "prior", "real-nvp")

CRITERIA = {
    "nll": "negative log-likelihood {:.2f} nat",
    "bce": "binary cross-entropy {:.3f} nat",
    "joint": "negative log-likelihood and binary cross-entropy {:.2f} nat",
}


class _Tracker(enum.StrEnum):
    """Choices of --track, each with an extra of its name."""

    MLFLOW = "mlflow"
    WANDB = "wandb"


def train(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            autocompletion=completion.among(MODELS),
            help="mof, gmm or real-nvp; critic, prior, or joint: mof and critic.",
        ),
    ],
    data: Annotated[Path, typer.Option("--data", help="Dataset that convert wrote.")] = Path("out"),
    preset: Annotated[
        str, typer.Option("--preset", autocompletion=completion.presets, help="laptop or paper.")
    ] = "laptop",
    config_file: Annotated[
        Path | None, typer.Option("--config", metavar="TOML", help="File on top of the preset.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Such as train.steps=500; repeatable.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Short for --set train.seed=….")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Folder in runs/; the model's name if unset.")] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="RUN",
            autocompletion=completion.runs,
            help="Run of the same network, to go on from its weights.",
        ),
    ] = None,
    on_policy: Annotated[
        bool, typer.Option("--on-policy", help="Collect in the simulator with the policy while it learns.")
    ] = False,
    task: Annotated[
        str,
        typer.Option(
            "--task", autocompletion=completion.tasks, help="What lies in the tray.", rich_help_panel=ON_POLICY
        ),
    ] = DEFAULT_TASK,
    logs: Annotated[
        Path | None,
        typer.Option("--logs", help="Random trials to begin with; collected if unset.", rich_help_panel=ON_POLICY),
    ] = None,
    random_trials: Annotated[
        int, typer.Option("--random-trials", help="How many to begin with, without --logs.", rich_help_panel=ON_POLICY)
    ] = 20_000,
    always_random: Annotated[
        bool, typer.Option("--random", help="Collect random trials all along, to compare.", rich_help_panel=ON_POLICY)
    ] = False,
    trials_per_step: Annotated[
        float | None,
        typer.Option(
            "--trials-per-step",
            min=0.0,
            help="How many to collect; what time allows if unset.",
            rich_help_panel=ON_POLICY,
        ),
    ] = None,
    collectors: Annotated[
        int, typer.Option("--collectors", min=1, help="Processes that collect.", rich_help_panel=ON_POLICY)
    ] = 1,
    track: Annotated[
        list[_Tracker] | None,
        typer.Option(
            "--track",
            metavar="mlflow|wandb",
            help="Log to this too, on this machine; repeatable.",
            rich_help_panel=RARE,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Example: graspctl train mof

    Fits an actor to the successful grasps of a dataset, or a critic to all of them, and writes a policy bundle.
    The same line continues a run that was interrupted. With --on-policy it needs no dataset.
    """
    if model not in MODELS:
        raise unknown_name("model", model, MODELS)
    from grasp_tfp.config import load_config
    from grasp_tfp.extras import require

    trackers = tuple(dict.fromkeys(tracker.value for tracker in track or []))
    for tracker in trackers:
        require(tracker, tracker, f"log to {tracker}")
    config = load_config(preset, config_file, [*(settings or []), *([] if seed is None else [f"train.seed={seed}"])])
    if on_policy:
        from grasp_pipelines.on_policy.job import OnPolicy

        run, pace = RUNS / (name or f"{model}-on-policy"), math.inf if trials_per_step is None else trials_per_step
        job = OnPolicy(run, model, config, task, start, logs, random_trials, always_random, pace, collectors, trackers)
        return train_on_policy(job, as_json)
    _train_off_policy(model, config, data, start, name, trackers, as_json)


def _train_off_policy(
    model: str,
    config: Any,
    data: Path,
    start: Path | None,
    name: str | None,
    trackers: Sequence[str],
    as_json: bool,
) -> None:
    from grasp_datasets.dataset import open_dataset

    dataset, run = open_dataset(data), RUNS / (name or model)
    _refuse_small(data, dataset.metadata["image_size"], config.vision.image_size)
    load_tensorflow()
    initial = None if start is None else load_policy(find_run(start, _role(model)) / "bundle", _role(model))
    batches, validation = _batches(model, config, data)
    description = {
        "model": model,
        "data": str(data),
        "from": None if start is None else str(start),
        "config": config.to_dict(),
    }
    start_run(run, description)

    from grasp_tfp.models import bundle
    from grasp_tfp.training import off_policy
    from grasp_tfp.training.tracking import make_tracker

    with off_policy.on_every_gpu():
        network = _network(model, config, dataset.metadata)
    with Progress(f"train {model}") as progress:
        report = off_policy.train(
            network,
            batches,
            validation,
            run,
            initial=initial,
            progress=lambda done, total, loss: progress.update(done, total, f"{network.criterion} {loss:.3f}"),
            callbacks=[
                *_watching(model, run, network, _task(dataset.metadata)),
                *(make_tracker(tracker, run, description) for tracker in trackers),
            ],
        )
    card = {"cell": dataset.metadata["cell"], "training": dataclasses.asdict(report)}
    policy = bundle.export(
        network, run / "bundle", card | ({"model": model, "roles": ["prior"]} if model == "prior" else {})
    )
    calibrated = _calibrated(policy, data, config, run)
    if as_json:
        return print_report(dataclasses.asdict(report) | calibrated)
    follow = _next(model, run, _task(dataset.metadata))
    summary(f"{run}/ (policy bundle {policy.digest[:12]})", _measured(report, calibrated), follow)


def _refuse_small(data: Path, found: int, expected: int) -> None:
    if found < expected:
        raise UsageError(
            f"The images in {str(data)!r} are too small: expected {expected} pixels, found {found}. "
            f"Use graspctl convert LOGS OUT --image-size {expected}."
        )


def _role(model: str) -> str:
    """That of a run which the model can go on from."""
    return model if model in ("critic", "prior") else "actor"


def _batches(model: str, config: Any, data: Path) -> tuple[Any, Any]:
    """What gives the batches for training from a step on, and a single pass for validation."""
    from grasp_datasets import readers

    kinds = {"critic": readers.critic_batches, "joint": readers.critic_batches, "prior": readers.prior_batches}
    size, batch, seed = config.vision.image_size, config.train.batch_size, config.train.seed
    read = functools.partial(
        kinds.get(model, readers.actor_batches), data, batch_size=batch, seed=seed, image_size=size
    )
    return lambda step: read("train", start=step), read("validation", epochs=1)


def _network(model: str, config: Any, metadata: dict[str, Any]) -> Any:
    """An untrained network, a `grasp_tfp.models.network.GraspNetwork`."""
    from grasp_tfp.models.actor import build_actor
    from grasp_tfp.models.critic import build_critic
    from grasp_tfp.models.joint import build_joint

    if model == "critic":
        return build_critic(config, metadata["failures_kept"])
    if model == "joint":
        return build_joint(config, "mof", metadata["failures_kept"])
    return build_actor(config, "mof" if model == "prior" else model)


def _task(metadata: dict[str, Any]) -> str | None:
    """The simulated task that the data come from, if the simulator has their cell."""
    from grasp_tfp.sim.tasks import describe_cell_of, task_names

    tasks = [task for task in metadata["tasks"] if task in task_names()]
    return tasks[0] if tasks and metadata["cell"] == describe_cell_of(tasks) else None


def _watching(model: str, run: Path, network: Any, task: str | None) -> Sequence[Any]:
    """What evaluates and draws for TensorBoard, if the task is simulated."""
    from grasp_tfp.experiments.watching import watching

    return watching(model, run, network, task) if task else []


def _calibrated(policy: Any, data: Path, config: Any, run: Path) -> dict[str, Any]:
    """How far a critic's probabilities can be trusted; nothing for an actor."""
    if "critic" not in policy.roles:
        return {}
    from grasp_tfp.experiments.calibration import calibrate

    _, validation = _batches("critic", config, data)
    return {"calibration": dataclasses.asdict(calibrate(policy, validation, run))}


def _measured(report: Any, calibrated: dict[str, Any]) -> list[str]:
    lines = [
        steps_made(dataclasses.asdict(report)),
        f"validation: {CRITERIA[report.criterion].format(report.validation_loss)}, at its best after step "
        f"{report.best_step}; these weights were kept",
    ]
    if calibrated:
        found = calibrated["calibration"]
        lines.append(
            f"validation: expected calibration error {found['calibration_error']:.3f}, area under the curve "
            f"{found['area_under_curve']:.3f}, in {report.run}/calibration.png"
        )
    return lines


def _next(model: str, run: Path, task: str | None) -> str:
    """What to type after training."""
    place = in_simulation(task or DEFAULT_TASK)
    lines = {"critic": f"graspctl eval {place} --policy actor,cem,actor-critic -n 1000",
             "joint": f"graspctl eval {place} --run {run} --policy actor,cem,actor-critic -n 1000",
             "prior": f"graspctl eval {place} --policy actor,ratio -n 1000"}  # fmt: skip
    if task in (None, DEFAULT_TASK):
        return lines.get(model, "graspctl eval --robot kuka-3")
    return lines.get(model, f"graspctl eval {place} -n 1000")
