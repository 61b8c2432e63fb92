"""`statement compare`: what reconciling comes to now, against what it came to as it was known before."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ledger.entrypoints.cli import shell
from ledger.entrypoints.cli.local_times import told_at, when
from ledger.entrypoints.cli.output import AsCsv, AsJson, counted, say_folded, told
from ledger.entrypoints.cli.prose import KnownAt, zone_of_log
from ledger.entrypoints.cli.statement_desk import RulesFile, StatementId, run_of
from ledger.entrypoints.cli.tabulating import say_table
from ledger.figures import rupiah

if TYPE_CHECKING:
    from ledger.wiring.composition import Opened

Before = Annotated[
    Any,
    typer.Option(
        "--before",
        metavar="INSTANT|DAY",
        parser=when,
        help="Against what was known then, or at the end of that local day.",
        show_default=False,
    ),
]


def compare(
    opened: Opened,
    statement: StatementId,
    before: Before,
    known_at: KnownAt = None,
    rules: RulesFile = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> int:
    """What changed between two runs: the items that became of a statement otherwise, as known at two instants."""
    from ledger.reconciliation.runs_compared import ItemCompared, compared

    earlier, later = (run_of(opened, statement, known, rules) for known in (before, known_at))
    found = list(compared(earlier, later))
    columns = [field.name for field in fields(ItemCompared)]
    if told((one.to_json() for one in found), as_json=as_json, as_csv=as_csv, columns=columns):
        return shell.DONE
    where = zone_of_log(opened)
    rows = [
        [
            *(one.item, one.account or "", _told(one.outcome_before, one.resolved_before)),
            *(_told(one.outcome, one.resolved), *map(_amount, (one.stated, one.system_before, one.system))),
        ]
        for one in found
    ]
    if rows:
        names = ["item", "account", "was", "is", "stated", "system then", "system now"]
        say_table("", names, rows, right=frozenset(names[4:]))
    count = counted(len(found), "item") if found else "nothing"
    say_folded(
        f"{count} changed between what was known at {told_at(earlier.known_at, where)} and at"
        f" {told_at(later.known_at, where)}"
    )
    return shell.DONE


def _told(outcome: str | None, resolved: str | None) -> str:
    return "" if outcome is None else outcome if resolved is None else f"{outcome}, {resolved}"


def _amount(sen: int | None) -> str:
    return "" if sen is None else rupiah(sen)
