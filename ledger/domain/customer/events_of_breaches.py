"""What is recorded of a breach of personal data. It names no person: the scope is a query, and there are counts."""

from __future__ import annotations

from ledger.domain.calendar import Instant
from ledger.domain.events import Event, named

_breach = named("ledger.breach")


@_breach
class BreachRecorded(Event):
    """Personal data were exposed; authority and persons have to be told by `limit_at`."""

    discovered_at: Instant
    scope: str
    fields: list[str]
    persons: int
    limit_at: Instant


@_breach
class BreachNotified(Event):
    """The `authority`, or the `persons`, were told of it."""

    to: str
    reference: str


@_breach
class NoticeOverdue(Event):
    """The limit has passed, and these were not told."""

    to: list[str]
