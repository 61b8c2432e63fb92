"""`pulsa data template`: what a file of commands looks like."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.entrypoints.cli import shell

if TYPE_CHECKING:
    from ledger.wiring.composition import Opened

CommandNames = Annotated[
    list[str], typer.Argument(metavar="COMMAND…", help="Such as RecordUsage; several make one file of all.")
]


def data_template(opened: Opened, commands: CommandNames) -> int:
    """Write a CSV header with an example row, to be filled in and taken in by `pulsa ingest`.

    On a played log commands state when they are said: the column `at` is there.
    """
    from ledger.entrypoints.templates import template

    for name in commands:
        must_be_a_command(name)
    sys.stdout.write(template(commands, played=_is_played(opened)))
    return shell.DONE


def _is_played(opened: Opened) -> bool:
    """Whether the log that is set is played, or is to be: as is stated, or else as a file that is there says itself."""
    settings = opened.settings
    if settings.clock_is_stated or settings.kafka is not None or not settings.log.exists():
        return settings.clock == "played"
    with opened.reader().snapshot() as log:
        return log.created is not None and log.created.clock == "played"


def must_be_a_command(name: str) -> None:
    """Raises a usage error where files may hold no command of that name."""
    from ledger.entrypoints.forms import command_names, named_like

    if name in command_names():
        return
    like = get_close_matches(name.casefold(), names := {one.casefold(): one for one in command_names()})
    said = f", but {', '.join(names[one] for one in like)}" if like else named_like(name)
    raise typer.BadParameter(f"no command is named {name!r}{said}")
