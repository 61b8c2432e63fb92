"""A statement as a subject. It keeps what its lines add up to and what was decided; the lines stay in its events."""

from __future__ import annotations

from typing import Any

import msgspec

from ledger.domain.calendar import NEVER
from ledger.domain.commands import Command
from ledger.domain.events import Event
from ledger.domain.ids import ACCOUNT
from ledger.domain.line.disputes import BALANCE
from ledger.domain.line.product import QUANTITY
from ledger.domain.money import SEN
from ledger.domain.one_stream import OneStream, state_in
from ledger.domain.refusals import AboveMaximum, NotEligible, Repeated
from ledger.domain.refusals_of_disputes import UnknownRecord, WrongUnit
from ledger.domain.statement.commands import (
    AcceptMatch,
    AddStatementLines,
    BeginStatement,
    DisputeItem,
    EndStatement,
    NoteDisputeRefused,
    RecordRun,
    ResolveItem,
    SignOff,
    UndoMatch,
)
from ledger.domain.statement.events import (
    DisputeRaised,
    DisputeRefused,
    ItemResolved,
    MatchAccepted,
    MatchUndone,
    Reconciled,
    StatementBegun,
    StatementEnded,
    StatementLinesAdded,
    StatementSignedOff,
)
from ledger.domain.statement.refusals_of_statements import (
    NotFinal,
    StatementConflict,
    StatementOpen,
    UnknownStatement,
)
from ledger.domain.statement.stated import (
    MOST_DECIDED,
    MOST_LINES_OF_STATEMENT,
    StatementLine,
    dispute_of,
    is_item,
    line_of,
    statement_of,
)
from ledger.domain.subject import NO_RECORDS, Records, Streams


class StatementState(msgspec.Struct):
    """What a statement's events add up to."""

    id: str
    version: int = 0
    recorded_at: int = -NEVER
    kind: str = ""
    content: str = ""
    last_line: int = 0
    count: int = 0
    total: int = 0
    findings: int = 0
    ended: bool = False
    matches: dict[str, list[str]] = {}
    """The matches that stand, by id."""
    matched: dict[str, str] = {}
    """Every item of them, with its match."""
    undone: int = 0
    resolved: dict[str, str] = {}
    """Items, each with the reason."""
    disputed: dict[str, str] = {}
    """Disputes that were opened, with the code that the account refused each with; empty: it did not."""
    result: str = ""
    """Of the last run."""
    known_at: int = -NEVER
    open: int = 0
    fresh: bool = False
    """Whether nothing was decided since the last run."""
    signed_off: bool = False

    def apply(self, event: Event) -> None:
        """Takes an event in."""
        self.version = event.version
        self.recorded_at = max(self.recorded_at, event.recorded_at)
        if isinstance(event, StatementBegun):
            self.kind, self.content = event.kind, event.content
        elif isinstance(event, StatementLinesAdded):
            self.count += len(event.lines)
            self.total += sum(line["amount"] for line in event.lines)
            self.findings += len(event.findings)
            if event.lines:
                self.last_line = event.lines[-1]["line"]
        elif isinstance(event, StatementEnded):
            self.ended = True
        elif isinstance(event, MatchAccepted):
            self.matches[event.match] = event.items
            self.matched.update(dict.fromkeys(event.items, event.match))
            self.fresh = False
        elif isinstance(event, MatchUndone):
            for item in self.matches.pop(event.match):
                self.matched.pop(item, None)
            self.fresh = self.signed_off = False
        elif isinstance(event, ItemResolved):
            self.resolved[event.item] = event.reason
            self.fresh = False
        elif isinstance(event, DisputeRaised):
            self.disputed[event.dispute] = ""
        elif isinstance(event, DisputeRefused):
            self.disputed[event.dispute] = event.refusal
        elif isinstance(event, Reconciled):
            self.result, self.open, self.fresh = event.result, event.open, True
            self.known_at = event.known_through_at
            self.signed_off = self.signed_off and not event.open
        elif isinstance(event, StatementSignedOff):
            self.signed_off = True


