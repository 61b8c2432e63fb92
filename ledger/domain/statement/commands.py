"""What may be asked of a statement: that it is taken in, and what persons decide about it."""

from __future__ import annotations

from typing import ClassVar

from ledger.domain.commands import Command
from ledger.domain.statement.stated import OutcomeSum, StatementFinding, StatementLine


class StatementCommand(Command, frozen=True, kw_only=True, gc=False):
    """A command about a statement, `statement/<32 hex>`."""

    statement: str

    @property
    def subject(self) -> str:
        """The statement."""
        return self.statement


class BeginStatement(StatementCommand, frozen=True, kw_only=True, gc=False):
    """Says what a statement is, before its lines come: whose word, of what, of which days, from which file."""

    kind: str
    format: str
    reader: str
    reader_version: str
    unit: str
    file: str
    size: int
    place: int
    content: str
    account: str | None = None
    number: str | None = None
    sequence: str | None = None
    since_on: int | None = None
    until_on: int | None = None
    opening: int | None = None
    closing: int | None = None


class AddStatementLines(StatementCommand, frozen=True, kw_only=True, gc=False):
    """Adds lines, in the order of their numbers, and what was found wrong where they were read."""

    lines: list[StatementLine]
    findings: list[StatementFinding]


class EndStatement(StatementCommand, frozen=True, kw_only=True, gc=False):
    """Ends it: so many lines of so much, and so many findings. Only then it is reconciled."""

    count: int
    total: int
    findings: int


class AcceptMatch(StatementCommand, frozen=True, kw_only=True, gc=False):
    """A person says that lines and system records belong together."""

    match: str
    items: list[str]
    reason: str


class UndoMatch(StatementCommand, frozen=True, kw_only=True, gc=False):
    """A person takes such a match back."""

    match: str
    reason: str


class ResolveItem(StatementCommand, frozen=True, kw_only=True, gc=False):
    """A person says why a difference needs nothing more."""

    item: str
    reason: str


class RecordRun(StatementCommand, frozen=True, kw_only=True, gc=False):
    """Records what reconciling came to, as known at an instant that is final."""

    known_at: int
    rules: str
    result: str
    sums: list[OutcomeSum]
    open: int


class SignOff(StatementCommand, frozen=True, kw_only=True, gc=False):
    """A person says that the statement is settled: nothing of its last run is open."""

    result: str


class DisputeItem(StatementCommand, frozen=True, kw_only=True, gc=False):
    """Opens a dispute about a difference, on the account that it is about."""

    item: str
    about: str
    claimed: int
    unit: str
    reason: str
    account: str
    refers_to: str | None = None
    assignee: str | None = None
    due_on: int | None = None


class NoteDisputeRefused(StatementCommand, frozen=True, kw_only=True, gc=False):
    """The account refused such a dispute; said by policy only."""

    INTERNAL: ClassVar[bool] = True
    MAY_COME_TO_NOTHING: ClassVar[bool] = True

    dispute: str
    account: str
    refusal: str
