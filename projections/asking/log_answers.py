"""The answers that only the log gives: an event as it stands there, what became of a command, how far it goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ledger.domain.calendar import format_instant
from ledger.domain.events import HEADER, Event
from ledger.domain.money import Sen, format_amount
from projections.engine.answers import Answer, written


def own_fields(event: Event) -> dict[str, Any]:
    """An event's own fields as JSON has them: amounts as decimal strings, instants by RFC 3339, days as dates."""
    return written(type(event), {name: own for name, own in event.__dict__.items() if name not in HEADER})


@dataclass(frozen=True, slots=True)
class LogLine(Answer):
    """An event with its position and digest; both None for one that has fallen due and is not recorded yet."""

    position: str | None
    digest: bytes | None
    event: Event

    def to_json(self) -> dict[str, Any]:
        """The answer as the language has it."""
        event = self.event
        return {
            "position": self.position,
            "account": event.account,
            "version": event.version,
            "type": event.TOPIC,
            "effective_at": format_instant(event.effective_at),
            "recorded_at": None if self.position is None else format_instant(event.recorded_at),
            "terms": event.terms,
            "clause": event.clause,
            "command_id": event.command_id,
            "actor": event.actor,
            "digest": None if self.digest is None else self.digest.hex(),
            "postings": [
                {**posting, "amount": format_amount(posting["amount"])} for posting in event.postings
            ],
            "data": own_fields(event),
        }


@dataclass(frozen=True, slots=True)
class HistoryEvent(Answer):
    """An event of a number, and what its current account holds after it (sen; `credit` includes `reserved`)."""

    line: LogLine
    credit: Sen
    reserved: Sen
    final: bool

    def to_json(self) -> dict[str, Any]:
        """The line of the log, and the balance after it."""
        return {
            **self.line.to_json(),
            "credit": format_amount(self.credit),
            "reserved": format_amount(self.reserved),
            "final": self.final,
        }


@dataclass(frozen=True, slots=True)
class HistoryOfContract(Answer):
    """An event of a postpaid account, and what it owes and holds after it (sen; all positive)."""

    line: LogLine
    unbilled: Sen
    billed: Sen
    pending: Sen
    advance: Sen
    deposit: Sen
    final: bool

    def to_json(self) -> dict[str, Any]:
        """The line of the log, and the balances after it."""
        held = {name: format_amount(getattr(self, name)) for name in PARTS_OF_CONTRACTS}
        return {**self.line.to_json(), **held, "final": self.final}


PARTS_OF_CONTRACTS = ("unbilled", "billed", "pending", "advance", "deposit")
"""What a postpaid account owes, and what is held for it."""


@dataclass(frozen=True, slots=True)
class OutcomeAnswer(Answer):
    """What became of a command: `code` and `message` are None where it was accepted."""

    msisdn: str
    command_id: str
    command: str
    at: int
    code: str | None
    message: str | None
    events: tuple[tuple[str, str, int], ...]
    position: str
    principal: str | None = None
    """Who sent it, by the word of the entry point that took it in; None where that knew nobody."""

    @property
    def status(self) -> str:
        """`accepted` or `refused`."""
        return "accepted" if self.code is None else "refused"

    def to_json(self) -> dict[str, Any]:
        """The outcome as it was first given."""
        return {
            "command_id": self.command_id,
            "status": self.status,
            "refusal": None if self.code is None else {"code": self.code, "message": self.message},
            "events": [
                {"type": kind, "account": account, "version": version}
                for kind, account, version in self.events
            ],
            "position": self.position,
            "principal": self.principal,
        }


@dataclass(frozen=True, slots=True)
class HistoryRefusal(Answer):
    """A command that was refused, among the events of its number."""

    outcome: OutcomeAnswer
    final: bool

    def to_json(self) -> dict[str, Any]:
        """The outcome, with the command's name and the instant that it was taken at."""
        return {
            **self.outcome.to_json(),
            "command": self.outcome.command,
            "at": format_instant(self.outcome.at),
            "final": self.final,
        }


@dataclass(frozen=True, slots=True)
class JournalLine(Answer):
    """A decided command of whichever number, by its `entry` in the journal, and what became of it."""

    entry: str
    outcome: OutcomeAnswer
    final: bool

    def to_json(self) -> dict[str, Any]:
        """The outcome, with its entry, the number, the command's name and the instant that it was taken at."""
        return {
            "entry": self.entry,
            "msisdn": self.outcome.msisdn,
            **self.outcome.to_json(),
            "command": self.outcome.command,
            "at": format_instant(self.outcome.at),
            "final": self.final,
        }


HistoryLine = HistoryEvent | HistoryOfContract | HistoryRefusal
"""What a history may tell: an event of a prepaid account or of a contract, and a command that was refused."""


@dataclass(frozen=True, slots=True)
class Head(Answer):
    """How far a log goes: its last position, its clock (`live` or `played`), and the instant it is closed through."""

    position: str
    ordinal: int
    clock: str
    created_at: int
    closed_through: int | None

    def to_json(self) -> dict[str, Any]:
        """The answer."""
        return {
            "position": self.position,
            "clock": self.clock,
            "created_at": format_instant(self.created_at),
            "closed_through": None if self.closed_through is None else format_instant(self.closed_through),
        }