class Statement(OneStream[StatementState]):
    """A statement, `statement/<32 hex>`."""

    __slots__ = ("_records",)

    def __init__(self, state: StatementState, records: Records = NO_RECORDS) -> None:
        super().__init__(state)
        self._records = records

    @property
    def due_at(self) -> int:
        """Time alone changes nothing of it."""
        return NEVER

    def advance(self, until: int) -> None:
        """Nothing falls due."""

    def line(self, number: int) -> StatementLine | None:
        """A line of it by number, as its events have it; lines ascend from event to event. None: it has none such."""
        first, last = 1, self._state.version
        while first <= last:
            middle = (first + last) // 2
            [event] = self._records.span(self.id, middle, middle)
            lines = event.lines if isinstance(event, StatementLinesAdded) else []
            if isinstance(event, StatementBegun) or (lines and lines[-1]["line"] < number):
                first = middle + 1
            elif not lines or lines[0]["line"] > number:
                last = middle - 1
            else:
                return next((one for one in lines if one["line"] == number), None)
        return None

    def has_finding_at(self, number: int) -> bool:
        """Whether something was found wrong at a line of the file."""
        versions = range(self._state.version, 0, -1) if self._state.findings else ()
        return any(
            finding["line"] == number
            for version in versions
            for event in self._records.span(self.id, version, version)
            if isinstance(event, StatementLinesAdded)
            for finding in event.findings
        )


def statement_in(streams: Streams, id_: str) -> Statement:
    """A statement as the log has it."""
    return Statement(state_in(streams, id_, StatementState), streams.records)


def admit(statement: Statement, command: Command) -> None:
    """There has to be one, unless it begins."""
    if not statement.state.version and not isinstance(command, BeginStatement):
        raise UnknownStatement(statement.id)


def decide(statement: Statement, command: Command) -> None:
    """What each command does."""
    state = statement.state
    if isinstance(command, BeginStatement):
        _begin(statement, command)
    elif isinstance(command, AddStatementLines):
        _add(statement, command)
    elif isinstance(command, EndStatement):
        _end(statement, command)
    elif isinstance(command, NoteDisputeRefused):
        if state.disputed.get(command.dispute) == "":
            own: dict[str, Any] = {
                "dispute": command.dispute,
                "of": command.account,
                "refusal": command.refusal,
            }
            statement.emit(DisputeRefused, **own)
    elif not state.ended:
        raise StatementOpen(f"{state.count} lines of it are there")
    elif isinstance(command, RecordRun):
        if command.known_at > statement.cause.at:
            raise NotFinal
        sums: dict[str, Any] = {
            "rules": command.rules,
            "result": command.result,
            "sums": command.sums,
            "open": command.open,
        }
        reopened = state.signed_off and command.open > 0
        statement.emit(Reconciled, known_through_at=command.known_at, reopened=reopened, **sums)
    elif isinstance(command, SignOff):
        _sign_off(statement, command)
    elif isinstance(command, DisputeItem):
        _dispute(statement, command)
    else:
        _decided_by_a_person(statement, command)


def identity_of(command: BeginStatement) -> str:
    """What the subject of a statement has to be, by what it says of itself."""
    if command.number is None:
        return statement_of(command.file, command.place)
    own = (command.kind, command.account, command.number, command.sequence)
    return statement_of(*own, command.since_on, command.until_on)


def _begin(statement: Statement, command: BeginStatement) -> None:
    state = statement.state
    if statement.id != identity_of(command):
        raise StatementConflict("its id is not that of what it says of itself")
    if state.version:
        if state.content == command.content:
            raise Repeated
        raise StatementConflict("other content came under the same number and period")
    own: dict[str, Any] = {
        name: getattr(command, name)
        for name in command.__struct_fields__
        if name not in ("at", "command_id", "actor", "statement", "account")
    }
    statement.emit(StatementBegun, of=command.account, **own)


def _add(statement: Statement, command: AddStatementLines) -> None:
    state = statement.state
    if state.ended:
        raise StatementConflict("it has ended")
    last = state.last_line
    for line in command.lines:
        if line["line"] <= last:
            raise StatementConflict(f"line {line['line']} does not follow line {last}")
        last = line["line"]
    if (
        max(state.count + len(command.lines), state.findings + len(command.findings))
        > MOST_LINES_OF_STATEMENT
    ):
        raise AboveMaximum(f"a statement has {MOST_LINES_OF_STATEMENT} lines at most")
    statement.emit(StatementLinesAdded, lines=command.lines, findings=command.findings)


