"""`pulsa data template`: what a file of commands looks like."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ledger.entrypoints.cli import shell
from ledger.entrypoints.forms import command_names
from ledger.wiring.settings import Settings

CommandNames = Annotated[
    list[str], typer.Argument(metavar="COMMAND…", help="Such as RecordUsage; several make one file of all.")
]


def data_template(settings: Settings, commands: CommandNames) -> int:
    """Write a CSV header with an example row, to be filled in and taken in by `pulsa ingest`.

    On a played log (PULSA_CLOCK=played) commands state when they are said: the column `at` is there.
    """
    from ledger.entrypoints.templates import template

    for name in commands:
        must_be_a_command(name)
    sys.stdout.write(template(commands, played=settings.clock == "played"))
    return shell.DONE


def must_be_a_command(name: str) -> None:
    """Raises a usage error where files may hold no command of that name."""
    known = command_names()
    if name not in known:
        raise typer.BadParameter(f"no command is named {name!r}, but {', '.join(known)}")
