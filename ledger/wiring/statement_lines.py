"""The lines of others' statements that name an account, picked out of the log: as stated, and of which statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ledger.domain.calendar import Zone
from ledger.domain.kinds import subject_of
from ledger.domain.statement.events import StatementBegun, StatementLinesAdded
from ledger.domain.statement.stated import StatementLine
from ledger.store.of_types import events_of_types
from ledger.wiring.accounts_held import AccountHeld
from ledger.wiring.composition import Opened
from projections.engine.answers import written

_TYPES = (StatementBegun.TOPIC, StatementLinesAdded.TOPIC)


def statement_lines(
    opened: Opened, accounts: Sequence[AccountHeld], now: int, zone: Zone
) -> list[list[dict[str, Any]]]:
    """Of each account, the lines of the days on which it was the person's, in the order in which they came in."""
    found: list[list[dict[str, Any]]] = [[] for _ in accounts]
    begun: dict[str, StatementBegun] = {}
    for reader in opened.journaled()[0]:
        with reader.snapshot() as log:
            for recorded in events_of_types(log, _TYPES):
                event = recorded.event
                if isinstance(event, StatementBegun):
                    begun[event.account] = event
                elif isinstance(event, StatementLinesAdded):
                    of = begun[event.account]
                    for line in event.lines:
                        named = line["account"] or of.of
                        for n, held in enumerate(accounts):
                            if named in (held.account, subject_of(held.account)) and _while_theirs(
                                line, held, now, zone
                            ):
                                said = written(StatementLine, line)
                                del said["raw"]  # of the line as it stood: nobody can read it
                                found[n].append({"statement": event.account, "of": of.kind, **said})
    return found


def _while_theirs(line: StatementLine, held: AccountHeld, now: int, zone: Zone) -> bool:
    until = now if held.until is None else held.until
    if line["at"] is not None:
        return held.since <= line["at"] <= until
    return line["on"] is None or zone.day_number(held.since) <= line["on"] <= zone.day_number(until)
