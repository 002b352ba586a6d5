"""`graspctl reproduce`: the paper's figures and tables, each with a verdict on what the paper claims."""

import importlib
from pathlib import Path
from typing import Annotated, Any

import typer

from grasp_tfp.errors import unknown_name
from graspctl.console import Progress, load_tensorflow, print_report, summary

__all__ = ["FIGURES", "reproduce"]

FIGURES = ("bandit", "fig2", "fig3")
"""Each is a module of `grasp_tfp.experiments` with a function `reproduce` and the settings `FULL` and `QUICK`."""


def reproduce(
    figure: Annotated[str, typer.Argument(metavar="FIGURE", help="fig2, fig3 or bandit.")],
    out: Annotated[Path | None, typer.Option("--out", help="Folder to write; reproduce/FIGURE if unset.")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of all random choices.")] = 0,
    quick: Annotated[bool, typer.Option("--quick", help="Far too little work, to see that it runs.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON and nothing else.")] = False,
) -> None:
    """Example: graspctl reproduce fig3

    Repeats an experiment of the paper and says of each of its claims whether it was reproduced, with the numbers.
    fig2 is the search of CEM against one pass of an actor, fig3 the three densities on the five-point task,
    bandit what the on-policy loss converges to (Section IV-B).
    The same line continues a run that was interrupted.
    """
    if figure not in FIGURES:
        raise unknown_name("figure", figure, FIGURES)
    load_tensorflow()
    from grasp_tfp.experiments.reproduction import table

    folder, module = out or Path("reproduce") / figure, importlib.import_module(f"grasp_tfp.experiments.{figure}")
    with Progress(f"reproduce {figure}") as progress:
        done: Any = module.reproduce(
            folder, seed=seed, settings=module.QUICK if quick else module.FULL, progress=progress.update
        )
    if as_json:
        return print_report(done)
    for line in table(done.rows):
        typer.echo(line)
    summary(f"{done.picture}, {folder / f'{figure}.json'}", [str(verdict) for verdict in done.verdicts], None)
