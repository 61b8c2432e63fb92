"""What happens to a statement: it comes in, is reconciled, and persons decide about its differences."""

from __future__ import annotations

from ledger.domain.calendar import Day, Instant
from ledger.domain.events import Event, named
from ledger.domain.money import Sen
from ledger.domain.statement.stated import OutcomeSum, StatementFinding, StatementLine

_statement = named("ledger.statement")


@_statement
class StatementBegun(Event):
    """A statement comes in: its kind, what it is of, and the keyed digest of the file that holds it."""

    kind: str
    format: str
    reader: str
    reader_version: str
    unit: str
    file: str
    size: int
    place: int
    content: str
    of: str | None
    number: str | None
    sequence: str | None
    since_on: Day | None
    until_on: Day | None
    opening: Sen | None
    closing: Sen | None


@_statement
class StatementLinesAdded(Event):
    """Lines of it, and what was found wrong where they were read."""

    lines: list[StatementLine]
    findings: list[StatementFinding]


@_statement
class StatementEnded(Event):
    """All of it is there."""

    count: int
    total: Sen
    findings: int


@_statement
class MatchAccepted(Event):
    """Lines and system records belong together, as a person says."""

    match: str
    items: list[str]
    reason: str


@_statement
class MatchUndone(Event):
    """Such a match is taken back."""

    match: str
    reason: str


@_statement
class ItemResolved(Event):
    """A difference needs nothing more, as a person says."""

    item: str
    reason: str


@_statement
class Reconciled(Event):
    """What reconciling came to, as known at `known_through_at`: by which rules, with which result (a digest)."""

    known_through_at: Instant
    rules: str
    result: str
    sums: list[OutcomeSum]
    open: int
    reopened: bool


@_statement
class StatementSignedOff(Event):
    """The statement is settled."""

    result: str


@_statement
class DisputeRaised(Event):
    """A dispute about a difference goes to the account that it is about."""

    dispute: str
    item: str
    line: int
    of: str
    about: str
    claimed: Sen
    unit: str
    reason: str
    refers_to: str | None
    assignee: str | None
    due_on: Day | None
    raw: str | None


@_statement
class DisputeRefused(Event):
    """The account refused it."""

    dispute: str
    of: str
    refusal: str
