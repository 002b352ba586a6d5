"""`graspctl train`: fit an actor to a dataset."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from grasp_tfp.errors import UsageError, unknown_name
from graspctl.console import Progress, duration, load_tensorflow, print_report, rate, summary
from graspctl.runs import RUNS, start_run

__all__ = ["MODELS", "train"]

MODELS = ("gmm", "mof", "real-nvp")


def train(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="mof, gmm or real-nvp.")],
    data: Annotated[Path, typer.Option("--data", help="Dataset that convert wrote.")] = Path("out"),
    preset: Annotated[str, typer.Option("--preset", help="laptop or paper.")] = "laptop",
    config_file: Annotated[Path | None, typer.Option("--config", help="TOML file on top of the preset.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Such as train.steps=500; repeatable.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Short for --set train.seed=….")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Folder in runs/; the model's name if unset.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON and nothing else.")] = False,
) -> None:
    """Example: graspctl train mof

    Fits an actor to the successful grasps of a dataset and writes it as a policy bundle.
    The same line continues a run that was interrupted.
    """
    if model not in MODELS:
        raise unknown_name("model", model, MODELS)
    from grasp_datasets.input_pipeline import open_dataset, success_batches
    from grasp_tfp.config import load_config

    config = load_config(preset, config_file, [*(settings or []), *([] if seed is None else [f"train.seed={seed}"])])
    dataset, size, run = open_dataset(data), config.vision.image_size, RUNS / (name or model)
    _refuse_small(data, dataset.metadata["image_size"], size)
    load_tensorflow()
    batch, start = config.train.batch_size, config.train.seed
    batches = success_batches(data, "train", batch, start, image_size=size)
    validation = success_batches(data, "validation", batch, start, image_size=size, epochs=1)
    start_run(run, {"model": model, "data": str(data), "config": config.to_dict()})

    from grasp_tfp.models import bundle
    from grasp_tfp.models.actor import build_actor
    from grasp_tfp.training import off_policy

    actor = build_actor(config, model)
    with Progress(f"train {model}") as progress:
        report = off_policy.train(
            actor,
            batches,
            validation,
            run,
            progress=lambda done, total, nll: progress.update(done, total, f"nll {nll:.2f}"),
        )
    card = {"cell": dataset.metadata["cell"], "training": dataclasses.asdict(report)}
    policy = bundle.export(actor, run / "bundle", card)
    if as_json:
        return print_report(report)
    summary(
        f"{run}/ (policy bundle {policy.digest[:12]})",
        [
            f"{report.steps} steps in {duration(report.seconds)}, {rate(report.steps, report.seconds)} a second; "
            f"{report.parameters} parameters",
            f"validation: negative log-likelihood {report.validation_nll:.2f} nat, at its best after step "
            f"{report.best_step}; these weights were kept",
        ],
        "graspctl eval --robot kuka-3",
    )


def _refuse_small(data: Path, found: int, expected: int) -> None:
    if found < expected:
        raise UsageError(
            f"The images in {str(data)!r} are too small: expected {expected} pixels, found {found}. "
            f"Use graspctl convert LOGS OUT --image-size {expected}."
        )