def _end(statement: Statement, command: EndStatement) -> None:
    state = statement.state
    if state.ended:
        raise Repeated
    there = (state.count, state.total, state.findings)
    if there != (command.count, command.total, command.findings):
        raise StatementConflict("what is there is not so many lines, of so much, with so many findings")
    statement.emit(StatementEnded, count=command.count, total=command.total, findings=command.findings)


def _decided_by_a_person(statement: Statement, command: Command) -> None:
    state = statement.state
    if isinstance(command, AcceptMatch):
        if command.match in state.matches:
            raise NotEligible(f"the match {command.match} stands already")
        _must_be_items(command.items)
        if len(set(command.items)) < max(2, len(command.items)):
            raise NotEligible("a match is of two items at least, each once")
        taken = [item for item in command.items if item in state.matched]
        if taken:
            raise NotEligible(f"{taken[0]} is matched already, by {state.matched[taken[0]]}")
        for item in command.items:
            if item[0] == "L" and statement.line(line_of(item)) is None:
                raise UnknownRecord(item)
        if len(state.matches) >= MOST_DECIDED:
            raise AboveMaximum(f"{MOST_DECIDED} matches stand")
        statement.emit(MatchAccepted, match=command.match, items=command.items, reason=command.reason)
    elif isinstance(command, UndoMatch):
        if command.match not in state.matches:
            raise NotEligible(f"no match {command.match} stands")
        statement.emit(MatchUndone, match=command.match, reason=command.reason)
    elif isinstance(command, ResolveItem):
        _must_be_items([command.item])
        number = line_of(command.item)
        if number and statement.line(number) is None and not statement.has_finding_at(number):
            raise UnknownRecord(command.item)
        if state.resolved.get(command.item) == command.reason:
            raise Repeated
        if len(state.resolved) >= MOST_DECIDED:
            raise AboveMaximum(f"{MOST_DECIDED} items are resolved")
        statement.emit(ItemResolved, item=command.item, reason=command.reason)


def _dispute(statement: Statement, command: DisputeItem) -> None:
    _must_be_items([command.item])
    if ACCOUNT.fullmatch(command.account) is None:
        raise NotEligible(f"{command.account} is no account")
    dispute = dispute_of(statement.id, command.item)
    if dispute in statement.state.disputed:
        raise Repeated
    if len(statement.state.disputed) >= MOST_DECIDED:
        raise AboveMaximum(f"{MOST_DECIDED} disputes were opened about it")
    number = line_of(command.item)
    line = statement.line(number) if number else None
    if number:
        _must_be_stated(command, line)
    statement.emit(
        DisputeRaised,
        dispute=dispute,
        item=command.item,
        line=number,
        of=command.account,
        about=command.about,
        claimed=command.claimed,
        unit=command.unit,
        reason=command.reason,
        refers_to=command.refers_to,
        assignee=command.assignee,
        due_on=command.due_on,
        raw=None if line is None else line["raw"],
    )


def _must_be_stated(command: DisputeItem, line: StatementLine | None) -> None:
    """What is claimed is what the line says: its amount, or the balance after it."""
    if line is None:
        raise UnknownRecord(command.item)
    if command.unit == QUANTITY:
        said = None if line["quantity"] is None else line["quantity"] * SEN
    elif line["unit"] != command.unit:
        raise WrongUnit(f"it is stated in {line['unit']}")
    else:
        said = line["balance"] if command.about == BALANCE else line["amount"]
    if said is None or abs(said) != command.claimed:
        raise NotEligible(f"{command.item} does not say so")


def _must_be_items(items: list[str]) -> None:
    for item in items:
        if not is_item(item):
            raise NotEligible(f"{item} is neither a line nor a system record")


def _sign_off(statement: Statement, command: SignOff) -> None:
    state = statement.state
    if state.signed_off:
        raise Repeated
    if not state.fresh or state.result != command.result:
        raise NotEligible("it is the last run that is signed off, and nothing may have been decided since")
    if state.open:
        raise NotEligible(f"{state.open} items of its last run are open")
    statement.emit(StatementSignedOff, result=command.result)
