"""`pulsa dead`: commands that could not be carried out are listed, looked at, and sent again."""

from __future__ import annotations

from typing import Annotated

import typer

from ledger.domain.calendar import format_instant
from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.options import now_of, with_settings
from ledger.entrypoints.cli.output import AsJson, counted, say, say_json, say_outcome, say_table
from ledger.outcomes import UNKNOWN
from ledger.settings import Settings

_SHOWN = 60
"""Characters of a reason that a table shows."""

Position = Annotated[str, typer.Argument(metavar="POSITION", help="As `pulsa dead list` says it.")]
Positions = Annotated[list[str], typer.Argument(metavar="POSITION…", help="As `pulsa dead list` says them.")]


def dead_list(settings: Settings, as_json: AsJson = False) -> int:
    """What could not be carried out, why, and what it was answered since it was sent again."""
    from ledger.entrypoints.dead import dead  # Kafka's libraries are slow to import

    found = dead(settings)
    if as_json:
        for one in found:
            say_json({**one.to_json(), "at": format_instant(one.at)})
        return shell.DONE
    rows = [
        [
            one.position,
            "" if one.command is None else one.command.name,
            _plain("" if one.command is None else one.command.command_id),
            _plain(one.reason)[:_SHOWN],
            format_instant(one.at),
            one.answer or "not yet",
        ]
        for one in found
    ]
    say_table("", ["position", "command", "command_id", "reason", "since", "answered"], rows)
    waiting = sum(one.answer is None for one in found)
    say(f"{counted(len(found), 'command')}, {waiting} not answered since")
    return shell.DONE


def dead_show(settings: Settings, position: Position, as_json: AsJson = False) -> int:
    """All that one of them says, and the whole reason."""
    from ledger.entrypoints.dead import at_position  # Kafka's libraries are slow to import

    one = at_position(settings, position)
    record = {**one.to_json(), "at": format_instant(one.at), "content": one.content()}
    if as_json:
        say_json(record)
        return shell.DONE
    content = record.pop("content")
    for name, value in [*record.items(), *content.items()]:
        say(f"{name}: {_plain('' if value is None else str(value))}")
    return shell.DONE


def dead_resend(settings: Settings, positions: Positions, as_json: AsJson = False) -> int:
    """Send them again, each under its own id: nothing happens twice."""
    from ledger.entrypoints.dead import at_position, resend  # Kafka's libraries are slow to import

    code = shell.DONE
    for one in [at_position(settings, position) for position in positions]:
        outcome = resend(settings, one, now_of(settings))
        if as_json:
            say_json(outcome.to_json())
        else:
            say_outcome(outcome)
        if outcome.status == UNKNOWN:
            code = shell.FAILED
        elif outcome.code is not None:
            code = max(code, shell.REFUSED)
    return code


def _plain(text: str) -> str:
    """Text from a stranger, without what a terminal would obey."""
    return "".join(char if char.isprintable() else "?" for char in text)


def add_dead(app: typer.Typer) -> None:
    """Gives the application the group `dead`."""
    group = typer.Typer(no_args_is_help=True, help="Commands that could not be carried out.")
    group.command("list")(with_settings(dead_list))
    group.command("show")(with_settings(dead_show))
    group.command("resend")(with_settings(dead_resend))
    app.add_typer(group, name="dead", rich_help_panel="Keeping")
