"""Statements of others as the log has them: lines, findings, what persons decided, and how their runs ended."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

from ledger.domain.calendar import Day, Instant
from ledger.domain.money import Sen
from ledger.domain.statement.events import (
    ItemResolved,
    MatchAccepted,
    MatchUndone,
    Reconciled,
    StatementBegun,
    StatementEnded,
    StatementLinesAdded,
    StatementSignedOff,
)
from projections.engine.answers import Listed
from projections.engine.changes import Changes
from projections.engine.projection import FoldBatch, Projection
from projections.engine.snapshot import Snapshot
from projections.engine.sql import select
from projections.engine.sql_expressions import TEXT, BigInteger, Column, Integer, func
from projections.engine.sql_tables import Table

_DECIDED = (StatementEnded, MatchAccepted, MatchUndone, ItemResolved, Reconciled, StatementSignedOff)
OPEN, ENDED, RECONCILED, SIGNED_OFF = "open", "ended", "reconciled", "signed-off"
"""How far a statement is."""


class Statements(Projection):
    """Statements, their lines and findings, and what happened to each."""

    name = "statements"
    one_by_one = frozenset(kind.TOPIC for kind in (StatementBegun, StatementLinesAdded, *_DECIDED))

    def __init__(self, generation: int) -> None:
        super().__init__(generation)
        instant, text = BigInteger, TEXT
        named = [Column(name, text) for name in ("of", "number", "sequence")]
        days = [Column(name, Integer) for name in ("since_on", "until_on")]
        self.begun = self._table(
            "begun",
            *(Column(name, text, nullable=False) for name in ("kind", "format", "unit")),
            *named,
            *days,
            *(Column(name, instant) for name in ("opening", "closing")),
        )
        self.lines = self._table(
            "lines",
            Column("line", instant, primary_key=True),
            *(Column(name, text) for name in ("of", "reference", "kind", "group")),
            Column("amount", instant, nullable=False),
            Column("unit", text, nullable=False),
            *(Column("on", Integer), Column("at", instant), Column("balance", instant)),
            Column("raw", text, nullable=False),
        )
        self.findings = self._table(
            "findings",
            Column("place", Integer, primary_key=True),
            Column("line", instant, nullable=False),
            Column("code", text, nullable=False),
            *(Column("expected", instant), Column("found", instant)),
        )
        self.decided = self._table(
            "decided",
            Column("what", text, nullable=False),
            *(Column("about", text), Column("reason", text), Column("open", instant)),
        )

    def _table(self, name: str, *columns: Column) -> Table:
        return Table(
            f"statements_{name}_{self.generation}",
            self.metadata,
            Column("statement", TEXT, primary_key=True),
            Column("partition", Integer, primary_key=True),
            Column("ordinal", BigInteger, primary_key=True),
            Column("recorded_at", BigInteger, nullable=False),
            *columns,
            sqlite_with_rowid=False,
        )

    def fold(self, batch: FoldBatch, changes: Changes) -> None:
        """Takes in what happened to statements."""
        for found in batch.events:
            event = found.event
            key = (event.account, batch.partition, found.ordinal, event.recorded_at)
            if isinstance(event, StatementBegun):
                own = (event.kind, event.format, event.unit, event.of, event.number, event.sequence)
                days = (event.since_on, event.until_on, event.opening, event.closing)
                changes.rows(self.begun).append((*key, *own, *days))
            elif isinstance(event, StatementLinesAdded):
                lines = changes.rows(self.lines)
                for one in event.lines:
                    words = (one["account"], one["reference"], one["kind"], one["group"])
                    when = (one["on"], one["at"], one["balance"], one["raw"])
                    lines.append((*key, one["line"], *words, one["amount"], one["unit"], *when))
                wrong = changes.rows(self.findings)
                for place, fault in enumerate(event.findings):
                    wrong.append((*key, place, *fault.values()))
            elif isinstance(event, _DECIDED):
                changes.rows(self.decided).append((*key, event.name, *_said(event)))


def _said(event: object) -> tuple[str | None, str | None, int | None]:
    """What was decided: about which match, item or result, why, and how much is open."""
    if isinstance(event, MatchAccepted | MatchUndone):
        return event.match, event.reason, None
    if isinstance(event, ItemResolved):
        return event.item, event.reason, None
    if isinstance(event, Reconciled):
        return event.result, None, event.open
    return (event.result if isinstance(event, StatementSignedOff) else None), None, None


# --- the question ---------------------------------------------------------------------------------------------------


class StatementSummary(NamedTuple):
    """A statement and how far it is: its lines and what they come to, its findings, what is open of its last run."""

    statement: str
    kind: str
    format: str
    of: str | None
    number: str | None
    sequence: str | None
    since_on: Day | None
    until_on: Day | None
    unit: str
    received_at: Instant
    lines: int
    total: Sen
    findings: int
    state: str
    open: int | None
    result: str | None


def statements(then: Snapshot) -> Listed[StatementSummary]:
    """The statements that had come in, in the order that they did."""
    moment, position = then.whole()
    table, connection = then.of(Statements), then.connection
    begun, lines, findings, decided = table.begun.c, table.lines.c, table.findings.c, table.decided.c
    known = then.known_at
    of_lines = select(lines.statement, func.count(), func.sum(lines.amount))
    sums = {
        id_: (count, int(total))
        for id_, count, total in connection.execute(
            of_lines.where(lines.recorded_at <= known).group_by(lines.statement)
        )
    }
    of_findings = select(findings.statement, func.count()).where(findings.recorded_at <= known)
    wrong = {row[0]: row[1] for row in connection.execute(of_findings.group_by(findings.statement))}
    happened: defaultdict[str, list[tuple[str, str | None, int | None]]] = defaultdict(list)
    columns = (decided.statement, decided.what, decided.about, decided.open)
    order = (decided.partition, decided.ordinal)
    for id_, *what in connection.execute(
        select(*columns).where(decided.recorded_at <= known).order_by(*order)
    ):
        happened[id_].append((what[0], what[1], what[2]))
    own = (begun.statement, begun.kind, begun.format, begun.of, begun.number, begun.sequence)
    days = (begun.since_on, begun.until_on, begun.unit, begun.recorded_at)
    came_in = select(*own, *days).where(begun.recorded_at <= known)
    rows = []
    for row in connection.execute(came_in.order_by(begun.recorded_at, begun.partition, begun.ordinal)):
        count, total = sums.get(row[0], (0, 0))
        state, open_, result = _state(happened[row[0]])
        of_run: dict[str, Any] = {"state": state, "open": open_, "result": result}
        found: dict[str, Any] = {"lines": count, "total": total, "findings": wrong.get(row[0], 0)}
        rows.append(
            StatementSummary(**dict(zip(StatementSummary._fields, row, strict=False)), **found, **of_run)
        )
    return Listed(StatementSummary, rows, *moment, position=position)


def _state(happened: list[tuple[str, str | None, int | None]]) -> tuple[str, int | None, str | None]:
    state, open_, result = OPEN, None, None
    for what, about, left in happened:
        if what == StatementEnded.__name__:
            state = ENDED
        elif what == Reconciled.__name__:
            open_, result = left, about
            state = SIGNED_OFF if state == SIGNED_OFF and not left else RECONCILED
        elif what == StatementSignedOff.__name__:
            state = SIGNED_OFF
        elif what == MatchUndone.__name__ and state == SIGNED_OFF:
            state = RECONCILED
    return state, open_, result
