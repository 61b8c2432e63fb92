"""What happens to a postpaid account's payments, advance and deposit."""

from __future__ import annotations

from typing import TypedDict

from ledger.domain.calendar import Instant
from ledger.domain.events import Event, named
from ledger.domain.money import Sen

_postpaid = named("ledger.postpaid")

# --- payments -----------------------------------------------------------------------------------------------


@_postpaid
class PaymentReceived(Event):
    """A payment came in; it counts once it is settled."""

    CLAIMS = (("payment", "reference"), ("payment-content", "content"))

    reference: str
    amount: Sen
    method: str
    payer: str
    content: str


class Allocation(TypedDict):
    """How much of something met a bill."""

    bill: str
    amount: Sen


@_postpaid
class PaymentSettled(Event):
    """The money of a payment is good: it met bills issued by then, oldest due first; the rest is advance."""

    CLAIMS = (("payment-settled", "reference"),)

    reference: str
    amount: Sen
    method: str
    allocations: list[Allocation]
    advance: Sen


@_postpaid
class PaymentFailed(Event):
    """A payment came to nothing."""

    reference: str
    amount: Sen
    method: str
    reason: str


@_postpaid
class PaymentReversed(Event):
    """A settled payment was taken back: exactly what it had paid is open again."""

    reference: str
    amount: Sen
    reason: str
    approved_by: str
    reopened: list[Allocation]
    advance: Sen
    charged: Sen


@_postpaid
class SuspenseTaken(Event):
    """Money from suspense arrived, as a settled payment: it met bills, oldest due first; the rest is advance."""

    CLAIMS = (("payment", "reference"), ("payment-content", "content"), ("payment-settled", "reference"))

    assignment: str
    from_msisdn: str
    reference: str
    amount: Sen
    method: str
    payer: str
    received_at: Instant
    content: str
    allocations: list[Allocation]
    advance: Sen


class LotPart(TypedDict):
    """How much of a lot of advance it was."""

    source: str
    amount: Sen


@_postpaid
class AdvanceRefunded(Event):
    """What was left of advance was paid out."""

    amount: Sen
    bank_cost: Sen
    reference: str
    lots: list[LotPart]


# --- deposits -----------------------------------------------------------------------------------------------


@_postpaid
class DepositReceived(Event):
    """A deposit came in."""

    CLAIMS = (("deposit", "deposit"), ("deposit-content", "content"))

    deposit: str
    amount: Sen
    purpose: str
    payer: str
    content: str


@_postpaid
class DepositApplied(Event):
    """Of the deposit was set against what is owed: bills oldest due first, beyond them as advance."""

    amount: Sen
    allocations: list[Allocation]
    advance: Sen
    cause: str
    decided_by: str | None
    source: str


@_postpaid
class DepositRefundRequested(Event):
    """The deposit left is asked for; that keeps it."""

    payee: str
    reference: str
    window_until: Instant


@_postpaid
class RefundRequirementsMet(Event):
    """What else a refund of the deposit needs is there."""

    decided_by: str


@_postpaid
class DepositRefundReady(Event):
    """Nothing waits any more: request, requirements, and no open bill.

    Working days of the refund run from `ready_since`.
    """

    ready_since: Instant


@_postpaid
class DepositRefunded(Event):
    """The deposit left was paid out."""

    amount: Sen
    bank_cost: Sen
    payee: str
    reference: str


@_postpaid
class DepositForfeited(Event):
    """The deposit left was not asked for in time and is the operator's."""

    amount: Sen


@_postpaid
class LegalHoldSet(Event):
    """A legal hold stands: the deposit is not forfeited meanwhile."""

    reference: str


@_postpaid
class LegalHoldLifted(Event):
    """The legal hold stands no more."""

    reference: str
