"""The `graspctl` command. Heavy libraries load inside its commands, so that help comes at once."""

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from grasp_tfp import __version__
from grasp_tfp.errors import GraspError
from graspctl.collect import collect
from graspctl.compare import compare
from graspctl.convert import convert
from graspctl.deploy import deploy
from graspctl.doctor import doctor
from graspctl.evaluate import evaluate
from graspctl.export import export
from graspctl.fleet import robots
from graspctl.logs import logs
from graspctl.report import report
from graspctl.reproduce import reproduce
from graspctl.train import train

__all__ = ["app", "graspctl", "run"]


class _OneLineErrors(TyperGroup):
    """Reports what went wrong as one line on stderr, with the exit code of its kind."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Runs the command line and ends the process with its exit code."""
        try:
            code = super().main(*args, **(options | {"standalone_mode": False}))
        except (GraspError, typer.TyperException) as error:
            typer.echo(f"Error: {_one_line(error)}", err=True)
            code = error.exit_code
        if code == 130:
            typer.echo("Interrupted.", err=True)
        sys.exit(code)


def _one_line(error: GraspError | typer.TyperException) -> str:
    if isinstance(error, GraspError):
        return str(error)
    text = " ".join(error.format_message().split())
    context = getattr(error, "ctx", None)
    stop = "" if text.endswith((".", "?")) else "."
    return f"{text}{stop} See: {context.command_path} --help" if context else text


app = typer.Typer(
    cls=_OneLineErrors,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(short_help="Run grasp trials and log them.")(collect)
app.command(short_help="Turn logs into a dataset.")(convert)
app.command(short_help="Turn logs into another toolkit's dataset.")(export)
app.command(short_help="Fit an actor to a dataset.")(train)
app.command("eval", short_help="Count how often a policy grasps.")(evaluate)
app.command(short_help="Set evaluations of runs beside each other.")(compare)
app.command(short_help="Make a policy the one a robot uses.")(deploy)
app.command(short_help="Write a run as one page.")(report)
app.command(short_help="Repeat an experiment of the paper.")(reproduce)
app.command(short_help="Check the installation.")(doctor)
app.add_typer(logs, name="logs", short_help="Look into logs.")
app.add_typer(robots, name="robots", short_help="Look at the fleet, simulate an arm.")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"graspctl {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def graspctl(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Example: graspctl collect --sim

    Takes a robot cell from nothing to grasping: collect, convert, train, eval, deploy.
    Each command ends with the next line to type.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def run() -> None:
    """Runs the command line of this process."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    app(prog_name="graspctl")
