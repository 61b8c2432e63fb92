"""`pulsa dead-letters`: commands that could not be carried out are listed, looked at, and sent again."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.local_times import Utc, cell_of, told_at
from ledger.entrypoints.cli.options import now_of, told_here
from ledger.entrypoints.cli.output import NOTHING_IS_WRITTEN, AsJson, counted, say, say_json, say_outcome
from ledger.entrypoints.cli.prose import zone_at_hand
from ledger.entrypoints.cli.tabulating import say_table
from ledger.figures import rupiah

if TYPE_CHECKING:
    from ledger.wiring.composition import Opened

_SHOWN = 60
"""Characters of a reason that a table shows."""

Position = Annotated[str, typer.Argument(metavar="POSITION", help="As `pulsa dead-letters list` says it.")]
Positions = Annotated[
    list[str] | None,
    typer.Argument(metavar="[POSITION…]", help="As `pulsa dead-letters list` says them.", show_default=False),
]
InTransit = Annotated[
    bool,
    typer.Option(
        "--in-transit", help="Whatever has to follow for transfers that neither arrived nor came back."
    ),
]
OlderThan = Annotated[
    str | None,
    typer.Option(
        "--older-than",
        metavar="DURATION",
        help="Only those sent that long ago: 90s, 15m, 2h, 1d.",
        show_default=False,
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Say what would be sent, and send nothing; on Kafka with --in-transit only."
    ),
]
_TOLD = ("transfer", "from_account", "to_msisdn", "amount", "sent_at", "command")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def dead_list(opened: Opened, utc: Utc = False, as_json: AsJson = False) -> int:
    """What could not be carried out, why, and what it was answered since it was sent again."""
    from ledger.domain.calendar import format_instant
    from ledger.entrypoints.dead import dead  # Kafka's libraries are slow to import

    found = dead(opened)
    if as_json:
        for one in found:
            say_json({**one.to_json(), "at": format_instant(one.at)})
        return shell.DONE
    where = zone_at_hand(opened, utc=utc)
    rows = [
        [
            one.position,
            "" if one.command is None else one.command.name,
            _plain("" if one.command is None else one.command.command_id),
            _shortened(_plain(one.reason)),
            cell_of(one.at, where),
            one.answer or "not yet",
        ]
        for one in found
    ]
    say_table(
        "", ["position", "command", "command_id", "reason", f"since ({where.local(0):%Z})", "answered"], rows
    )
    waiting = sum(one.answer is None for one in found)
    say(f"{counted(len(found), 'command')}, {waiting} not answered since")
    return shell.DONE


def dead_show(opened: Opened, position: Position, utc: Utc = False, as_json: AsJson = False) -> int:
    """All that one of them says, and the whole reason."""
    from ledger.domain.calendar import format_instant
    from ledger.entrypoints.dead import at_position  # Kafka's libraries are slow to import

    one = at_position(opened, position)
    record = {**one.to_json(), "at": format_instant(one.at), "content": one.content()}
    if as_json:
        say_json(record)
        return shell.DONE
    content = record.pop("content")
    record["at"] = told_at(one.at, zone_at_hand(opened, utc=utc))
    for name, value in [*record.items(), *content.items()]:
        say(f"{name}: {_plain('' if value is None else str(value))}")
    return shell.DONE


def dead_resend(
    opened: Opened,
    positions: Positions = None,
    in_transit: InTransit = False,
    older_than: OlderThan = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int:
    """Send them again, each under its own id: nothing happens twice."""
    from ledger.application.outcomes import UNKNOWN

    if in_transit:
        if positions:
            raise typer.BadParameter("say POSITION… or --in-transit, not both")
        return _resend_in_transit(opened, _age(older_than), dry_run=dry_run, as_json=as_json)
    if older_than is not None:
        raise typer.BadParameter("--older-than: is said of --in-transit")
    if not positions:
        raise typer.BadParameter("say POSITION…, as `pulsa dead-letters list` has them, or --in-transit")
    from ledger.entrypoints.dead import at_position, resend  # Kafka's libraries are slow to import
    from ledger.wiring.rehearsal import tried

    code = shell.DONE
    with tried(opened, dry_run=dry_run) as log:
        for one in [at_position(log, position) for position in positions]:
            outcome = resend(log, one, now_of(log.settings))
            if as_json:
                say_json({**outcome.to_json(), **({"dry_run": True} if dry_run else {})})
            else:
                say_outcome(outcome, told=partial(told_here, opened))
            if outcome.status == UNKNOWN:
                code = shell.FAILED
            elif outcome.code is not None:
                code = max(code, shell.REFUSED)
    if dry_run and not as_json:
        say(NOTHING_IS_WRITTEN)
    return code


def _resend_in_transit(opened: Opened, age: int, *, dry_run: bool, as_json: bool) -> int:
    """What has to follow for each transfer under way, and what it was answered."""
    from ledger.application.outcomes import UNKNOWN
    from ledger.entrypoints.transit import missing, resend  # Kafka's libraries are slow to import

    now = now_of(opened.settings)
    found = missing(opened, now - age)
    outcomes = [None] * len(found) if dry_run else resend(opened, found, now)
    rows, code = [], shell.DONE
    for one, outcome in zip(found, outcomes, strict=True):
        said = one.to_json() | ({} if outcome is None else {"outcome": outcome.to_json()})
        if as_json:
            say_json(said)
        answer = "" if outcome is None else outcome.code or outcome.status
        told = said | {"amount": rupiah(one.sent.amount)}
        rows.append([*(_plain(str(told[name])) for name in _TOLD), answer])
        if outcome is not None and outcome.status == UNKNOWN:
            code = shell.FAILED
        elif outcome is not None and not one.settled(outcome):
            code = max(code, shell.REFUSED)
    if as_json:
        return code
    if rows:
        say_table(
            "", [*(name.replace("_", " ") for name in _TOLD), "answer"], rows, right=frozenset({"amount"})
        )
    say(f"{counted(len(found), 'transfer')} in transit{'' if dry_run else ': what follows was sent again'}")
    return code


def _age(text: str | None) -> int:
    """Microseconds."""
    from ledger.domain.calendar import SECOND

    if text is None:
        return 0
    said = re.fullmatch(r"([0-9]{1,6})([smhd])", text, re.ASCII)
    if said is None:
        raise typer.BadParameter("--older-than: not a duration such as 90s, 15m, 2h or 1d")
    return int(said[1]) * _UNITS[said[2]] * SECOND


def _plain(text: str) -> str:
    """Text from a stranger, without what a terminal would obey."""
    return "".join(char if char.isprintable() else "?" for char in text)


def _shortened(reason: str) -> str:
    """A reason as a table shows it; `show` has the whole."""
    return reason if len(reason) <= _SHOWN else f"{reason[: _SHOWN - 1]}…"
