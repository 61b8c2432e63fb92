"""What becomes of a dispute, as events of the account that it is about: its chain of digests covers them (SE23-02)."""

from __future__ import annotations

from typing import TypedDict

from ledger.domain.calendar import Day, Instant
from ledger.domain.events import Event, named
from ledger.domain.money import Sen

_dispute = named("ledger.dispute")


class CitedEvent(TypedDict):
    """An event of the account: its version, and the digest that chains it to all before it."""

    version: int
    digest: bytes


@_dispute
class DisputeOpened(Event):
    """Somebody claims another amount than the system's record has; `system` is what that said then, known by now."""

    CLAIMS = (("dispute", "dispute"),)

    dispute: str
    about: str
    refers_to: str | None
    records: list[CitedEvent]
    stood_at: Instant
    claimed: Sen
    system: Sen
    unit: str
    reason: str
    opened_by: str
    assignee: str | None
    due_on: Day | None
    statement: str | None
    line: int | None
    raw: str | None


@_dispute
class EvidenceAttached(Event):
    """Evidence that lies elsewhere, by the digest that it is kept under."""

    TIMELESS = True

    dispute: str
    digest: str
    media_type: str
    title: str
    lies_in: str | None


@_dispute
class StatementOverridden(Event):
    """The system record prevails over what was stated; the events cited prove what it says, known at that instant."""

    dispute: str
    about: str
    refers_to: str | None
    records: list[CitedEvent]
    head_version: int
    head_digest: bytes
    stood_at: Instant
    known_at: Instant
    stated: Sen
    system: Sen
    difference: Sen
    unit: str
    reason: str
    decided_by: str
    approved_by: str | None
    statement: str | None
    line: int | None


@_dispute
class SystemCorrected(Event):
    """The system was wrong by `amount`, and prevails with it; unless remedied, the money is still to be given."""

    dispute: str
    about: str
    refers_to: str | None
    records: list[CitedEvent]
    stood_at: Instant
    claimed: Sen
    system: Sen
    amount: Sen
    unit: str
    kind: str | None
    remedied: bool
    reason: str
    decided_by: str
    approved_by: str


@_dispute
class DisputeRejected(Event):
    """Nothing differed, or the claim was unfounded."""

    dispute: str
    reason: str
    decided_by: str


@_dispute
class DisputeWithdrawn(Event):
    """Who opened it gave it up."""

    dispute: str
    reason: str
    decided_by: str


@_dispute
class DisputeReopened(Event):
    """It is open again, once, on evidence that was not seen before."""

    dispute: str
    reason: str
    digest: str
