"""How many accounts and numbers are in each state, and who changes next: what falls due is folded in by the rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from ledger.domain.calendar import Instant
from ledger.domain.money import Sen
from ledger.domain.prepaid.account import PrepaidAccount
from projections.engine.answers import Answer, Listed
from projections.engine.snapshot import Snapshot
from projections.line.lifecycles import Lifecycles
from projections.line.lines_as_of import LineAsOf, advanced
from projections.line.lines_projected import lines_coming, lines_due


@dataclass(frozen=True, slots=True)
class StateCounts(Answer):
    """How many accounts are in each state, and how many numbers in each of theirs."""

    accounts: dict[str, int]
    numbers: dict[str, int]
    as_of: Instant
    known_at: Instant
    final: bool
    position: str

    def to_rows(self) -> list[dict[str, Any]]:
        """The answer as a table: a row for each kind and state."""
        then = self.to_json()
        kinds = [(kind, then.pop(kind)) for kind in ("accounts", "numbers")]
        return [
            {"kind": kind, "state": state, "count": count, **then}
            for kind, counts in kinds
            for state, count in sorted(counts.items())
        ]


def states(then: Snapshot) -> StateCounts:
    """How many accounts and numbers are in each state."""
    moment, position = then.whole()
    counts = then.of(Lifecycles).counted(then.connection, then.as_of, then.known_at)

    def add(kind: str, state: str, count: int) -> None:
        counts[kind, state] = counts.get((kind, state), 0) + count

    for line in lines_due(then):
        for states, count in ((line.recorded, -1), (line.states, 1)):
            for state in states.accounts:
                add("accounts", state, count)
            add("numbers", states.number, count)
    kinds: dict[str, dict[str, int]] = {"accounts": {}, "numbers": {}}
    for (kind, state), count in sorted(counts.items()):
        if count:
            kinds[kind][state] = count
    return StateCounts(kinds["accounts"], kinds["numbers"], *moment, position=position)


class Change(NamedTuple):
    """What time alone will change of an account (or a number's own state), when, and by which event and clause.

    `credit` in sen is what the account holds until then.
    """

    subject: str
    due_at: Instant
    event: str
    before: str
    after: str
    credit: Sen
    clause: str | None
    terms: str | None


def changes(then: Snapshot, until: int) -> Listed[Change]:
    """What will change next of every number for which that is due by `until`, soonest first."""
    moment, position = then.whole()
    coming = lines_coming(then, until)
    found = [_next(line) for line in coming if then.as_of < line.line.due_at <= until]
    found.sort(key=lambda change: (change.due_at, change.subject))
    return Listed(Change, found, *moment, position)


def _next(known: LineAsOf) -> Change:
    line = known.line
    due_at = line.due_at
    credit = known.current.credit if isinstance(known.current, PrepaidAccount) else 0
    account, number = _state(known), line.number_state
    last = advanced(line, due_at)[-1]
    of_number = last.account == line.msisdn
    before, after = (number, line.number_state) if of_number else (account, _state(known))
    return Change(last.account, due_at, last.name, before, after, credit, last.clause, last.terms)


def _state(known: LineAsOf) -> str:
    return "" if known.current is None else known.current.state
