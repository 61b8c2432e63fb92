"""What every event has: what happened, as it is written for ever. The Avro schemas are in `schemas/events/`.

The events themselves stand in the packages of what they happen to: the kinds, and the products of a line.

Every event begins with the same header and carries its whole money effect as postings, so that anyone rebuilds
every balance without knowing the rules. Amounts are sen, instants UTC microseconds, days counted since 1970-01-01.
A test holds these classes against the schemas.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from ledger.domain.calendar import Instant, datetime_of
from ledger.domain.declared import Declared
from ledger.domain.money import Posting


class Event(Declared):
    """The header that every event shares.

    `account` is the account (`<msisdn>#<generation>`), the number, or the subject of an event of no one account;
    `version` counts its events from 1. `terms` and `clause` say what it was done under, where something was.
    """

    TOPIC: ClassVar[str] = ""
    CLAIMS: ClassVar[tuple[tuple[str, str], ...]] = ()
    """The kinds of ids that may be used once only, each with the field that holds it."""
    TIMELESS: ClassVar[bool] = False
    """Whether it moves money and counts use, and changes nothing of what falls due."""

    SAYS_REFUSAL: ClassVar[bool] = False
    """Whether it says that its command was refused, and its field `refusal` with which code."""

    account: str
    version: int
    effective_at: Instant
    recorded_at: Instant
    terms: str | None
    clause: str | None
    command_id: str
    command_digest: bytes | None
    actor: str
    postings: list[Posting]

    @property
    def originator_id(self) -> str:
        """The name under which the `eventsourcing` library knows the account."""
        return self.account

    @property
    def originator_version(self) -> int:
        """The name under which the `eventsourcing` library knows the version."""
        return self.version

    @property
    def timestamp(self) -> datetime:
        """When the event was recorded."""
        return datetime_of(self.recorded_at)

    @property
    def name(self) -> str:
        """The type without its namespace, such as `CreditToppedUp`."""
        return type(self).__name__


HEADER = Event.FIELDS
"""The fields that every event shares, in the order of the schemas."""


def make(event_type: type[Event], record: dict[str, Any]) -> Event:
    """The event of a type with exactly these fields; the record becomes its own, and is not checked here."""
    event = object.__new__(event_type)
    event.__dict__ = record
    return event


class Draft(NamedTuple):
    """What is to happen, before somebody records it: the event's type, clause, postings, and own fields."""

    type: type[Event]
    clause: str | None
    postings: list[Posting]
    own: dict[str, Any]
    about: str | None = None
    """What it is about, where several of its type may fall due at one instant."""


class UnknownEvent(Event):
    """An event of a type that a later release has brought: its header, its postings, and whatever else it holds.

    `TOPIC` is its own.
    """


def named(namespace: str) -> Any:  # noqa: ANN401 - a class decorator that keeps the class's type
    """Names event classes for ever, as `<namespace>.<class>`."""

    def name(cls: type[Event]) -> type[Event]:
        cls.TOPIC = f"{namespace}.{cls.__name__}"
        return cls

    return name
