"""`graspctl reproduce`: the paper's figures and tables, each with a verdict on what the paper claims."""

import dataclasses
import importlib
from pathlib import Path
from typing import Annotated, Any

import typer

from grasp_tfp.errors import UsageError, unknown_name
from grasp_tfp.models.loading import load_tensorflow
from graspctl import completion
from graspctl.commands import graspctl_commands
from graspctl.console import Progress, print_report, summary
from graspctl.options import AsJson
from graspctl.runs import find_run

__all__ = ["FIGURES", "reproduce"]

FIGURES = ("ablation", "bandit", "fig2", "fig3", "fig5", "fig6", "fig7", "latency", "table1")
"""Each is a module of `grasp_tfp.experiments` with a function `reproduce` and the settings `FULL` and `QUICK`."""

TRAINED = {"table1": ("actor", "critic")}
"""What has to be trained for some of them."""

TRAINING = ("ablation", "fig5", "fig6", "fig7")
"""Those that collect and train by themselves; `plan` of their modules says what it takes."""


def reproduce(
    figure: Annotated[
        str,
        typer.Argument(
            metavar="FIGURE",
            autocompletion=completion.among(FIGURES),
            help="fig2, fig3, fig5, fig6, fig7, table1, latency, bandit or ablation.",
        ),
    ],
    runs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[RUN]...", autocompletion=completion.runs, help="Of table1: what to evaluate; the latest if unset."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder to write; reproduce/FIGURE if unset.")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of all random choices.")] = 0,
    scale: Annotated[
        float, typer.Option("--scale", min=0.01, max=100, help="Of what trains: steps, as a share of those of 1.")
    ] = 1.0,
    seeds: Annotated[
        int | None, typer.Option("--seeds", min=1, help="Of what trains: how often, from --seed on; 3 if unset.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Far too little work, to see that it runs.")] = False,
    as_json: AsJson = False,
) -> None:
    """Example: graspctl reproduce fig3

    Repeats an experiment of the paper and says of each of its claims whether it was reproduced, with the numbers.
    The same line continues one that was interrupted.

    - fig2: the search of CEM against one pass of an actor
    - fig3: the three densities on the five-point task
    - bandit: what the on-policy loss converges to (Section IV-B)
    - latency: how long an actor, both networks, and CEM in four ways take to decide
    - table1: the seven robots' simulated twins, with an actor and a critic trained in clutter

    These collect and train for hours, or with --scale 0.1 for less:

    - fig5: densities
    - fig6: actor and critic over the size of the data
    - fig7: what the policy collects itself
    - ablation: what failures and other ideas add
    """
    if figure not in FIGURES:
        raise unknown_name("figure", figure, FIGURES)
    if runs and figure not in TRAINED:
        raise UsageError(f"Expected runs for {' and '.join(TRAINED)} only, received {figure} {runs[0]}.")
    if (scale != 1 or seeds) and (quick or figure not in TRAINING):
        known = ", ".join(TRAINING)
        raise UsageError(f"Expected --scale and --seeds with {known} only, and without --quick, received {figure}.")
    given = {role: find_run(runs, role) / "bundle" for role in TRAINED.get(figure, ())}
    load_tensorflow()
    from grasp_tfp.experiments.reproduction import table

    folder, module = out or Path("reproduce") / figure, importlib.import_module(f"grasp_tfp.experiments.{figure}")
    settings = module.QUICK if quick else module.FULL
    with Progress(f"reproduce {figure}") as progress, graspctl_commands() as commands:
        more: dict[str, Any] = {"bundles": given} if given else {}
        if figure in TRAINING:
            steps = _whole_epochs(scale * settings.steps)
            settings = dataclasses.replace(settings, steps=steps, seeds=seeds or settings.seeds)
            typer.echo(f"{figure}: {module.plan(settings)}", err=True)
            more["graspctl"] = commands
        done: Any = module.reproduce(folder, seed=seed, settings=settings, progress=progress.update, **more)
    if as_json:
        return print_report(done)
    for line in table(done.rows):
        typer.echo(line)
    summary(f"{done.picture}, {folder / f'{figure}.json'}", [str(verdict) for verdict in done.verdicts], None)


def _whole_epochs(steps: float) -> int:
    """A multiple of the steps between two looks at a training, at least one."""
    from grasp_tfp.training.off_policy import EPOCH_STEPS

    return max(1, round(steps / EPOCH_STEPS)) * EPOCH_STEPS
