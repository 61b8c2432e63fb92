"""What the desk and those on call ask the projections: `number timeline`, `usage show`, `report blocks` and such."""

from __future__ import annotations

import shutil
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.drawing import NARROWEST, PLAIN_SHADES, SHADES, drawn
from ledger.entrypoints.cli.local_times import end_of, told_at, when
from ledger.entrypoints.cli.options import now_of
from ledger.entrypoints.cli.output import printable, say, say_folded
from ledger.entrypoints.cli.prose import (
    Number,
    Then,
    asked,
    final_or_not,
    ledger_account_of,
    say_clauses,
    say_rows,
    told_in,
)

if TYPE_CHECKING:
    from ledger.wiring.composition import Opened

LedgerAccount = Annotated[
    str,
    typer.Argument(
        metavar="LEDGER-ACCOUNT",
        parser=ledger_account_of,
        help="Such as 6288112345678#1/credit or operator/breakage.",
    ),
]
Ground = Annotated[
    str | None, typer.Option("--ground", metavar="GROUND", help="Only on this ground.", show_default=False)
]
Until = Annotated[
    Any,
    typer.Option(
        "--until",
        metavar="INSTANT|DAY",
        parser=when,
        help="What is due by then, or by the end of that day (default: within a day).",
        show_default=False,
    ),
]


def timeline(opened: Opened, then: Then, msisdn: Number) -> int:
    """The states of a number's accounts over time, and what caused each; drawn, unless --json or --csv is said."""
    ask = asked(opened, then)
    found = ask.timeline(msisdn, **then.moment)
    if then.told(found.to_rows(), columns=found.columns):
        return shell.DONE
    width = max(shutil.get_terminal_size().columns, NARROWEST)
    shades = SHADES if printable("".join(SHADES)) else PLAIN_SHADES
    where = told_in(ask, then, msisdn)
    for line in drawn(found.rows, found.as_of, width, where, shades):
        say(line)
    say_clauses(opened.settings, (span.clause for span in found.rows))
    say_folded(final_or_not(found, where))
    return shell.DONE


def movements(opened: Opened, then: Then, ledger_account: LedgerAccount) -> int:
    """The movements behind a balance, each with what the account held after it."""
    ask = asked(opened, then)
    found = ask.movements(ledger_account, **then.moment)
    where = partial(told_in, ask, then, ledger_account)
    say_rows(found, then, where, none=f"{ledger_account}: nothing has moved")
    return shell.DONE


def usage(opened: Opened, then: Then, msisdn: Number) -> int:
    """Use and charge of a number, by account, local day and service."""
    ask = asked(opened, then)
    found = ask.usage(msisdn, **then.moment)
    say_rows(found, then, partial(told_in, ask, then, msisdn), none=f"{msisdn}: nothing was used")
    return shell.DONE


def number(opened: Opened, then: Then, msisdn: Number) -> int:
    """A number's own states and generations over time: who had it last, and when it can be had again."""
    ask = asked(opened, then)
    found = ask.number(msisdn, **then.moment)
    say_rows(found, then, partial(told_in, ask, then, msisdn))
    return shell.DONE


def blocks(opened: Opened, then: Then, ground: Ground = None) -> int:
    """The blocks that stand, by ground; those that an authority has ordered, apart."""
    ask = asked(opened, then)
    found = ask.blocks(ground, **then.moment)
    apart = {
        "by order of an authority": lambda block: block.ordered,
        "others": lambda block: not block.ordered,
    }
    say_rows(found, then, partial(told_in, ask, then), none="no block stands", tables=apart)
    if not then.for_programs:
        say_clauses(opened.settings, (block.clause for block in found.rows))
    return shell.DONE


def due(opened: Opened, then: Then, until: Until = None) -> int:
    """Upcoming changes by time alone, the soonest first: whose account, when, and to what."""
    from ledger.domain.calendar import DAY

    ask = asked(opened, then)
    where = partial(told_in, ask, then)
    begin = now_of(opened.settings) if then.as_of is None else then.as_of
    if isinstance(begin, date):
        begin = ask.told_in().last_instant(begin)
    last = begin + DAY if until is None else end_of(until, where())
    found = ask.due(last, **then.moment)
    none = f"nobody is due to change by {told_at(last, where())}" if not then.for_programs else ""
    say_rows(found, then, where, none=none)
    if not then.for_programs:
        say_clauses(opened.settings, (change.clause for change in found.rows))
    return shell.DONE
