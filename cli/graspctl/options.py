"""Options and arguments that are the same in several commands."""

from typing import Annotated

import typer

__all__ = ["RARE", "AsJson", "ImageSize", "LogsToRead", "SkipDamaged", "Source", "Workers"]

RARE = "Rarely needed"
"""Heading of options that most users never set."""

AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON and nothing else.")]
Workers = Annotated[int | None, typer.Option("--workers", min=1, help="Processes; one per core if unset.")]

LogsToRead = Annotated[
    str, typer.Argument(metavar="LOGS", help="Logs of collect, or an RLDS dataset; a path or a URL.")
]
ImageSize = Annotated[int, typer.Option("--image-size", min=16, help="Pixels per side.")]
Source = Annotated[
    str | None,
    typer.Option("--source", help="What LOGS is, such as kuka; recognised if unset.", rich_help_panel=RARE),
]
SkipDamaged = Annotated[
    bool, typer.Option("--skip-damaged", help="Exit with 0 although a log is damaged.", rich_help_panel=RARE)
]
