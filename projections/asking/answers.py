"""What the questions are answered with, and how an answer writes its values.

An answer says whether it is final, and the position of the last event that it rests on.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Generic, NamedTuple, TypeVar

from ledger.domain.calendar import day_of_number, format_instant
from ledger.domain.events import HEADER, Event
from ledger.domain.money import format_amount

# --- how values are written -----------------------------------------------------------------------------------------

MONEY_FIELDS = frozenset(
    {"amount", "charge", "credit", "fee", "freed", "not_taken", "price", "printed_credit", "taken"}
)
"""Fields of events that hold sen."""
INSTANT_FIELDS = frozenset(
    {
        "active_until",
        "available_at",
        "expires_at",
        "grace_until",
        "since",
        "through",
        "used_at",
        "waiting_until",
    }
)
"""Fields of events that hold instants."""
DAY_FIELDS = frozenset({"day"})
"""Fields of events that hold days, counted since 1970-01-01."""


def own_fields(event: Event) -> dict[str, Any]:
    """An event's own fields as JSON has them: amounts as decimal strings, instants by RFC 3339, days as dates."""
    return {name: _written(name, value) for name, value in event.__dict__.items() if name not in HEADER}


def _written(name: str, value: Any) -> Any:  # noqa: ANN401 - any field of an event
    if value is None:
        return None
    if name in MONEY_FIELDS:
        return format_amount(value)
    if name in INSTANT_FIELDS:
        return format_instant(value)
    if name in DAY_FIELDS:
        return day_of_number(value).isoformat()
    if isinstance(value, list):
        return [{key: _written(key, own) for key, own in item.items()} for item in value]
    return value.hex() if isinstance(value, bytes) else value


def _instant(value: int | None) -> str | None:
    return None if value is None else format_instant(value)


_SEN = MONEY_FIELDS | {
    "available",
    "breakage",
    "charged",
    "charges",
    "fees",
    "held",
    "in_transit",
    "issued",
    "outstanding",
    "reserved",
    "sales",
    "usage",
}
_INSTANTS = INSTANT_FIELDS | {
    "as_of",
    "due_at",
    "effective_at",
    "known_at",
    "recorded_at",
    "sent_at",
    "until",
}


def _told(name: str, value: Any) -> Any:  # noqa: ANN401 - any field of an answer
    if isinstance(value, Answer):
        return value.to_json()
    if isinstance(value, tuple):
        return [_told(name, item) for item in value]
    if value is not None and name in _SEN:
        return format_amount(value)
    return _instant(value) if name in _INSTANTS else value


# --- answers --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """What answers have in common: each of their fields as the language writes it."""

    def to_json(self) -> dict[str, Any]:
        """The answer as the language has it."""
        return {field.name: _told(field.name, getattr(self, field.name)) for field in fields(self)}


@dataclass(frozen=True, slots=True)
class BlockAnswer(Answer):
    """A block that stands since an instant."""

    block: str
    scope: str
    ground: str
    since: int


@dataclass(frozen=True, slots=True)
class UsageAnswer(Answer):
    """An account's granted outgoing use of its whole life; `charged` in sen."""

    voice_seconds: int
    sms: int
    data_bytes: int
    charged: int


@dataclass(frozen=True, slots=True)
class Enquiry(Answer):
    """One account as of an instant, as it was known at another. Amounts in sen; `credit` includes `reserved`.

    The ends of grace and waiting are None as long as the period has not begun.
    """

    msisdn: str
    account: str
    terms: str
    terms_digest: str
    state: str
    credit: int
    reserved: int
    available: int
    active_until: int | None
    grace_until: int | None
    waiting_until: int | None
    blocks: tuple[BlockAnswer, ...]
    usage: UsageAnswer
    as_of: int
    known_at: int
    final: bool
    position: str


@dataclass(frozen=True, slots=True)
class Balance(Answer):
    """The sum in sen of one unit in one ledger account, such as `6288112345678#1/credit` or `operator/breakage`."""

    account: str
    unit: str
    amount: int
    as_of: int
    known_at: int
    final: bool
    position: str


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
    credit: int
    reserved: int
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


HistoryLine = HistoryEvent | HistoryRefusal


@dataclass(frozen=True, slots=True)
class InTransit(Answer):
    """Credit that was sent, and has neither arrived nor come back: `amount` in sen, since the instant `sent_at`."""

    transfer: str
    from_account: str
    to_msisdn: str
    amount: int
    fee: int
    sent_at: int
    as_of: int
    known_at: int
    final: bool
    position: str

    @property
    def age(self) -> int:
        """Microseconds that it has been on its way."""
        return self.as_of - self.sent_at

    def to_json(self) -> dict[str, Any]:
        """The answer; the age in seconds."""
        return {**Answer.to_json(self), "age_seconds": self.age // 1_000_000}


@dataclass(frozen=True, slots=True)
class States(Answer):
    """How many accounts are in each state, and how many numbers in each of theirs."""

    accounts: dict[str, int]
    numbers: dict[str, int]
    as_of: int
    known_at: int
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


@dataclass(frozen=True, slots=True)
class TrialBalance(Answer):
    """The sum in sen of every ledger account per unit: (account, unit, amount), which is zero per unit in all.

    Customers' accounts are summed as `accounts/credit`, `accounts/reserved` and `accounts/in-transit`, or stand one
    by one where that was asked for.
    """

    rows: tuple[tuple[str, str, int], ...]
    as_of: int
    known_at: int
    final: bool
    position: str

    @property
    def totals(self) -> dict[str, int]:
        """The sum per unit."""
        totals: dict[str, int] = {}
        for _, unit, amount in self.rows:
            totals[unit] = totals.get(unit, 0) + amount
        return totals

    def to_json(self) -> dict[str, Any]:
        """The answer."""
        then = Answer.to_json(self)
        del then["rows"]
        totals = {unit: format_amount(amount) for unit, amount in self.totals.items()}
        return {"balances": self._balances(), "totals": totals, **then}

    def to_rows(self) -> list[dict[str, Any]]:
        """The answer as a table: a row for each account and unit."""
        then = Answer.to_json(self)
        del then["rows"]
        return [{**balance, **then} for balance in self._balances()]

    def _balances(self) -> list[dict[str, Any]]:
        return [
            {"account": account, "unit": unit, "amount": format_amount(amount)}
            for account, unit, amount in self.rows
        ]


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
            "closed_through": _instant(self.closed_through),
        }


_R = TypeVar("_R", bound=NamedTuple)


@dataclass(frozen=True, slots=True)
class Listed(Generic[_R]):
    """An answer of many rows, all of one `kind`."""

    kind: type[_R]
    rows: list[_R]
    as_of: int
    known_at: int
    final: bool
    position: str

    @property
    def columns(self) -> list[str]:
        """What each row tells."""
        return [*self.kind._fields, *_THEN]

    def to_rows(self) -> list[dict[str, Any]]:
        """Each row as the language writes it, with the moment that it is true of."""
        then = {name: _told(name, getattr(self, name)) for name in _THEN}
        return [
            {name: _told(name, value) for name, value in row._asdict().items()} | then for row in self.rows
        ]


_THEN = ("as_of", "known_at", "final", "position")
