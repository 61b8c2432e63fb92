"""What the desk and those on call ask the projections: `number timeline`, `usage show`, `report blocks` and such."""

from __future__ import annotations

import shutil
import textwrap
from typing import Annotated

import typer

from ledger.domain.calendar import DAY, format_instant
from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.drawing import NARROWEST, PLAIN_SHADES, SHADES, drawn
from ledger.entrypoints.cli.options import now_of
from ledger.entrypoints.cli.output import printable, say
from ledger.entrypoints.cli.prose import (
    Number,
    Then,
    asked,
    final_or_not,
    instant,
    say_rows,
)
from ledger.wiring.composition import Opened

LedgerAccount = Annotated[
    str,
    typer.Argument(metavar="LEDGER-ACCOUNT", help="Such as 6288112345678#1/credit or operator/breakage."),
]
Ground = Annotated[
    str | None, typer.Option("--ground", metavar="GROUND", help="Only on this ground.", show_default=False)
]
Until = Annotated[
    int | None,
    typer.Option(
        "--until",
        metavar="INSTANT",
        parser=instant,
        help="What is due by then (default: within a day).",
        show_default=False,
    ),
]


def timeline(opened: Opened, then: Then, msisdn: Number) -> int:
    """The states of a number's accounts over time, and what caused each; drawn, unless --json or --csv is said."""
    found = asked(opened, then).timeline(msisdn, **then.moment)
    if then.told(found.to_rows(), columns=found.columns):
        return shell.DONE
    width = max(shutil.get_terminal_size().columns, NARROWEST)
    shades = SHADES if printable("".join(SHADES)) else PLAIN_SHADES
    for line in drawn(found.rows, found.as_of, width, shades):
        say(line)
    say(textwrap.fill(final_or_not(found), width, break_on_hyphens=False))
    return shell.DONE


def movements(opened: Opened, then: Then, ledger_account: LedgerAccount) -> int:
    """The movements behind a balance, each with what the account held after it."""
    found = asked(opened, then).movements(ledger_account, **then.moment)
    say_rows(found, then, none=f"{ledger_account}: nothing has moved", right=("amount", "held"))
    return shell.DONE


def usage(opened: Opened, then: Then, msisdn: Number) -> int:
    """Use and charge of a number, by account, local day and service."""
    found = asked(opened, then).usage(msisdn, **then.moment)
    figures = ("uses", "refused", "granted", "charged")
    say_rows(found, then, none=f"{msisdn}: nothing was used", right=figures)
    return shell.DONE


def number(opened: Opened, then: Then, msisdn: Number) -> int:
    """A number's own states and generations over time: who had it last, and when it can be had again."""
    found = asked(opened, then).number(msisdn, **then.moment)
    say_rows(found, then, right=("generation",))
    return shell.DONE


def blocks(opened: Opened, then: Then, ground: Ground = None) -> int:
    """The blocks that stand, by ground; those that an authority has ordered, apart."""
    found = asked(opened, then).blocks(ground, **then.moment)
    apart = {
        "by order of an authority": lambda block: block.ordered,
        "others": lambda block: not block.ordered,
    }
    say_rows(found, then, none="no block stands", tables=apart)
    return shell.DONE


def due(opened: Opened, then: Then, until: Until = None) -> int:
    """Whom time alone will change next, when and to what; soonest first."""
    last = (now_of(opened.settings) if then.as_of is None else then.as_of) + DAY if until is None else until
    found = asked(opened, then).due(last, **then.moment)
    none = f"nobody is due to change by {format_instant(last)}"
    say_rows(found, then, none=none, right=("credit",))
    return shell.DONE
