"""The lines of others' statements that name an account, picked out of the log: as stated, and of which statement."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

from ledger.domain.calendar import Zone
from ledger.domain.ids import subject_of
from ledger.domain.statement.events import StatementBegun, StatementLinesAdded
from ledger.domain.statement.stated import StatementLine
from ledger.store.of_types import events_of_types
from ledger.wiring.accounts_held import AccountHeld, ended_at
from ledger.wiring.composition import Opened
from projections.engine.answers import written

_TYPES = (StatementBegun.TOPIC, StatementLinesAdded.TOPIC)


def statement_lines(
    opened: Opened, accounts: Sequence[AccountHeld], now: int, zone: Zone
) -> list[list[dict[str, Any]]]:
    """Of each account, the lines of the days on which it was the person's, in the order in which they came in.

    A line that states no more than the day on which the account passed from one to another is told to neither.
    """
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
                    for line, (n, held) in product(event.lines, enumerate(accounts)):
                        if _is_theirs(line, line["account"] or of.of, held, now, zone):
                            said = written(StatementLine, line)
                            del said["raw"]  # of the line as it stood: nobody can read it
                            found[n].append({"statement": event.account, "of": of.kind, **said})
    return found


def _is_theirs(line: StatementLine, named: str | None, held: AccountHeld, now: int, zone: Zone) -> bool:
    """Whether it names the account, or the number while it had that account, in the time that it was the person's."""
    if named not in (held.account, subject_of(held.account)):
        return False
    ended = None if named == held.account else ended_at(held)
    until = next((at for at in (held.until, ended) if at is not None), now)
    if line["at"] is not None:
        return held.since <= line["at"] < until
    if line["on"] is None:
        return held.opening is None and held.until is None and ended is None
    first = zone.day_number(held.since) + (held.opening is not None)
    return first <= line["on"] <= zone.day_number(until) - (held.until is not None)
