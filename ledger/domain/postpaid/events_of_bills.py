"""What happens to a postpaid account's bills: issued, overdue, fined, corrected by notes."""

from __future__ import annotations

from typing import TypedDict

from ledger.domain.calendar import Day, Instant
from ledger.domain.events import Event, named
from ledger.domain.money import Sen

_postpaid = named("ledger.postpaid")

# --- bills --------------------------------------------------------------------------------------------------


class BillLine(TypedDict):
    """What a bill charges for one kind of thing, from one source."""

    kind: str
    source: str
    amount: Sen


@_postpaid
class BillIssued(Event):
    """A bill: of a cycle, a supplementary one after the end, or the final one.

    It carries what was recorded since the bill before.
    """

    bill: str
    number: int
    bill_kind: str
    plan: str
    period_since: Instant
    period_until: Instant
    after_version: int
    commitment: Sen
    lines: list[BillLine]
    tax_rate: str
    tax_included: bool
    taxable: Sen
    tax: Sen
    total: Sen
    issued_on: Day
    due_on: Day
    due_until: Instant
    next_bill_at: Instant | None


class LotUse(TypedDict):
    """How much of a lot of advance met a bill."""

    source: str
    bill: str
    amount: Sen


@_postpaid
class AdvanceApplied(Event):
    """What was paid in advance meets bills: lots oldest first, bills oldest due first."""

    amount: Sen
    applied: list[LotUse]


@_postpaid
class BillOverdue(Event):
    """A bill is past its due end with something open."""

    bill: str
    customer: str
    total: Sen
    open: Sen
    due_until: Instant
    others_blocked_at: Instant | None
    others_scope: str | None
    others_ground: str | None


@_postpaid
class OverdueCleared(Event):
    """A bill that was overdue, and of which the customer's other accounts were told, is closed."""

    bill: str
    customer: str


@_postpaid
class LateFineCharged(Event):
    """A fine on an overdue bill; the next bill carries it."""

    fine: str
    bill: str
    nth: int
    base: Sen
    percent: str
    amount: Sen


@_postpaid
class LateFineWithdrawn(Event):
    """A fine that was reckoned on what had been paid in time, as a settlement dated back shows, is taken back."""

    fine: str
    bill: str
    amount: Sen
    carried_by: str | None


@_postpaid
class DunningStepTaken(Event):
    """A step of dunning for a bill that is still open."""

    bill: str
    step: int
    action: str
    open: Sen


# --- notes --------------------------------------------------------------------------------------------------


class NoteLine(TypedDict):
    """What a note is for."""

    kind: str
    amount: Sen
    text: str


@_postpaid
class CreditNoteIssued(Event):
    """A document that takes back part of a bill; what exceeds its open amount is advance."""

    CLAIMS = (("note", "note"), ("note-content", "content"))

    note: str
    number: str
    bill: str
    lines: list[NoteLine]
    tax: Sen
    total: Sen
    met_open: Sen
    advance: Sen
    tax_included: bool
    reason: str
    approved_by: str | None
    content: str


@_postpaid
class DebitNoteIssued(Event):
    """A document that charges something more for a bill; the next bill carries it, taxed there."""

    CLAIMS = (("note", "note"), ("note-content", "content"))

    note: str
    number: str
    bill: str
    lines: list[NoteLine]
    total: Sen
    reason: str
    approved_by: str
    content: str


@_postpaid
class FineWaived(Event):
    """A fine is waived; it still counts."""

    fine: str
    bill: str
    amount: Sen
    carried_by: str | None
    reason: str
    approved_by: str


@_postpaid
class WrittenOff(Event):
    """What is open on a bill, or part of it, is given up."""

    bill: str
    amount: Sen
    reason: str
    approved_by: str
